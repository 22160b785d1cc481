import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { METERS_PER_HEADER } from "../light/lightDevices.ts";
import { ownSchema } from "./configurationSchemas.ts";
import { REJECTIONS } from "./rejections.ts";

const README = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".ts") && !/test/i.test(name));

test("the README has every error that is thrown here, and no other", () => {
  const text = readFileSync(`${import.meta.dirname}/deviceError.ts`, "utf8");
  const codes = [...text.matchAll(/readonly code: "([A-Z_]+)"/g)].map(([, code]) => code);
  const documented = [...README.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  expect(documented.toSorted()).toEqual(codes.toSorted());
});

test("the README has every code that a device answers with, by its number", () => {
  const rows = [...README.matchAll(/^\| (\d+) \| `([A-Z_]+)` \|/gm)].map(([, code, name]) => [name, Number(code)]);
  expect(rows).toEqual(Object.entries(REJECTIONS));
});

test("the README names every file, and every setting of the schema", () => {
  for (const name of sources.filter((each) => each !== "deviceError.ts")) expect(README).toContain(`\`${name}\``);
  const { schema } = ownSchema({ schema: "edream-device-settings", schemaVersion: 1 });
  const { properties } = schema as { properties: Readonly<Record<string, unknown>> };
  for (const name of Object.keys(properties)) expect(README).toContain(`\`${name}`);
  expect(README).toContain(`up to ${METERS_PER_HEADER} of its meters`);
});

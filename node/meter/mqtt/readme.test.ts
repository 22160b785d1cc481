import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CONNECTION_OPTIONS } from "./connectionOptions.ts";
import { MQTT_FORMATS } from "./mqttInput.ts";

const FOLDER = `${import.meta.dirname}/..`;
const readmeOf = (name: string): string => readFileSync(`${FOLDER}/${name}/README.md`, "utf8");

test.each(["mqtt", "lorawan"])("the README of %s has every file of the folder, and no other", (name) => {
  const sources = readdirSync(`${FOLDER}/${name}`).filter((file) => /\.ts$/.test(file) && !/test/i.test(file));
  const files = [...readmeOf(name).matchAll(/^\| (`\w+\.ts`.*?) +\|/gm)].flatMap(([, row = ""]) =>
    [...row.matchAll(/`(\w+\.ts)`/g)].map(([, file]) => file),
  );
  expect(files.toSorted()).toStrictEqual(sources.toSorted());
});

test("it has every option and every format", () => {
  const readme = readmeOf("mqtt");
  for (const option of [...CONNECTION_OPTIONS, ...MQTT_FORMATS]) expect(readme).toContain(`\`${option}\``);
});

test("the README of lorawan has every codec", async () => {
  const { LORA_CODECS } = await import("../lorawan/codecRegistry.ts");
  for (const codec of Object.keys(LORA_CODECS))
    expect(readmeOf("lorawan")).toMatch(new RegExp(`^\\| \`${codec}\` \\|`, "m"));
});

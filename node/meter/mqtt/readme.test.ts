import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { testReadmeFiles } from "../testReadme.ts";
import { CONNECTION_OPTIONS } from "./connectionOptions.ts";
import { MQTT_FORMATS } from "./mqttInput.ts";

const FOLDER = `${import.meta.dirname}/..`;
const readmeOf = (name: string): string => readFileSync(`${FOLDER}/${name}/README.md`, "utf8");

for (const name of ["mqtt", "lorawan"])
  testReadmeFiles(`${FOLDER}/${name}`, `the README of ${name} has every file of the folder, and no other`);

test("it has every option and every format", () => {
  const readme = readmeOf("mqtt");
  for (const option of [...CONNECTION_OPTIONS, ...MQTT_FORMATS]) expect(readme).toContain(`\`${option}\``);
});

test("the README of lorawan has every codec", async () => {
  const { LORA_CODECS } = await import("../lorawan/codecRegistry.ts");
  for (const codec of Object.keys(LORA_CODECS))
    expect(readmeOf("lorawan")).toMatch(new RegExp(`^\\| \`${codec}\` \\|`, "m"));
});

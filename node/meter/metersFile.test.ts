import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DEFAULT_FUSE_W, DEFAULT_LATENESS_MS } from "./deviceRules.ts";
import { formatMetersFile, loadMetersFile, NO_METERS, parseMetersFile, saveMetersFile } from "./metersFile.ts";
import { MeterSourceError } from "./source.ts";

const INPUT = { name: "sim", type: "simulator", options: {} };
const fileOf = (change: object) => JSON.stringify({ version: 1, inputs: [], devices: [], ...change });
const withDevice = (change: object) => fileOf({ devices: [{ device: "dsmr:1", ...change }] });

function folder(): string {
  const directory = mkdtempSync(join(tmpdir(), "meters-file-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

function faultOf(text: string): string {
  try {
    parseMetersFile(text, "meters.json");
  } catch (error) {
    if (!(error instanceof MeterSourceError)) throw error;
    const { details } = error;
    return details.code === "METER_OPTION_INVALID" ? `${details.option} ${details.reason}` : error.message;
  }
  return "none";
}

test("what is left out of a device has its default", () => {
  const { inputs, devices } = parseMetersFile(
    fileOf({ inputs: [INPUT], devices: [{ device: "dsmr:*" }] }),
    "meters.json",
  );
  expect(inputs).toStrictEqual([INPUT]);
  expect(devices).toStrictEqual([
    {
      device: "dsmr:*",
      zone: undefined,
      fuseW: DEFAULT_FUSE_W,
      everyMs: 0,
      latenessMs: DEFAULT_LATENESS_MS,
      channels: {},
      registers: {},
      retention: undefined,
    },
  ]);
});

test("everything that can be said is read, and written again as it was", () => {
  const device = {
    device: "dsmr:1",
    zone: "Europe/Amsterdam",
    retention: "raw",
    fuseW: 17_250,
    everyMs: 10_000,
    latenessMs: 0,
    channels: { "import.t1": "sealed", "power.l2": "stored", "*": "ignored" },
    registers: { import: { resolution: 1000, modulus: 1_000_000_000_000 } },
  } as const;
  const text = `${JSON.stringify({ version: 1, inputs: [INPUT], devices: [device] }, null, 2)}\n`;
  const parsed = parseMetersFile(text, "meters.json");
  expect(parsed.devices).toStrictEqual([device]);
  expect(formatMetersFile(parsed)).toBe(text);
});

test("what Home Assistant is told by is kept as it is", () => {
  const homeAssistant = { url: "mqtt://192.168.1.2", clientId: "ledger" };
  const text = `${JSON.stringify({ version: 1, inputs: [INPUT], devices: [], homeAssistant }, null, 2)}\n`;
  const parsed = parseMetersFile(text, "meters.json");
  expect(parsed.homeAssistant).toEqual(homeAssistant);
  expect(formatMetersFile(parsed)).toBe(text);
});

test.each<[string, string, RegExp]>([
  ["no JSON", "{", /^METER_FILE_MALFORMED/],
  ["no object", "[]", /^meters.json must be an object/],
  ["another version", fileOf({ version: 2 }), /^meters.json.version must be an integer from 1 to 1/],
  ["an unknown name", fileOf({ device: [] }), /^meters.json.device is unknown; devices\?/],
  [
    "an unknown type",
    fileOf({ inputs: [{ ...INPUT, type: "p1" }] }),
    /^meters.json.inputs\[0\].type must be one of .*mqtt/,
  ],
  ["a name that is none", fileOf({ inputs: [{ ...INPUT, name: "A b" }] }), /^meters.json.inputs\[0\].name must be/],
  ["the same input twice", fileOf({ inputs: [INPUT, INPUT] }), /sim is there twice/],
  ["the same device twice", fileOf({ devices: [{ device: "a" }, { device: "a" }] }), /a is there twice/],
  ["a star in the middle", withDevice({ device: "a*b" }), /^meters.json.devices\[0\].device must be/],
  ["a zone that is none", withDevice({ zone: "Europe/Atlantis" }), /^meters.json.devices\[0\].zone is no zone/],
  ["a fuse of nothing", withDevice({ fuseW: 0 }), /^meters.json.devices\[0\].fuseW must be an integer from 1/],
  [
    "a channel that is none",
    withDevice({ channels: { imports: "sealed" } }),
    /^meters.json.devices\[0\].channels is no channel/,
  ],
  ["power that is sealed", withDevice({ channels: { power: "sealed" } }), /channels.power cannot be sealed/],
  ["all that is sealed", withDevice({ channels: { "*": "sealed" } }), /channels.\* cannot be sealed/],
  ["a treatment that is none", withDevice({ channels: { import: "kept" } }), /channels.import must be one of sealed/],
  [
    "a register's step of nothing",
    withDevice({ registers: { import: { resolution: 0 } } }),
    /registers.import.resolution must/,
  ],
  ["a class that is none", withDevice({ retention: "never" }), /retention must be one of billing, raw/],
])("%s is refused, with its place", (_name, text, expected) => {
  expect(faultOf(text)).toMatch(expected);
});

test("a home without the file has no meters", async () => {
  expect(await loadMetersFile(join(folder(), "meters.json"))).toBe(NO_METERS);
});

test("saving replaces the file as a whole, readable by its owner only; what is wrong changes nothing", async () => {
  const directory = folder();
  const path = join(directory, "meters.json");
  writeFileSync(path, "old");
  await expect(saveMetersFile(path, { inputs: [INPUT, INPUT], devices: [] })).rejects.toThrow("METER_FILE_MALFORMED");
  await expect(loadMetersFile(path)).rejects.toThrow("METER_FILE_MALFORMED");
  await saveMetersFile(path, { inputs: [INPUT], devices: [{ device: "sim:H0000" }] });
  expect((await loadMetersFile(path)).inputs).toStrictEqual([INPUT]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toStrictEqual(["meters.json"]);
});

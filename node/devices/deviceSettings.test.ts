import { expect, test } from "vitest";
import type { CertificateRecord } from "#consensus/application/deviceRecords.ts";
import { INPUT_PERIODS } from "../meter/inputPeriods.ts";
import { INPUT_TYPES } from "../meter/inputTypes.ts";
import { parseMetersFile } from "../meter/metersFile.ts";
import {
  type DeviceSettings,
  deviceOfMeter,
  intervalMsOf,
  isMeteringChanged,
  type SettingsSite,
  whyImpossible,
  withSettings,
} from "./deviceSettings.ts";

const FILE = parseMetersFile(
  JSON.stringify({
    version: 1,
    inputs: [
      { name: "bus", type: "modbus", options: { host: "127.0.0.1", periodMs: 10_000 } },
      { name: "p1", type: "dsmr", options: {} },
      { name: "fiware", type: "ngsi", options: { port: 0, broker: { url: "http://orion:1026", cadenceMs: 5000 } } },
      { name: "pushed", type: "ngsi", options: { port: 0 } },
      { name: "homes", type: "simulator", options: {} },
    ],
    devices: [{ device: "modbus:*", zone: "Europe/Rome", fuseW: 3000 }],
  }),
  "meters.json",
);
const METER = "modbus:site/0/1/import";
const SITE: SettingsSite = {
  metersFile: FILE,
  hasInputs: true,
  intervalMs: 900_000,
  defaultIntervalMs: 900_000,
  hasClosed: false,
};
const CERTIFICATE = { owner: "owner", administrator: "", intervalMs: 300_000 } as CertificateRecord;

const why = (
  settings: DeviceSettings,
  site: Partial<SettingsSite> = {},
  certificate: Partial<CertificateRecord> = {},
  others: Readonly<Record<string, DeviceSettings>> = {},
) => {
  const about = {
    meterId: METER,
    certificate: { ...CERTIFICATE, ...certificate },
    others: new Map(Object.entries(others)),
  };
  return whyImpossible(settings, about, { ...SITE, ...site });
};

test("settings lie over meters.json, and what they leave out stays", () => {
  expect(deviceOfMeter(METER)).toBe("modbus:site/0/1");
  const settings = { reportingIntervalMs: 60_000, inputs: { bus: { periodMs: 500 } } };
  const { inputs, devices } = withSettings(FILE, new Map([[METER, settings]]));
  expect(inputs.map(({ options }) => options)).toMatchObject([{ host: "127.0.0.1", periodMs: 500 }, {}, {}, {}, {}]);
  expect(devices.find(({ device }) => device === "modbus:site/0/1")).toMatchObject({
    ...{ everyMs: 60_000, zone: "Europe/Rome", fuseW: 3000, latenessMs: 300_000 },
  });
  expect(devices.find(({ device }) => device === "modbus:*")).toEqual(FILE.devices[0]);
  expect(withSettings(FILE, new Map())).toEqual(FILE);
});

test("what a node can do is possible", () => {
  const settings = { reportingIntervalMs: 0, latenessMs: 0, intervalMs: 600_000, inputs: { bus: { periodMs: 100 } } };
  expect(why({ ...settings, clearSums: true })).toBeUndefined();
  expect(why({ intervalMs: 900_000 }, { hasClosed: true })).toBeUndefined();
});

test("the sums are in the clear only where the owner chooses", () => {
  expect(why({ clearSums: true }, {}, { administrator: "another" })?.reason).toContain("owner");
  expect(why({ clearSums: true }, {}, { administrator: "owner" })).toBeUndefined();
  expect(why({ clearSums: false }, {}, { administrator: "another" })).toBeUndefined();
});

test("what a node cannot do is refused, with a code for the ledger and a reason for its log", () => {
  const refused = (...[settings, site, certificate, others]: Parameters<typeof why>) =>
    why(settings, site, certificate, others)?.rejection;
  expect(refused({ latenessMs: 1 }, { hasInputs: false })).toBe("CONNECTION_UNKNOWN");
  expect(refused({ intervalMs: 600_000 }, { hasClosed: true })).toBe("INTERVAL_FIXED");
  expect(refused({ latenessMs: 1 }, { intervalMs: 600_000, hasClosed: true })).toBe("INTERVAL_FIXED");
  expect(why({ intervalMs: 400_000 })?.reason).toContain("certificate");
  expect(why({ intervalMs: 2_100_000 })?.reason).toContain("a day");
  expect(refused({ inputs: { none: { periodMs: 500 } } })).toBe("CONNECTION_UNKNOWN");
  const beside = {
    "modbus:site/0/1/export": { latenessMs: 5, inputs: { bus: { periodMs: 7000 } }, intervalMs: 300_000 },
  };
  expect(why({ latenessMs: 6 }, {}, {}, beside)).toEqual({
    rejection: "SETTINGS_CONFLICT",
    reason: "modbus:site/0/1/export is of the same device and has latenessMs 5",
  });
  expect(refused({ inputs: { bus: { periodMs: 500 } } }, {}, {}, beside)).toBe("SETTINGS_CONFLICT");
  expect(refused({ intervalMs: 600_000 }, {}, {}, beside)).toBe("SETTINGS_CONFLICT");
});

test("every connection that asks takes another period, within its limits, and every other says that it cannot", () => {
  const asked = (name: string, periodMs: number) => why({ inputs: { [name]: { periodMs } } })?.rejection;
  const inputs = { bus: { periodMs: 500 }, fiware: { periodMs: 600 }, homes: { periodMs: 700 } };
  expect(why({ inputs })).toBeUndefined();
  const options = withSettings(FILE, new Map([[METER, { inputs }]])).inputs.map((input) => input.options);
  expect(options).toEqual([
    { host: "127.0.0.1", periodMs: 500 },
    {},
    { port: 0, broker: { url: "http://orion:1026", cadenceMs: 600 } },
    { port: 0 },
    { readingMs: 700 },
  ]);
  expect(["p1", "pushed"].map((name) => asked(name, 500))).toEqual(["PERIOD_UNCHANGEABLE", "PERIOD_UNCHANGEABLE"]);
  expect(["bus", "fiware"].map((name) => asked(name, 3_600_001))).toEqual([
    "PERIOD_OUT_OF_RANGE",
    "PERIOD_OUT_OF_RANGE",
  ]);
  expect([asked("homes", 99), asked("homes", 86_400_000)]).toEqual(["PERIOD_OUT_OF_RANGE", undefined]);
  const asking = Object.keys(INPUT_PERIODS);
  for (const type of Object.keys(INPUT_TYPES)) {
    const file = { ...FILE, inputs: [{ name: "one", type, options: { broker: {} } }] };
    const refusal = why({ inputs: { one: { periodMs: 1000 } } }, { metersFile: file })?.rejection;
    expect([type, refusal]).toEqual([type, asking.includes(type) ? undefined : "PERIOD_UNCHANGEABLE"]);
  }
});

test("meters are started anew only for what concerns them", () => {
  const before = new Map([[METER, { latenessMs: 5, clearSums: false }]]);
  expect(isMeteringChanged(before, new Map([[METER, { latenessMs: 5, clearSums: true }]]))).toBe(false);
  expect(isMeteringChanged(before, new Map([[METER, { latenessMs: 6 }]]))).toBe(true);
  expect([intervalMsOf(7, before), intervalMsOf(7, new Map([[METER, { intervalMs: 9 }]]))]).toEqual([7, 9]);
});

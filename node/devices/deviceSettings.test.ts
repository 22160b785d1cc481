import { expect, test } from "vitest";
import type { CertificateRecord } from "#consensus/application/deviceRecords.ts";
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
  expect(inputs.map(({ options }) => options)).toEqual([{ host: "127.0.0.1", periodMs: 500 }, {}]);
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
  expect(why({ clearSums: true }, {}, { administrator: "another" })).toContain("owner");
  expect(why({ clearSums: true }, {}, { administrator: "owner" })).toBeUndefined();
  expect(why({ clearSums: false }, {}, { administrator: "another" })).toBeUndefined();
});

test("what a node cannot do is impossible, with the reason", () => {
  expect(why({ latenessMs: 1 }, { hasInputs: false })).toContain("reads no connections");
  expect(why({ intervalMs: 600_000 }, { hasClosed: true })).toContain("closed already");
  expect(why({ latenessMs: 1 }, { intervalMs: 600_000, hasClosed: true })).toContain("closed already");
  expect(why({ intervalMs: 400_000 })).toContain("certificate");
  expect(why({ intervalMs: 2_100_000 })).toContain("a day");
  expect(why({ inputs: { none: { periodMs: 500 } } })).toContain("no connection none");
  expect(why({ inputs: { p1: { periodMs: 500 } } })).toContain("does not ask");
  const beside = {
    "modbus:site/0/1/export": { latenessMs: 5, inputs: { bus: { periodMs: 7000 } }, intervalMs: 300_000 },
  };
  expect(why({ latenessMs: 6 }, {}, {}, beside)).toContain("latenessMs 5");
  expect(why({ inputs: { bus: { periodMs: 500 } } }, {}, {}, beside)).toContain("7000 ms");
  expect(why({ intervalMs: 600_000 }, {}, {}, beside)).toContain("one length");
});

test("meters are started anew only for what concerns them", () => {
  const before = new Map([[METER, { latenessMs: 5, clearSums: false }]]);
  expect(isMeteringChanged(before, new Map([[METER, { latenessMs: 5, clearSums: true }]]))).toBe(false);
  expect(isMeteringChanged(before, new Map([[METER, { latenessMs: 6 }]]))).toBe(true);
  expect([intervalMsOf(7, before), intervalMsOf(7, new Map([[METER, { intervalMs: 9 }]]))]).toEqual([7, 9]);
});

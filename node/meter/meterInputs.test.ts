import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { DecodedFrame } from "./frame.ts";
import { INPUT_TYPES } from "./inputTypes.ts";
import { startInput, startInputs } from "./meterInputs.ts";

const CSV = fileURLToPath(new URL("testdata/lcl-derived.csv", import.meta.url));

function ports() {
  const frames: DecodedFrame[] = [];
  let arrived = Promise.withResolvers<void>();
  return {
    frames,
    offer: async (frame: DecodedFrame) => {
      frames.push(frame);
      arrived.resolve();
    },
    async untilReadings(count: number) {
      while (frames.flatMap(({ readings }) => readings).length < count) {
        await arrived.promise;
        arrived = Promise.withResolvers<void>();
      }
    },
    nowMs: Date.now,
    log: pino({ level: "silent" }),
  };
}

test("every type of input can be loaded", async () => {
  for (const [name, { load }] of Object.entries(INPUT_TYPES)) expect(await load(), name).toBeTypeOf("function");
});

test("a type that is none, and options that are none, are refused", async () => {
  await expect(startInput({ name: "x", type: "p1", options: {} }, ports())).rejects.toThrow("METER_OPTION_INVALID");
  for (const [type, options] of [
    ["simulator", { households: 0 }],
    ["simulator", { speed: 2 }],
    ["csv", {}],
    ["csv", { path: "/nowhere/at/all.csv" }],
  ] as const)
    await expect(startInput({ name: "x", type, options }, ports())).rejects.toThrow("METER_OPTION_INVALID");
});

test("several inputs feed one pipeline, each with the ids of its devices", async () => {
  const to = ports();
  const inputs = await startInputs(
    [
      { name: "file", type: "csv", options: { path: CSV } },
      { name: "homes", type: "simulator", options: { households: 50, readingMs: 100 } },
    ],
    to,
  );
  await to.untilReadings(100);
  await inputs[Symbol.asyncDispose]();
  const readings = to.frames.flatMap((frame) => frame.readings);
  const kindOf = new Map(readings.map(({ meterId, kind }) => [meterId.split(":")[0], kind]));
  expect(Object.fromEntries(kindOf)).toEqual({ lcl: "interval", sim: "register" });
  expect(readings.every(({ meterId }) => !meterId.includes("/"))).toBe(true);
});

test("when one input cannot start, the others are ended again", async () => {
  const to = ports();
  const broken = { name: "broken", type: "csv", options: {} };
  await expect(
    startInputs([{ name: "homes", type: "simulator", options: { readingMs: 100 } }, broken], to),
  ).rejects.toThrow("METER_OPTION_INVALID");
});

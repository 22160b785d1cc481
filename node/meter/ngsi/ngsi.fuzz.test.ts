import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import { MAX_REJECTED_CHARS } from "../frame.ts";
import { BUILT_IN_ATTRIBUTES } from "./attributes.ts";
import { decodeNgsi } from "./decode.ts";

const FOLDER = new URL("./testdata/", import.meta.url);
const SAMPLES = readdirSync(FOLDER)
  .filter((name) => /\.json(ld)?$/.test(name))
  .map((name) => JSON.stringify(JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"))));
const NOTIFIED = SAMPLES.map((text) =>
  text.includes("contextResponses") ? text : `{"subscriptionId":"s","data":[${text}]}`,
);

test(
  "a changed message gives valid readings of its own meters, and never an error",
  () => {
    let accepted = 0;
    const message = fc.record({
      text: changedJson([...SAMPLES, ...NOTIFIED]),
      attrsFormat: fc.constantFrom(undefined, "normalized", "keyValues", "values", "\u0000"),
      isQuery: fc.boolean(),
    });
    fuzz("ngsi message", message, 500, ({ text, ...context }) => {
      const options = { attributes: BUILT_IN_ATTRIBUTES, receivedMs: 1_700_000_000_000, maxPowerW: 69_000, ...context };
      const frame = decodeNgsi(Buffer.from(text), options);
      for (const reading of frame.readings) {
        validateReading(reading);
        expect(reading.meterId).toMatch(/^ngsi:/);
        if (context.isQuery) expect(reading.timeSource).not.toBe("receiver");
      }
      for (const part of frame.rejected) expect(part.text.length).toBeLessThanOrEqual(MAX_REJECTED_CHARS);
      accepted += frame.readings.length;
    });
    expect(accepted).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT_MS,
);

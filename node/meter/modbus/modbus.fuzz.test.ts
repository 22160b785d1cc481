import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import { Plausibility } from "../plausibility.ts";
import { MeterSourceError } from "../source.ts";
import { planBlocks } from "./blocks.ts";
import { decodeModbusPoll, rejectPoll } from "./decode.ts";
import { BUILT_IN_MAPS, loadBuiltInMap, parseRegisterMap } from "./registerMap.ts";

const MAPS = BUILT_IN_MAPS.map(loadBuiltInMap);
const TEXTS = BUILT_IN_MAPS.map((name) => readFileSync(new URL(`./maps/${name}.json`, import.meta.url), "utf8"));

test(
  "whatever the registers hold, each ends in one valid reading or is rejected",
  () => {
    const answers = fc.record({
      map: fc.constantFrom(...MAPS),
      bytes: fc.uint8Array({ minLength: 80, maxLength: 80 }),
      mutations: fc.array(byteMutation, { maxLength: 3 }),
      exception: fc.option(fc.nat(255)),
    });
    fuzz("modbus answers", answers, 400, ({ map, bytes, mutations, exception }) => {
      const times = { sentMs: 1_700_000_000_000, receivedMs: 1_700_000_000_010 };
      const polled = planBlocks(map).map((block, index) => {
        const words = Buffer.from(mutateBytes(bytes, mutations)).subarray(0, block.words * 2);
        return { block, words: index === 0 && exception !== null ? exception : words, raw: words, ...times };
      });
      const frame = decodeModbusPoll(polled, { meterId: "modbus:a/b/1", map, fuseLimitMw: 69_000_000 });
      for (const reading of frame.readings) validateReading(reading);
      const refused = polled
        .filter(({ words }) => typeof words === "number")
        .map(({ block }) => block.registers.length - 1);
      const lost = refused.reduce((sum, count) => sum + count, 0);
      expect(frame.readings.length + frame.rejected.length + lost).toBe(map.registers.length);
      expect(rejectPoll(frame, "implausible").rejected).toHaveLength(frame.readings.length + frame.rejected.length);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed map is a map of registers that fit into a request, or is refused with the option that is wrong",
  () => {
    let refused = 0;
    fuzz("register map", changedJson(TEXTS), 400, (text) => {
      let json: unknown;
      try {
        json = JSON.parse(text);
      } catch {
        return;
      }
      try {
        const map = parseRegisterMap(json, "map");
        for (const block of planBlocks(map)) {
          expect(block.words).toBeLessThanOrEqual(125);
          expect(block.address + block.words).toBeLessThanOrEqual(0x1_0000);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(MeterSourceError);
        refused += 1;
      }
    });
    expect(refused).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "no order of samples makes a fall of the register acceptable, or keeps a steady meter out",
  () => {
    const sample = fc.record({
      stepMs: fc.integer({ min: 0, max: 3_600_000 }),
      importMwh: fc.option(fc.maxSafeNat(), { nil: undefined }),
      exportMwh: fc.option(fc.maxSafeNat(), { nil: undefined }),
      powerMw: fc.option(fc.integer({ min: -1e9, max: 1e9 }), { nil: undefined }),
      resolutionMwh: fc.integer({ min: 0, max: 1e8 }),
    });
    fuzz("modbus samples", fc.array(sample, { maxLength: 30 }), 200, (samples) => {
      const plausibility = new Plausibility(69_000_000);
      let timestampMs = 1_700_000_000_000;
      for (const { stepMs, ...values } of samples) {
        timestampMs += stepMs;
        plausibility.judge({ ...values, timestampMs });
      }
      const steady = { importMwh: 5_000_000, exportMwh: 0, powerMw: 0, resolutionMwh: 1 };
      const verdicts = [1, 2, 3, 4].map(
        (index) => plausibility.judge({ ...steady, timestampMs: timestampMs + index * 10_000 }).verdict,
      );
      expect(verdicts.at(-1)).toBe("accepted");
    });
  },
  FUZZ_TIMEOUT_MS,
);

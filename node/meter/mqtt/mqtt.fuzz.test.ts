import fc from "fast-check";
import { expect, test } from "vitest";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { jsonMutation, mutateJson } from "#storage/fuzz/mutateJson.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import { MAX_REJECTED_CHARS } from "../frame.ts";
import { REJECTION_REASONS } from "../source.ts";
import { createZone } from "../zoneTime.ts";
import { decodeHomeWizard } from "./homeWizard.ts";
import type { MessageContext } from "./messageTime.ts";
import { decodeShelly } from "./shelly.ts";
import { createTasmotaDecoder, type MessageDecoder } from "./tasmota.ts";
import { bodyOf, messagesOf, RECEIVED_MS, tasmotaTeleinfo, testContext } from "./testMessages.ts";

const zone = createZone("Europe/Amsterdam")!;
const tasmota = createTasmotaDecoder();
const DECODERS: readonly (readonly [string, MessageDecoder, readonly Buffer[], number])[] = [
  ["tasmota", tasmota, [tasmotaTeleinfo()], Date.UTC(2021, 9, 27)],
  ["shelly", { decode: decodeShelly }, messagesOf("shelly-pro3em.json"), 1_757_060_281_000],
  [
    "homewizard",
    { decode: decodeHomeWizard },
    ["v1-data", "v2-measurement"].map((name) => bodyOf(`homewizard-p1-${name}.json`)),
    RECEIVED_MS,
  ],
];

const context = fc.record({
  topic: fc.constantFrom("tele/plug/SENSOR", "shellyplus1pm-bb/status/switch:0", "a b", "", "\u0132".repeat(200)),
  isRetained: fc.boolean(),
  hasZone: fc.boolean(),
});

test.each(DECODERS)(
  "a changed message of %s is readings that are valid and values that are refused by name, and nothing else",
  (name, decoder, samples, receivedMs) => {
    let readings = 0;
    let rejections = 0;
    const changed = fc
      .record({
        sample: fc.constantFrom(...samples),
        edits: fc.array(jsonMutation, { maxLength: 4 }),
        bytes: fc.array(byteMutation, { maxLength: 1 }),
        context,
      })
      .map(({ sample, edits, bytes, ...rest }) => ({
        ...rest,
        bytes: mutateBytes(Buffer.from(mutateJson(sample.toString(), edits)), bytes),
      }));
    fuzz(`${name} message`, changed, 300, ({ bytes, context: { hasZone, ...rest } }) => {
      const given: MessageContext = testContext({ ...rest, receivedMs, ...(hasZone ? { zone } : {}) });
      const frame = decoder.decode(bytes, given);
      for (const reading of frame.readings) {
        validateReading(reading);
        expect(reading.receivedMs).toBe(receivedMs);
        expect(reading.timestampMs).toBeLessThanOrEqual(receivedMs + 3_600_000);
      }
      for (const { reason, text } of frame.rejected) {
        expect(REJECTION_REASONS).toContain(reason);
        expect(text.length).toBeLessThanOrEqual(MAX_REJECTED_CHARS);
      }
      readings += frame.readings.length;
      rejections += frame.rejected.length;
    });
    expect(readings).toBeGreaterThan(100);
    expect(rejections).toBeGreaterThan(50);
  },
  FUZZ_TIMEOUT_MS,
);

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { jsonMutation, mutateJson } from "#storage/fuzz/mutateJson.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import { parseExactJson } from "../exactJson.ts";
import { type DecodedFrame, MAX_REJECTED_CHARS } from "../frame.ts";
import { REJECTION_REASONS } from "../source.ts";
import { decodeBridge, isBridgeBody } from "./bridge.ts";
import { LORA_CODECS, type LoraCodecName, readCodecRule } from "./codecRegistry.ts";
import { decodeUplink } from "./lorawanInput.ts";
import { readUplink, type Uplink } from "./uplink.ts";

const RECEIVED_MS = Date.UTC(2024, 10, 18, 11, 25, 10);

interface Sample {
  readonly payload?: object;
  readonly hex?: string;
}
const samples = JSON.parse(readFileSync(`${import.meta.dirname}/testdata/uplinks.json`, "utf8")) as Sample[];
const bodies = samples
  .flatMap(({ payload }) => (payload === undefined ? [] : [JSON.stringify(payload)]))
  .concat(
    '{"cmd":"rx","EUI":"A8404106C1873A28","ts":1731929100000,"fcnt":7,"port":2,"data":"0498b80b"}',
    '{"DevEUI_uplink":{"Time":"2024-11-18T12:25:00+01:00","DevEUI":"A8404106C1873A28","FPort":"2","FCntUp":"13154","payload_hex":"0498b80b"}}',
  );
const payloads = [
  ...samples.flatMap(({ hex }) => hex ?? []),
  ...["0498b80b", "8498b80bd007c40905", "039710270000", "0f0e0f03040000000015f3", `5b0001e240${"0064".repeat(20)}`],
  "e1000183a3bc00031c4d69000040040050040040250260240040040040050040040040040b70b6005004".slice(0, 82),
].map((hex) => Buffer.from(hex, "hex"));

function checkFrame(frame: DecodedFrame): void {
  for (const reading of frame.readings) {
    validateReading(reading);
    expect(reading.timestampMs).toBeLessThanOrEqual(RECEIVED_MS + 3_600_000);
  }
  for (const { reason, text } of frame.rejected) {
    expect(REJECTION_REASONS).toContain(reason);
    expect(text.length).toBeLessThanOrEqual(MAX_REJECTED_CHARS);
  }
}

const codecs = Object.keys(LORA_CODECS).map((codec) =>
  readCodecRule({ codec: codec as LoraCodecName, devEui: "*", zone: "Europe/Amsterdam" }, "codec"),
);

test(
  "a changed body of a network server is an uplink within all limits, or refused by name",
  () => {
    const seen = new Map<string, number>();
    const changed = fc
      .record({
        body: fc.constantFrom(...bodies),
        edits: fc.array(jsonMutation, { maxLength: 4 }),
        bytes: fc.array(byteMutation, { maxLength: 1 }),
      })
      .map(({ body, edits, bytes }) =>
        Buffer.from(mutateBytes(Buffer.from(mutateJson(body, edits)), bytes)).toString(),
      );
    fuzz("uplink body", changed, 400, (text) => {
      const result = readUplink(text, "");
      seen.set(result.type, (seen.get(result.type) ?? 0) + 1);
      if (result.type === "rejected") expect(REJECTION_REASONS).toContain(result.reason);
      if (result.type !== "uplink") return;
      const { uplink } = result;
      expect(uplink.devEui).toMatch(/^[0-9a-f]{16}$/);
      expect(Number.isSafeInteger(uplink.fCnt)).toBe(true);
      const message = { topic: "", payload: Buffer.from(text), receivedMs: RECEIVED_MS, isRetained: false };
      for (const rule of codecs) checkFrame(decodeUplink([rule], uplink, message));
    });
    expect(seen.get("uplink")).toBeGreaterThan(50);
    expect(seen.get("rejected")).toBeGreaterThan(20);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "changed bytes of a device are readings that are valid and values that are refused by name",
  () => {
    let readings = 0;
    let rejections = 0;
    const changed = fc.record({
      payload: fc.constantFrom(...payloads),
      bytes: fc.array(byteMutation, { maxLength: 3 }),
      rule: fc.constantFrom(...codecs),
      fPort: fc.integer({ min: 1, max: 255 }),
    });
    fuzz("uplink payload", changed, 600, ({ payload, bytes, rule, fPort }) => {
      const uplink: Uplink = {
        devEui: "1000000000000001",
        session: "",
        devAddr: undefined,
        fCnt: 1,
        fPort: fPort > 50 ? 1 : fPort,
        payload: mutateBytes(payload, bytes).subarray(0, 255),
        networkMs: RECEIVED_MS,
        profiles: [],
      };
      const frame = decodeUplink([rule], uplink, {
        topic: "",
        payload: uplink.payload,
        receivedMs: RECEIVED_MS,
        isRetained: false,
      });
      checkFrame(frame);
      readings += frame.readings.length;
      rejections += frame.rejected.length;
    });
    expect(readings).toBeGreaterThan(50);
    expect(rejections).toBeGreaterThan(50);
  },
  FUZZ_TIMEOUT_MS,
);

const BRIDGES = ["lora", "zigbee"].map((radio) =>
  JSON.stringify({
    sensor_radio_type: radio,
    sensor_data: { packet_count: 5, modbus_condition_code: 3, electric_kwh: 13678 },
    packet_creation_timestamp: RECEIVED_MS / 1000,
    header: { lora: { frame_count_uplink: 13154, port: 2 }, common: { serial_number: "A8404106C1873A28-5" } },
  }),
);

test(
  "a changed packet of a bridge is readings that are valid, or refused by name",
  () => {
    let readings = 0;
    fuzz("bridge packet", changedJson(BRIDGES), 400, (text) => {
      const body = parseExactJson(text);
      if (body === undefined || !isBridgeBody(body)) return;
      const frame = decodeBridge(Buffer.from(text), body, RECEIVED_MS);
      checkFrame(frame);
      readings += frame.readings.length;
    });
    expect(readings).toBeGreaterThan(20);
  },
  FUZZ_TIMEOUT_MS,
);

import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { merkleRoot } from "../crypto/merkle.ts";
import { checkDecoder, type DecoderUnderTest, fuzzDecoder } from "../fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "../fuzz/runs.ts";
import { cometBft, headerOf } from "./cometbftVectors.ts";
import { decodeCompactHeader, encodeCompactHeader } from "./compactHeader.ts";
import { FormatError } from "./formatError.ts";
import { decodeHeader, encodeHeader, type Header, hashHeader } from "./header.ts";
import { decodeReading, encodeReading, type Reading, ReadingError } from "./reading.ts";
import { parseScaledDecimal } from "./readingDecimal.ts";
import { addMs, formatTimestamp, parseTimestamp } from "./time.ts";

const EMPTY_ROOT = new Uint8Array(merkleRoot([]));
const hash = (text: string) => new Uint8Array(sha256(Buffer.from(text)));

const previous: Header = {
  ...headerOf((cometBft.headers[2] as (typeof cometBft.headers)[0]).header),
  height: 41,
  time: { seconds: 1_790_000_000n, nanos: 5 },
  lastResultsHash: EMPTY_ROOT,
  evidenceHash: EMPTY_ROOT,
};
const following: Header = {
  ...previous,
  height: previous.height + 1,
  time: addMs(previous.time, 60_000.5),
  lastBlockId: { hash: hashHeader(previous), partSetHeader: { total: 3, hash: hash("parts") } },
  lastCommitHash: hash("commit"),
  dataHash: hash("data"),
  validatorsHash: previous.nextValidatorsHash,
};
const proposers = [hash("proposer").subarray(0, 20), previous.proposerAddress];
const samples = [
  encodeCompactHeader(following, previous, proposers),
  encodeCompactHeader({ ...following, proposerAddress: hash("newcomer").subarray(0, 20) }, previous, proposers),
  encodeCompactHeader({ ...following, time: addMs(previous.time, 1000), dataHash: EMPTY_ROOT }, previous, proposers),
  encodeCompactHeader(following),
];

const compactHeader: DecoderUnderTest<Header> = {
  name: "compact header",
  samples,
  decode(bytes) {
    const header = decodeCompactHeader(bytes, previous, proposers);
    // What it was made from is a header: one that the header's own decoder would refuse cannot be.
    expect(() => decodeHeader(encodeHeader(header))).not.toThrow();
    return header;
  },
  errors: [FormatError],
};

test(
  "a changed compact header is refused, or gives a header that has an encoding of its own",
  () => {
    fuzzDecoder(compactHeader, 800);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "the numbers of a compact header, however large, are held to the limits of a header's",
  () => {
    const numbers = fc.record({
      bits: fc.bigInt({ min: 0n, max: 63n }),
      total: fc.bigInt({ min: 0n, max: 60n }),
      offset: fc.nat(9),
    });
    fuzz("numbers of a compact header", numbers, 300, ({ bits, total, offset }) => {
      const time = addMs(previous.time, Number((1n << bits) / 1_000_000n) + offset);
      const parts = { total: Number(1n << total) + offset, hash: hash("parts") };
      const header = { ...following, time, lastBlockId: { hash: hashHeader(previous), partSetHeader: parts } };
      checkDecoder(compactHeader, encodeCompactHeader(header, previous, proposers));
    });
  },
  FUZZ_TIMEOUT_MS,
);

const reading: Reading = {
  meterId: "lcl:MAC000002",
  quantity: "activeEnergyImport",
  kind: "interval",
  phase: 1,
  tariff: 2,
  value: -219_000,
  timestampMs: 1_356_998_400_000,
  periodMs: 1_800_000,
  receivedMs: 1_700_000_000_000,
  timeSource: "concentrator",
  timeQuality: "synced",
  seq: 9,
  registerValue: 2 ** 53 - 1,
  quality: 3,
  rawHash: hash("raw"),
};

test(
  "a changed reading is refused, or is the one record of another reading",
  () => {
    const { seq: _seq, registerValue: _register, ...plain } = reading;
    const samplesOfReadings = [reading, plain, { ...plain, kind: "register", periodMs: 0, meterId: "x" } as const];
    fuzzDecoder(
      {
        name: "reading",
        samples: samplesOfReadings.map(encodeReading),
        decode: decodeReading,
        encode: encodeReading,
        errors: [ReadingError],
      },
      800,
    );
  },
  FUZZ_TIMEOUT_MS,
);

const digits = fc.stringMatching(/^[+-]?\d{0,20}[.,eE]?\d{0,20}$/);

test(
  "a decimal text is a safe integer or a fault",
  () => {
    fuzz("decimal", fc.tuple(fc.oneof(digits, fc.string({ unit: "binary" })), fc.nat(9)), 500, ([text, scale]) => {
      const result = parseScaledDecimal(text, scale);
      if ("value" in result) expect(Number.isSafeInteger(result.value)).toBe(true);
      else expect(["NOT_A_NUMBER", "OUT_OF_RANGE"]).toContain(result.fault);
    });
  },
  FUZZ_TIMEOUT_MS,
);

const timeText = fc.oneof(
  fc.stringMatching(/^[012]\d{3}-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,10})?(Z|[+-][0-2]\d:[0-6]\d)$/),
  fc.string({ unit: "binary" }),
);

test(
  "a time that is read is written so that it is read again",
  () => {
    fuzz("time", timeText, 800, (text) => {
      let time: ReturnType<typeof parseTimestamp>;
      try {
        time = parseTimestamp(text);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        return;
      }
      expect(parseTimestamp(formatTimestamp(time))).toEqual(time);
    });
  },
  FUZZ_TIMEOUT_MS,
);

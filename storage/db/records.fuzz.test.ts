import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson, fuzzCase } from "../fuzz/decoder.ts";
import { byteMutation, mutateBytes } from "../fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "../fuzz/runs.ts";
import { FormatError } from "../types/formatError.ts";
import { ValidatorSetError } from "../types/validatorSet.ts";
import { type BlockResults, decodeBlockResults, encodeBlockResults } from "./blockResults.ts";
import { decodeChainState, encodeChainState } from "./chainState.ts";
import { SignStateError } from "./signStateError.ts";
import { formatSignRecord, parseSignRecord } from "./signStateFile.ts";
import { testGenesis } from "./testChain.ts";
import { decodeWalRecord, encodeWalRecord, findWalRecordAfter, readWalSegment, type WalRecord } from "./walSegment.ts";

const hash = new Uint8Array(32).fill(7);
const event = { type: "asset", attributes: [{ key: "meter", value: "lcl:MAC000002", index: true }] };
const state = testGenesis();
const results: BlockResults = {
  txResults: [
    { code: 5, codespace: "edream", data: hash, log: "grüezi", gasWanted: 1n, gasUsed: -1n, events: [event, event] },
  ],
  events: [event],
  validatorUpdates: state.validators.validators.map(({ publicKey, votingPower: power }) => ({ publicKey, power })),
  appHash: hash,
};
const errors = [FormatError, ValidatorSetError];
const CASES = [
  fuzzCase({
    name: "chain state",
    samples: [state, { ...state, lastBlockHeight: 5, lastValidators: state.validators }].map(encodeChainState),
    decode: decodeChainState,
    errors,
  }),
  fuzzCase({ name: "block results", samples: [encodeBlockResults(results)], decode: decodeBlockResults, errors }),
];

test.each(CASES)(
  "changed bytes of $name are read, or refused with a code",
  ({ fuzz: run }) => {
    run(250);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed sign state is refused, or says what it says when it is written again",
  () => {
    const record = { height: 5, round: 2, step: 3, signBytes: hash, signature: new Uint8Array(64).fill(9) };
    // With the checksum no change gets past it; without, as CometBFT writes it, all of them are looked at.
    const { checksum: _checksum, ...plain } = JSON.parse(formatSignRecord(record)) as Record<string, unknown>;
    const samples = [formatSignRecord(record), `${JSON.stringify(plain, null, 2)}\n`];
    fuzz("sign state", changedJson(samples), 500, (text) => {
      let read: ReturnType<typeof parseSignRecord>;
      try {
        read = parseSignRecord("state.json", Buffer.from(text, "utf8"));
      } catch (error) {
        expect(error).toBeInstanceOf(SignStateError);
        return;
      }
      expect([read.height, read.round, read.step].every(Number.isSafeInteger)).toBe(true);
      expect(formatSignRecord(parseSignRecord("again", Buffer.from(formatSignRecord(read))))).toBe(
        formatSignRecord(read),
      );
    });
  },
  FUZZ_TIMEOUT_MS,
);

const RECORDS: readonly WalRecord[] = [
  { kind: "segmentStart", segment: 3, previousBytes: 99 },
  { kind: "message", payload: new Uint8Array(300).fill(1) },
  { kind: "endHeight", height: 41 },
  { kind: "message", payload: new Uint8Array(0) },
];

function segmentOf(records: readonly WalRecord[]): Uint8Array {
  return records.reduce<Uint8Array>(
    (bytes, record) => Buffer.concat([bytes, encodeWalRecord(record, 3, bytes.length)]),
    new Uint8Array(0),
  );
}

test(
  "of a changed segment of the write-ahead log only records are read that were written, up to the first change",
  () => {
    const segment = segmentOf(RECORDS);
    const whole = readWalSegment(segment, 3);
    expect(whole.records.map(({ record }) => record.kind)).toEqual(RECORDS.map(({ kind }) => kind));
    const payloads = new Set(whole.records.map(({ record }) => textOf(record)));
    fuzz("log segment", fc.array(byteMutation, { minLength: 1, maxLength: 3 }), 800, (mutations) => {
      const changed = mutateBytes(segment, mutations);
      const { records, end } = readWalSegment(changed, 3);
      expect(end).toBeLessThanOrEqual(changed.length);
      for (const { record, end: recordEnd } of records) {
        expect(payloads).toContain(textOf(record));
        expect(recordEnd).toBeLessThanOrEqual(end);
      }
      const found = findWalRecordAfter(changed, 3, 0);
      if (found !== undefined) expect(decodeWalRecord(changed, 3, found)).toBeDefined();
    });
  },
  FUZZ_TIMEOUT_MS,
);

function textOf(record: WalRecord): string {
  return record.kind === "message" ? Buffer.from(record.payload).toString("hex") : JSON.stringify(record);
}

import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { merkleRoot } from "../crypto/merkle.ts";
import { LedgerError } from "../error.ts";
import { cometBft, headerOf } from "./cometbftVectors.ts";
import { decodeCompactHeader, encodeCompactHeader } from "./compactHeader.ts";
import { encodeHeader, type Header, hashHeader } from "./header.ts";
import { addMs } from "./time.ts";

const hash = (text: string) => new Uint8Array(sha256(Buffer.from(text)));
const EMPTY = new Uint8Array(merkleRoot([]));

const first: Header = {
  ...headerOf((cometBft.headers[2] as (typeof cometBft.headers)[0]).header),
  height: 41,
  lastResultsHash: EMPTY,
  evidenceHash: EMPTY,
};

function idleAfter(previous: Header, change: Partial<Header> = {}): Header {
  return {
    ...previous,
    height: previous.height + 1,
    time: addMs(previous.time, 60_000),
    lastBlockId: { hash: hashHeader(previous), partSetHeader: { total: 1, hash: hash(`parts ${previous.height}`) } },
    lastCommitHash: hash(`commit ${previous.height}`),
    dataHash: EMPTY,
    validatorsHash: previous.nextValidatorsHash,
    nextValidatorsHash: previous.nextValidatorsHash,
    lastResultsHash: EMPTY,
    evidenceHash: EMPTY,
    ...change,
  };
}

function expectRoundTrip(header: Header, previous: Header | undefined, proposers: readonly Uint8Array[] = []): number {
  const bytes = encodeCompactHeader(header, previous, proposers);
  const decoded = decodeCompactHeader(bytes, previous, proposers);
  expect(Buffer.compare(encodeHeader(decoded), encodeHeader(header))).toBe(0);
  expect(Buffer.compare(hashHeader(decoded), hashHeader(header))).toBe(0);
  return bytes.length;
}

test("an idle block takes 70 bytes with a list of proposers, 89 without, and comes back exactly", () => {
  const idle = idleAfter(first);
  expect(expectRoundTrip(idle, first, [hash("x").subarray(0, 20), first.proposerAddress])).toBe(70);
  expect(expectRoundTrip(idle, first)).toBe(89);
  expect(encodeHeader(idle).length).toBeGreaterThan(400);
});

test("a block with transactions adds 32 bytes for each hash that changed", () => {
  const busy = idleAfter(first, { dataHash: hash("data"), time: addMs(first.time, 1_000) });
  const after = idleAfter(busy, { appHash: hash("app"), lastResultsHash: hash("results"), dataHash: hash("more") });
  expect(expectRoundTrip(busy, first, [first.proposerAddress])).toBe(69 + 32);
  expect(expectRoundTrip(after, busy, [first.proposerAddress])).toBe(70 + 3 * 32);
});

test("what does not follow from the header before is kept whole", () => {
  const whole = (header: Header, previous: Header | undefined) => {
    expect(expectRoundTrip(header, previous)).toBe(encodeHeader(header).length + 2);
  };
  const idle = idleAfter(first);
  whole(first, undefined);
  whole({ ...idle, height: 50 }, first);
  whole({ ...idle, chainId: "other" }, first);
  whole({ ...idle, version: { block: 11n, app: 99n } }, first);
  whole({ ...idle, time: first.time }, first);
  whole({ ...idle, lastBlockId: first.lastBlockId }, first);
  whole({ ...idle, appHash: new Uint8Array(7) }, first);
});

test("any run of headers decodes to what was encoded", () => {
  const changed = (name: string) => fc.constantFrom({}, { [name]: hash(name) });
  const step = fc.tuple(
    fc.nat(10_000_000_000),
    fc.integer({ min: 1, max: 300 }),
    changed("dataHash"),
    changed("validatorsHash"),
    changed("nextValidatorsHash"),
    changed("consensusHash"),
    changed("appHash"),
    changed("lastResultsHash"),
    changed("evidenceHash"),
    fc.constantFrom({}, { proposerAddress: hash("p").subarray(0, 20) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
      let previous = first;
      for (const [elapsed, total, ...changes] of steps) {
        const time = { seconds: previous.time.seconds + 1n + BigInt(Math.floor(elapsed / 1e9)), nanos: elapsed % 1e9 };
        const idle = idleAfter(previous, { time });
        const lastBlockId = { ...idle.lastBlockId, partSetHeader: { total, hash: hash(`p${total}`) } };
        const header = Object.assign({}, idle, { lastBlockId }, ...changes) as Header;
        expectRoundTrip(header, previous, [first.proposerAddress]);
        previous = header;
      }
    }),
    { numRuns: 60 },
  );
});

test("a flipped bit changes the header or is refused with a code", () => {
  const header = idleAfter(first, { dataHash: hash("data") });
  const bytes = encodeCompactHeader(header, first, [first.proposerAddress]);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    let decoded: Header;
    try {
      decoded = decodeCompactHeader(flipped, first, [first.proposerAddress]);
    } catch (error) {
      expect(error).toBeInstanceOf(LedgerError);
      continue;
    }
    expect(Buffer.compare(hashHeader(decoded), hashHeader(header))).not.toBe(0);
  }
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeCompactHeader(bytes.subarray(0, length), first, [first.proposerAddress])).toThrow(LedgerError);
  }
});

test("without the header before or the proposers it was encoded with, nothing is guessed", () => {
  const bytes = encodeCompactHeader(idleAfter(first), first, [first.proposerAddress]);
  expect(() => decodeCompactHeader(bytes)).toThrow("FORMAT_FIELD_MISSING field=compactHeader.previous");
  expect(() => decodeCompactHeader(bytes, first)).toThrow("FORMAT_FIELD_MISSING field=compactHeader.proposers");
  expect(() => decodeCompactHeader(new Uint8Array(1000), first)).toThrow("FORMAT_TOO_LARGE");
});

test("a compact header of a year beyond 9999 or of more than 2^32 - 1 parts is refused, as the header itself would be", () => {
  const late = idleAfter(first, { time: addMs(first.time, 8000 * 366 * 86_400_000) });
  expect(() => decodeCompactHeader(encodeCompactHeader(late, first), first)).toThrow("field=timestamp.seconds");
  const { lastBlockId } = idleAfter(first);
  const parts = (total: number) => ({ ...lastBlockId, partSetHeader: { ...lastBlockId.partSetHeader, total } });
  expectRoundTrip(idleAfter(first, { lastBlockId: parts(2 ** 32 - 1) }), first);
  const many = encodeCompactHeader(idleAfter(first, { lastBlockId: parts(2 ** 32) }), first);
  expect(() => decodeCompactHeader(many, first)).toThrow("field=compactHeader.lastPartsTotal");
});

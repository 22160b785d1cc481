import { merkleRoot } from "../crypto/merkle.ts";
import { FormatError } from "./formatError.ts";
import { decodeHeader, encodeHeader, type Header, hashHeader, MAX_HEADER_BYTES } from "./header.ts";
import { checkedTimestamp, type Timestamp } from "./time.ts";
import { ADDRESS_BYTES, HASH_BYTES } from "./wire.ts";

/**
 * What a light node keeps of a verified header: its difference to the header before it. Decoding gives back the exact header, so
 * its hash can be computed again and every Merkle proof under it verified. Signatures are not kept: once verified, the
 * chain of hashes carries the trust, and only the latest trusted block needs its commit.
 *
 * Layout, little-endian: bitmap u16 ‖ time since the header before, varint ‖ part set hash of the block before, 32 ‖
 * last_commit_hash, 32 ‖ the fields whose bit is set, in bit order. Nothing predicts those 64 bytes, so an idle block takes 69 to
 * 71 bytes (88 to 90 with the proposer's address in full), where the header itself takes about 430.
 */
const BIT = {
  /** The time difference is in nanoseconds; otherwise in milliseconds, which is what our own validators vote with. */
  timeInNanos: 1 << 0,
  /** Varint; otherwise the block before had one part. */
  lastPartsTotal: 1 << 1,
  /** 20 bytes; otherwise one byte, the position in the caller's list of proposers. */
  proposerAddress: 1 << 2,
  /** A whole header follows and nothing else: the first one kept, or one that does not follow from the header before. */
  wholeHeader: 1 << 15,
} as const;

/** 32 bytes each where the bit is set; otherwise what `predictedHash` says. */
const HASH_BITS = [
  ["dataHash", 1 << 3],
  ["validatorsHash", 1 << 4],
  ["nextValidatorsHash", 1 << 5],
  ["consensusHash", 1 << 6],
  ["appHash", 1 << 7],
  ["lastResultsHash", 1 << 8],
  ["evidenceHash", 1 << 9],
] as const;

type HashName = (typeof HASH_BITS)[number][0];

const KNOWN_BITS = HASH_BITS.reduce((bits, [, bit]) => bits | bit, 0b111);

const MAX_COMPACT_HEADER_BYTES = MAX_HEADER_BYTES + 2;

/** Addresses a one-byte position can name. */
export const MAX_LISTED_PROPOSERS = 256;

const EMPTY_ROOT = merkleRoot([]);

/**
 * previous: the header one height below, absent for the first one kept.
 * proposers: addresses the caller keeps beside the headers, in a list that only grows; a proposer in it takes 1 byte, not 20.
 */
export function encodeCompactHeader(
  header: Header,
  previous?: Header,
  proposers: readonly Uint8Array[] = [],
): Uint8Array {
  const whole = Buffer.concat([u16(BIT.wholeHeader), encodeHeader(header)]);
  if (previous === undefined || !follows(header, previous)) return whole;
  const nanos = nanosBetween(previous.time, header.time);
  if (nanos <= 0n) return whole;

  let bits = 0;
  const explicit: Uint8Array[] = [];
  const { total, hash: lastPartsHash } = header.lastBlockId.partSetHeader;
  if (total !== 1) {
    bits |= BIT.lastPartsTotal;
    explicit.push(varint(BigInt(total)));
  }
  const position = proposers
    .slice(0, MAX_LISTED_PROPOSERS)
    .findIndex((address) => equal(address, header.proposerAddress));
  if (position === -1) bits |= BIT.proposerAddress;
  explicit.push(position === -1 ? header.proposerAddress : Uint8Array.of(position));
  for (const [name, bit] of HASH_BITS) {
    if (equal(header[name], predictedHash(name, header, previous))) continue;
    if (header[name].length !== HASH_BYTES) return whole;
    bits |= bit;
    explicit.push(header[name]);
  }
  const inNanos = nanos % 1_000_000n !== 0n;
  if (inNanos) bits |= BIT.timeInNanos;
  const time = varint(inNanos ? nanos : nanos / 1_000_000n);
  return Buffer.concat([u16(bits), time, lastPartsHash, header.lastCommitHash, ...explicit]);
}

/** Takes the same `previous` and a list that begins with the same `proposers`. @throws FormatError */
export function decodeCompactHeader(
  bytes: Uint8Array,
  previous?: Header,
  proposers: readonly Uint8Array[] = [],
): Header {
  if (bytes.length > MAX_COMPACT_HEADER_BYTES) {
    const limits = { bytes: bytes.length, maxBytes: MAX_COMPACT_HEADER_BYTES };
    throw new FormatError({ code: "FORMAT_TOO_LARGE", format: "compactHeader", ...limits });
  }
  const input = new Cursor(bytes);
  const bits = input.u16();
  if (bits === BIT.wholeHeader) return decodeHeader(bytes.subarray(2));
  if ((bits & ~KNOWN_BITS) !== 0) throw malformed(0, `unknown bits ${bits.toString(16)}`);
  if (previous === undefined) throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "compactHeader.previous" });

  const elapsed = input.varint();
  const nanos = (bits & BIT.timeInNanos) === 0 ? elapsed * 1_000_000n : elapsed;
  const lastPartsHash = input.take(HASH_BYTES);
  const lastCommitHash = input.take(HASH_BYTES);
  const total = (bits & BIT.lastPartsTotal) === 0 ? 1 : uint32Of(input.varint());
  const proposerAddress =
    (bits & BIT.proposerAddress) === 0 ? proposers[input.take(1)[0] as number] : input.take(ADDRESS_BYTES);
  if (proposerAddress === undefined) {
    throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "compactHeader.proposers" });
  }
  const header = {
    ...previous,
    height: previous.height + 1,
    time: checkedTimestamp(plusNanos(previous.time, nanos)),
    lastBlockId: { hash: hashHeader(previous), partSetHeader: { total, hash: lastPartsHash } },
    lastCommitHash,
    proposerAddress,
  };
  for (const [name, bit] of HASH_BITS) {
    header[name] = (bits & bit) === 0 ? predictedHash(name, header, previous) : input.take(HASH_BYTES);
  }
  if (!input.isAtEnd || !equal(encodeCompactHeader(header, previous, proposers), bytes)) {
    throw new FormatError({ code: "FORMAT_NOT_CANONICAL", format: "compactHeader" });
  }
  return header;
}

/** An idle block repeats the state, changes no validators, and has no transactions, results or evidence. */
function predictedHash(name: HashName, header: Header, previous: Header): Uint8Array {
  if (name === "validatorsHash") return previous.nextValidatorsHash;
  if (name === "nextValidatorsHash") return header.validatorsHash;
  if (name === "consensusHash" || name === "appHash") return previous[name];
  return EMPTY_ROOT;
}

/** Whether everything that has no field in the compact form is as the header before says. */
function follows(header: Header, previous: Header): boolean {
  return (
    header.height === previous.height + 1 &&
    header.chainId === previous.chainId &&
    header.version.block === previous.version.block &&
    header.version.app === previous.version.app &&
    equal(header.lastBlockId.hash, hashHeader(previous)) &&
    header.lastBlockId.partSetHeader.hash.length === HASH_BYTES &&
    header.lastCommitHash.length === HASH_BYTES &&
    header.proposerAddress.length === ADDRESS_BYTES
  );
}

class Cursor {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  take(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw malformed(this.#offset, `${length} bytes wanted`);
    const taken = new Uint8Array(this.#bytes.subarray(this.#offset, end));
    this.#offset = end;
    return taken;
  }

  u16(): number {
    const [low, high] = this.take(2) as unknown as [number, number];
    return low | (high << 8);
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 63n; shift += 7n) {
      const byte = this.take(1)[0] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed(this.#offset, "a varint is too long");
  }
}

function uint32Of(total: bigint): number {
  if (total <= 0xffff_ffffn) return Number(total);
  throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "compactHeader.lastPartsTotal", value: total.toString() });
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(rest)]);
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >> 8);
}

function nanosBetween(earlier: Timestamp, later: Timestamp): bigint {
  return (later.seconds - earlier.seconds) * 1_000_000_000n + BigInt(later.nanos - earlier.nanos);
}

function plusNanos(time: Timestamp, nanos: bigint): Timestamp {
  const sum = BigInt(time.nanos) + nanos;
  return { seconds: time.seconds + sum / 1_000_000_000n, nanos: Number(sum % 1_000_000_000n) };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function malformed(offset: number, reason: string): FormatError {
  return new FormatError({ code: "FORMAT_WIRE_MALFORMED", format: "compactHeader", offset, reason });
}

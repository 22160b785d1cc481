import { FingerprintChain, IntervalError } from "../types/interval.ts";
import { verifySumOpening } from "../types/intervalHash.ts";
import { proveReading, ReadingsRootStream, readingLeafHash, verifyReading } from "../types/readingsRoot.ts";
import { type Difference, differencesOf } from "./locate.ts";
import { MAX_SEARCH_HASHES, type Measured, oneBitOff, recoverReading, type SearchBudget } from "./recover.ts";

/** What the ledger has of an interval, or of an amendment. */
export interface SealedReadings {
  readonly count: number;
  /** 32 bytes each. */
  readonly fingerprint: Uint8Array;
  readonly readingsRoot: Uint8Array;
  readonly energy: { readonly sum: bigint } | { readonly commitment: Uint8Array };
}

/** What whoever audits must have been given. */
export interface AuditKeys {
  /** What the fingerprint chain begins with, 32 bytes; without it the fingerprint is not computed. */
  readonly seed: Uint8Array | undefined;
  /** Salt of the reading at an index, from 0. */
  readonly saltOf: (index: number) => Uint8Array;
  /** 32 bytes; without it a committed sum is not opened. */
  readonly sumSalt: Uint8Array | undefined;
}

/** What the store has now, by time: readings, and what erasures have left of them. */
export type AuditRow = Measured | { readonly leafHash: Uint8Array; readonly timestampMs: number };

export interface AuditAids {
  /** The leaves of the interval in their order, 32 bytes each, kept since it was closed. */
  readonly leaves: Uint8Array | undefined;
  /** What other copies have at this time. */
  readonly copiesAt: (timestampMs: number) => readonly Measured[];
}

export type Finding =
  /** shouldBe: undefined when no copy has it and it is not near. */
  | {
      readonly type: "changed";
      readonly index: number;
      readonly found: Measured;
      readonly shouldBe: Measured | undefined;
    }
  | { readonly type: "missing"; readonly index: number; readonly shouldBe: Measured | undefined }
  /** In the store and not sealed. */
  | { readonly type: "added"; readonly found: Measured }
  /** What an erasure has left is not the leaf that was sealed. */
  | { readonly type: "tombstone-changed"; readonly index: number; readonly timestampMs: number }
  /** The reading is what was sealed, the leaf kept beside it is not. */
  | { readonly type: "leaf-damaged"; readonly index: number }
  /** More than one reading is wrong, and no leaves were kept that say which. */
  | { readonly type: "unlocated"; readonly rows: number };

export interface IntervalAudit {
  /** erased: what is left is what was sealed. other-key: no reading and no leaf fits, so that the keys are not this meter's. */
  readonly verdict: "intact" | "erased" | "tampered" | "other-key";
  /** Undefined: not checked, because something was erased or a key is missing. */
  readonly checks: {
    readonly count: boolean;
    readonly readingsRoot: boolean;
    readonly fingerprint: boolean | undefined;
    readonly sum: boolean | undefined;
  };
  readonly findings: readonly Finding[];
  readonly erased: number;
}

const LEAF_BYTES = 32;

/** Places where rows and kept leaves differ of which either may be the wrong one: 2^12 roots are tried. */
const MAX_DOUBTS = 12;

/** Without leaves, rows of which each in turn is left out or changed to find the one that is wrong. */
const MAX_SEARCHED_ROWS = 4096;

/**
 * D5.1 Fig. 25: recomputes an interval from what the store has and compares it with what the ledger has. When they differ it says which readings do, what
 * is there, and as far as it can be found what should have been. Answers for any rows; memory is proportional to them.
 */
export function auditInterval(
  sealed: SealedReadings,
  keys: AuditKeys,
  rows: readonly AuditRow[],
  aids: AuditAids = { leaves: undefined, copiesAt: () => [] },
): IntervalAudit {
  const erased = rows.filter((row) => "leafHash" in row).length;
  const leaves = rows.map((row, index) => leafOf(row, index, keys));
  const checks = {
    count: rows.length === sealed.count,
    readingsRoot: sameBytes(rootOf(leaves), sealed.readingsRoot),
    ...(erased > 0
      ? { fingerprint: undefined, sum: undefined }
      : chainChecks(sealed, keys, rows as readonly Measured[])),
  };
  const isIntact = checks.count && checks.readingsRoot && checks.fingerprint !== false && checks.sum !== false;
  if (checks.count && checks.readingsRoot) {
    // The readings are those that were sealed. Where fingerprint or sum are not theirs, whoever sealed them sealed two different things.
    const findings = damagedLeaves(leaves, aids.leaves);
    const verdict = findings.length > 0 || !isIntact ? "tampered" : erased > 0 ? "erased" : "intact";
    return { verdict, checks, findings, erased };
  }
  const trusted = trustedLeaves(sealed, leaves, aids.leaves);
  if (trusted === undefined)
    return { verdict: "tampered", checks, findings: searchOne(sealed, keys, rows, leaves), erased };
  const differences = differencesOf(trusted.length, rows.length, (index, row) =>
    sameBytes(trusted[index] as Uint8Array, leafOf(rows[row] as AuditRow, index, keys)),
  );
  const [first] = differences;
  if (rows.length > 1 && first?.sealed === trusted.length && first.found === rows.length)
    return { verdict: "other-key", checks, findings: [], erased };
  return { verdict: "tampered", checks, findings: explainAll(differences, trusted, keys, rows, aids), erased };
}

const EMPTY = new Uint8Array(0);

function leafOf(row: AuditRow, index: number, { saltOf }: AuditKeys): Uint8Array {
  return "leafHash" in row ? row.leafHash : readingLeafHash(saltOf(index), row.value, row.timestampMs);
}

function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const stream = new ReadingsRootStream();
  for (const leaf of leaves) stream.appendLeafHash(leaf);
  return stream.root();
}

function chainChecks({ fingerprint, energy, count }: SealedReadings, keys: AuditKeys, rows: readonly Measured[]) {
  const chain = new FingerprintChain(keys.seed ?? new Uint8Array(LEAF_BYTES));
  try {
    for (const { value, timestampMs } of rows) chain.append(value, timestampMs);
  } catch (error) {
    // A changed value can take the sum out of its range.
    if (!(error instanceof IntervalError)) throw error;
    return { fingerprint: keys.seed === undefined ? undefined : false, sum: false };
  }
  const sum = BigInt(chain.sum);
  return {
    fingerprint: keys.seed === undefined ? undefined : sameBytes(chain.fingerprint(), fingerprint),
    sum: "sum" in energy ? sum === energy.sum : openSum(energy.commitment, { sum, count }, keys.sumSalt),
  };
}

function openSum(commitment: Uint8Array, sum: { sum: bigint; count: number }, salt: Uint8Array | undefined) {
  return salt === undefined ? undefined : verifySumOpening(commitment, { ...sum, salt }).accepted;
}

/** Kept leaves that are not those that were sealed. */
function damagedLeaves(leaves: readonly Uint8Array[], kept: Uint8Array | undefined): readonly Finding[] {
  if (kept === undefined) return [];
  return leaves.flatMap((leaf, index) =>
    sameBytes(leaf, leafAt(kept, index)) ? [] : [{ type: "leaf-damaged" as const, index }],
  );
}

function leafAt(kept: Uint8Array, index: number): Uint8Array {
  return kept.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES);
}

/** The leaves that were sealed: those kept, unless some of them have changed too; then whichever mixture of both has the sealed root. */
function trustedLeaves(
  { count, readingsRoot }: SealedReadings,
  ofRows: readonly Uint8Array[],
  kept: Uint8Array | undefined,
): readonly Uint8Array[] | undefined {
  if (kept === undefined || kept.length !== count * LEAF_BYTES) return undefined;
  const leaves = Array.from({ length: count }, (_, index) => leafAt(kept, index));
  if (sameBytes(rootOf(leaves), readingsRoot)) return leaves;
  if (ofRows.length !== count) return undefined;
  const doubts = leaves.flatMap((leaf, index) => (sameBytes(leaf, ofRows[index] ?? EMPTY) ? [] : [index]));
  if (doubts.length > MAX_DOUBTS) return undefined;
  for (let choice = 1; choice < 2 ** doubts.length; choice++) {
    const mixed = [...leaves];
    for (const [bit, index] of doubts.entries())
      if ((choice >> bit) % 2 === 1) mixed[index] = ofRows[index] as Uint8Array;
    if (sameBytes(rootOf(mixed), readingsRoot)) return mixed;
  }
  return undefined;
}

/** With the leaves that were sealed every reading is known to be the right one or not. */
function explainAll(
  differences: readonly Difference[],
  leaves: readonly Uint8Array[],
  keys: AuditKeys,
  rows: readonly AuditRow[],
  aids: AuditAids,
): readonly Finding[] {
  const budget = { left: MAX_SEARCH_HASHES };
  const findings = differences.flatMap((difference) => explain(difference, leaves, keys, rows, aids, budget));
  return [...pairMoved(findings), ...damagedLeaves(leaves, aids.leaves)];
}

function explain(
  { index, sealed, row, found }: Difference,
  leaves: readonly Uint8Array[],
  keys: AuditKeys,
  rows: readonly AuditRow[],
  aids: AuditAids,
  budget: SearchBudget,
): readonly Finding[] {
  const findings: Finding[] = [];
  const there = rows.slice(row, row + found);
  const neighbours = [rows[row - 1], rows[row + found]].filter((each) => each !== undefined).filter(isMeasured);
  for (let at = 0; at < Math.max(sealed, found); at++) {
    const now = there[at];
    if (at >= sealed) {
      if (now !== undefined && isMeasured(now)) findings.push({ type: "added", found: now });
      else if (now !== undefined)
        findings.push({ type: "tombstone-changed", index: index + sealed, timestampMs: now.timestampMs });
      continue;
    }
    const place = index + at;
    if (now !== undefined && !isMeasured(now)) {
      findings.push({ type: "tombstone-changed", index: place, timestampMs: now.timestampMs });
      continue;
    }
    const timestampMs = now?.timestampMs ?? timeBetween(rows, row, found, sealed, at);
    const hints = {
      // A time that was changed is among the copies under its own, which the others in the stretch may name.
      copies: [timestampMs, timeBetween(rows, row, found, sealed, at)].flatMap((time) =>
        time === undefined ? [] : aids.copiesAt(time),
      ),
      found: now,
      neighbours,
      timestampMs,
    };
    const shouldBe = recoverReading(leaves[place] as Uint8Array, keys.saltOf(place), hints, budget);
    findings.push(
      now === undefined
        ? { type: "missing", index: place, shouldBe }
        : { type: "changed", index: place, found: now, shouldBe },
    );
  }
  return findings;
}

/** Meters measure at even times: when a reading was that is missing between two others. */
function timeBetween(
  rows: readonly AuditRow[],
  row: number,
  found: number,
  sealed: number,
  at: number,
): number | undefined {
  const before = rows[row - 1]?.timestampMs;
  const after = rows[row + found]?.timestampMs;
  if (before !== undefined && after !== undefined) {
    const step = (after - before) / (sealed + 1);
    return Number.isInteger(step) ? before + step * (at + 1) : undefined;
  }
  const [first, second] =
    before === undefined ? [rows[row + found], rows[row + found + 1]] : [rows[row - 2], rows[row - 1]];
  if (first === undefined || second === undefined) return undefined;
  const step = second.timestampMs - first.timestampMs;
  return before === undefined ? first.timestampMs - step * (sealed - at) : second.timestampMs + step * (at + 1);
}

/** A reading whose time was changed stands elsewhere: what is missing in one place and added in another is one that was changed. */
function pairMoved(findings: readonly Finding[]): readonly Finding[] {
  const added = findings.filter((finding) => finding.type === "added");
  const paired = new Set<Finding>();
  const result = findings.map((finding) => {
    if (finding.type !== "missing" || finding.shouldBe === undefined) return finding;
    const { value, timestampMs } = finding.shouldBe;
    const moved = added.find(
      (each) => !paired.has(each) && (each.found.value === value || each.found.timestampMs === timestampMs),
    );
    if (moved === undefined) return finding;
    paired.add(moved);
    return { type: "changed" as const, index: finding.index, found: moved.found, shouldBe: finding.shouldBe };
  });
  return result.filter((finding) => !paired.has(finding));
}

/** Without leaves: the one reading that is wrong, if it is one, and differs in one bit or is one too many. */
function searchOne(
  sealed: SealedReadings,
  keys: AuditKeys,
  rows: readonly AuditRow[],
  leaves: readonly Uint8Array[],
): readonly Finding[] {
  const unlocated: readonly Finding[] = [{ type: "unlocated", rows: rows.length }];
  if (rows.length > MAX_SEARCHED_ROWS) return unlocated;
  if (rows.length === sealed.count + 1) {
    const extra = rows.findIndex((_, row) => sameBytes(rootOf(without(rows, row, keys)), sealed.readingsRoot));
    const found = rows[extra];
    return found !== undefined && isMeasured(found) ? [{ type: "added", found }] : unlocated;
  }
  if (rows.length !== sealed.count) return unlocated;
  const root = { root: sealed.readingsRoot, count: sealed.count };
  for (const [index, found] of rows.entries()) {
    if (!isMeasured(found)) continue;
    const salt = keys.saltOf(index);
    const proof = proveReading(leaves, index, { ...found, salt });
    for (const shouldBe of oneBitOff(found))
      if (verifyReading(root, { ...proof, ...shouldBe }).accepted) return [{ type: "changed", index, found, shouldBe }];
  }
  return unlocated;
}

function without(rows: readonly AuditRow[], left: number, keys: AuditKeys): readonly Uint8Array[] {
  return rows.toSpliced(left, 1).map((row, index) => leafOf(row, index, keys));
}

function isMeasured(row: AuditRow): row is Measured {
  return "value" in row;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { parseAssetTransaction } from "#storage/assets/parseTransaction.ts";
import { type AuditKeys, auditInterval } from "#storage/audit/auditInterval.ts";
import { proveMerkle, verifyMerkle } from "#storage/crypto/merkle.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { createLevelReadingStore } from "#storage/offchain/levelReadingStore.ts";
import { type Block, decodeBlock, txId } from "#storage/types/block.ts";
import { FingerprintChain } from "#storage/types/interval.ts";
import { intervalSumSalt, periodSeed, readingSaltKey, readingSalts } from "#storage/types/intervalSecrets.ts";
import { proveReading, verifyReading } from "#storage/types/readingsRoot.ts";
import { decodeTransaction } from "#storage/types/transaction.ts";
import { DESIGNS, type Design } from "./designs.ts";
import type { Configuration } from "./grid.ts";
import { randomInteger, seededRandom } from "./random.ts";
import { firstInterval, intervalOwnerOf, type PaperLoad } from "./readings.ts";
import { type Attack, type TamperResult, tamperReadings, tamperRecords } from "./tamper.ts";

/** Runs of a verification, of which the median counts. */
const VERIFICATIONS = 101;

export interface DesignCheck {
  /** One reading shown to somebody who holds the header: path to the block's data hash, and what the design needs beside it. Microseconds, median. */
  readonly verifyMicroseconds: number;
  /** Bytes of what is handed to them: transaction, path, and the readings or the path below the readings root. */
  readonly proofBytes: number;
  readonly attacks: Readonly<Record<Attack, TamperResult>>;
}

export type CheckResult = Readonly<Record<Design, DesignCheck>>;

/** Verifies a reading of each design, and changes what is stored, with blocks that the four validators made. */
export async function checkDesigns(
  directory: string,
  configuration: Configuration,
  {
    seed,
    load,
    blocks,
  }: { readonly seed: number; readonly load: PaperLoad; readonly blocks: Readonly<Record<Design, Uint8Array>> },
): Promise<CheckResult> {
  const random = seededRandom(
    seed,
    `checks ${configuration.prosumers} ${configuration.intervalMs} ${configuration.sampleMs}`,
  );
  // One prosumer's interval, with its readings in a store on disk.
  const prosumer = 0;
  const owner = intervalOwnerOf(seed, prosumer);
  const interval = firstInterval(load, seed, prosumer, configuration);
  const {
    startMs,
    endMs,
    periodStartMs,
    count,
    fingerprint,
    readingsRoot,
    commitment,
    sum,
    leaves = new Uint8Array(),
  } = interval;
  const readings = Array.from({ length: count }, (_, sample) => load(prosumer, sample));
  const keys: AuditKeys = {
    seed: periodSeed(owner, periodStartMs),
    saltOf: readingSalts(readingSaltKey(owner, startMs, endMs)),
    sumSalt: intervalSumSalt(owner, startMs, endMs),
  };
  const folder = mkdtempSync(join(directory, "checks-"));
  const level = await openLevelStore(folder);
  const store = createLevelReadingStore(level);
  try {
    await store.put(readings);
    const tampered = { level, store, readings, random };
    const fingerprintOf = (rows: readonly { value: number; timestampMs: number }[]): Uint8Array => {
      const chain = new FingerprintChain(keys.seed as Uint8Array);
      for (const { value, timestampMs } of rows) chain.append(value, timestampMs);
      return chain.fingerprint();
    };
    const everything = readings.map((_, index) => index);
    const sealed = { count, fingerprint, readingsRoot, energy: { commitment } };
    // What each design can say of the rows that its store has now: the readings in doubt, none if it finds nothing wrong.
    const audits = {
      bigchaindb: (rows: readonly { value: number }[]) =>
        rows.length === count && rows.reduce((total, { value }) => total + BigInt(value), 0n) === sum ? [] : everything,
      fingerprint: (rows: readonly { value: number; timestampMs: number }[]) =>
        Buffer.compare(fingerprintOf(rows), fingerprint) === 0 ? [] : everything,
      root: (rows: readonly { value: number; timestampMs: number }[]) => {
        const { verdict, findings } = auditInterval(sealed, keys, rows, { leaves, copiesAt: () => [] });
        if (verdict === "intact") return [];
        return findings.flatMap((finding) => ("index" in finding ? [finding.index] : everything));
      },
    };
    const result: Partial<Record<Design, DesignCheck>> = {};
    for (const design of DESIGNS) {
      const block = decodeBlock(blocks[design]);
      const record = tamperRecords(block, random);
      const attacks =
        design === "raw"
          ? // A reading is a transaction here: what is stored of it is the block.
            { record, reading: record, pair: tamperRecords(block, random, 2) }
          : {
              record,
              reading: await tamperReadings(tampered, "reading", audits[design]),
              pair: await tamperReadings(tampered, "pair", audits[design]),
            };
      result[design] = {
        ...verification(design, block, random, { interval, readings, fingerprintOf, saltOf: keys.saltOf }),
        attacks,
      };
    }
    return result as CheckResult;
  } finally {
    await store.close();
    await level.close();
  }
}

function verification(
  design: Design,
  block: Block,
  random: () => number,
  of: {
    readonly interval: ReturnType<typeof firstInterval>;
    readonly readings: readonly { readonly value: number; readonly timestampMs: number }[];
    readonly fingerprintOf: (rows: readonly { value: number; timestampMs: number }[]) => Uint8Array;
    readonly saltOf: (index: number) => Uint8Array;
  },
): Pick<DesignCheck, "verifyMicroseconds" | "proofBytes"> {
  const { interval, readings, fingerprintOf, saltOf } = of;
  const ids = block.txs.map(txId);
  const at = randomInteger(random, ids.length);
  const tx = block.txs[at] as Uint8Array;
  const path = proveMerkle(ids, at);
  const index = randomInteger(random, readings.length);
  const reading = readings[index] as (typeof readings)[number];
  const { count, readingsRoot, fingerprint, leaves = new Uint8Array() } = interval;
  const leafHashes = Array.from({ length: count }, (_, leaf) => leaves.subarray(32 * leaf, 32 * leaf + 32));
  const proof = proveReading(leafHashes, index, { ...reading, salt: saltOf(index) });
  const bytesOfReading = 16;
  const inBlock = (): boolean =>
    verifyMerkle(block.header.dataHash, path, txId(tx)).accepted && decodeTransaction(tx).accepted;
  const own: Readonly<Record<Design, readonly [holds: () => boolean, bytes: number]>> = {
    raw: [() => true, 0],
    bigchaindb: [() => parseAssetTransaction(carriedBy(tx)).accepted, 0],
    fingerprint: [() => Buffer.compare(fingerprintOf(readings), fingerprint) === 0, count * bytesOfReading],
    root: [
      () => verifyReading({ root: readingsRoot, count }, proof).accepted,
      bytesOfReading + 32 * (proof.aunts.length + 1),
    ],
  };
  const [holds, bytes] = own[design];
  const times: number[] = [];
  for (let run = 0; run < VERIFICATIONS; run++) {
    const beganMs = performance.now();
    const isShown = inBlock() && holds();
    times.push((performance.now() - beganMs) * 1000);
    if (!isShown) throw new Error(`${design}: what the validators finalised does not verify`);
  }
  times.sort((a, b) => a - b);
  return {
    verifyMicroseconds: times[Math.floor(VERIFICATIONS / 2)] as number,
    proofBytes: tx.length + 32 * path.aunts.length + bytes,
  };
}

function carriedBy(tx: Uint8Array): Uint8Array {
  const decoded = decodeTransaction(tx);
  const [message] = decoded.accepted ? decoded.tx.messages : [];
  return message?.name === "MsgBigchainTransaction" ? message.value.transaction : new Uint8Array();
}

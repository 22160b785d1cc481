import { join } from "node:path";
import { CHAIN_ID, IMPORT_METER, START_MS } from "#consensus/application/testLedger.ts";
import { createTestChain, type TestChain } from "#consensus/light/testChain.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { merkleRoot, proveMerkle } from "#storage/crypto/merkle.ts";
import { openHeaderStore } from "#storage/db/headerStore.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { testReading } from "#storage/offchain/testReadings.ts";
import { amendIntervalMessage } from "#storage/types/amendInterval.ts";
import { encodeLightBlock } from "#storage/types/lightBlock.ts";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import { encodeDeterministicResult } from "#storage/types/results.ts";
import { sealIntervalMessage } from "#storage/types/sealInterval.ts";
import { signEncoded, type UnsignedMessage } from "#storage/types/signEncoded.ts";
import { txId } from "#storage/types/transaction.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { saveKey } from "../cli/keyStore.ts";
import { createTestCli, TEST_PASSPHRASE, type TestCli } from "../cli/testIo.ts";
import { homePaths } from "../configurationHome.ts";
import { createHeaderKeeper } from "../light/headers.ts";
import { deviceKeyOf, meterSecretOf, SEED_PERIOD_MS } from "../light/meterKeys.ts";
import { openOutbox, type Sealable } from "../light/outbox.ts";
import { amendmentOf, type ClosedAmendment } from "../meter/amendments.ts";
import { type ClosedInterval, IntervalBuilder } from "../meter/intervalBuilder.ts";

/** Meter and ledger of consensus/application/testLedger.ts. */
export const SEALED_METER = IMPORT_METER;
export const SEALED_CHAIN_ID = CHAIN_ID;
export const SEALED_INTERVAL_MS = 15 * 60_000;
export const SEALED_START_MS = START_MS;

export interface SealedHomeOptions {
  readonly intervals?: number;
  /** Of each interval. */
  readonly readingMs?: number;
  /** Numbers of readings, from 0, that come late and are in an amendment. */
  readonly late?: readonly number[];
  /** Numbers of intervals that are closed and never sent. */
  readonly unsealed?: readonly number[];
  readonly segmentBytes?: number;
  /** Intervals of one transaction. */
  readonly perTransaction?: number;
}

/** The home of a light node that sealed intervals of one meter, and is stopped. */
export interface SealedHome extends Disposable {
  readonly cli: TestCli;
  readonly readings: readonly Reading[];
  readonly chain: TestChain;
  readonly meterKey: PrivateKey;
  readonly closed: readonly Sealable[];
  /** Folders of the database and of the reading log. */
  readonly store: string;
  readonly log: string;
}

const METER_KEY: PrivateKey = { type: "ed25519", bytes: new Uint8Array(32).fill(5) };

/** Readings of a household: between 1.4 and 2.3 Wh. */
function measured(count: number, readingMs: number, late: ReadonlySet<number>): readonly Reading[] {
  return Array.from({ length: count }, (_, i) =>
    testReading(SEALED_START_MS + readingMs * (i + 1), {
      meterId: SEALED_METER,
      value: 1400 + ((i * 7919) % 900),
      periodMs: readingMs,
      quality: late.has(i) ? QUALITY.LATE : 0,
    }),
  );
}

export async function createSealedHome(options: SealedHomeOptions = {}): Promise<SealedHome> {
  const { intervals = 8, readingMs = 60_000, late = [], unsealed = [], perTransaction = 4 } = options;
  const cli = createTestCli();
  await cli.run("init", "--chain-id", SEALED_CHAIN_ID);
  const { data, keys } = homePaths(cli.home);
  await saveKey(keys, "meter", METER_KEY, TEST_PASSPHRASE);
  const lateOnes = new Set(late);
  const readings = measured((intervals * SEALED_INTERVAL_MS) / readingMs, readingMs, lateOnes);
  const logFolder = join(data, "readings");
  const log = await openReadingLog(
    logFolder,
    options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes },
  );
  const inOrder = [...readings.filter((_, i) => !lateOnes.has(i)), ...readings.filter((_, i) => lateOnes.has(i))];
  for (let at = 0; at < inOrder.length; at += 100) await log.append(inOrder.slice(at, at + 100));
  await log.close();

  const owner = { ledgerId: SEALED_CHAIN_ID, meterId: SEALED_METER, secret: meterSecretOf(METER_KEY, SEALED_METER) };
  const builder = new IntervalBuilder(owner, {
    intervalMs: SEALED_INTERVAL_MS,
    periodMs: SEED_PERIOD_MS,
    closedUntilMs: 0,
  });
  const closed: ClosedInterval[] = [];
  for (const [i, reading] of readings.entries()) if (!lateOnes.has(i)) closed.push(...builder.add(reading));
  closed.push(...builder.end());
  const amendments = closed.flatMap((interval): ClosedAmendment[] => {
    const lateHere = readings.filter(
      ({ timestampMs }, i) => lateOnes.has(i) && timestampMs > interval.startMs && timestampMs <= interval.endMs,
    );
    return lateHere.length === 0 ? [] : [amendmentOf(owner, { interval, amendments: [] }, lateHere)];
  });

  const storeFolder = join(data, "light");
  const store = await openLevelStore(storeFolder);
  const outbox = await openOutbox(store);
  await outbox.add(closed);
  await outbox.addAmendments(amendments);
  const headers = await openHeaderStore(store);
  const keeper = createHeaderKeeper(headers, store);
  const chain = createTestChain({ chainId: SEALED_CHAIN_ID });
  for (let height = 1; height <= chain.height; height++) await keeper.add(chain.lightBlock(height).signedHeader.header);
  const sent = closed.filter((_, i) => !unsealed.includes(i));
  const groups: (readonly Sealable[])[] = [];
  for (let at = 0; at < sent.length; at += perTransaction) groups.push(sent.slice(at, at + perTransaction));
  if (amendments.length > 0) groups.push(amendments);
  for (const [sequence, group] of groups.entries()) {
    const tx = transactionOf(group, BigInt(sequence));
    const result = encodeDeterministicResult({ code: 0, data: new Uint8Array(0), gasWanted: 1n, gasUsed: 1n });
    // Another transaction stands before it, so that paths are not empty.
    const txs = [Uint8Array.of(sequence), tx];
    const results = [
      encodeDeterministicResult({ code: 5, data: new Uint8Array(0), gasWanted: 0n, gasUsed: 0n }),
      result,
    ];
    const block = chain.append({ txs });
    const { height } = block.signedHeader.header;
    const resultProof = proveMerkle(results, 1);
    const next = chain.append({ change: { lastResultsHash: merkleRoot(results) } });
    for (const { signedHeader } of [block, next]) await keeper.add(signedHeader.header);
    const id = txId(tx);
    const inclusion = proveMerkle(txs.map(txId), 1);
    const proof = { txId: id, height, inclusion, result: { bytes: result, proof: resultProof } };
    const outcome = { state: "final", txId: Buffer.from(id).toString("hex"), height, index: 1 } as const;
    await outbox.settle(group, outcome, proof, tx);
  }
  await keeper.flush(encodeLightBlock(chain.lightBlock(0)));
  await store.close();
  return {
    ...{ cli, readings, chain, meterKey: METER_KEY, closed: [...closed, ...amendments] },
    store: storeFolder,
    log: logFolder,
    [Symbol.dispose]: () => cli[Symbol.dispose](),
  };
}

function transactionOf(items: readonly Sealable[], sequence: bigint): Uint8Array {
  const privateKey = deviceKeyOf(METER_KEY, SEALED_METER);
  const signer = accountOfKey(publicKeyOf(privateKey));
  const messages = items.map((item): UnsignedMessage => {
    const { meterId, startMs, endMs, count, fingerprint, readingsRoot, commitment } = item;
    const common = { signer, meterId, readingCount: count, fingerprint, readingsRoot };
    const energy = { sumCommitment: commitment };
    if (!("amendment" in item))
      return sealIntervalMessage({ ...common, energy, intervalStartMs: startMs, intervalEndMs: endMs });
    const { amendment, previousFingerprint } = item;
    return amendIntervalMessage({ ...common, energy, startMs, endMs, amendment, previousFingerprint });
  });
  return signEncoded({
    messages,
    chainId: SEALED_CHAIN_ID,
    signers: [{ privateKey, accountNumber: 7n, sequence }],
  });
}

import { createHmac } from "node:crypto";
import { aggregate, metadataOf } from "#node/bigchain/aggregator/measurement.ts";
import { meterCreate, meterTransfer } from "#node/bigchain/aggregator/meterAsset.ts";
import type { ClosedInterval } from "#node/meter/intervalBuilder.ts";
import { ed25519Signer } from "#storage/assets/buildTransaction.ts";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import type { LoadMeter } from "../benchLoad.ts";
import type { Design } from "./designs.ts";
import type { Configuration } from "./grid.ts";
import type { MeterUpdates, Update } from "./offerUpdates.ts";
import { firstInterval, meterIdOf, type PaperLoad } from "./readings.ts";
import { ledgerName } from "./sinks.ts";

/** Prosumers whose first interval is computed of all its readings; the others say the same of theirs: validators see no readings. */
const DISTINCT_INTERVALS = 40;

const NO_ROOT = new Uint8Array(32);

/** Designs whose updates are the ledger's own messages. */
export type SealDesign = Exclude<Design, "bigchaindb">;

export interface UpdatePlan extends Configuration {
  readonly seed: number;
  readonly load: PaperLoad;
  readonly lanes: number;
  /** Updates of each prosumer. */
  readonly rounds: number;
}

/** A device with a key of its own for each prosumer; the designs have theirs, because an interval is sealed once. */
export function metersOf(
  design: SealDesign,
  { seed, prosumers, intervalMs, sampleMs }: SeededMeters,
): readonly LoadMeter[] {
  return Array.from({ length: prosumers }, (_, prosumer) => {
    const meterId = `${meterIdOf(prosumer)}/${design}`;
    const key = generatePrivateKey("ed25519", () => seedOf(seed, meterId));
    const own = design === "raw" ? sampleMs : intervalMs;
    return { meterId, key, account: accountOfKey(publicKeyOf(key)), intervalMs: own };
  });
}

type SeededMeters = Configuration & { readonly seed: number };

/** What each prosumer's intervals say, the first one for all. */
export function intervalsOf(
  plan: Configuration & { readonly seed: number; readonly load: PaperLoad },
): readonly ClosedInterval[] {
  const count = Math.min(DISTINCT_INTERVALS, plan.prosumers);
  return Array.from({ length: count }, (_, prosumer) => firstInterval(plan.load, plan.seed, prosumer, plan));
}

/** @param startMs of the first interval: in the past, a multiple of a day; @param firstNumber account number of the first meter */
export function sealUpdates(
  design: SealDesign,
  plan: UpdatePlan,
  intervals: readonly ClosedInterval[],
  chain: {
    readonly chainId: string;
    readonly meters: readonly LoadMeter[];
    readonly firstNumber: bigint;
    readonly startMs: number;
  },
): readonly MeterUpdates[] {
  return chain.meters.map(({ meterId, key, account, intervalMs = plan.intervalMs }, prosumer) => {
    const interval = intervals[prosumer % intervals.length] as ClosedInterval;
    const updates = Array.from({ length: plan.rounds }, (_, round): Update => {
      const intervalStartMs = chain.startMs + round * intervalMs;
      const message = ledgerMessage("MsgSealInterval", {
        signer: account,
        meterId,
        intervalStartMs: BigInt(intervalStartMs),
        intervalEndMs: BigInt(intervalStartMs + intervalMs),
        fingerprint: interval.fingerprint,
        ...factsOf(design, plan.load(prosumer, round).value, interval),
      });
      const accountNumber = chain.firstNumber + BigInt(prosumer);
      const bytes = signTransaction({
        chainId: chain.chainId,
        messages: [message],
        signers: [{ privateKey: key, accountNumber, sequence: BigInt(round) }],
      });
      return { id: ledgerName(bytes), bytes };
    });
    return { lane: prosumer % plan.lanes, updates };
  });
}

function factsOf(design: SealDesign, value: number, interval: ClosedInterval) {
  const { count: readingCount, sum, readingsRoot, commitment } = interval;
  const clear = (mwh: bigint) => ({ case: "sumMwh" as const, value: mwh });
  switch (design) {
    case "raw":
      return { readingCount: 1, readingsRoot: NO_ROOT, energy: clear(BigInt(value)) };
    case "fingerprint":
      return { readingCount, readingsRoot: NO_ROOT, energy: clear(sum) };
    case "root":
      return { readingCount, readingsRoot, energy: { case: "sumCommitment" as const, value: commitment } };
  }
}

export interface AssetUpdates {
  /** The CREATE of each prosumer's meter. */
  readonly creates: readonly MeterUpdates[];
  readonly transfers: readonly MeterUpdates[];
}

/** As the smart-meter aggregator makes them: a CREATE a meter, a TRANSFER to itself an interval. `run`: what tells these meters from those of other runs on one server. */
export function assetUpdates(plan: UpdatePlan, intervals: readonly ClosedInterval[], run: string): AssetUpdates {
  const creates: MeterUpdates[] = [];
  const transfers: MeterUpdates[] = [];
  for (let prosumer = 0; prosumer < plan.prosumers; prosumer++) {
    const meterId = `${meterIdOf(prosumer)}/${run}`;
    const signer = ed25519Signer(seedOf(plan.seed, meterId));
    const { count, sum, endMs } = intervals[prosumer % intervals.length] as ClosedInterval;
    const series = { quantity: "activeEnergyImport", kind: "interval", phase: 0, tariff: 0 } as const;
    const lane = prosumer % plan.lanes;
    const create = meterCreate(signer, meterId);
    creates.push({ lane, updates: [named(create)] });
    let head = create.id;
    const updates = Array.from({ length: plan.rounds }, (_, round): Update => {
      const interval = { endMs: endMs + round * plan.intervalMs, intervalMs: plan.intervalMs, revision: 0 };
      const told = { ...aggregate([Number(sum)], "sum"), count };
      const made = meterTransfer(signer, { assetId: create.id, head }, metadataOf(series, interval, told));
      head = made.id;
      return named(made);
    });
    transfers.push({ lane, updates });
  }
  return { creates, transfers };
}

function named({ id, text }: { readonly id: string; readonly text: string }): Update {
  return { id, bytes: Buffer.from(text, "utf8") };
}

function seedOf(seed: number, name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHmac("sha256", `paper ${seed}`).update(name).digest());
}

import { sha256 } from "#storage/crypto/hash.ts";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import type { LoadMeter } from "../../benchLoad.ts";
import { meterIdOf } from "./meterLoad.ts";

/** Meters behind one concentrator have its key: one transaction, one signature for all of their intervals. 1: each device has its own. */
export function groupedMeters(count: number, metersPerKey: number): readonly LoadMeter[] {
  const meters: LoadMeter[] = [];
  while (meters.length < count) {
    const key = generatePrivateKey("ed25519");
    const account = accountOfKey(publicKeyOf(key));
    for (let i = 0; i < metersPerKey && meters.length < count; i++)
      meters.push({ meterId: meterIdOf(meters.length), key, account });
  }
  return meters;
}

/** What an interval says of its readings. */
export interface SealFacts {
  readonly fingerprint: Uint8Array;
  readonly readingsRoot: Uint8Array;
  readonly commitment: Uint8Array;
  readonly count: number;
}

/** Facts without readings behind them, where only the ledger's work is measured: validators see no difference. */
export function factsWithoutReadings(count: number): (meterId: string, round: number) => SealFacts {
  return (meterId, round) => {
    const hash = sha256(Buffer.from(`${meterId} ${round}`));
    return { fingerprint: hash, readingsRoot: hash, commitment: hash, count };
  };
}

/** One transaction a key, with one sealed interval of each of its meters; `round` is the sequence of the account and the interval's place. */
export function signSealRound(
  meters: readonly LoadMeter[],
  round: number,
  options: {
    readonly chainId: string;
    readonly firstNumber: bigint;
    readonly startMs: number;
    readonly intervalMs: number;
    factsOf(meterId: string, round: number): SealFacts;
  },
): readonly Uint8Array[] {
  const { chainId, firstNumber, startMs, intervalMs, factsOf } = options;
  const intervalStartMs = startMs + round * intervalMs;
  const groups = Map.groupBy(meters, ({ account }) => account);
  return [...groups.values()].map((group, index) => {
    const [{ key, account }] = group as [LoadMeter];
    const messages = group.map(({ meterId }) => {
      const { fingerprint, readingsRoot, commitment, count } = factsOf(meterId, round);
      return ledgerMessage("MsgSealInterval", {
        signer: account,
        meterId,
        intervalStartMs: BigInt(intervalStartMs),
        intervalEndMs: BigInt(intervalStartMs + intervalMs),
        readingCount: count,
        fingerprint,
        readingsRoot,
        energy: { case: "sumCommitment", value: commitment },
      });
    });
    const accountNumber = firstNumber + BigInt(index);
    return signTransaction({
      chainId,
      messages,
      signers: [{ privateKey: key, accountNumber, sequence: BigInt(round) }],
    });
  });
}

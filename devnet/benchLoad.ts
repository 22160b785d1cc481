import type { GenesisMeter } from "#consensus/application/genesisState.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { generatePrivateKey, type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";

export interface LoadMeter {
  readonly meterId: string;
  readonly key: PrivateKey;
  readonly account: string;
  /** T_i of this meter, where it is not that of the others. */
  readonly intervalMs?: number;
}

const INTERVAL_MS = 15 * 60 * 1000;

/** Meters of the load, each with a device key of its own. */
export function loadMeters(count: number): readonly LoadMeter[] {
  return Array.from({ length: count }, (_, i) => {
    const key = generatePrivateKey("ed25519");
    return { meterId: `load:${i}`, key, account: accountOfKey(publicKeyOf(key)) };
  });
}

export function genesisMetersOf(
  meters: readonly LoadMeter[],
  owner: string,
  intervalMs: number = INTERVAL_MS,
): GenesisMeter[] {
  return meters.map(({ meterId, key, intervalMs: own }) => ({
    meterId,
    deviceKey: { type: "ed25519", value: Buffer.from(publicKeyOf(key).bytes).toString("base64") },
    owner,
    quantity: "electricity",
    direction: "import",
    seedCommitment: Buffer.from(sha256(Buffer.from(meterId))).toString("hex"),
    intervalMs: own ?? intervalMs,
  }));
}

/**
 * One sealed interval per meter, signed: what a prosumer's node sends every quarter of an hour. `round` is the meter's sequence and the place
 * of the interval after `startMs`, so that rounds are valid one after another.
 */
export function signRound(
  meters: readonly LoadMeter[],
  round: number,
  {
    chainId,
    startMs,
    accountNumberOf,
  }: { chainId: string; startMs: number; accountNumberOf: (meter: number) => bigint },
): readonly Uint8Array[] {
  return meters.map(({ meterId, key, account }, index) => {
    const intervalStartMs = startMs + round * INTERVAL_MS;
    const hash = sha256(Buffer.from(`${meterId} ${round}`));
    return signTransaction({
      chainId,
      messages: [
        ledgerMessage("MsgSealInterval", {
          signer: account,
          meterId,
          intervalStartMs: BigInt(intervalStartMs),
          intervalEndMs: BigInt(intervalStartMs + INTERVAL_MS),
          readingCount: 15,
          fingerprint: hash,
          readingsRoot: hash,
          energy: { case: "sumCommitment", value: hash },
        }),
      ],
      signers: [{ privateKey: key, accountNumber: accountNumberOf(index), sequence: BigInt(round) }],
    });
  });
}

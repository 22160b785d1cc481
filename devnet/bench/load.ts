import { setImmediate } from "node:timers/promises";
import { type LoadMeter, signRound } from "../benchLoad.ts";

const DAY_MS = 86_400_000;

/** More than any engine finalises here, so that the load does not run out. */
const PER_SECOND_AT_BEST = 8_000;

export interface Load {
  /** Per validator, in the order in which they must arrive. */
  readonly lanes: readonly (readonly Uint8Array[])[];
  readonly txs: number;
  readonly bytes: number;
}

/** Everything is signed before the clock starts. A meter's transactions all go to the same validator, so that they stay in order. */
export async function signLoad(
  meters: readonly LoadMeter[],
  options: {
    readonly chainId: string;
    /** Account number of the first meter; the others follow. */
    readonly firstNumber: bigint;
    readonly validators: number;
    readonly seconds: number;
  },
  say: (text: string) => void,
): Promise<Load> {
  const { chainId, firstNumber, validators } = options;
  const startMs = Math.floor((Date.now() - 30 * DAY_MS) / DAY_MS) * DAY_MS;
  const rounds = Math.ceil((options.seconds * PER_SECOND_AT_BEST) / meters.length);
  const lanes: Uint8Array[][] = Array.from({ length: validators }, () => []);
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const txs = signRound(meters, round, { chainId, startMs, accountNumberOf: (meter) => firstNumber + BigInt(meter) });
    for (const [i, tx] of txs.entries()) {
      lanes[i % validators]?.push(tx);
      bytes += tx.length;
    }
    // Peers are answered between rounds: signing must not look like a dead connection.
    await setImmediate();
    say(`signed ${(round + 1) * meters.length} of ${rounds * meters.length}`);
  }
  return { lanes, txs: rounds * meters.length, bytes };
}

import { measureAnchor, measureNaive } from "#contracts/measureGas.ts";
import { startTestEvm } from "#contracts/testing.ts";
import { D51, d51Prices, minimumIntervalMinutes } from "../bench/gasReport.ts";

/** Ethereum's blocks when D5.1 was written, May 2019. */
const BLOCKS_2019 = { gasLimit: 8_000_000, seconds: 15 };

export const EUR_PER_GAS = (D51.weiPerGas / 1e18) * D51.eurPerEther;

/** Of this project's and D5.1's contracts, on an EVM of this machine. Gas does not depend on the machine. */
export interface MeasuredGas {
  /** An anchor of four validators. */
  readonly anchor: number;
  /** D5.1's contract, one registration, today and in 2019. */
  readonly register: number;
  readonly register2019: number;
  /** A kilobyte stored, with everything that its transaction costs. */
  readonly kilobyteStored: number;
}

export interface EthereumCosts {
  readonly formula: ReturnType<typeof d51Prices>;
  /** Or why there is none: the EVM is a program that not every machine has. */
  readonly measured: MeasuredGas | { readonly reason: string };
}

export async function ethereumCosts(): Promise<EthereumCosts> {
  return { formula: d51Prices(), measured: await measure() };
}

/** D5.1's other figure: the shortest T_i of 2000 prosumers, if all of Ethereum were theirs. */
export function minimumMinutes2019({ register2019 }: MeasuredGas): number {
  return minimumIntervalMinutes(D51.prosumers, register2019, BLOCKS_2019);
}

async function measure(): Promise<EthereumCosts["measured"]> {
  try {
    await using evm = await startTestEvm();
    const { anchor } = await measureAnchor(evm, 4);
    const [then, today] = [await measureNaive("petersburg"), await measureNaive("osaka")];
    return { anchor, register: today.register, register2019: then.register, kilobyteStored: then.kilobyteStored };
  } catch (error) {
    return { reason: (error as Error).message };
  }
}

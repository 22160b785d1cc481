import type { CallGas } from "#contracts/measureCalls.ts";
import {
  ANCHOR_BUDGETS,
  type AnchorGas,
  type IntervalGas,
  measureAnchor,
  measureBlock,
  measureInterval,
  measureNaive,
  measureProof,
  type NaiveGas,
  type ProofGas,
  WALK_BUDGET,
} from "#contracts/measureGas.ts";
import { measureDataMarketplace, measureEnergyMarket } from "#contracts/measureMarkets.ts";
import { measureDeviceRegistry, measureFlexibility, measurePaymentChannel } from "#contracts/measureServices.ts";
import { startTestEvm } from "#contracts/testing.ts";

/** The least by which an anchor is cheaper than the naive contract, for 2000 prosumers. */
export const NAIVE_RATIO_BUDGET = 2_500;

/** What D5.1 calculates with: gas of a new word, gas price, and the price of ether when it was written. */
export const D51 = { gasPerWord: 20_000, weiPerGas: 10e9, eurPerEther: 122.43, prosumers: 2_000 } as const;

/** Ethereum's blocks when D5.1 was written, May 2019, and today. */
const BLOCKS = {
  petersburg: { gasLimit: 8_000_000, seconds: 15 },
  osaka: { gasLimit: 60_000_000, seconds: 12 },
} as const;

const EUR_PER_GAS = (D51.weiPerGas / 1e18) * D51.eurPerEther;
const WORDS_PER_KB = 32;
const KB_PER_GB = 2 ** 20;

/** D5.1's prices, by its formula: words times 20 000 gas, nothing for the transaction that carries them. */
export function d51Prices() {
  const gasPerKb = WORDS_PER_KB * D51.gasPerWord;
  const eurPerKb = gasPerKb * EUR_PER_GAS;
  return { gasPerKb, etherPerKb: (gasPerKb * D51.weiPerGas) / 1e18, eurPerKb, eurPerGb: eurPerKb * KB_PER_GB };
}

/** The shortest interval T_i in minutes, when every prosumer's registration must fit into the chain's blocks. */
export function minimumIntervalMinutes(
  prosumers: number,
  gas: number,
  block: { gasLimit: number; seconds: number },
): number {
  return (prosumers * gas) / (block.gasLimit / block.seconds) / 60;
}

/** The same, in whole blocks of which each holds so many. */
export function minimumIntervalInBlocks(prosumers: number, perBlock: number, seconds: number): number {
  return (Math.ceil(prosumers / perBlock) * seconds) / 60;
}

export interface DayCost {
  readonly intervalMinutes: number;
  readonly naiveGas: number;
  readonly naiveEur: number;
  /** One anchor an interval, shared by all prosumers. */
  readonly anchoredGas: number;
  readonly anchoredEur: number;
  readonly ratio: number;
}

/** Of one prosumer and day, among `prosumers`. */
export function costPerProsumerDay(
  intervalMinutes: number,
  registerGas: number,
  anchorGas: number,
  prosumers: number,
): DayCost {
  const intervals = (24 * 60) / intervalMinutes;
  const naiveGas = intervals * registerGas;
  const anchoredGas = (intervals * anchorGas) / prosumers;
  return {
    intervalMinutes,
    naiveGas,
    naiveEur: naiveGas * EUR_PER_GAS,
    anchoredGas,
    anchoredEur: anchoredGas * EUR_PER_GAS,
    ratio: naiveGas / anchoredGas,
  };
}

/** What the calls of one contract cost, when whoever takes part has done so before. */
export interface ContractGas {
  readonly contract: string;
  readonly calls: readonly CallGas[];
}

const CONTRACTS: Readonly<Record<string, () => Promise<readonly CallGas[]>>> = {
  EnergyMarket: measureEnergyMarket,
  PaymentChannel: measurePaymentChannel,
  DataMarketplace: measureDataMarketplace,
  DeviceRegistry: measureDeviceRegistry,
  Flexibility: measureFlexibility,
};

export interface GasReport {
  readonly anchors: readonly (AnchorGas & { readonly budget: number })[];
  readonly proofs: readonly ProofGas[];
  readonly intervals: readonly IntervalGas[];
  readonly naive: readonly NaiveGas[];
  readonly d51: ReturnType<typeof d51Prices> & {
    /** With everything that a transaction costs, measured. */
    readonly measuredGasPerKb: number;
    readonly measuredEurPerKb: number;
    /** For 2000 prosumers, all of Ethereum theirs: by formula, and by filling a block. */
    readonly minimumMinutes2019: number;
    readonly perBlock2019: number;
    readonly minimumMinutes2019Measured: number;
    readonly minimumMinutesToday: number;
  };
  readonly days: readonly DayCost[];
  readonly contracts: readonly ContractGas[];
  /** What is above its budget; empty when all is well. */
  readonly exceeded: readonly string[];
}

/** Measures everything on EVMs of its own; the figures are the same on every machine. */
export async function measureGas(
  options: { readonly txs?: readonly number[] } = {},
  say: (text: string) => void = () => {},
): Promise<GasReport> {
  await using evm = await startTestEvm();
  const anchors = [];
  for (const [validators, budget] of Object.entries(ANCHOR_BUDGETS)) {
    say(`anchor of ${validators} validators`);
    anchors.push({ ...(await measureAnchor(evm, Number(validators))), budget });
  }
  const proofs = [];
  for (const txs of options.txs ?? [1_000, 10_000, 100_000]) {
    say(`proof among ${txs} transactions`);
    proofs.push(await measureProof(evm, txs));
  }
  const intervals = [];
  for (const count of [1, 400]) intervals.push(await measureInterval(evm, count));
  const contracts: ContractGas[] = [];
  for (const [contract, measure] of Object.entries(CONTRACTS)) {
    say(contract);
    contracts.push({ contract, calls: await measure() });
  }
  say("D5.1's contract");
  const [then, today] = [await measureNaive("petersburg"), await measureNaive("osaka")];
  const perBlock2019 = await measureBlock("petersburg", BLOCKS.petersburg.gasLimit);
  const { prosumers } = D51;
  const anchorGas = anchors[0]?.anchor ?? 0;
  const days = [60, 15].map((minutes) => costPerProsumerDay(minutes, today.register, anchorGas, prosumers));
  const report = {
    anchors,
    proofs,
    intervals,
    naive: [then, today],
    d51: {
      ...d51Prices(),
      measuredGasPerKb: then.kilobyteStored,
      measuredEurPerKb: then.kilobyteStored * EUR_PER_GAS,
      minimumMinutes2019: minimumIntervalMinutes(prosumers, then.register, BLOCKS.petersburg),
      perBlock2019,
      minimumMinutes2019Measured: minimumIntervalInBlocks(prosumers, perBlock2019, BLOCKS.petersburg.seconds),
      minimumMinutesToday: minimumIntervalMinutes(prosumers, today.register, BLOCKS.osaka),
    },
    days,
    contracts,
  };
  return { ...report, exceeded: exceededBudgets(report) };
}

export function exceededBudgets({ anchors, proofs, days }: Pick<GasReport, "anchors" | "proofs" | "days">): string[] {
  return [
    ...anchors
      .filter(({ anchor, budget }) => anchor > budget)
      .map(({ validators, anchor, budget }) => `anchor of ${validators} validators: ${anchor} gas, budget ${budget}`),
    ...proofs
      .filter(({ txs, walk }) => txs <= 100_000 && walk > WALK_BUDGET)
      .map(({ txs, walk }) => `walk among ${txs} transactions: ${walk} gas, budget ${WALK_BUDGET}`),
    ...days
      .filter(({ ratio }) => ratio < NAIVE_RATIO_BUDGET)
      .map(
        ({ intervalMinutes, ratio }) =>
          `${ratio.toFixed(0)} times less at ${intervalMinutes} min, at least ${NAIVE_RATIO_BUDGET}`,
      ),
  ];
}

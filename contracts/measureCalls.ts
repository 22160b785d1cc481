import type { ContractTransactionReceipt } from "ethers";
import { mined, type TestEvm } from "./testing.ts";

/** One call of a contract, as a transaction of its own. */
export interface CallGas {
  readonly call: string;
  readonly gas: number;
}

/** A name, empty for what is not measured, and what sends it. */
export type MeasuredCall = readonly [
  call: string,
  send: () => Promise<{ wait(): Promise<ContractTransactionReceipt | null> }>,
];

/** Sends one after another. */
export async function measureCalls(calls: readonly MeasuredCall[]): Promise<readonly CallGas[]> {
  const measured: CallGas[] = [];
  for (const [call, send] of calls) measured.push({ call, gas: Number((await mined(send())).gasUsed) });
  return measured.filter(({ call }) => call !== "");
}

/** 1 January 2030: times are in the call data, and what a byte there costs depends on whether it is zero. */
const MEASURED_AT = 1_893_456_000;

/** Sets the clock of an EVM that was just started, so that figures are the same in every run. */
export async function setMeasuringTime(evm: TestEvm): Promise<number> {
  await evm.mineAt(MEASURED_AT);
  return MEASURED_AT;
}

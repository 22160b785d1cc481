import { formatMoney } from "#node/cli/money.ts";

/** Gas and money of a command's transaction on Ethereum, as facts of a step. */
export function cost(answer: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const { txHash, blockNumber, gasUsed, feeWei } = answer;
  return {
    "Ethereum transaction": String(txHash),
    "in its block": String(blockNumber),
    gas: `${gasUsed}, ${formatMoney(BigInt(String(feeWei)))}`,
  };
}

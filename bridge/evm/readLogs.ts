import type { JsonRpcProvider, Log } from "ethers";
import { EvmError } from "./evmError.ts";
import { answerFalse, askingEvm } from "./evmErrors.ts";

/** Providers limit the blocks, or the logs, of one question: this many are asked for first, and half of it when it is refused. */
const FIRST_RANGE = 10_000;

/**
 * Logs of one contract from a block on, in their order. topics: as of eth_getLogs, null stands for any.
 * @throws EvmError EVM_UNREACHABLE, EVM_REFUSED, EVM_ANSWER_MALFORMED, EVM_ANSWER_FALSE
 */
export async function readLogs(
  provider: JsonRpcProvider,
  filter: { readonly address: string; readonly topics: (string | null)[]; readonly fromBlock: number },
): Promise<readonly Log[]> {
  const last = await askingEvm([], () => provider.getBlockNumber());
  const logs: Log[] = [];
  let range = FIRST_RANGE;
  for (let fromBlock = filter.fromBlock; fromBlock <= last; ) {
    const toBlock = Math.min(last, fromBlock + range - 1);
    try {
      const { address, topics } = filter;
      const found = await askingEvm([], () => provider.getLogs({ address, topics, fromBlock, toBlock }));
      if (found.some((log) => log.address !== address || !matches(log, topics)))
        throw answerFalse("a log is of another contract or event than was asked for");
      logs.push(...found);
      fromBlock = toBlock + 1;
    } catch (error) {
      const isTooMuch =
        error instanceof EvmError && (error.code === "EVM_REFUSED" || error.code === "EVM_ANSWER_TOO_LARGE");
      if (!isTooMuch || range === 1) throw error;
      range = Math.ceil(range / 2);
    }
  }
  return logs;
}

function matches(log: Log, topics: readonly (string | null)[]): boolean {
  return topics.every((topic, i) => topic === null || log.topics[i] === topic);
}

import type { FetchRequest, JsonRpcProvider } from "ethers";
import { EvmError } from "./evmError.ts";
import { type EvmNodeOptions, evmNode, evmProvider, unreachable } from "./evmNode.ts";

export interface EvmConnectOptions extends EvmNodeOptions {
  /** Another chain is refused. Absent: whatever the node says. */
  readonly chainId?: bigint;
}

export interface EvmConnection extends Disposable {
  readonly provider: JsonRpcProvider;
  readonly chainId: bigint;
  /** The node for people: scheme, host and port. */
  readonly node: string;
}

/**
 * Connects to an Ethereum node, and asks which chain it follows before anything else: a library that retries for ever, or signs for a chain
 * that nobody named, is no help at a command line.
 * @throws EvmError EVM_URL_MALFORMED, EVM_UNREACHABLE, EVM_WRONG_CHAIN, EVM_ANSWER_MALFORMED, EVM_ANSWER_TOO_LARGE
 */
export async function connectEvm(options: EvmConnectOptions): Promise<EvmConnection> {
  const { chainId: expected, pollingMs } = options;
  const node = evmNode(options);
  const chainId = await chainIdOf(node.request, node.name);
  if (expected !== undefined && chainId !== expected) {
    const hint = "name a node of the chain that the contracts are on, or the contracts file of this chain";
    throw new EvmError({ code: "EVM_WRONG_CHAIN", chainId, expected, hint });
  }
  const provider = evmProvider(node, chainId, pollingMs);
  return { provider, chainId, node: node.name, [Symbol.dispose]: () => provider.destroy() };
}

async function chainIdOf(request: FetchRequest, node: string): Promise<bigint> {
  const asked = request.clone();
  asked.body = { jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] };
  const response = await asked.send();
  if (!response.ok()) throw unreachable(node, `it answers with status ${response.statusCode}`);
  let result: unknown;
  try {
    result = (JSON.parse(response.bodyText) as { readonly result?: unknown } | null)?.result;
  } catch (cause) {
    throw notEthereum("the answer is no JSON", cause);
  }
  if (typeof result !== "string" || !/^0x[0-9a-f]{1,16}$/i.test(result)) throw notEthereum("eth_chainId has no number");
  return BigInt(result);
}

function notEthereum(reason: string, cause?: unknown): EvmError {
  const hint = "whatever answers there is no Ethereum node: check the URL";
  return new EvmError({ code: "EVM_ANSWER_MALFORMED", reason, hint }, { cause });
}

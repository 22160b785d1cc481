import { getAddress, isCallException, isError, type JsonRpcProvider, Wallet } from "ethers";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { type EvmNodeOptions, evmNode, evmProvider } from "./evmNode.ts";

/** What the contract has. */
export interface BridgeState {
  readonly seq: bigint;
  readonly toHeight: number;
  readonly valsetNonce: bigint;
  /** 0x and hex. */
  readonly valsetHash: string;
  readonly frozen: boolean;
}

/** One Ethereum node and one Bridge contract, as a relayer uses them. Every call may reject: the node is gone, or says what cannot be. */
export interface BridgeClient {
  chainId(): Promise<bigint>;
  blockNumber(): Promise<number>;
  /** At a block number; undefined before the contract was there. */
  state(block: number): Promise<BridgeState | undefined>;
  state(block: "latest"): Promise<BridgeState>;
  /** 0x and 64 hex digits. */
  anchorHash(seq: bigint): Promise<string>;
  /** Of a block that is mined now, wei. */
  fees(): Promise<{ readonly baseFee: bigint; readonly tip: bigint }>;
  /** Of the relayer's account, mined ones only. */
  nonce(): Promise<number>;
  balance(): Promise<bigint>;
  /** What a call would take, upon all that waits at that node: or the error it reverts with. */
  preflight(data: string): Promise<{ readonly gas: bigint } | { readonly refused: string }>;
  send(call: RelayCall): Promise<{ readonly hash: string } | { readonly refused: SendRefusal }>;
}

export interface RelayCall {
  readonly data: string;
  readonly nonce: number;
  readonly gasLimit: bigint;
  readonly maxFeePerGas: bigint;
  readonly tip: bigint;
}

/** `underpriced`: another one with this nonce offers as much; `known`: the very same waits already. */
export type SendRefusal = "underpriced" | "known" | "nonceUsed" | "noFunds";

export interface BridgeClientOptions extends EvmNodeOptions {
  /** Of the chain that is meant; `chainId()` says which one it is. */
  readonly chainId: bigint;
  /** 0x and hex. */
  readonly contract: string;
  /** Pays, 32 bytes; absent: for reading only. */
  readonly privateKey?: Uint8Array;
}

const GWEI = 1_000_000_000n;
/** Of JSON-RPC, as geth and others have it. */
const EXECUTION_REVERTED = 3;

export interface OpenBridgeClient extends BridgeClient, Disposable {
  /** The relayer's, 0x and hex; undefined for reading only. */
  readonly address: string | undefined;
}

export function openBridgeClient(options: BridgeClientOptions): OpenBridgeClient {
  const provider = openProvider(options);
  const wallet = options.privateKey && new Wallet(`0x${Buffer.from(options.privateKey).toString("hex")}`);
  const contract = Bridge.at(getAddress(options.contract), provider);
  const sender = () => {
    if (wallet === undefined) throw new Error("no key to send with");
    return wallet.address;
  };
  const stateAt = async (block: number | "latest"): Promise<BridgeState> => {
    const at = { blockTag: block };
    const [head, status, valset] = await Promise.all([contract.head(at), contract.status(at), contract.valsetHash(at)]);
    const { seq, toHeight, valsetNonce } = head;
    return { seq, toHeight: Number(toHeight), valsetNonce, valsetHash: valset, frozen: status.frozen };
  };
  async function state(block: "latest"): Promise<BridgeState>;
  async function state(block: number): Promise<BridgeState | undefined>;
  async function state(block: number | "latest"): Promise<BridgeState | undefined> {
    if (block === "latest") return stateAt(block);
    if (block < 0) return undefined;
    try {
      return await stateAt(block);
    } catch (error) {
      // Ethers' word for an answer of no bytes: there was no contract at that block.
      if (isError(error, "BAD_DATA")) return undefined;
      throw error;
    }
  }
  return {
    address: wallet?.address,
    state,
    chainId: async () => BigInt(await provider.send("eth_chainId", [])),
    blockNumber: () => provider.getBlockNumber(),
    anchorHash: (seq) => contract.anchorHash(seq),
    async fees() {
      const [block, fees] = await Promise.all([provider.getBlock("latest"), provider.getFeeData()]);
      return { baseFee: block?.baseFeePerGas ?? 0n, tip: fees.maxPriorityFeePerGas ?? GWEI };
    },
    nonce: () => provider.getTransactionCount(sender(), "latest"),
    balance: () => provider.getBalance(sender()),
    async preflight(data) {
      try {
        // Upon what waits: another relayer may have sent the same a moment ago.
        const call = { from: sender(), to: options.contract, data };
        const gas = BigInt(await provider.send("eth_estimateGas", [call, "pending"]));
        return { gas };
      } catch (error) {
        const name = revertName(error);
        if (name !== undefined) return { refused: name };
        throw error;
      }
    },
    async send({ data, nonce, gasLimit, maxFeePerGas, tip }) {
      if (wallet === undefined) throw new Error("no key to send with");
      // Never what the node says: a transaction for another chain could be taken there, and paid for.
      const { chainId } = options;
      const fees = { maxFeePerGas, maxPriorityFeePerGas: tip };
      const raw = await wallet.signTransaction({
        type: 2,
        chainId,
        to: options.contract,
        data,
        nonce,
        gasLimit,
        ...fees,
      });
      try {
        const hash: string = await provider.send("eth_sendRawTransaction", [raw]);
        return { hash };
      } catch (error) {
        const refused = refusalOf(error);
        if (refused !== undefined) return { refused };
        throw error;
      }
    },
    [Symbol.dispose]: () => provider.destroy(),
  };
}

/**
 * As every other part of the program asks (`evmNode`), but without asking anything now: the node may be away, and come back. Nothing is tried
 * again behind the caller's back.
 */
export function openProvider(options: EvmNodeOptions & { readonly chainId: bigint }): JsonRpcProvider {
  const { chainId, ...node } = options;
  return evmProvider(evmNode({ ...node, maxAttempts: 1 }), chainId);
}

/** The contract's own error, or `reverted`; undefined for what is no revert. */
function revertName(error: unknown): string | undefined {
  const data = dataOf(error);
  if (data !== undefined) return Bridge.interface.parseError(data)?.name ?? "reverted";
  // Ethers takes every refusal of a trial for a revert: what the node itself has said decides.
  const said = (
    error as { readonly info?: { readonly error?: { readonly code?: unknown; readonly message?: unknown } } }
  )?.info?.error;
  if (typeof said?.message === "string")
    return said.code === EXECUTION_REVERTED || /revert/i.test(said.message) ? "reverted" : undefined;
  return isCallException(error) ? "reverted" : undefined;
}

/** Where nodes put the bytes of a revert. */
function dataOf(error: unknown): string | undefined {
  const {
    error: inner,
    data,
    info,
  } = (error ?? {}) as {
    readonly error?: unknown;
    readonly data?: unknown;
    readonly info?: { readonly error?: unknown };
  };
  if (typeof data === "string" && data.startsWith("0x") && data.length >= 10) return data;
  const deeper = inner ?? info?.error;
  return deeper === undefined ? undefined : dataOf(deeper);
}

function refusalOf(error: unknown): SendRefusal | undefined {
  const text = textOf(error);
  if (/underpriced|fee too low/i.test(text)) return "underpriced";
  if (/already (known|imported)|known transaction/i.test(text)) return "known";
  if (/nonce (is )?too low|nonce has already/i.test(text)) return "nonceUsed";
  if (/insufficient funds/i.test(text)) return "noFunds";
  return undefined;
}

function textOf(error: unknown): string {
  const {
    message,
    error: inner,
    info,
  } = (error ?? {}) as {
    readonly message?: unknown;
    readonly error?: { readonly message?: unknown };
    readonly info?: { readonly error?: { readonly message?: unknown } };
  };
  return [message, inner?.message, info?.error?.message].filter((text) => typeof text === "string").join(" ");
}

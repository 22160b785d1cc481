import { setTimeout as sleep } from "node:timers/promises";
import {
  type ContractTransaction,
  type Interface,
  type JsonRpcProvider,
  keccak256,
  type TransactionReceipt,
  Transaction as UnsignedTransaction,
  type Wallet,
} from "ethers";
import { EvmError } from "./evmError.ts";
import { answerFalse, askingEvm } from "./evmErrors.ts";

export interface SendOptions {
  /** Of the contracts whose errors may come back. */
  readonly interfaces: readonly Interface[];
  /** Wei a unit of gas that are paid at most: whatever the node says, it cannot make an account burn its money. */
  readonly maxFeePerGasWei?: bigint;
  /** Only what it would do and cost. */
  readonly dryRun?: boolean;
  /** Longest wait for the receipt. */
  readonly receiptTimeoutMs?: number;
  readonly pollingMs?: number;
  readonly signal?: AbortSignal;
}

/** What is to be done: a call of the contract at `to`, or, without it, the creation of one. */
export interface Transaction extends Pick<ContractTransaction, "data"> {
  readonly to?: string;
  readonly value?: bigint;
}

/** What a transaction costs at most, before it is sent. */
export interface Estimate {
  readonly from: string;
  /** Undefined: it creates a contract. */
  readonly to: string | undefined;
  readonly valueWei: bigint;
  readonly gasLimit: bigint;
  readonly feePerGasWei: bigint;
  readonly maxCostWei: bigint;
}

/** Tried, estimated and signed, so that its hash is known before it is sent. */
export interface SignedTransaction {
  readonly estimate: Estimate;
  readonly nonce: number;
  /** As it is sent, 0x and hex. */
  readonly raw: string;
  readonly txHash: string;
}

/** A transaction that is in a block and took effect. */
export interface SentTransaction {
  readonly txHash: string;
  readonly blockNumber: number;
  readonly gasUsed: bigint;
  /** Gas times its price: what it cost beside `valueWei`. */
  readonly feeWei: bigint;
  readonly valueWei: bigint;
  readonly logs: TransactionReceipt["logs"];
}

/** 500 gwei: Ethereum's fees have been above that for hours in ten years. */
export const DEFAULT_MAX_FEE_PER_GAS_WEI = 500_000_000_000n;

/** Of one transaction, by EIP-7825. */
const MAX_TX_GAS = 2n ** 24n;

const DEFAULT_RECEIPT_TIMEOUT_MS = 180_000;
const DEFAULT_POLLING_MS = 500;

/**
 * Sends a transaction and waits until it is in a block. In order, with the code of each: a) it is tried without being sent: EVM_REVERTED; b) its
 * gas: EVM_GAS_TOO_HIGH; c) the price of gas: EVM_FEE_TOO_HIGH; d) the account has value and fee: EVM_FUNDS_TOO_LOW; e) it is signed and sent: EVM_REFUSED;
 * f) its receipt: EVM_RECEIPT_TIMEOUT; that it is of this transaction: EVM_ANSWER_FALSE; that it took effect: EVM_TX_FAILED.
 */
export async function sendTransaction(
  wallet: Wallet,
  transaction: Transaction,
  options: SendOptions,
): Promise<{ readonly estimate: Estimate; readonly sent: SentTransaction | undefined }> {
  const provider = wallet.provider as JsonRpcProvider;
  return askingEvm(options.interfaces, async () => {
    const estimate = await estimateOf(wallet, provider, transaction, options);
    if (options.dryRun === true) return { estimate, sent: undefined };
    const nonce = await provider.getTransactionCount(wallet.address, "pending");
    const signed = await sign(wallet, provider, transaction, estimate, nonce);
    await provider.broadcastTransaction(signed.raw);
    return { estimate, sent: await sentOf(provider, signed, options) };
  });
}

/** Steps a) to d) of `sendTransaction` and the signature, for whoever notes the hash before it sends. */
export async function signTransaction(
  wallet: Wallet,
  transaction: Transaction,
  nonce: number,
  options: SendOptions,
): Promise<SignedTransaction> {
  const provider = wallet.provider as JsonRpcProvider;
  return askingEvm(options.interfaces, async () => {
    const estimate = await estimateOf(wallet, provider, transaction, options);
    return sign(wallet, provider, transaction, estimate, nonce);
  });
}

/** Steps a) to d) of `sendTransaction` for a wallet that is elsewhere: what it has to sign. */
export async function composeTransaction(
  provider: JsonRpcProvider,
  from: string,
  transaction: Transaction,
  options: SendOptions,
): Promise<{ readonly estimate: Estimate; readonly unsigned: UnsignedTransaction }> {
  return askingEvm(options.interfaces, async () => {
    const estimate = await estimateOf({ address: from }, provider, transaction, options);
    const nonce = await provider.getTransactionCount(from, "pending");
    const fields = await fieldsOf(provider, transaction, estimate, nonce);
    return { estimate, unsigned: UnsignedTransaction.from(fields) };
  });
}

/** Step f) of `sendTransaction`. */
export async function awaitTransaction(
  provider: JsonRpcProvider,
  signed: Pick<SignedTransaction, "txHash" | "estimate">,
  options: SendOptions,
): Promise<SentTransaction> {
  return askingEvm(options.interfaces, () => sentOf(provider, signed, options));
}

async function sign(
  wallet: Wallet,
  provider: JsonRpcProvider,
  transaction: Transaction,
  estimate: Estimate,
  nonce: number,
): Promise<SignedTransaction> {
  const raw = await wallet.signTransaction(await fieldsOf(provider, transaction, estimate, nonce));
  return { estimate, nonce, raw, txHash: keccak256(raw) };
}

async function fieldsOf(provider: JsonRpcProvider, { to, data }: Transaction, estimate: Estimate, nonce: number) {
  const { chainId } = await provider.getNetwork();
  const fees = await provider.getFeeData();
  const priority = fees.maxPriorityFeePerGas ?? 0n;
  const { feePerGasWei: maxFeePerGas, gasLimit, valueWei: value } = estimate;
  const maxPriorityFeePerGas = priority < maxFeePerGas ? priority : maxFeePerGas;
  return { type: 2, chainId, nonce, to: to ?? null, data, value, gasLimit, maxFeePerGas, maxPriorityFeePerGas };
}

async function sentOf(
  provider: JsonRpcProvider,
  { txHash, estimate }: Pick<SignedTransaction, "txHash" | "estimate">,
  options: SendOptions,
): Promise<SentTransaction> {
  const receipt = await receiptOf(provider, txHash, options);
  checkReceipt(receipt, txHash, estimate);
  const { blockNumber, gasUsed, logs, fee: feeWei } = receipt;
  return { txHash, blockNumber, gasUsed, feeWei, valueWei: estimate.valueWei, logs };
}

async function estimateOf(
  { address: from }: Pick<Wallet, "address">,
  provider: JsonRpcProvider,
  { to, data, value }: Transaction,
  { maxFeePerGasWei: maxWei = DEFAULT_MAX_FEE_PER_GAS_WEI }: SendOptions,
): Promise<Estimate> {
  const valueWei = value ?? 0n;
  const call = { from, to: to ?? null, data, value: valueWei };
  await provider.call(call);
  const gas = await provider.estimateGas(call);
  // The chain moves on until it is in a block: a slot that was written before may be a new one then.
  const gasLimit = (gas * 12n) / 10n;
  if (gasLimit > MAX_TX_GAS) {
    const hint = "no transaction may take that much: do less at once, or ask another Ethereum node";
    throw new EvmError({ code: "EVM_GAS_TOO_HIGH", gas: gasLimit, maxGas: MAX_TX_GAS, hint });
  }
  const { maxFeePerGas, gasPrice } = await provider.getFeeData();
  const feePerGasWei = maxFeePerGas ?? gasPrice ?? 0n;
  if (feePerGasWei > maxWei) {
    const hint =
      "wait until gas is cheaper, or allow it with --max-fee; if others see other prices, this node is not to be trusted";
    throw new EvmError({ code: "EVM_FEE_TOO_HIGH", feePerGasWei, maxWei, hint });
  }
  const maxCostWei = valueWei + gasLimit * feePerGasWei;
  const balanceWei = await provider.getBalance(from);
  if (balanceWei < maxCostWei) {
    const hint = "send ether to this address, or name another key with --key";
    throw new EvmError({ code: "EVM_FUNDS_TOO_LOW", address: from, balanceWei, neededWei: maxCostWei, hint });
  }
  return { from, to, valueWei, gasLimit, feePerGasWei, maxCostWei };
}

/** A node that vanishes meanwhile may come back: what was sent is not known to be lost. */
async function receiptOf(
  provider: JsonRpcProvider,
  txHash: string,
  options: Omit<SendOptions, "interfaces">,
): Promise<TransactionReceipt> {
  const { receiptTimeoutMs = DEFAULT_RECEIPT_TIMEOUT_MS, pollingMs = DEFAULT_POLLING_MS, signal } = options;
  const endMs = performance.now() + receiptTimeoutMs;
  while (performance.now() < endMs) {
    const receipt = await provider.getTransactionReceipt(txHash).catch(() => null);
    if (receipt !== null) return receipt;
    await sleep(pollingMs, undefined, signal === undefined ? {} : { signal });
  }
  const hint = "it may still take effect: look it up by its hash before you send anything again";
  const seconds = Math.round(receiptTimeoutMs / 1000);
  throw new EvmError({ code: "EVM_RECEIPT_TIMEOUT", txHash, seconds, hint });
}

function checkReceipt(
  receipt: TransactionReceipt,
  hash: string,
  { from, to, gasLimit }: Pick<Estimate, "from" | "to" | "gasLimit">,
): void {
  if (receipt.hash !== hash || receipt.from !== from || receipt.to !== (to ?? null))
    throw answerFalse("the receipt is of another transaction");
  if (receipt.gasUsed > gasLimit) throw answerFalse("the receipt says more gas than was allowed");
  if (receipt.status === 1) return;
  const hint = "something else changed the contract's state just before: run the command again to see what it says now";
  throw new EvmError({ code: "EVM_TX_FAILED", txHash: hash, hint });
}

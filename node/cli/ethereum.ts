import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { ContractTransaction, Interface, Wallet } from "ethers";
import { connectEvm, type EvmConnection } from "#bridge/evm/connectEvm.ts";
import {
  addressOfContract,
  type ContractsFile,
  decodeContractsFile,
  MAX_CONTRACTS_FILE_CHARS,
} from "#bridge/evm/contractsFile.ts";
import { requireCode } from "#bridge/evm/evmErrors.ts";
import { ethereumAddressOf, walletOf } from "#bridge/evm/keys.ts";
import { type Estimate, type SentTransaction, sendTransaction } from "#bridge/evm/sendTransaction.ts";
import { cliError } from "./cliError.ts";
import type { CommandContext } from "./context.ts";
import { loadKey, showKey } from "./keyStore.ts";
import { formatMoney, parseMoney } from "./money.ts";
import { facts, show } from "./output.ts";
import { readPassphrase } from "./passphrase.ts";
import { signingAccount } from "./submit.ts";

/** Flags of every command that asks an Ethereum node. */
export interface ChainFlags {
  readonly ethereum?: string;
  readonly contracts?: string;
}

/** Flags of every command that sends a transaction to Ethereum. */
export interface SendFlags extends ChainFlags {
  readonly key?: string;
  readonly maxFee?: string;
  readonly dryRun?: boolean;
}

export function withContractsFlag(command: Command): Command {
  return command.option("--contracts <file>", "addresses of the contracts (default: contracts.json in the home)");
}

export function withChainFlags(command: Command): Command {
  return withContractsFlag(command).option(
    "--ethereum <url>",
    "JSON-RPC of an Ethereum node (default: ethereumUrl of the home)",
  );
}

export function withSendFlags(command: Command): Command {
  return withChainFlags(command)
    .option("--key <name>", "key that signs and pays (default: the one that init made for it, or the only one)")
    .option("--max-fee <amount>", "pay at most this for a unit of gas, for example 50gwei (default: 500gwei)")
    .option("--dry-run", "only show what it would do and cost");
}

/** @throws CliError CONTRACTS_FILE_UNREADABLE, EvmError EVM_CONTRACTS_MALFORMED */
export function contractsOf({ options }: Pick<CommandContext, "options">, { contracts }: ChainFlags): ContractsFile {
  const path =
    contracts ?? (options.contractsFile === "" ? join(options.home, "contracts.json") : options.contractsFile);
  let text: string;
  try {
    text = readFileSync(path, "utf8").slice(0, MAX_CONTRACTS_FILE_CHARS + 1);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    const hint = "name the file that came with the ledger's contracts with --contracts, or copy it into the home";
    throw cliError("usage", "CONTRACTS_FILE_UNREADABLE", `cannot read ${path} (${reason})`, hint);
  }
  return decodeContractsFile(text);
}

/** @throws CliError ETHEREUM_URL_MISSING */
export function ethereumUrlOf({ options }: Pick<CommandContext, "options">, { ethereum }: ChainFlags): string {
  const url = ethereum ?? options.ethereumUrl;
  if (url !== "") return url;
  const hint = "give one with --ethereum http://127.0.0.1:8545, or as ethereumUrl in config.json";
  throw cliError("usage", "ETHEREUM_URL_MISSING", "no Ethereum node is named", hint);
}

/** An Ethereum node and one contract on it. */
export interface EthereumContract extends Disposable {
  readonly connection: EvmConnection;
  readonly file: ContractsFile;
  readonly address: string;
}

/**
 * Connects, and makes sure that it is the chain of the contracts file and that the contract is there.
 * @throws CliError ETHEREUM_URL_MISSING, CONTRACTS_FILE_UNREADABLE, EvmError
 */
export async function openContract(
  context: CommandContext,
  flags: ChainFlags,
  name: string,
): Promise<EthereumContract> {
  const file = contractsOf(context, flags);
  const url = ethereumUrlOf(context, flags);
  return openContractAt({ url, file, name, fetch: context.io.fetch });
}

/** @throws EvmError */
export async function openContractAt(where: {
  readonly url: string;
  readonly file: ContractsFile;
  readonly name: string;
  readonly fetch: typeof fetch;
}): Promise<EthereumContract> {
  const { url, file, name } = where;
  const address = addressOfContract(file, name);
  const connection = await connectEvm({ url, chainId: file.chainId, fetch: where.fetch });
  try {
    await requireCode(connection.provider, name, address);
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
  return { connection, file, address, [Symbol.dispose]: () => connection[Symbol.dispose]() };
}

/** The address of the key that a command acts with; no passphrase is needed. @throws CliError KEY_MISSING …, EvmError EVM_KEY_TYPE */
export function ownAddress(context: CommandContext, key: string | undefined): string {
  return ethereumAddressOf(showKey(context.paths.keys, signingAccount(context, key).name).publicKey);
}

/** The key itself, opened. @throws CliError KEY_MISSING, KEY_PASSPHRASE_WRONG …, EvmError EVM_KEY_TYPE */
export async function ownWallet(
  context: CommandContext,
  key: string | undefined,
  connection?: EvmConnection,
): Promise<Wallet> {
  const { name } = signingAccount(context, key);
  // Refused before the passphrase is asked for.
  ethereumAddressOf(showKey(context.paths.keys, name).publicKey);
  const passphrase = await readPassphrase(context.io, context.options.passphraseFile);
  return walletOf(await loadKey(context.paths.keys, name, passphrase), connection?.provider ?? null);
}

type Pairs = readonly (readonly [name: string, value: string | undefined])[];

/** Sends a transaction and shows what it did and cost; `outcome` adds what its events say. */
export async function sendAndShow(
  context: CommandContext,
  flags: SendFlags,
  { connection }: Pick<EthereumContract, "connection">,
  work: {
    readonly transaction: ContractTransaction;
    readonly interfaces: readonly Interface[];
    readonly outcome: (sent: SentTransaction) => { readonly json: object; readonly text: Pairs };
  },
): Promise<void> {
  const wallet = await ownWallet(context, flags.key, connection);
  const { estimate, sent } = await sendTransaction(wallet, work.transaction, {
    interfaces: work.interfaces,
    dryRun: flags.dryRun === true,
    pollingMs: 200,
    ...(flags.maxFee === undefined ? {} : { maxFeePerGasWei: parseMoney(flags.maxFee) }),
  });
  const { io, json } = context;
  if (sent === undefined) {
    show(io, json, { dryRun: true, ...estimateJson(estimate) }, () => facts(estimateText(estimate)));
    return;
  }
  const { txHash, blockNumber, gasUsed, feeWei, valueWei } = sent;
  const { json: said, text } = work.outcome(sent);
  const view = { ...said, txHash, blockNumber, gasUsed: `${gasUsed}`, feeWei: `${feeWei}`, valueWei: `${valueWei}` };
  show(io, json, view, () =>
    facts([
      ...text,
      ["transaction", txHash],
      ["block", blockNumber],
      ["gas", `${gasUsed}, ${formatMoney(feeWei)}`],
      ["ether sent along", valueWei === 0n ? undefined : formatMoney(valueWei)],
    ]),
  );
}

function estimateJson({ from, to, valueWei, gasLimit, feePerGasWei, maxCostWei }: Estimate) {
  const decimals = { valueWei: `${valueWei}`, gasLimit: `${gasLimit}`, feePerGasWei: `${feePerGasWei}` };
  return { from, to, ...decimals, maxCostWei: `${maxCostWei}` };
}

function estimateText({ from, to, valueWei, gasLimit, feePerGasWei, maxCostWei }: Estimate): Pairs {
  return [
    ["dry run", "it would succeed; nothing was sent"],
    ["from", from],
    ["contract", to],
    ["ether sent along", formatMoney(valueWei)],
    ["gas at most", `${gasLimit} at ${formatMoney(feePerGasWei)}`],
    ["costs at most", formatMoney(maxCostWei)],
  ];
}

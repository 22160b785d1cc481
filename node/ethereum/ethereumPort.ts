import { getAddress, type Interface, isAddress, type Log, Transaction, type Wallet } from "ethers";
import { askingEvm } from "#bridge/evm/evmErrors.ts";
import {
  awaitTransaction,
  composeTransaction,
  type SentTransaction,
  sendTransaction,
} from "#bridge/evm/sendTransaction.ts";
import { cliError } from "../cli/cliError.ts";
import { contractsOf } from "../cli/ethereum.ts";
import type { NodeOptions } from "../options.ts";
import type { EthereumAction, EthereumQuery } from "./action.ts";
import { openActionContext } from "./actionContext.ts";
import type { EthereumGroup } from "./group.ts";
import { ETHEREUM_GROUPS } from "./groups.ts";
import type { Params, Texts } from "./param.ts";

/** The ledger as the node itself answers it: GET below /ledger/v1. */
export type LedgerGet = <T>(path: string) => Promise<T>;

/** What the REST API does with contracts on Ethereum. Names that are not there answer undefined. */
export interface EthereumPort {
  /** Every group, action and query with its parameters. */
  readonly catalogue: () => Promise<object>;
  readonly ask: (group: string, query: string, texts: Texts, ledger: LedgerGet) => Promise<object | undefined>;
  /** The transaction of an action, tried and unsigned, for the wallet of `from`. */
  readonly prepare: (group: string, action: string, request: ActionRequest) => Promise<object | undefined>;
  /** The same, signed by the node's own key and sent; its outcome. */
  readonly send: (group: string, action: string, request: ActionRequest) => Promise<object | undefined>;
  /** Sends what a wallet has signed to one of the contracts; what happened, by its events. */
  readonly submit: (signed: string) => Promise<object>;
  /** Whether the node has a key of its own for `send`. */
  readonly canSend: boolean;
}

export interface ActionRequest {
  readonly texts: Texts;
  readonly from?: string | undefined;
  readonly ledger: LedgerGet;
}

const GWEI = 1_000_000_000n;

/** A request may not hang for as long as a block takes on a slow chain. */
const RECEIPT_TIMEOUT_MS = 60_000;

type PortOptions = Pick<NodeOptions, "home" | "ethereumUrl" | "contractsFile" | "relayMaxFeeGwei">;

export function ethereumPort(
  options: PortOptions,
  parts: { readonly nowMs: () => number; readonly fetch: typeof fetch; readonly wallet: Wallet | undefined },
): EthereumPort {
  const { wallet } = parts;
  const maxFeePerGasWei = BigInt(options.relayMaxFeeGwei) * GWEI;
  const file = () => contractsOf({ options: options as NodeOptions }, {});
  const open = ({ contract }: Pick<EthereumAction, "contract">, ledger: LedgerGet) => {
    const { nowMs, fetch } = parts;
    const at = { ethereumUrl: options.ethereumUrl, file: file(), contract: contract.name };
    return openActionContext({ ...at, fetch, nowMs, ledger, waitMs: 0 });
  };
  /** One after another: two at once would take one nonce. */
  let sending: Promise<unknown> = Promise.resolve();

  return {
    canSend: wallet !== undefined,
    async catalogue() {
      const groups = await Promise.all(Object.values(ETHEREUM_GROUPS).map((load) => load()));
      return { sends: wallet !== undefined, address: wallet?.address ?? null, groups: groups.map(groupJson) };
    },
    async ask(groupName, name, texts, ledger) {
      const found = await queryOf(groupName, name);
      if (found === undefined) return undefined;
      using context = await open(found, ledger);
      return (await found.ask(context, texts)).answer;
    },
    async prepare(groupName, name, { texts, from: given, ledger }) {
      const found = await actionOf(groupName, name);
      if (found === undefined) return undefined;
      const from = addressOf(given);
      using context = await open(found, ledger);
      const { transaction } = await found.prepare({ ...context, from }, texts);
      const { interfaces } = found;
      const { provider } = context.connection;
      const { estimate, unsigned } = await composeTransaction(provider, from, transaction, {
        interfaces,
        maxFeePerGasWei,
      });
      const { chainId, nonce, to, data, maxFeePerGas, maxPriorityFeePerGas } = unsigned;
      return {
        ...{ chainId: `${chainId}`, from, to, nonce, data, valueWei: `${estimate.valueWei}` },
        ...{ gasLimit: `${estimate.gasLimit}`, maxFeePerGasWei: `${maxFeePerGas}` },
        ...{ maxPriorityFeePerGasWei: `${maxPriorityFeePerGas}`, maxCostWei: `${estimate.maxCostWei}` },
        unsigned: unsigned.unsignedSerialized,
      };
    },
    async send(groupName, name, { texts, ledger }) {
      const found = await actionOf(groupName, name);
      if (found === undefined || wallet === undefined) return undefined;
      const act = async () => {
        using context = await open(found, ledger);
        const { provider } = context.connection;
        const { transaction, outcome } = await found.prepare({ ...context, from: wallet.address }, texts);
        const { sent } = await sendTransaction(wallet.connect(provider), transaction, {
          ...{ interfaces: found.interfaces, maxFeePerGasWei, receiptTimeoutMs: RECEIPT_TIMEOUT_MS },
        });
        if (sent === undefined) throw new Error("it was no dry run");
        return { ...outcome(sent).json, ...sentJson(sent) };
      };
      const result = sending.then(act, act);
      sending = result.catch(() => undefined);
      return result;
    },
    async submit(signed) {
      const transaction = signedTransaction(signed);
      const contracts = file();
      const name = Object.entries(contracts.contracts).find(([, address]) => address === transaction.to)?.[0];
      if (transaction.chainId !== contracts.chainId || name === undefined) {
        const hint = "sign for the chain and the contracts that contracts.json names";
        throw cliError(
          "usage",
          "TRANSACTION_ELSEWHERE",
          "the transaction is not for one of this ledger's contracts",
          hint,
        );
      }
      const interfaces = await allInterfaces();
      using context = await open({ contract: { name, interface: interfaces[0] as Interface } }, noLedger);
      const { provider } = context.connection;
      const { from, to, value: valueWei, gasLimit } = transaction;
      const { hash: txHash } = await askingEvm(interfaces, () => provider.broadcastTransaction(signed));
      const estimate = { from: from as string, to: to as string, valueWei, gasLimit, feePerGasWei: 0n, maxCostWei: 0n };
      const how = { interfaces, receiptTimeoutMs: RECEIPT_TIMEOUT_MS };
      const sent = await awaitTransaction(provider, { txHash, estimate }, how);
      return { ...sentJson(sent), events: eventsOf(sent.logs, interfaces) };
    },
  };
}

async function groupOf(name: string): Promise<EthereumGroup | undefined> {
  return Object.hasOwn(ETHEREUM_GROUPS, name) ? ETHEREUM_GROUPS[name]?.() : undefined;
}

async function actionOf(group: string, name: string): Promise<EthereumAction | undefined> {
  return (await groupOf(group))?.actions.find((action) => action.name === name);
}

async function queryOf(group: string, name: string): Promise<EthereumQuery | undefined> {
  return (await groupOf(group))?.queries.find((query) => query.name === name);
}

async function allInterfaces(): Promise<readonly Interface[]> {
  const groups = await Promise.all(Object.values(ETHEREUM_GROUPS).map((load) => load()));
  return [...new Set(groups.flatMap(({ actions }) => actions.flatMap(({ interfaces }) => interfaces)))];
}

/** A signed transaction needs nothing of the ledger. */
const noLedger: LedgerGet = async () => {
  throw new Error("nothing is asked of the ledger here");
};

function groupJson({ name, about, actions, queries }: EthereumGroup) {
  const described = (each: { name: string; about: string; params: Params; contract: { name: string } }) => ({
    ...{ name: each.name, about: each.about, contract: each.contract.name },
    parameters: Object.entries(each.params).map(([param, { about: what, isOptional, kind, value }]) => ({
      ...{ name: param, about: what, value, kind, optional: isOptional },
    })),
  });
  return { name, about, actions: actions.map(described), queries: queries.map(described) };
}

function sentJson({ txHash, blockNumber, gasUsed, feeWei, valueWei }: SentTransaction) {
  return { txHash, blockNumber, gasUsed: `${gasUsed}`, feeWei: `${feeWei}`, valueWei: `${valueWei}` };
}

function eventsOf(logs: readonly Pick<Log, "topics" | "data" | "address">[], interfaces: readonly Interface[]) {
  return logs.flatMap((log) => {
    const parsed = interfaces.map((each) => each.parseLog(log)).find((found) => found !== null);
    if (parsed === undefined || parsed === null) return [];
    const args = parsed.fragment.inputs.map(({ name }, i) => [name, String(parsed.args[i])]);
    return [{ contract: log.address, event: parsed.name, args: Object.fromEntries(args) as object }];
  });
}

function addressOf(text: string | undefined): string {
  if (text !== undefined && isAddress(text) && text.startsWith("0x")) return getAddress(text);
  throw cliError(
    "usage",
    "ADDRESS_MALFORMED",
    "from is no Ethereum address",
    "say who will sign: from, 0x and 40 hex digits",
  );
}

function signedTransaction(signed: string): Transaction {
  let transaction: Transaction;
  try {
    transaction = Transaction.from(signed);
  } catch {
    throw notSigned();
  }
  if (transaction.from === null || transaction.to === null) throw notSigned();
  return transaction;
}

function notSigned() {
  return cliError(
    "usage",
    "TRANSACTION_UNREADABLE",
    "it is no signed transaction to a contract",
    "send its bytes as 0x and hex",
  );
}

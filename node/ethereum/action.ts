import type { BaseContract, ContractTransaction, Interface } from "ethers";
import type { EvmConnection } from "#bridge/evm/connectEvm.ts";
import type { ContractsFile } from "#bridge/evm/contractsFile.ts";
import { askingEvm } from "#bridge/evm/evmErrors.ts";
import type { SentTransaction } from "#bridge/evm/sendTransaction.ts";
import type { ContractType } from "#contracts/contractType.ts";
import type { CommandContext } from "../cli/context.ts";
import { type Params, readValues, type Texts, type Values } from "./param.ts";

/** What an action or a query may ask. */
export interface ActionContext {
  readonly connection: EvmConnection;
  readonly file: ContractsFile;
  /** The deployed contract, at its address in contracts.json. @throws EvmError EVM_CONTRACT_ABSENT */
  readonly at: <C extends BaseContract, A extends readonly unknown[], E>(type: ContractType<C, A, E>) => C;
  /** GET of the ledger's REST API, below /ledger/v1. @throws CliError NOT_FOUND … */
  readonly ledger: <T>(path: string) => Promise<T>;
  /** The same for a proof of the bridge, once an anchor has its block: waits for that as long as it may. @throws CliError PROOF_NOT_ANCHORED */
  readonly proof: <T>(path: string) => Promise<T>;
  readonly nowMs: () => number;
}

export interface SenderContext extends ActionContext {
  /** Who will sign: 0x and hex. */
  readonly from: string;
}

/** Names and values for people; undefined ones are left out. */
export type Pairs = readonly (readonly [name: string, value: string | undefined])[];

/** What happened, by the transaction's events: for programs, and for people. */
export interface Outcome {
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: Pairs;
}

interface Described<P extends Params> {
  /** As it is written in a command and a path: kebab-case. */
  readonly name: string;
  readonly about: string;
  /** Arguments and flags of a command that works, without program, group and name. */
  readonly example: string;
  readonly params: P;
  /** Parameters that a command takes by their place. */
  readonly places?: readonly (keyof P & string)[];
  /** Whose code must be there: its name in contracts.json. */
  readonly contract: { readonly name: string; readonly interface: Interface };
  /** Of others whose errors may come back: the bridge's, a reader's. */
  readonly others?: readonly { readonly interface: Interface }[];
}

/** What a command does in its home before the transaction is made, with keys and files that never leave it. */
export interface HomePart {
  /** Flags of the command alone, as commander writes them: what no request may say. */
  readonly flags?: readonly (readonly [flag: string, about: string])[];
  /** The values of parameters that are made at home and were not given. @throws CliError, EvmError */
  readonly texts: (
    home: CommandContext,
    context: SenderContext,
    given: { readonly texts: Texts; readonly flags: Readonly<Record<string, unknown>> },
  ) => Promise<Texts>;
}

/** A transaction that somebody sends to a contract. */
export interface ActionDefinition<P extends Params> extends Described<P> {
  readonly prepare: (context: SenderContext, values: Values<P>) => Promise<ContractTransaction>;
  readonly outcome: (sent: Pick<SentTransaction, "logs">, values: Values<P>) => Outcome;
  /** It needs a proof under an anchor, for which a command can wait. */
  readonly isProved?: boolean;
  readonly atHome?: HomePart;
}

/** What can be asked of contracts and ledger without a key. */
export interface QueryDefinition<P extends Params> extends Described<P> {
  readonly ask: (context: ActionContext, values: Values<P>) => Promise<QueryAnswer>;
}

export interface QueryAnswer {
  readonly answer: Readonly<Record<string, unknown>>;
  /** The same for people. */
  readonly text: string;
}

export interface EthereumAction extends Omit<ActionDefinition<Params>, "prepare" | "outcome" | "others"> {
  readonly interfaces: readonly Interface[];
  /** @throws CliError for texts that are none, EvmError */
  readonly prepare: (
    context: SenderContext,
    texts: Texts,
  ) => Promise<{
    readonly transaction: ContractTransaction;
    readonly outcome: (sent: Pick<SentTransaction, "logs">) => Outcome;
  }>;
}

export interface EthereumQuery extends Omit<QueryDefinition<Params>, "ask" | "others"> {
  readonly interfaces: readonly Interface[];
  /** @throws CliError, EvmError */
  readonly ask: (context: ActionContext, texts: Texts) => Promise<QueryAnswer>;
}

const interfacesOf = ({ contract, others = [] }: Pick<Described<Params>, "contract" | "others">) =>
  [contract, ...others].map((each) => each.interface);

/** One definition for command and route. */
export function action<P extends Params>(definition: ActionDefinition<P>): EthereumAction {
  const { prepare, outcome, others: _others, ...described } = definition;
  const interfaces = interfacesOf(definition);
  return {
    ...described,
    interfaces,
    async prepare(context, texts) {
      const values = readValues(definition.params, texts);
      const transaction = await askingEvm(interfaces, () => prepare(context, values));
      return { transaction, outcome: (sent) => outcome(sent, values) };
    },
  };
}

/** One definition for command and route. */
export function query<P extends Params>(definition: QueryDefinition<P>): EthereumQuery {
  const { ask, others: _others, ...described } = definition;
  const interfaces = interfacesOf(definition);
  return {
    ...described,
    interfaces,
    async ask(context, texts) {
      const values = readValues(definition.params, texts);
      return askingEvm(interfaces, () => ask(context, values));
    },
  };
}

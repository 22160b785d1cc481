import { toBeHex } from "ethers";
import type { BaselineProof } from "#bridge/baseline.ts";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { readLogs } from "#bridge/evm/readLogs.ts";
import { Flexibility } from "#contracts/abi/Flexibility.ts";
import { cliError } from "../../cli/cliError.ts";
import type { ActionContext } from "../action.ts";

/** What was accepted, as Ethereum has it. */
export interface Accepted {
  readonly requestId: bigint;
  readonly meterId: string;
  readonly energyMwh: bigint;
  readonly aggregator: string;
  readonly prosumer: string;
  readonly reserved: bigint;
  readonly bond: bigint;
  readonly txHash: string;
}

type Where = Pick<ActionContext, "connection" | "file">;

/** Logs of the contract by an event's name and up to three indexed values, null for any. */
export function flexibilityLogs(
  { connection, file }: Where,
  event: string,
  ...indexed: readonly (bigint | string | null)[]
) {
  const topics = indexed.map((value) => (typeof value === "bigint" ? toBeHex(value, 32) : value));
  const topic = Flexibility.interface.getEvent(event)?.topicHash ?? null;
  const address = addressOfContract(file, Flexibility.name);
  return readLogs(connection.provider, { address, topics: [topic, ...topics], fromBlock: file.fromBlock });
}

/** @throws CliError POSITION_UNKNOWN */
export async function acceptedOf(where: Where, positionId: bigint): Promise<Accepted> {
  const [log] = await flexibilityLogs(where, "Accepted", positionId);
  const made = log === undefined ? undefined : Flexibility.events([log], "Accepted")[0];
  if (log === undefined || made === undefined) {
    const hint = "`flexibility positions` has those of an account";
    throw cliError("notFound", "POSITION_UNKNOWN", `nobody has accepted a contract ${positionId}`, hint);
  }
  return { ...made, txHash: log.transactionHash };
}

/**
 * The baselines that a contract was accepted with: those of the transaction that did, so that anybody can settle it. One that went through another
 * contract, such as a wallet's, says nothing: then from the file. @throws CliError BASELINE_MISSING
 */
export async function baselinesOf(
  { connection, file }: Where,
  { txHash }: Accepted,
  given: BaselineProof | undefined,
): Promise<readonly bigint[]> {
  if (given !== undefined) return given.baselinesMwh;
  const transaction = await connection.provider.getTransaction(txHash);
  if (transaction?.to === addressOfContract(file, Flexibility.name)) {
    const call = Flexibility.interface.parseTransaction(transaction);
    const made = call?.name === "accept" ? (call.args[0] as { readonly baselines: readonly bigint[] }) : undefined;
    if (made !== undefined) return [...made.baselines];
  }
  const hint = "give the meter's baseline with --baseline FILE";
  throw cliError("usage", "BASELINE_MISSING", `transaction ${txHash} does not say with which baselines`, hint);
}

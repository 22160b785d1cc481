import { getAddress } from "ethers";
import { decodeMarketEvent } from "#bridge/market.ts";
import type { TransactionView } from "../../api/transactionJson.ts";
import { CliError } from "../../cli/cliError.ts";
import type { LedgerGet } from "../ethereumPort.ts";
import { accountText } from "./advertActions.ts";

/** One thing that the market has told the ledger: the microgrid owes this energy of this output. */
export interface Duty {
  /** Number of the outbox's event. */
  readonly event: number;
  readonly kind: "return" | "transfer";
  /** Of the sale, or of the advert whose rest goes back. */
  readonly number: string;
  /** The output behind the advert: `TXID:INDEX`. */
  readonly backing: string;
  readonly energyMwh: bigint;
  /** Undefined: the meter has no owner any more. */
  readonly to: string | undefined;
  readonly meterId: string | undefined;
  /** Transaction by which the microgrid has given it; undefined: not yet. */
  readonly doneBy: string | undefined;
}

/** What is left of an output behind an advert. */
export interface Rest {
  readonly txId: string;
  readonly index: number;
  readonly amountMwh: bigint;
  readonly account: string;
}

export interface Duties {
  readonly duties: readonly Duty[];
  /** By `Duty.backing`; absent where nothing is left. */
  readonly rests: ReadonlyMap<string, Rest>;
}

/** The ledger keeps as many events. */
const MAX_EVENTS = 4096;
const MEMO = /^EnergyMarket events ([\d,]+)$/;

/** Says in the transaction itself what it is for, so that nothing is given twice by whoever looks. */
export const memoOf = (events: readonly number[]) => `EnergyMarket events ${events.join(",")}`;

/**
 * What the market at this address has told the ledger from event `from` on, by the validators' votes, and what the microgrid has done about it: each
 * transaction that spends an output behind an advert says in its memo which events it is for.
 */
export async function readDuties(ledger: LedgerGet, market: string, from: number): Promise<Duties> {
  const lane = await state<{ readonly eventNonce: string }>(ledger, "/edream/ethereum", "");
  const last = Number(lane?.eventNonce ?? 0);
  const rests = new Map<string, Rest>();
  const done = new Map<string, ReadonlyMap<number, string>>();
  const duties: Duty[] = [];
  for (let number = Math.max(from, last - MAX_EVENTS + 1); number <= last; number++) {
    const told = await toldBy(ledger, market, number);
    if (told === undefined) continue;
    let doneBy = done.get(told.backing);
    if (doneBy === undefined) {
      const followed = await follow(ledger, told.backing);
      doneBy = followed.done;
      done.set(told.backing, doneBy);
      if (followed.rest !== undefined) rests.set(told.backing, followed.rest);
    }
    duties.push({ ...told, doneBy: doneBy.get(number) });
  }
  return { duties, rests };
}

interface AppliedEvent {
  readonly event: { readonly emitter: string; readonly kind: string; readonly payload: string };
}

async function toldBy(ledger: LedgerGet, market: string, number: number): Promise<Omit<Duty, "doneBy"> | undefined> {
  const applied = await state<AppliedEvent>(ledger, "/edream/ethereum-event", `${number}`);
  if (applied === undefined || getAddress(`0x${applied.event.emitter}`) !== market) return undefined;
  const event = decodeMarketEvent(`0x${applied.event.kind}`, `0x${applied.event.payload}`);
  if (event === undefined) return undefined;
  const { energyMwh } = event;
  const common = { event: number, backing: `${event.txId.slice(2)}:${event.outputIndex}`, energyMwh };
  if (event.kind === "return")
    return {
      ...common,
      kind: "return",
      number: `${event.advertId}`,
      to: accountText(event.account),
      meterId: undefined,
    };
  const { saleId, meterId } = event;
  return { ...common, kind: "transfer", number: `${saleId}`, to: await ownerOf(ledger, meterId), meterId };
}

async function ownerOf(ledger: LedgerGet, meterId: string): Promise<string | undefined> {
  const meter = await absentIfUnknown(ledger<{ readonly owner: string }>(`/meters/${encodeURIComponent(meterId)}`));
  return meter?.owner;
}

interface OutputAnswer {
  readonly amountMwh: string;
  readonly lock: { readonly threshold: number; readonly accounts: readonly string[] };
  readonly spentBy: string | null;
}

/** From the output behind an advert through what was left of it, to the output that holds the rest now. */
async function follow(ledger: LedgerGet, backing: string) {
  const done = new Map<number, string>();
  let [txId = "", index = "0"] = backing.split(":");
  const seen = new Set<string>();
  // A node that lies could send one around in circles.
  while (!seen.has(`${txId}:${index}`)) {
    seen.add(`${txId}:${index}`);
    const output = await ledger<OutputAnswer>(`/outputs/${txId}/${index}`);
    const [account = ""] = output.lock.accounts;
    const { spentBy } = output;
    if (spentBy === null)
      return {
        done,
        rest: { txId, index: Number(index), amountMwh: BigInt(output.amountMwh), account } satisfies Rest,
      };
    const { memo, messages } = await ledger<TransactionView>(`/transactions/${spentBy}`);
    for (const number of MEMO.exec(memo)?.[1]?.split(",") ?? []) done.set(Number(number), spentBy);
    const left = outputsOf(messages).findLastIndex(
      ({ lock }) => lock.accounts.length === 1 && lock.accounts[0] === account,
    );
    if (left < 0) break;
    [txId, index] = [spentBy, `${left}`];
  }
  return { done, rest: undefined };
}

type Outputs = readonly { readonly lock: { readonly accounts: readonly string[] } }[];

/** They are numbered through all messages of a transaction. */
function outputsOf(messages: TransactionView["messages"]): Outputs {
  return messages.flatMap(({ outputs }) => (outputs ?? []) as Outputs);
}

async function state<T>(ledger: LedgerGet, path: string, data: string): Promise<T | undefined> {
  const query = new URLSearchParams({ path, data: Buffer.from(data).toString("hex") });
  const answer = await absentIfUnknown(ledger<{ readonly value: string }>(`/state?${query}`));
  return answer === undefined ? undefined : (JSON.parse(Buffer.from(answer.value, "base64").toString("utf8")) as T);
}

async function absentIfUnknown<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    const isAbsent = (each: CliError) =>
      each.code === "NOT_FOUND" || each.details.message.startsWith("QUERY_NOT_FOUND");
    if (error instanceof CliError && isAbsent(error)) return undefined;
    throw error;
  }
}

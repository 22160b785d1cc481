import { fromBinary } from "@bufbuild/protobuf";
import { type JsonRpcProvider, type Log, zeroPadValue } from "ethers";
import { CID } from "multiformats/cid";
import { addressOfPoint, type KeyBox, type Point, releaseHashOf } from "#bridge/ecies.ts";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { answerFalse, askingEvm } from "#bridge/evm/evmErrors.ts";
import { readLogs } from "#bridge/evm/readLogs.ts";
import { DataMarketplace, type DataMarketplaceEvents, type ListingOutput } from "#contracts/abi/DataMarketplace.ts";
import { MESSAGE_SCHEMAS, typeUrlOf } from "#storage/types/transactionMessages.ts";
import type { ActionContext } from "../action.ts";

export type Where = Pick<ActionContext, "connection" | "file" | "at">;

/** An archive as its MsgSealArchive says it. */
export interface SealedArchiveFacts {
  /** Of the ledger, 0x and hex; undefined where it is not known from where the message came. */
  readonly txId: string | undefined;
  /** Account of the ledger. */
  readonly sealedBy: string;
  readonly meterId: string;
  /** (fromMs, untilMs] */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly version: number;
  readonly cid: string;
  readonly fileBytes: number;
  readonly readingCount: number;
  /** SHA-256, 0x and hex. */
  readonly fileHash: string;
}

/** What a listing is, by the contract and by the transaction that made it. */
export interface DataListing {
  readonly id: bigint;
  readonly state: ListingOutput;
  readonly phase: ListingPhase;
  readonly cid: string | undefined;
  /** Undefined where the listing was not made by a plain call of `list`. */
  readonly archive: SealedArchiveFacts | undefined;
}

/** Where a sale is; those of the contract are told apart by its time. */
export type ListingPhase = keyof typeof LISTING_PHASES;

/** What each means, and what comes next. */
export const LISTING_PHASES = {
  offers: {
    is: "takes offers",
    next: "fetch the file and compare it (`archive verify --sealed-only`), then `data offer`",
  },
  withoutOffers: { is: "over, without offers", next: "anybody: `data end`" },
  awaitsKey: { is: "sold, waits for the key", next: "the seller: `data release`" },
  keyOverdue: { is: "sold, the key did not come in time", next: "anybody: `data refund`" },
  released: {
    is: "the key is released",
    next: "the buyer: `data open`, then `data accept`, `data prove-wrong-key` or `data dispute`",
  },
  undisputed: { is: "released, and not disputed in time", next: "anybody: `data accept`" },
  disputed: { is: "disputed", next: "a verifier: `data decide`" },
  undecided: { is: "disputed, and not decided in time", next: "anybody: `data refund`" },
  paid: { is: "paid", next: "" },
  refunded: { is: "refunded", next: "" },
  ended: { is: "ended without a buyer", next: "" },
} as const;

/** DataMarketplace.RELEASE_PERIOD, in seconds: from the end of the offers. */
const RELEASE_SECONDS = 2n * 86_400n;

const OPEN = 1n;
const STATUSES = ["paid", "refunded", "ended"] as const;

export function phaseOf({ status, isSold, until, price }: ListingOutput, now: bigint): ListingPhase {
  const inTime = now < until;
  if (status === OPEN) {
    if (inTime && !isSold) return "offers";
    if (price === 0n) return "withoutOffers";
    return now < until + RELEASE_SECONDS ? "awaitsKey" : "keyOverdue";
  }
  if (status === 2n) return inTime ? "released" : "undisputed";
  if (status === 3n) return inTime ? "disputed" : "undecided";
  return STATUSES[Number(status) - 4] ?? "ended";
}

/** Seconds of the latest block: the contract's clock. */
export async function chainSeconds({ connection }: Pick<Where, "connection">): Promise<bigint> {
  const block = await askingEvm([], () => connection.provider.getBlock("latest"));
  if (block === null) throw answerFalse("the chain has no block");
  return BigInt(block.timestamp);
}

/** @throws EvmError EVM_REVERTED for a number that no listing has */
export async function listingState(where: Where, id: bigint): Promise<ListingOutput> {
  return askingEvm([DataMarketplace.interface], () => where.at(DataMarketplace).listingOf(id));
}

/** @throws EvmError EVM_REVERTED for a number that no listing has */
export async function listingOf(where: Where, id: bigint): Promise<DataListing> {
  const state = await listingState(where, id);
  const [log] = await logsOf(where, "Listed", wordOf(id));
  return { id, state, phase: phaseOf(state, await chainSeconds(where)), ...(await listedBy(where, log)) };
}

/** What the transaction of a `Listed` event says of the archive; it is taken only if it is of the same file as the event. */
export async function listedBy(
  { connection }: Pick<Where, "connection">,
  log: Log | undefined,
): Promise<Pick<DataListing, "cid" | "archive">> {
  const [event] = log === undefined ? [] : DataMarketplace.events([log], "Listed");
  if (log === undefined || event === undefined) return { cid: undefined, archive: undefined };
  const archive = await archiveOfCall(connection.provider, log.transactionHash);
  const isSame = archive !== undefined && archive.fileHash === event.fileHash;
  return { cid: cidText(event.cid), archive: isSame ? archive : undefined };
}

async function archiveOfCall(provider: JsonRpcProvider, txHash: string): Promise<SealedArchiveFacts | undefined> {
  const transaction = await askingEvm([], () => provider.getTransaction(txHash));
  if (transaction === null) return undefined;
  try {
    const call = DataMarketplace.interface.parseTransaction({ data: transaction.data });
    if (call?.name !== "list") return undefined;
    const { message, proof } = call.args.toObject() as { message: string; proof: { readonly txId: string } };
    return archiveOfMessage(message, proof.txId);
  } catch {
    // Whoever listed by another contract has another call: there is nothing to read here.
    return undefined;
  }
}

export const ARCHIVE_TYPE_URL = typeUrlOf("MsgSealArchive");

/** @throws Error for bytes that are no MsgSealArchive, or of a file without CID */
export function archiveOfMessage(message: string, txId: string | undefined): SealedArchiveFacts {
  const bytes = Buffer.from(message.slice(2), "hex");
  const said = fromBinary(MESSAGE_SCHEMAS.MsgSealArchive, bytes);
  return {
    ...{ txId, sealedBy: said.signer, meterId: said.meterId, version: said.version },
    ...{ fromMs: Number(said.fromMs), untilMs: Number(said.untilMs), cid: CID.decode(said.cid).toString() },
    ...{ fileBytes: Number(said.fileBytes), readingCount: Number(said.readingCount) },
    fileHash: `0x${Buffer.from(said.fileHash).toString("hex")}`,
  };
}

function cidText(cid: string): string | undefined {
  try {
    return CID.decode(Buffer.from(cid.slice(2), "hex")).toString();
  } catch {
    return undefined;
  }
}

/** The public key that the winner named with its offer. @throws EvmError EVM_ANSWER_FALSE where no offer has the key of the contract */
export async function buyerPoint(where: Where, id: bigint, { buyerKey }: ListingOutput): Promise<Point> {
  for (const { keyX: x, keyY: y } of await eventsOf(where, "Offered", id))
    if (addressOfPoint({ x, y }) === buyerKey) return { x, y };
  throw answerFalse("the listing's offers have another key than the winner's");
}

/** What the seller released; undefined before. @throws EvmError EVM_ANSWER_FALSE for another box than the contract keeps the hash of */
export async function releasedBox(where: Where, id: bigint, state: ListingOutput): Promise<KeyBox | undefined> {
  if (BigInt(state.releaseHash) === 0n) return undefined;
  for (const { ephemeralX: x, ephemeralY: y, box } of await eventsOf(where, "KeyReleased", id)) {
    const released = { ephemeral: { x, y }, box: new Uint8Array(Buffer.from(box.slice(2), "hex")) };
    if (releaseHashOf(released) === state.releaseHash) return released;
  }
  throw answerFalse("the released box is not the one that the contract has the hash of");
}

/** For which listing of which contract a box is. */
export function boxContext({ connection, file }: Where, id: bigint) {
  return { chainId: connection.chainId, contract: addressOfContract(file, DataMarketplace.name), listingId: id };
}

type EventName = keyof DataMarketplaceEvents & string;

export async function eventsOf<N extends EventName>(where: Where, name: N, id: bigint) {
  return DataMarketplace.events(await logsOf(where, name, wordOf(id)), name);
}

/** Logs of one event, in their order; `indexed` are its indexed values, null for any. */
export async function logsOf(where: Where, name: EventName, ...indexed: (string | null)[]): Promise<readonly Log[]> {
  const { connection, file } = where;
  const address = addressOfContract(file, DataMarketplace.name);
  const topic = DataMarketplace.interface.getEvent(name)?.topicHash ?? null;
  return readLogs(connection.provider, { address, topics: [topic, ...indexed], fromBlock: file.fromBlock });
}

export function wordOf(value: bigint): string {
  return `0x${value.toString(16).padStart(64, "0")}`;
}

export function addressWord(address: string): string {
  return zeroPadValue(address, 32).toLowerCase();
}

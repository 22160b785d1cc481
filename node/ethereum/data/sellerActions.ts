import { randomBytes } from "node:crypto";
import { ZeroAddress } from "ethers";
import { keyHashOf, sealKey } from "#bridge/ecies.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { DataMarketplace } from "#contracts/abi/DataMarketplace.ts";
import { type ProofJson, readProofJson } from "../../bridge/proofJson.ts";
import { timeOf } from "../../cli/channelView.ts";
import { cliError } from "../../cli/cliError.ts";
import { formatMoney } from "../../cli/money.ts";
import { type ActionContext, action } from "../action.ts";
import { madeAtHomeUnlessGiven, optional, ownUnlessGiven } from "../param.ts";
import { address, bytes, duration, integer, money, time } from "../parsers.ts";
import { ARCHIVE_KEY_FLAGS, ownArchiveKey, requireCommitted, requireOpens } from "./archiveKeys.ts";
import {
  ARCHIVE_TYPE_URL,
  archiveOfMessage,
  boxContext,
  buyerPoint,
  chainSeconds,
  listingOf,
  type SealedArchiveFacts,
} from "./dataListing.ts";
import { listingId, percent, pointText, publicPoint } from "./dataParams.ts";

/** Of buy-now, the least bond in hundredths of a percent: DataMarketplace.MIN_BOND_BPS. */
const MIN_BOND_BPS = 1000n;

const ledgerTransaction = bytes("the ledger's transaction that sealed the archive: `archive make` names it", 32);
const messageIndex = optional(integer("the message's place in that transaction (default: 0)", 0, 65_535));

export const list = action({
  name: "list",
  about: "As its owner: put an archive that you have sealed on the ledger up for sale",
  example: `${"6f".repeat(32)} --reserve 0.05ETH --buy-now 0.2ETH --for 7d --wait 10m`,
  contract: DataMarketplace,
  others: [Bridge],
  isProved: true,
  params: {
    transaction: ledgerTransaction,
    message: messageIndex,
    reserve: money("the least offer that is taken, for example 0.05ETH"),
    buyNow: money("an offer of this much wins at once"),
    for: optional(duration("how long offers are taken from now on, for example 7d; 90 days at most")),
    until: optional(time("the same as a time: RFC 3339 with zone, or Unix ms")),
    bond: optional(money("what you put at stake for the right key (default: the least, a tenth of --buy-now)")),
    publisher: optional(address("who brings the buyers, if anybody")),
    publisherShare: optional(percent("the publisher's part of the price, for example 2.5%; 10% at most")),
    keyHash: madeAtHomeUnlessGiven(bytes("keccak256 of the archive's key (default: of this home's)", 32)),
    publicKey: ownUnlessGiven(
      publicPoint("of the account that lists (default: its own)"),
      ({ publicKey }) => publicKey,
    ),
  },
  places: ["transaction"],
  atHome: {
    flags: ARCHIVE_KEY_FLAGS,
    async texts(home, context, { texts, flags }) {
      if (texts.keyHash !== undefined) return {};
      const place = texts.message === undefined ? 0 : messageIndex.parse(texts.message);
      const { archive } = await provedArchive(context, ledgerTransaction.parse(texts.transaction ?? ""), place);
      const key = await ownArchiveKey(home, archive, flags);
      await requireOpens(home, archive.cid, key);
      return { keyHash: keyHashOf(key) };
    },
  },
  async prepare(context, { transaction, message: place, ...terms }) {
    const { message, proof } = (await provedArchive(context, transaction, place)).proof;
    const { keyHash, reserve, buyNow, publicKey, publisher = ZeroAddress, publisherShare: publisherBps = 0 } = terms;
    const deadline = await deadlineOf(context, terms);
    const { bond = (buyNow * MIN_BOND_BPS + 9999n) / 10_000n } = terms;
    const market = context.at(DataMarketplace);
    return market.list.populateTransaction(
      { keyHash, reserve, buyNow, deadline, publisher, publisherBps },
      publicKey,
      message,
      proof,
      { value: bond },
    );
  },
  outcome({ logs }) {
    const listed = DataMarketplace.events(logs, "Listed")[0];
    const { deadline = 0n, reserve = 0n, buyNow = 0n } = listed?.terms ?? {};
    const json = {
      ...{ listingId: `${listed?.listingId ?? ""}`, fileHash: listed?.fileHash ?? "", until: timeOf(deadline) },
      ...{ reserveWei: `${reserve}`, buyNowWei: `${buyNow}`, bondWei: `${listed?.bond ?? 0n}` },
    };
    return {
      json,
      text: [
        ["listing", json.listingId],
        ["file", json.fileHash],
        ["offers until", json.until],
        ["from", `${formatMoney(reserve)}, or ${formatMoney(buyNow)} at once`],
        ["bond", formatMoney(listed?.bond ?? 0n)],
      ],
    };
  },
});

/** A message's proof, and what the message says of its archive. @throws CliError ARCHIVE_NOT_IN_MESSAGE, PROOF_NOT_ANCHORED */
async function provedArchive(
  context: Pick<ActionContext, "proof">,
  txId: string,
  place = 0,
): Promise<{ readonly proof: Extract<ProofJson, { kind: "message" }>; readonly archive: SealedArchiveFacts }> {
  const proof = readProofJson(await context.proof(`/bridge/proofs/messages/${txId.slice(2)}/${place}`));
  if (proof?.kind === "message" && proof.typeUrl === ARCHIVE_TYPE_URL) {
    try {
      return { proof, archive: archiveOfMessage(proof.message, txId) };
    } catch {
      // A node that answers this has proved no archive.
    }
  }
  const hint = "name the transaction that `archive make` has shown, and with --message the place of its archive";
  throw cliError("usage", "ARCHIVE_NOT_IN_MESSAGE", "this message of the ledger seals no archive", hint);
}

/** Unix seconds. @throws CliError DEADLINE_MISSING */
async function deadlineOf(
  context: ActionContext,
  { for: seconds, until }: { readonly for: number | undefined; readonly until: bigint | undefined },
): Promise<bigint> {
  if (until !== undefined && seconds === undefined) return until;
  if (seconds !== undefined && until === undefined) return (await chainSeconds(context)) + BigInt(seconds);
  throw cliError("usage", "DEADLINE_MISSING", "offers have one deadline", "give --for 7d, or --until TIME");
}

export const end = action({
  name: "end",
  about: "End a listing without offers: the seller at any time, anybody after its deadline; the bond goes back",
  example: "1",
  contract: DataMarketplace,
  params: { id: listingId },
  places: ["id"],
  prepare: ({ at }, { id }) => at(DataMarketplace).end.populateTransaction(id),
  outcome: ({ logs }, { id }) => ({
    json: { listingId: `${id}`, seller: DataMarketplace.events(logs, "ListingEnded")[0]?.seller ?? "" },
    text: [["listing", `${id}, ended; the bond is the seller's credit`]],
  }),
});

export const release = action({
  name: "release",
  about:
    "As the seller: hand the archive's key over, encrypted to the buyer alone; within two days of the end of the offers",
  example: "1",
  contract: DataMarketplace,
  params: {
    id: listingId,
    ephemeral: madeAtHomeUnlessGiven(publicPoint("public key that the box was made with (default: made at home)")),
    box: madeAtHomeUnlessGiven(
      bytes("the key in its box, 32 bytes (default: made at home, from the archive's key)", 32),
    ),
  },
  places: ["id"],
  atHome: {
    flags: ARCHIVE_KEY_FLAGS,
    async texts(home, context, { texts, flags }) {
      if (texts.box !== undefined || texts.ephemeral !== undefined) return {};
      const id = listingId.parse(texts.id ?? "");
      const { state, archive } = await listingOf(context, id);
      const key = await ownArchiveKey(home, archive, flags);
      requireCommitted(key, state.keyHash);
      const { ephemeral, box } = sealKey(
        key,
        await buyerPoint(context, id, state),
        boxContext(context, id),
        randomBytes(32),
      );
      return { ephemeral: pointText(ephemeral), box: Buffer.from(box).toString("hex") };
    },
  },
  prepare: ({ at }, { id, ephemeral, box }) => at(DataMarketplace).release.populateTransaction(id, ephemeral, box),
  outcome({ logs }, { id }) {
    const { buyer = "", box = "" } = DataMarketplace.events(logs, "KeyReleased")[0] ?? {};
    return {
      json: { listingId: `${id}`, buyer, box },
      text: [
        ["listing", `${id}`],
        ["key for", buyer],
        ["box", box],
        ["next", "the buyer accepts, or anybody after two days: `data accept`"],
      ],
    };
  },
});

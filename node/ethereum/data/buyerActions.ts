import { addressOfPoint, openingOfWrongKey, publicPointOf } from "#bridge/ecies.ts";
import { DataMarketplace } from "#contracts/abi/DataMarketplace.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { generatePrivateKey } from "#storage/crypto/keys.ts";
import { cliError } from "../../cli/cliError.ts";
import { formatMoney } from "../../cli/money.ts";
import { action } from "../action.ts";
import { file, madeAtHomeUnlessGiven, optional } from "../param.ts";
import { bytes, money } from "../parsers.ts";
import { boxContext, listingState, releasedBox } from "./dataListing.ts";
import { listingId, pointText, publicPoint } from "./dataParams.ts";
import { makeOneTimeKey, oneTimeKey } from "./oneTimeKeys.ts";
import { refundOutcome } from "./refundOutcome.ts";

/** Of the price, what a dispute takes, in hundredths of a percent: DataMarketplace.DEPOSIT_BPS. */
const DEPOSIT_BPS = 500n;

const MAX_REASON_CHARS = 16_384;

export const offer = action({
  name: "offer",
  about:
    "Offer an amount for an archive: the highest wins at the deadline, buy-now at once; who is outbid has its money back",
  example: "1 --amount 0.08ETH",
  contract: DataMarketplace,
  params: {
    id: listingId,
    amount: money("for example 0.08ETH; what is beyond buy-now is credited back"),
    publicKey: madeAtHomeUnlessGiven(
      publicPoint("a public key made for this listing alone (default: made and kept in this home)"),
    ),
  },
  places: ["id"],
  atHome: {
    async texts(home, _context, { texts, flags }) {
      if (texts.publicKey !== undefined) return {};
      // A dry run sends nothing, so that nothing has to be kept for it.
      const isTried = flags.dryRun === true;
      const point = isTried ? publicPointOf(generatePrivateKey("secp256k1").bytes) : await makeOneTimeKey(home);
      return { publicKey: pointText(point) };
    },
  },
  prepare: ({ at }, { id, amount, publicKey }) =>
    at(DataMarketplace).offer.populateTransaction(id, publicKey, { value: amount }),
  outcome({ logs }, { id, amount }) {
    const price = DataMarketplace.events(logs, "Offered")[0]?.price ?? 0n;
    const outbid = DataMarketplace.events(logs, "Outbid")[0];
    const json = { listingId: `${id}`, priceWei: `${price}`, creditedBackWei: `${amount - price}` };
    return {
      json: { ...json, outbid: outbid?.buyer ?? null },
      text: [
        ["listing", json.listingId],
        ["offered", formatMoney(price)],
        ["credited back", amount === price ? undefined : formatMoney(amount - price)],
        ["outbid", outbid && `${outbid.buyer}, who has ${formatMoney(outbid.price)} back as credit`],
      ],
    };
  },
});

export const accept = action({
  name: "accept",
  about: "Pay the seller: the buyer at any time after the release, anybody once the time for disputes is over",
  example: "1",
  contract: DataMarketplace,
  params: { id: listingId },
  places: ["id"],
  prepare: ({ at }, { id }) => at(DataMarketplace).accept.populateTransaction(id),
  outcome({ logs }, { id }) {
    const { seller = "", share = 0n, publisherFee = 0n } = DataMarketplace.events(logs, "SalePaid")[0] ?? {};
    return {
      json: { listingId: `${id}`, seller, shareWei: `${share}`, publisherFeeWei: `${publisherFee}` },
      text: [
        ["listing", `${id}, paid`],
        ["seller", `${seller}, ${formatMoney(share)} and the bond`],
        ["publisher", publisherFee === 0n ? undefined : formatMoney(publisherFee)],
      ],
    };
  },
});

export const proveWrongKey = action({
  name: "prove-wrong-key",
  about: "As the buyer, within two days of the release: show that the box holds another key; price and bond are yours",
  example: "1",
  contract: DataMarketplace,
  params: {
    id: listingId,
    privateKey: madeAtHomeUnlessGiven(
      bytes(
        "one-time key of the offer, 32 bytes (default: the one in this home); everybody can read it afterwards",
        32,
      ),
    ),
  },
  places: ["id"],
  atHome: {
    async texts(home, context, { texts }) {
      if (texts.privateKey !== undefined) return {};
      const { buyerKey } = await listingState(context, listingId.parse(texts.id ?? ""));
      return { privateKey: Buffer.from(await oneTimeKey(home, buyerKey)).toString("hex") };
    },
  },
  async prepare(context, { id, privateKey }) {
    const state = await listingState(context, id);
    const released = await releasedBox(context, id, state);
    if (released === undefined) throw notReleased(id);
    const key = Buffer.from(privateKey.slice(2), "hex");
    // Before anything is made that would show another key, perhaps one that has money.
    if (addressOfPoint(publicPointOf(key)) !== state.buyerKey) {
      const hint = "give the one that was made for this offer; the home that made it needs no --private-key";
      throw cliError("usage", "PRIVATE_KEY_OTHER", "this is not the one-time key of the winning offer", hint);
    }
    const opening = openingOfWrongKey(released, key, boxContext(context, id), state.keyHash);
    // Nothing that shows the private key is made, for it would open the box for all.
    if (opening === undefined)
      throw cliError("failure", "KEY_RIGHT", "the box holds the promised key", "open the archive: `data open`");
    const { ephemeral, box } = released;
    const market = context.at(DataMarketplace);
    const args = [id, publicPointOf(key), ephemeral, box, opening.privateKey, opening.shared] as const;
    return market.proveWrongKey.populateTransaction(...args);
  },
  outcome: refundOutcome,
});

/** Before there is a box. */
export function notReleased(id: bigint) {
  const hint = "`data listing` says until when the seller has time; after that `data refund` gives price and bond";
  return cliError("notFound", "KEY_NOT_RELEASED", `the seller of listing ${id} has released no key yet`, hint);
}

export const dispute = action({
  name: "dispute",
  about:
    "As the buyer, within two days of the release: say that the promised key does not open what was listed; a verifier decides",
  example: "1 --reason complaint.txt",
  contract: DataMarketplace,
  params: {
    id: listingId,
    reason: file(
      "text of what you have to say, for the verifiers; its SHA-256 goes on the chain",
      MAX_REASON_CHARS,
      reasonHash,
    ),
    deposit: optional(money("what you put at stake (default: the least, 5 % of the price)")),
  },
  places: ["id"],
  async prepare(context, { id, reason, deposit }) {
    const least = async () => ((await listingState(context, id)).price * DEPOSIT_BPS + 9999n) / 10_000n;
    const value = deposit ?? (await least());
    return context.at(DataMarketplace).dispute.populateTransaction(id, reason, { value });
  },
  outcome({ logs }, { id }) {
    const hash = DataMarketplace.events(logs, "SaleDisputed")[0]?.reasonHash ?? "";
    return {
      json: { listingId: `${id}`, reasonHash: hash },
      text: [
        ["listing", `${id}, disputed`],
        ["reason's SHA-256", hash],
        ["next", "give the text to the verifiers (`data verifiers`); without a verdict in two weeks: `data refund`"],
      ],
    };
  },
});

/** SHA-256 of the text as UTF-8, 0x and hex. @throws CliError REASON_UNREADABLE */
function reasonHash(text: string): string {
  if (text.trim() !== "" && !text.includes("\ufffd"))
    return `0x${Buffer.from(sha256(Buffer.from(text))).toString("hex")}`;
  const hint = `give a text file in UTF-8 with at most ${MAX_REASON_CHARS} characters`;
  throw cliError("usage", "REASON_UNREADABLE", "the reason is empty, or no text", hint);
}

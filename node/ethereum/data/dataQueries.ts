import type { Log } from "ethers";
import { DataMarketplace } from "#contracts/abi/DataMarketplace.ts";
import { timeOf } from "../../cli/channelView.ts";
import { formatMoney } from "../../cli/money.ts";
import { facts, printable, table } from "../../cli/output.ts";
import { type ActionContext, query } from "../action.ts";
import { flag, optional, ownUnlessGiven } from "../param.ts";
import { address, number } from "../parsers.ts";
import {
  addressWord,
  chainSeconds,
  type DataListing,
  eventsOf,
  listedBy,
  listingOf,
  listingState,
  logsOf,
  phaseOf,
} from "./dataListing.ts";
import { listingId, pointText } from "./dataParams.ts";
import { listingJson, listingText, timeText } from "./listingView.ts";

/** Listings that are shown at once, and that are looked at for them. */
const MAX_SHOWN = 50;
const MAX_LOOKED_AT = 500;

export const showListing = query({
  name: "listing",
  about: "One listing: what is sold, where the sale is and what comes next",
  example: "1 --json",
  contract: DataMarketplace,
  params: { id: listingId },
  places: ["id"],
  async ask(context, { id }) {
    const listing = await listingOf(context, id);
    const minimum = await minimumOffer(context, listing);
    return { answer: listingJson(listing, minimum), text: facts(listingText(listing, minimum)) };
  },
});

/** Only while offers are taken. */
async function minimumOffer({ at }: ActionContext, { id, phase }: Pick<DataListing, "id" | "phase">) {
  return phase === "offers" ? at(DataMarketplace).minimumOffer(id) : undefined;
}

export const listings = query({
  name: "listings",
  about: "The archives that are for sale, newest first",
  example: "",
  contract: DataMarketplace,
  params: {
    all: flag("those that are over or sold, too"),
    seller: optional(address("only of this seller")),
    before: optional(number("only those with a lower number, where there are more than are shown")),
  },
  async ask(context, { all, seller, before }) {
    const found = await logsOf(context, "Listed", null, seller === undefined ? null : addressWord(seller));
    const now = await chainSeconds(context);
    const newest = [...found].reverse().filter((log) => before === undefined || idOf(log) < before);
    const shown: { readonly listing: DataListing; readonly minimum: bigint | undefined }[] = [];
    let lookedAt = 0;
    for (const log of newest.slice(0, MAX_LOOKED_AT)) {
      if (shown.length === MAX_SHOWN) break;
      lookedAt++;
      const id = idOf(log);
      const state = await listingState(context, id);
      const phase = phaseOf(state, now);
      if (!all && phase !== "offers") continue;
      const listing = { id, state, phase, ...(await listedBy(context, log)) };
      shown.push({ listing, minimum: await minimumOffer(context, listing) });
    }
    const more = lookedAt < newest.length;
    const rows = shown.map(({ listing: { id, state, phase, archive }, minimum }) => [
      ...[`${id}`, archive === undefined ? "" : printable(archive.meterId)],
      ...[archive === undefined ? "" : `${timeText(archive.fromMs)} … ${timeText(archive.untilMs)}`],
      ...[archive?.readingCount ?? "", minimum === undefined ? "" : formatMoney(minimum), formatMoney(state.buyNow)],
      phase === "offers" ? `offers until ${timeOf(state.until)}` : phase,
    ]);
    const columns = ["ID", "METER", "PERIOD", "READINGS", "LEAST OFFER", "BUY NOW", "STATE"];
    const last = shown.at(-1)?.listing.id;
    const rest = more ? `there are more: --before ${last ?? idOf(newest[lookedAt - 1] as Log)}\n` : "";
    return {
      answer: { more, listings: shown.map(({ listing, minimum }) => listingJson(listing, minimum)) },
      text: `${table(columns, rows)}${rest}`,
    };
  },
});

function idOf(log: Log): bigint {
  return BigInt(log.topics[1] as string);
}

export const offers = query({
  name: "offers",
  about: "The offers for a listing, in their order",
  example: "1",
  contract: DataMarketplace,
  params: { id: listingId },
  places: ["id"],
  async ask(context, { id }) {
    const { buyer, price } = await listingState(context, id);
    const made = (await eventsOf(context, "Offered", id)).map((each) => ({
      buyer: each.buyer,
      priceWei: `${each.price}`,
      publicKey: pointText({ x: each.keyX, y: each.keyY }),
      isHighest: each.buyer === buyer && each.price === price,
    }));
    const rows = made.map((each) => [
      ...[each.buyer, formatMoney(BigInt(each.priceWei)), each.isHighest ? "highest" : "outbid, has it back as credit"],
    ]);
    return {
      answer: { listingId: `${id}`, offers: made },
      text: table(["BUYER", "OFFER", "STATE"], rows),
    };
  },
});

export const credit = query({
  name: "credit",
  about: "What an account may withdraw",
  example: "",
  contract: DataMarketplace,
  params: {
    address: ownUnlessGiven(address("of another account than this home's"), ({ address: own }) => own),
  },
  async ask({ at }, { address: account }) {
    const wei = await at(DataMarketplace).credit(account);
    return {
      answer: { account, creditWei: `${wei}` },
      text: facts([
        ["account", account],
        ["to withdraw", formatMoney(wei)],
      ]),
    };
  },
});

export const verifiers = query({
  name: "verifiers",
  about: "Who decides disputes, and who appoints them",
  example: "",
  contract: DataMarketplace,
  params: {},
  async ask(context) {
    const market = context.at(DataMarketplace);
    const role = await market.VERIFIER_ROLE();
    const granted = DataMarketplace.events(await logsOf(context, "RoleGranted", role), "RoleGranted");
    const accounts: string[] = [];
    for (const account of new Set(granted.map((each) => each.account)))
      if (await market.hasRole(role, account)) accounts.push(account);
    const owner = await market.owner();
    const [successor, schedule] = await market.pendingDefaultAdmin();
    const next = schedule === 0n ? undefined : { address: successor, from: timeOf(schedule) };
    return {
      answer: { owner, successor: next ?? null, verifiers: accounts },
      text: facts([
        ["owner", owner],
        ["successor", next && `${next.address}, from ${next.from} on`],
        ...accounts.map((account) => ["verifier", account] as const),
      ]),
    };
  },
});

import { ZeroAddress } from "ethers";
import { timeOf } from "../../cli/channelView.ts";
import { formatMoney } from "../../cli/money.ts";
import { printable } from "../../cli/output.ts";
import type { Pairs } from "../action.ts";
import { type DataListing, LISTING_PHASES, type SealedArchiveFacts } from "./dataListing.ts";

/** A listing as JSON: amounts in wei as decimal text, times as RFC 3339. */
export function listingJson({ id, state, phase, cid, archive }: DataListing, minimumOffer: bigint | undefined) {
  const { seller, publisher, buyer, buyerKey, price, keyHash, fileHash, releaseHash } = state;
  const isSold = price > 0n;
  return {
    ...{ listingId: `${id}`, phase, until: timeOf(state.until), seller },
    publisher: publisher === ZeroAddress ? null : publisher,
    publisherShareBps: Number(state.publisherBps),
    ...{ reserveWei: `${state.reserve}`, buyNowWei: `${state.buyNow}`, bondWei: `${state.bond}` },
    minimumOfferWei: minimumOffer === undefined ? null : `${minimumOffer}`,
    ...{ buyer: isSold ? buyer : null, priceWei: isSold ? `${price}` : null, buyerKey: isSold ? buyerKey : null },
    depositWei: `${state.deposit}`,
    ...{ keyHash, fileHash, cid: cid ?? null },
    releaseHash: BigInt(releaseHash) === 0n ? null : releaseHash,
    archive: archive === undefined ? null : archiveJson(archive),
  };
}

export function archiveJson({ txId, fromMs, untilMs, ...archive }: SealedArchiveFacts) {
  return { ledgerTransaction: txId ?? null, from: timeText(fromMs), until: timeText(untilMs), ...archive };
}

export function listingText(listing: DataListing, minimumOffer: bigint | undefined): Pairs {
  const { id, state, phase, cid, archive } = listing;
  const { is, next } = LISTING_PHASES[phase];
  const hasPublisher = state.publisher !== ZeroAddress;
  return [
    ["listing", `${id}, ${is}`],
    ["until", ["paid", "refunded", "ended"].includes(phase) ? undefined : timeOf(state.until)],
    ["next", next === "" ? undefined : next],
    ["meter", archive && printable(archive.meterId)],
    ["readings", archive && `${archive.readingCount}, of ${timeText(archive.fromMs)} to ${timeText(archive.untilMs)}`],
    ["file", cid],
    ["its SHA-256", state.fileHash],
    ["sealed by", archive && printable(archive.sealedBy)],
    ["ledger transaction", archive?.txId],
    ["seller", state.seller],
    ["publisher", hasPublisher ? `${state.publisher}, ${Number(state.publisherBps) / 100} %` : undefined],
    ["price range", `${formatMoney(state.reserve)} to ${formatMoney(state.buyNow)}`],
    ["least offer now", minimumOffer === undefined ? undefined : formatMoney(minimumOffer)],
    ["bond", formatMoney(state.bond)],
    ["highest offer", state.price === 0n ? undefined : `${formatMoney(state.price)} by ${state.buyer}`],
    ["deposit", state.deposit === 0n ? undefined : formatMoney(state.deposit)],
  ];
}

export const timeText = (ms: number) => new Date(ms).toISOString();

import { readFileSync } from "node:fs";
import { getAddress, isAddress } from "ethers";
import type { Channel } from "#bridge/voucher.ts";
import { cliError } from "./cliError.ts";
import { formatMoney } from "./money.ts";

/** A channel with where it is. */
export interface PlacedChannel extends Channel {
  readonly chainId: bigint;
  readonly contract: string;
  readonly channelId: bigint;
}

/** What `channel show --json` answers, and `channel check --channel FILE` reads; wei as decimal texts. */
export function channelJson(channel: PlacedChannel) {
  const { chainId, contract, channelId, payer, payee, expires, isOpen, deposit, claimed } = channel;
  return {
    chainId: `${chainId}`,
    contract,
    channelId: `${channelId}`,
    payer,
    payee,
    expires: timeOf(expires),
    isOpen,
    depositWei: `${deposit}`,
    claimedWei: `${claimed}`,
  };
}

export function channelText(channel: PlacedChannel): readonly (readonly [string, string])[] {
  const { channelId, payer, payee, expires, isOpen, deposit, claimed } = channel;
  return [
    ["channel", `${channelId}, ${isOpen ? "open" : "closed"}`],
    ["payer", payer],
    ["payee", payee],
    ["deposit", formatMoney(deposit)],
    ["claimed", formatMoney(claimed)],
    ["expires", timeOf(expires)],
  ];
}

/** Unix seconds as RFC 3339 in UTC. */
export function timeOf(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString();
}

/** @throws CliError CHANNEL_FILE_MALFORMED, and errors of the file system */
export function readChannelFile(path: string): PlacedChannel {
  let json: Partial<Record<string, unknown>> | null;
  const text = readFileSync(path, "utf8");
  try {
    json = JSON.parse(text) as typeof json;
  } catch {
    throw malformed(path, "it is no JSON");
  }
  if (typeof json !== "object" || json === null) throw malformed(path, "it is no object");
  const source = json;
  const integer = (name: string) => {
    const value = source[name];
    if (typeof value === "string" && /^\d{1,78}$/.test(value)) return BigInt(value);
    throw malformed(path, `${name} is no decimal text`);
  };
  const address = (name: string) => {
    const value = source[name];
    if (typeof value === "string" && isAddress(value)) return getAddress(value);
    throw malformed(path, `${name} is no address`);
  };
  const expiresMs = typeof source.expires === "string" ? Date.parse(source.expires) : Number.NaN;
  if (Number.isNaN(expiresMs)) throw malformed(path, "expires is no time");
  if (typeof source.isOpen !== "boolean") throw malformed(path, "isOpen is neither true nor false");
  return {
    ...{ chainId: integer("chainId"), contract: address("contract"), channelId: integer("channelId") },
    ...{ payer: address("payer"), payee: address("payee"), isOpen: source.isOpen },
    ...{ deposit: integer("depositWei"), claimed: integer("claimedWei") },
    expires: BigInt(Math.floor(expiresMs / 1000)),
  };
}

function malformed(path: string, reason: string) {
  const hint = "write it with `energy-ledger channel show ID --json`";
  return cliError("usage", "CHANNEL_FILE_MALFORMED", `${path} describes no channel: ${reason}`, hint);
}

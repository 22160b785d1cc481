import type { ContractTransaction } from "ethers";
import { decodeVoucher } from "#bridge/voucher.ts";
import { PaymentChannel } from "#contracts/abi/PaymentChannel.ts";
import { timeOf } from "../../cli/channelView.ts";
import { cliError } from "../../cli/cliError.ts";
import { formatMoney } from "../../cli/money.ts";
import { channelIdOf, expiryOf } from "../../cli/paymentChannel.ts";
import { action, type Outcome, type SenderContext } from "../action.ts";
import { file, flag, optional, ownUnlessGiven, text } from "../param.ts";
import { address, money } from "../parsers.ts";

const MAX_VOUCHER_CHARS = 4096;

export const channelId = text("number", "the channel's number", channelIdOf);

const expiry = {
  expires: optional(
    text("time", "RFC 3339 with zone, or Unix ms; from then on the rest can be taken back", (given) => given),
  ),
  for: optional(text("duration", "the same from now on, for example 30d", (given) => given)),
};

const expiryFrom = (
  { nowMs }: SenderContext,
  given: { readonly expires: string | undefined; readonly for: string | undefined },
) =>
  expiryOf(
    {
      ...(given.expires === undefined ? {} : { expires: given.expires }),
      ...(given.for === undefined ? {} : { for: given.for }),
    },
    nowMs(),
  );

export const open = action({
  name: "open",
  about: "Escrow an amount for a producer; it is paid by vouchers",
  example: "--to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --deposit 0.05ETH --for 30d",
  contract: PaymentChannel,
  params: {
    to: address("the producer's Ethereum address (`keys show` has it)"),
    deposit: money("for example 0.05ETH"),
    ...expiry,
  },
  prepare: (context, { to, deposit, ...when }) =>
    context.at(PaymentChannel).open.populateTransaction(to, expiryFrom(context, when), { value: deposit }),
  outcome({ logs }) {
    const {
      channelId: id = 0n,
      payee = "",
      expires = 0n,
      deposit = 0n,
    } = PaymentChannel.events(logs, "Opened")[0] ?? {};
    const json = { channelId: `${id}`, payee, depositWei: `${deposit}`, expires: timeOf(expires) };
    return {
      json,
      text: [
        ["channel", json.channelId],
        ["payee", payee],
        ["expires", json.expires],
      ],
    };
  },
});

export const topUp = action({
  name: "top-up",
  about: "Add to what a channel can pay",
  example: "1 --amount 0.02ETH",
  contract: PaymentChannel,
  params: { id: channelId, amount: money("for example 0.05ETH") },
  places: ["id"],
  prepare: ({ at }, { id, amount }) => at(PaymentChannel).topUp.populateTransaction(id, { value: amount }),
  outcome({ logs }, { id }) {
    const deposit = PaymentChannel.events(logs, "ToppedUp")[0]?.deposit ?? 0n;
    return {
      json: { channelId: `${id}`, depositWei: `${deposit}` },
      text: [
        ["channel", `${id}`],
        ["deposit", formatMoney(deposit)],
      ],
    };
  },
});

export const extend = action({
  name: "extend",
  about: "Put a channel's expiry off",
  example: "1 --for 60d",
  contract: PaymentChannel,
  params: { id: channelId, ...expiry },
  places: ["id"],
  prepare: (context, { id, ...when }) =>
    context.at(PaymentChannel).extend.populateTransaction(id, expiryFrom(context, when)),
  outcome({ logs }, { id }) {
    const expires = timeOf(PaymentChannel.events(logs, "Extended")[0]?.expires ?? 0n);
    return {
      json: { channelId: `${id}`, expires },
      text: [
        ["channel", `${id}`],
        ["expires", expires],
      ],
    };
  },
});

export const claim = action({
  name: "claim",
  about: "Be credited what a voucher owes beyond earlier claims",
  example: "voucher.json --close",
  contract: PaymentChannel,
  params: {
    voucher: file("file of the latest voucher", MAX_VOUCHER_CHARS, decodeVoucher),
    close: flag("close the channel too; the rest goes back to the payer"),
  },
  places: ["voucher"],
  async prepare({ at, file: contracts, connection }, { voucher, close }): Promise<ContractTransaction> {
    const isElsewhere =
      voucher.contract !== contracts.contracts[PaymentChannel.name] || voucher.chainId !== connection.chainId;
    if (isElsewhere) {
      const message = "the voucher is of another contract or chain than the contracts file";
      throw cliError("verificationFailed", "VOUCHER_ELSEWHERE", message, "ask the payer for a voucher of this channel");
    }
    const channels = at(PaymentChannel);
    const how = close ? channels.claimAndClose : channels.claim;
    return how.populateTransaction(voucher.channelId, voucher.amount, voucher.signature);
  },
  outcome({ logs }, { voucher }) {
    const { amount = 0n, claimed = 0n } = PaymentChannel.events(logs, "Claimed")[0] ?? {};
    const returned = PaymentChannel.events(logs, "Closed")[0]?.returned;
    const json = { channelId: `${voucher.channelId}`, creditedWei: `${amount}`, claimedWei: `${claimed}` };
    return {
      json: { ...json, closed: returned !== undefined, returnedWei: `${returned ?? 0n}` },
      text: [
        ["channel", json.channelId],
        ["credited", formatMoney(amount)],
        ["claimed in all", formatMoney(claimed)],
        ["closed, returned", returned === undefined ? undefined : formatMoney(returned)],
      ],
    };
  },
});

export const close = action({
  name: "close",
  about: "As the payee: close a channel without a further claim; the rest goes back to the payer",
  example: "1",
  contract: PaymentChannel,
  params: { id: channelId },
  places: ["id"],
  prepare: ({ at }, { id }) => at(PaymentChannel).close.populateTransaction(id),
  outcome: closed,
});

export const reclaim = action({
  name: "reclaim",
  about: "As the payer: from its expiry on, take back what was not claimed",
  example: "1",
  contract: PaymentChannel,
  params: { id: channelId },
  places: ["id"],
  prepare: ({ at }, { id }) => at(PaymentChannel).reclaim.populateTransaction(id),
  outcome: closed,
});

function closed(
  { logs }: Parameters<Parameters<typeof action>[0]["outcome"]>[0],
  { id }: { readonly id: bigint },
): Outcome {
  const { claimed = 0n, returned = 0n } = PaymentChannel.events(logs, "Closed")[0] ?? {};
  return {
    json: { channelId: `${id}`, claimedWei: `${claimed}`, returnedWei: `${returned}` },
    text: [
      ["channel", `${id}, closed`],
      ["claimed in all", formatMoney(claimed)],
      ["credited to the payer", formatMoney(returned)],
    ],
  };
}

export const withdraw = action({
  name: "withdraw",
  about: "Fetch what this account is credited",
  example: "",
  contract: PaymentChannel,
  params: {
    to: ownUnlessGiven(address("send it to another address (default: the account's own)"), ({ address: own }) => own),
  },
  prepare: ({ at }, { to }) => at(PaymentChannel).withdraw.populateTransaction(to),
  outcome({ logs }, { to }) {
    const amount = PaymentChannel.events(logs, "Withdrawn")[0]?.amount ?? 0n;
    return {
      json: { to, amountWei: `${amount}` },
      text: [
        ["sent to", to],
        ["amount", formatMoney(amount)],
      ],
    };
  },
});

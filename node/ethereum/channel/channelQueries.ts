import { PaymentChannel } from "#contracts/abi/PaymentChannel.ts";
import { channelJson, channelText, type PlacedChannel, timeOf } from "../../cli/channelView.ts";
import { formatMoney } from "../../cli/money.ts";
import { facts, table } from "../../cli/output.ts";
import { channelIdsOf, channelOf, MAX_LISTED } from "../../cli/paymentChannel.ts";
import { query } from "../action.ts";
import { ownUnlessGiven } from "../param.ts";
import { address } from "../parsers.ts";
import { channelId } from "./channelActions.ts";

export const showChannel = query({
  name: "show",
  about: "A channel as Ethereum has it",
  example: "1 --json",
  contract: PaymentChannel,
  params: { id: channelId },
  places: ["id"],
  ask: async (context, { id }) => {
    const found = await channelOf(context, id);
    return { answer: channelJson(found), text: facts(channelText(found)) };
  },
});

export const listChannels = query({
  name: "list",
  about: "The channels of an account, newest first, and what it may withdraw",
  example: "",
  contract: PaymentChannel,
  params: {
    address: ownUnlessGiven(address("of another account than this home's"), ({ address: own }) => own),
  },
  async ask(context, { address: account }) {
    const ids = await channelIdsOf(context, account);
    const channels: PlacedChannel[] = [];
    for (const id of ids.slice(0, MAX_LISTED)) channels.push(await channelOf(context, id));
    const credit = await context.at(PaymentChannel).credit(account);
    const rows = channels.map((each) => [
      `${each.channelId}`,
      each.payer === account ? "payer" : "payee",
      each.payer === account ? each.payee : each.payer,
      formatMoney(each.deposit),
      formatMoney(each.claimed),
      each.isOpen ? timeOf(each.expires) : "closed",
    ]);
    const head = facts([
      ["account", account],
      ["to withdraw", formatMoney(credit)],
    ]);
    return {
      answer: {
        ...{ account, creditWei: `${credit}`, more: ids.length > MAX_LISTED },
        channels: channels.map(channelJson),
      },
      text: `${head}${table(["ID", "AS", "WITH", "DEPOSIT", "CLAIMED", "EXPIRES"], rows)}`,
    };
  },
});

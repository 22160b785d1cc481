import type { Command } from "commander";
import { askingEvm } from "#bridge/evm/evmErrors.ts";
import { checkVoucher, DEFAULT_MARGIN_SECONDS } from "#bridge/voucher.ts";
import { channelJson, channelText, type PlacedChannel, readChannelFile, timeOf } from "../channelView.ts";
import { cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import { type ChainFlags, openContract, ownAddress, withChainFlags } from "../ethereum.ts";
import type { CliIo } from "../io.ts";
import { formatMoney, parseMoney } from "../money.ts";
import { facts, show, table } from "../output.ts";
import {
  askWallet,
  CHANNEL,
  channelIdOf,
  channelIdsOf,
  channelOf,
  channelsAt,
  ethereumAddress,
  isChannelOf,
  MAX_LISTED,
} from "../paymentChannel.ts";
import { parseDuration } from "../quantities.ts";
import { readVoucherFile } from "../voucherStore.ts";

/** What a payee does about a voucher that it must not take. */
const ADVICE: Readonly<Record<string, string>> = {
  VOUCHER_CHANNEL_CLOSED: "hand out no energy; ask the payer to open another channel",
  VOUCHER_CHANNEL_EXPIRING: "claim what you have now; ask the payer to put the expiry off",
  VOUCHER_NOTHING_NEW: "ask the payer for a voucher over all that is owed by now",
  VOUCHER_OVER_DEPOSIT: "ask the payer to add to the channel with `channel top-up`",
  VOUCHER_NOT_ENOUGH: "ask the payer for a voucher over all that is owed by now",
  VOUCHER_SIGNATURE_INVALID: "hand out no energy for it; ask the payer for a voucher signed with the payer's key",
};

/** What reads channels and vouchers and changes nothing. */
export function channelQueries(channel: Command, io: CliIo): void {
  checkCommand(channel, io);
  showCommand(channel, io);
  listCommand(channel, io);
}

interface CheckFlags extends ChainFlags {
  readonly channel?: string;
  readonly atLeast?: string;
  readonly margin?: string;
}

function checkCommand(channel: Command, io: CliIo): void {
  withChainFlags(
    channel
      .command("check")
      .description("As the payee: whether the channel would pay this voucher; exit code 5 if not")
      .argument("<voucher>", "file of the voucher")
      .option("--at-least <amount>", "all that must be owed by now")
      .option("--margin <duration>", "how long it must still be claimable (default: 1h)")
      .option("--channel <file>", "offline: the channel as `channel show ID --json` had it"),
  )
    .addHelpText(
      "after",
      example("channel check voucher.json --at-least 0.003ETH", "channel check voucher.json --channel channel.json"),
    )
    .action(async (path: string, flags: CheckFlags, command: Command) => {
      const context = commandContext(io, command);
      const voucher = readVoucherFile(path);
      const ethereum = flags.channel === undefined ? await openContract(context, flags, CHANNEL.name) : undefined;
      using _connection = ethereum;
      const found =
        ethereum === undefined ? readChannelFile(flags.channel ?? "") : await channelOf(ethereum, voucher.channelId);
      if (!isChannelOf(found, voucher)) {
        const message = "the voucher is of another channel, contract or chain";
        throw cliError(
          "verificationFailed",
          "VOUCHER_ELSEWHERE",
          message,
          "ask the payer for a voucher of this channel",
        );
      }
      const verdict = await checkVoucher(voucher, found, {
        nowSeconds: Math.floor(io.nowMs() / 1000),
        marginSeconds: flags.margin === undefined ? DEFAULT_MARGIN_SECONDS : parseDuration(flags.margin) / 1000,
        ...(flags.atLeast === undefined ? {} : { atLeast: parseMoney(flags.atLeast) }),
        ...(ethereum === undefined ? {} : { isValidSignature: askWallet(ethereum, found.payer) }),
      });
      if (!verdict.accepted)
        throw cliError("verificationFailed", verdict.code, verdict.reason, ADVICE[verdict.code] ?? "");
      const view = { holds: true, amountWei: `${voucher.amount}`, ...channelJson(found) };
      show(io, context.json, view, () =>
        facts([["voucher", `holds: ${formatMoney(voucher.amount)} owed in all`], ...channelText(found)]),
      );
    });
}

function showCommand(channel: Command, io: CliIo): void {
  withChainFlags(channel.command("show").description("A channel as Ethereum has it").argument("<id>", "its number"))
    .addHelpText("after", example("channel show 1 --json"))
    .action(async (id: string, flags: ChainFlags, command: Command) => {
      const context = commandContext(io, command);
      const channelId = channelIdOf(id);
      using ethereum = await openContract(context, flags, CHANNEL.name);
      const found = await channelOf(ethereum, channelId);
      show(io, context.json, channelJson(found), () => facts(channelText(found)));
    });
}

function listCommand(channel: Command, io: CliIo): void {
  withChainFlags(
    channel
      .command("list")
      .description("The channels of an account, newest first, and what it may withdraw")
      .option("--address <address>", "of another account than this home's")
      .option("--key <name>", "a key of this home (default: the one that init made, or the only one)"),
  )
    .addHelpText("after", example("channel list"))
    .action(async (flags: ChainFlags & { address?: string; key?: string }, command: Command) => {
      const context = commandContext(io, command);
      const account = flags.address === undefined ? ownAddress(context, flags.key) : ethereumAddress(flags.address);
      using ethereum = await openContract(context, flags, CHANNEL.name);
      const ids = await channelIdsOf(ethereum, account);
      const channels: PlacedChannel[] = [];
      for (const id of ids.slice(0, MAX_LISTED)) channels.push(await channelOf(ethereum, id));
      const credit = await askingEvm([CHANNEL.interface], () => channelsAt(ethereum).credit(account));
      const view = {
        account,
        creditWei: `${credit}`,
        more: ids.length > MAX_LISTED,
        channels: channels.map(channelJson),
      };
      show(io, context.json, view, () => {
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
        return `${head}${table(["ID", "AS", "WITH", "DEPOSIT", "CLAIMED", "EXPIRES"], rows)}`;
      });
    });
}

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { checkVoucher, DEFAULT_MARGIN_SECONDS, encodeVoucher, signVoucher } from "#bridge/voucher.ts";
import { channelJson, channelText, readChannelFile } from "../channelView.ts";
import { cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import {
  type ChainFlags,
  contractsOf,
  openContract,
  ownWallet,
  withChainFlags,
  withContractsFlag,
} from "../ethereum.ts";
import type { CliIo } from "../io.ts";
import { formatMoney, parseMoney } from "../money.ts";
import { facts, show } from "../output.ts";
import { askWallet, CHANNEL, channelIdOf, channelOf, isChannelOf } from "../paymentChannel.ts";
import { parseDuration } from "../quantities.ts";
import { openVoucherStore, readVoucherFile } from "../voucherStore.ts";

/** Vouchers are signed and checked at home. */
export function channelHomeCommands(channel: Command, io: CliIo): void {
  payCommand(channel, io);
  checkCommand(channel, io);
}

/** What a payee does about a voucher that it must not take. */
const ADVICE: Readonly<Record<string, string>> = {
  VOUCHER_CHANNEL_CLOSED: "hand out no energy; ask the payer to open another channel",
  VOUCHER_CHANNEL_EXPIRING: "claim what you have now; ask the payer to put the expiry off",
  VOUCHER_NOTHING_NEW: "ask the payer for a voucher over all that is owed by now",
  VOUCHER_OVER_DEPOSIT: "ask the payer to add to the channel with `channel top-up`",
  VOUCHER_NOT_ENOUGH: "ask the payer for a voucher over all that is owed by now",
  VOUCHER_SIGNATURE_INVALID: "hand out no energy for it; ask the payer for a voucher signed with the payer's key",
};

interface PayFlags {
  readonly amount?: string;
  readonly total?: string;
  readonly output?: string;
  readonly key?: string;
  readonly contracts?: string;
}

function payCommand(channel: Command, io: CliIo): void {
  withContractsFlag(
    channel
      .command("pay")
      .description("Sign a voucher over all that is owed so far; nothing is asked of any network")
      .argument("<id>", "the channel's number")
      .option("--amount <amount>", "to be added to the voucher before, for example 0.001ETH")
      .option("--total <amount>", "all that is owed since the channel was opened")
      .option("-o, --output <file>", "write the voucher to this file (default: standard output)")
      .option("--key <name>", "the payer's key (default: the one that init made for it, or the only one)"),
  )
    .addHelpText("after", example("channel pay 1 --amount 0.001ETH -o voucher.json"))
    .action(async (id: string, flags: PayFlags, command: Command) => {
      const context = commandContext(io, command);
      if ((flags.amount === undefined) === (flags.total === undefined)) {
        const hint = "give --amount, what is to be added, or --total, all that is owed";
        throw cliError("usage", "AMOUNT_MISSING", "a voucher needs one amount", hint);
      }
      const file = contractsOf(context, flags);
      const promise = {
        chainId: file.chainId,
        contract: addressOfContract(file, CHANNEL.name),
        channelId: channelIdOf(id),
      };
      const what =
        flags.amount === undefined ? { total: parseMoney(flags.total ?? "") } : { more: parseMoney(flags.amount) };
      const wallet = await ownWallet(context, flags.key);
      const voucher = await openVoucherStore(join(context.options.home, "vouchers")).issue(promise, what, (amount) =>
        signVoucher(wallet, { ...promise, amount }),
      );
      const text = encodeVoucher(voucher);
      if (flags.output !== undefined) writeFileSync(flags.output, `${text}\n`);
      const view = { voucher: JSON.parse(text) as object, amountWei: `${voucher.amount}`, file: flags.output ?? null };
      show(io, context.json, view, () =>
        flags.output === undefined
          ? `${text}\n`
          : facts([
              ["voucher", flags.output],
              ["channel", id],
              ["owed in all", formatMoney(voucher.amount)],
            ]),
      );
    });
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

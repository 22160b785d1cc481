import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { encodeVoucher, signVoucher } from "#bridge/voucher.ts";
import { timeOf } from "../channelView.ts";
import { cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import {
  contractsOf,
  openContract,
  ownWallet,
  type SendFlags,
  sendAndShow,
  withContractsFlag,
  withSendFlags,
} from "../ethereum.ts";
import type { CliIo } from "../io.ts";
import { formatMoney, parseMoney } from "../money.ts";
import { facts, show } from "../output.ts";
import { CHANNEL, channelIdOf, channelsAt, type ExpiryFlags, ethereumAddress, expiryOf } from "../paymentChannel.ts";
import { openVoucherStore, readVoucherFile } from "../voucherStore.ts";
import { channelQueries } from "./channelQueries.ts";

export function channelCommand(program: Command, io: CliIo): void {
  const channel = program
    .command("channel")
    .description("Pay as you go: channels of ether on Ethereum, and vouchers that are checked without it")
    .addHelpText("after", example("channel open --help"));
  openCommand(channel, io);
  topUpCommand(channel, io);
  extendCommand(channel, io);
  payCommand(channel, io);
  channelQueries(channel, io);
  claimCommand(channel, io);
  endCommands(channel, io);
  withdrawCommand(channel, io);
}

function openCommand(channel: Command, io: CliIo): void {
  withSendFlags(
    channel
      .command("open")
      .description("Escrow an amount for a producer; it is paid by vouchers")
      .requiredOption("--to <address>", "the producer's Ethereum address (`keys show` has it)")
      .requiredOption("--deposit <amount>", "for example 0.05ETH")
      .option("--expires <time>", "RFC 3339 with zone, or Unix ms; from then on the rest can be taken back")
      .option("--for <duration>", "the same from now on, for example 30d"),
  )
    .addHelpText(
      "after",
      example("channel open --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --deposit 0.05ETH --for 30d"),
    )
    .action(async (flags: SendFlags & ExpiryFlags & { to: string; deposit: string }, command: Command) => {
      const context = commandContext(io, command);
      const [payee, value, expires] = [
        ethereumAddress(flags.to),
        parseMoney(flags.deposit),
        expiryOf(flags, io.nowMs()),
      ];
      using ethereum = await openContract(context, flags, CHANNEL.name);
      const transaction = await channelsAt(ethereum).open.populateTransaction(payee, expires, { value });
      await sendAndShow(context, flags, ethereum, {
        transaction,
        interfaces: [CHANNEL.interface],
        outcome: ({ logs }) => {
          const id = `${CHANNEL.events(logs, "Opened")[0]?.channelId}`;
          const json = { channelId: id, payee, depositWei: `${value}`, expires: timeOf(expires) };
          return {
            json,
            text: [
              ["channel", id],
              ["payee", payee],
              ["expires", json.expires],
            ],
          };
        },
      });
    });
}

function topUpCommand(channel: Command, io: CliIo): void {
  withSendFlags(
    channel
      .command("top-up")
      .description("Add to what a channel can pay")
      .argument("<id>", "the channel's number")
      .requiredOption("--amount <amount>", "for example 0.05ETH"),
  )
    .addHelpText("after", example("channel top-up 1 --amount 0.02ETH"))
    .action(async (id: string, flags: SendFlags & { amount: string }, command: Command) => {
      const context = commandContext(io, command);
      const [channelId, value] = [channelIdOf(id), parseMoney(flags.amount)];
      using ethereum = await openContract(context, flags, CHANNEL.name);
      await sendAndShow(context, flags, ethereum, {
        transaction: await channelsAt(ethereum).topUp.populateTransaction(channelId, { value }),
        interfaces: [CHANNEL.interface],
        outcome: ({ logs }) => {
          const deposit = CHANNEL.events(logs, "ToppedUp")[0]?.deposit ?? 0n;
          const json = { channelId: id, depositWei: `${deposit}` };
          return {
            json,
            text: [
              ["channel", id],
              ["deposit", formatMoney(deposit)],
            ],
          };
        },
      });
    });
}

function extendCommand(channel: Command, io: CliIo): void {
  withSendFlags(
    channel
      .command("extend")
      .description("Put a channel's expiry off")
      .argument("<id>", "the channel's number")
      .option("--expires <time>", "RFC 3339 with zone, or Unix ms")
      .option("--for <duration>", "from now on, for example 30d"),
  )
    .addHelpText("after", example("channel extend 1 --for 60d"))
    .action(async (id: string, flags: SendFlags & ExpiryFlags, command: Command) => {
      const context = commandContext(io, command);
      const [channelId, expires] = [channelIdOf(id), expiryOf(flags, io.nowMs())];
      using ethereum = await openContract(context, flags, CHANNEL.name);
      const json = { channelId: id, expires: timeOf(expires) };
      await sendAndShow(context, flags, ethereum, {
        transaction: await channelsAt(ethereum).extend.populateTransaction(channelId, expires),
        interfaces: [CHANNEL.interface],
        outcome: () => ({
          json,
          text: [
            ["channel", id],
            ["expires", json.expires],
          ],
        }),
      });
    });
}

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

function claimCommand(channel: Command, io: CliIo): void {
  withSendFlags(
    channel
      .command("claim")
      .description("Be credited what a voucher owes beyond earlier claims")
      .argument("<voucher>", "file of the latest voucher")
      .option("--close", "close the channel too; the rest goes back to the payer"),
  )
    .addHelpText("after", example("channel claim voucher.json --close"))
    .action(async (path: string, flags: SendFlags & { close?: boolean }, command: Command) => {
      const context = commandContext(io, command);
      const voucher = readVoucherFile(path);
      using ethereum = await openContract(context, flags, CHANNEL.name);
      if (voucher.contract !== ethereum.address || voucher.chainId !== ethereum.connection.chainId) throw elsewhere();
      const contract = channelsAt(ethereum);
      const how = flags.close === true ? contract.claimAndClose : contract.claim;
      await sendAndShow(context, flags, ethereum, {
        transaction: await how.populateTransaction(voucher.channelId, voucher.amount, voucher.signature),
        interfaces: [CHANNEL.interface],
        outcome: ({ logs }) => {
          const { amount = 0n, claimed = 0n } = CHANNEL.events(logs, "Claimed")[0] ?? {};
          const returned = CHANNEL.events(logs, "Closed")[0]?.returned;
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
    });
}

function elsewhere() {
  const message = "the voucher is of another contract or chain than the contracts file";
  return cliError("verificationFailed", "VOUCHER_ELSEWHERE", message, "ask the payer for a voucher of this channel");
}

function endCommands(channel: Command, io: CliIo): void {
  const ends = {
    close: "As the payee: close a channel without a further claim; the rest goes back to the payer",
    reclaim: "As the payer: from its expiry on, take back what was not claimed",
  } as const;
  for (const [name, description] of Object.entries(ends) as [keyof typeof ends, string][])
    withSendFlags(channel.command(name).description(description).argument("<id>", "the channel's number"))
      .addHelpText("after", example(`channel ${name} 1`))
      .action(async (id: string, flags: SendFlags, command: Command) => {
        const context = commandContext(io, command);
        const channelId = channelIdOf(id);
        using ethereum = await openContract(context, flags, CHANNEL.name);
        await sendAndShow(context, flags, ethereum, {
          transaction: await channelsAt(ethereum)[name].populateTransaction(channelId),
          interfaces: [CHANNEL.interface],
          outcome: ({ logs }) => {
            const { claimed = 0n, returned = 0n } = CHANNEL.events(logs, "Closed")[0] ?? {};
            return {
              json: { channelId: id, claimedWei: `${claimed}`, returnedWei: `${returned}` },
              text: [
                ["channel", `${id}, closed`],
                ["claimed in all", formatMoney(claimed)],
                ["credited to the payer", formatMoney(returned)],
              ],
            };
          },
        });
      });
}

function withdrawCommand(channel: Command, io: CliIo): void {
  withSendFlags(
    channel
      .command("withdraw")
      .description("Fetch what this account is credited")
      .option("--to <address>", "send it to another address (default: the account's own)"),
  )
    .addHelpText("after", example("channel withdraw"))
    .action(async (flags: SendFlags & { to?: string }, command: Command) => {
      const context = commandContext(io, command);
      using ethereum = await openContract(context, flags, CHANNEL.name);
      const to = flags.to === undefined ? (await ownWallet(context, flags.key)).address : ethereumAddress(flags.to);
      await sendAndShow(context, flags, ethereum, {
        transaction: await channelsAt(ethereum).withdraw.populateTransaction(to),
        interfaces: [CHANNEL.interface],
        outcome: ({ logs }) => {
          const amount = CHANNEL.events(logs, "Withdrawn")[0]?.amount ?? 0n;
          return {
            json: { to, amountWei: `${amount}` },
            text: [
              ["sent to", to],
              ["amount", formatMoney(amount)],
            ],
          };
        },
      });
    });
}

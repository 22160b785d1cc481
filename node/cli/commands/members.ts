import type { Command } from "commander";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { show, table } from "../output.ts";
import { readAllPages } from "../pages.ts";
import { type SubmitFlags, signAndSubmit, signingAccount } from "../submit.ts";
import { withSubmitFlags } from "./submitFlags.ts";

const ACCOUNT = "edream1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu";
const ROLES = "dso, regulator, aggregator, producer, consumer, prosumer or checker";

interface Member {
  readonly account: string;
  readonly role: string;
}

export function membersCommand(program: Command, io: CliIo): void {
  const members = program
    .command("members")
    .description("Who may do what on the ledger")
    .addHelpText("after", example("members list"));

  members
    .command("list", { isDefault: true })
    .description("All members and their roles")
    .addHelpText("after", example("members list --json"))
    .action(async (_flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const members = await readAllPages<Member>(client(), "/members", "members");
      show(io, json, { members }, () =>
        table(
          ["ACCOUNT", "ROLE"],
          members.map(({ account, role }) => [account, role]),
        ),
      );
    });

  withSubmitFlags(
    members
      .command("enrol")
      .description("Make an account a member")
      .argument("<account>", "bech32 account or 34-character identity")
      .requiredOption("--role <role>", ROLES),
  )
    .addHelpText("after", example(`members enrol ${ACCOUNT} --role prosumer --key owner`))
    .action(async (member: string, flags: SubmitFlags & { role: string }, command: Command) => {
      const context = commandContext(io, command);
      const { name, account: authority } = signingAccount(context, flags.key);
      const message = ledgerMessage("MsgEnrolMember", { authority, member, role: flags.role });
      await signAndSubmit(context, [message], [name], flags);
    });

  withSubmitFlags(
    members
      .command("remove")
      .description("End a membership")
      .argument("<account>", "bech32 account or 34-character identity"),
  )
    .addHelpText("after", example(`members remove ${ACCOUNT} --key owner`))
    .action(async (member: string, flags: SubmitFlags, command: Command) => {
      const context = commandContext(io, command);
      const { name, account: authority } = signingAccount(context, flags.key);
      await signAndSubmit(context, [ledgerMessage("MsgRemoveMember", { authority, member })], [name], flags);
    });

  withSubmitFlags(
    members
      .command("role")
      .description("Give a member another role")
      .argument("<account>", "bech32 account or 34-character identity")
      .argument("<role>", ROLES),
  )
    .addHelpText("after", example(`members role ${ACCOUNT} aggregator --key owner`))
    .action(async (member: string, role: string, flags: SubmitFlags, command: Command) => {
      const context = commandContext(io, command);
      const { name, account: authority } = signingAccount(context, flags.key);
      await signAndSubmit(context, [ledgerMessage("MsgChangeRole", { authority, member, role })], [name], flags);
    });
}

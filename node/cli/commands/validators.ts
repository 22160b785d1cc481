import type { Command } from "commander";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { show, table } from "../output.ts";
import { readAllPages } from "../pages.ts";
import { parseHex } from "../quantities.ts";
import { type SubmitFlags, signAndSubmit, signingAccount } from "../submit.ts";
import { collect, withSubmitFlags } from "./submitFlags.ts";

interface ValidatorsAnswer {
  readonly height: number;
  readonly totalVotingPower: string;
  readonly proposer: string;
  readonly validators: readonly {
    readonly address: string;
    readonly publicKey: { bytes: string };
    readonly votingPower: string;
  }[];
}

interface ExclusionAnswer {
  readonly address: string;
  readonly reason: string;
  readonly height: string;
  readonly timeMs: string;
}

const OFFENCES: Readonly<Record<string, string>> = {
  duplicateVote: "two votes",
  lightClientAttack: "attack on light nodes",
  bridgeEquivocation: "two anchors or rotations",
};

export function validatorsCommand(program: Command, io: CliIo): void {
  const validators = program
    .command("validators")
    .description("The validator set, and votes to change it")
    .addHelpText("after", example("validators list"));

  validators
    .command("list", { isDefault: true })
    .description("Addresses, keys and voting power at a height")
    .option("--height <n>", "block height (default: the latest)")
    .addHelpText("after", example("validators list --height 10"))
    .action(async (flags: { height?: string }, command: Command) => {
      const { json, client } = commandContext(io, command);
      const node = client();
      const height = flags.height ?? String((await node.get<{ height: number }>("/status")).height);
      const set = await node.get<ValidatorsAnswer>(`/validators/${encodeURIComponent(height)}`);
      show(io, json, set, () => {
        const rows = set.validators.map(({ address, publicKey, votingPower }) => [
          address,
          publicKey.bytes,
          votingPower,
        ]);
        return `height ${set.height}, total voting power ${set.totalVotingPower}\n${table(["ADDRESS", "PUBLIC KEY", "POWER"], rows)}`;
      });
    });

  validators
    .command("excluded")
    .description("Validators that evidence showed to have misbehaved; they are never taken in again")
    .addHelpText("after", example("validators excluded"))
    .action(async (_flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const exclusions = await readAllPages<ExclusionAnswer>(client(), "/exclusions", "exclusions");
      show(io, json, { exclusions }, () =>
        table(
          ["ADDRESS", "FOR", "HEIGHT", "TIME"],
          exclusions.map(({ address, reason, height, timeMs }) => [
            address,
            OFFENCES[reason] ?? reason,
            height,
            new Date(Number(timeMs)).toISOString(),
          ]),
        ),
      );
    });

  withSubmitFlags(
    validators
      .command("update")
      .description("Vote, as a regulator, for a change of the validator set; power 0 removes a validator")
      .requiredOption("--set <key=power>", "Ed25519 public key in hex and its new power; may be repeated", collect)
      .requiredOption(
        "--proposal <n>",
        "number of this proposal; regulators that mean the same change give the same one",
      ),
  )
    .addHelpText("after", example(`validators update --proposal 1 --set ${"ab".repeat(32)}=10 --key regulator`))
    .action(async (flags: SubmitFlags & { set: readonly string[]; proposal: string }, command: Command) => {
      const context = commandContext(io, command);
      const { name, account } = signingAccount(context, flags.key);
      const updates = flags.set.map((text) => {
        const match = /^([0-9a-fA-F]{64})=(\d{1,15})$/.exec(text);
        if (match === null)
          throw cliError(
            "usage",
            "VALIDATOR_MALFORMED",
            `${JSON.stringify(text)} is not KEY=POWER`,
            "write 64 hex digits, = and the power",
          );
        return { publicKey: parseHex(match[1] as string, 32, "the public key"), power: BigInt(match[2] as string) };
      });
      if (!/^\d{1,15}$/.test(flags.proposal))
        throw cliError("usage", "PROPOSAL_MALFORMED", `${flags.proposal} is not a number`, "write --proposal 1");
      const fields = { authority: account, updates, proposalId: BigInt(flags.proposal) };
      await signAndSubmit(context, [ledgerMessage("MsgUpdateValidators", fields)], [name], flags);
    });
}

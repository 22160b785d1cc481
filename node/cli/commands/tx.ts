import type { Command } from "commander";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { METER_KEY_NAME } from "../keyNames.ts";
import { accountOf } from "../keyStore.ts";
import { parseLockedAmount } from "../lock.ts";
import { type Opening, readOpenings, stillUnopened } from "../openings.ts";
import { publicKeyOfFlag } from "../publicKeyFlag.ts";
import { parseEnergy, parseHex, parseOutputPointer, parseTimeMs } from "../quantities.ts";
import { type SubmitFlags, signAndSubmit, signingAccount, writeForSigning } from "../submit.ts";
import { collect, withSubmitFlags } from "./submitFlags.ts";
import { txFileCommands } from "./txFile.ts";

interface SealFlags extends SubmitFlags {
  readonly meter: string;
  readonly start: string;
  readonly end: string;
  readonly count: string;
  readonly fingerprint: string;
  readonly readingsRoot: string;
  readonly sum?: string;
  readonly sumCommitment?: string;
  readonly register?: string;
}

interface RegisterFlags extends SubmitFlags {
  readonly meter: string;
  readonly to?: readonly string[];
  readonly amount?: string;
  readonly openings?: string;
}

interface TransferFlags extends SubmitFlags {
  readonly input: readonly string[];
  readonly to: readonly string[];
  readonly coSigner?: readonly string[];
  readonly unsigned?: string;
}

interface OutputAnswer {
  readonly amountMwh: string;
  readonly spentBy: string | null;
}

export function txCommand(program: Command, io: CliIo): void {
  const tx = program
    .command("tx")
    .description("Sign and send energy transactions")
    .addHelpText("after", example("tx transfer --help"));
  sealCommand(tx, io);
  registerCommand(tx, io);
  transferCommand(tx, io);
  txFileCommands(tx, io);
}

function sealCommand(tx: Command, io: CliIo): void {
  withSubmitFlags(
    tx
      .command("seal")
      .description("Seal one interval (start, end] of a meter; a node with a meter source does this by itself")
      .requiredOption("--meter <id>", "meter id")
      .requiredOption("--start <time>", "RFC 3339 with zone, or Unix ms")
      .requiredOption("--end <time>", "RFC 3339 with zone, or Unix ms")
      .requiredOption("--count <n>", "readings in the interval")
      .requiredOption("--fingerprint <hex>", "H(T_E), 32 bytes")
      .requiredOption("--readings-root <hex>", "root over the salted readings, 32 bytes")
      .option("--sum <energy>", "sum of the readings in the clear, for example 0.25kWh")
      .option("--sum-commitment <hex>", "salted commitment to the sum instead, 32 bytes")
      .option("--register <energy>", "cumulative register at the interval's end"),
  )
    .addHelpText(
      "after",
      example(
        `tx seal --meter MAC000002 --start 2013-01-01T00:00:00Z --end 2013-01-01T00:30:00Z --count 1 --sum 0.219kWh --fingerprint ${"0f".repeat(32)} --readings-root ${"a1".repeat(32)} --key meter`,
      ),
    )
    .action(async (flags: SealFlags, command: Command) => {
      const context = commandContext(io, command);
      const { name, account: signer } = signingAccount(context, flags.key, [METER_KEY_NAME]);
      const message = ledgerMessage("MsgSealInterval", {
        signer,
        meterId: flags.meter,
        intervalStartMs: BigInt(parseTimeMs(flags.start)),
        intervalEndMs: BigInt(parseTimeMs(flags.end)),
        readingCount: parseCount(flags.count),
        fingerprint: parseHex(flags.fingerprint, 32, "--fingerprint"),
        readingsRoot: parseHex(flags.readingsRoot, 32, "--readings-root"),
        energy: sealedEnergy(flags),
        ...(flags.register === undefined ? {} : { registerEndMwh: parseEnergy(flags.register) }),
      });
      await signAndSubmit(context, [message], [name], flags);
    });
}

function sealedEnergy({ sum, sumCommitment }: SealFlags) {
  if (sum !== undefined && sumCommitment === undefined) return { case: "sumMwh" as const, value: parseEnergy(sum) };
  if (sumCommitment !== undefined && sum === undefined)
    return { case: "sumCommitment" as const, value: parseHex(sumCommitment, 32, "--sum-commitment") };
  throw cliError(
    "usage",
    "SUM_MISSING",
    "an interval has a sum or a commitment to it",
    "give --sum or --sum-commitment",
  );
}

function registerCommand(tx: Command, io: CliIo): void {
  withSubmitFlags(
    tx
      .command("register")
      .description("Create an energy asset backed by what a meter has produced and not yet backed")
      .requiredOption("--meter <id>", "meter id")
      .option("--amount <energy>", "energy of one output for yourself, for example 1.5kWh")
      .option("--to <account=energy>", "output for another account, or MofN:A+B+C=ENERGY; may be repeated", collect)
      .option("--openings <file>", "file of `meters openings`, which opens committed sums"),
  )
    .addHelpText("after", example("tx register --meter MAC000002 --amount 1.5kWh --key alice"))
    .action(async (flags: RegisterFlags, command: Command) => {
      const context = commandContext(io, command);
      const { name, account: owner } = signingAccount(context, flags.key);
      const texts = [...(flags.amount === undefined ? [] : [`${owner}=${flags.amount}`]), ...(flags.to ?? [])];
      if (texts.length === 0)
        throw cliError("usage", "OUTPUTS_MISSING", "an asset needs an output", "give --amount or --to");
      const message = ledgerMessage("MsgRegisterEnergy", {
        owner,
        meterId: flags.meter,
        openings: flags.openings === undefined ? [] : await openingsFor(context, flags.meter, flags.openings),
        outputs: texts.map(parseLockedAmount),
      });
      await signAndSubmit(context, [message], [name], flags);
    });
}

/** Of the file's openings those that the ledger waits for: a file may be used again as it grows. */
async function openingsFor(context: CommandContext, meterId: string, file: string): Promise<Opening[]> {
  const openings = readOpenings(file);
  const open = await stillUnopened(context.client(), meterId, openings);
  if (open.length > 0 || openings.length === 0) return [...open];
  const hint =
    "what is opened counts already: register it without --openings, or write a new file with `meters openings`";
  throw cliError("refused", "OPENINGS_USED", `none of the ${openings.length} intervals in ${file} is unopened`, hint);
}

function transferCommand(tx: Command, io: CliIo): void {
  withSubmitFlags(
    tx
      .command("transfer")
      .description("Spend outputs and lock their energy to others; what is left comes back to you")
      .requiredOption("--input <txid:index>", "output to spend; may be repeated", collect)
      .requiredOption("--to <account=energy>", "receiver and energy, or MofN:A+B+C=ENERGY; may be repeated", collect)
      .option(
        "--co-signer <key>",
        "further signer, for m-of-n locks: a key of this home, or TYPE:HEX of another's; may be repeated",
        collect,
      )
      .option("--unsigned <file>", "do not send it, but write it for the other signers to sign with `tx sign`"),
  )
    .addHelpText("after", example(`tx transfer --input ${"6f".repeat(32)}:0 --to edream1…=0.5kWh --key alice`))
    .action(async (flags: TransferFlags, command: Command) => {
      const context = commandContext(io, command);
      const first = signingAccount(context, flags.key);
      const coSigners = (flags.coSigner ?? []).map((text) => {
        const publicKey = publicKeyOfFlag(context, text);
        return { name: text.includes(":") ? undefined : text, publicKey, account: accountOf(publicKey).account };
      });
      const inputs = flags.input.map(parseOutputPointer);
      const outputs = flags.to.map(parseLockedAmount);
      const spent = await totalOf(context, inputs);
      const sent = outputs.reduce((sum, output) => sum + output.amountMwh, 0n);
      if (sent > spent) {
        const hint = "add another --input, or send less";
        throw cliError("refused", "ENERGY_INSUFFICIENT", `the inputs hold ${spent} mWh, ${sent} are to be sent`, hint);
      }
      const change = { amountMwh: spent - sent, lock: { threshold: 1, accounts: [first.account] } };
      const message = ledgerMessage("MsgTransferEnergy", {
        signers: [first, ...coSigners].map(({ account }) => account),
        inputs,
        outputs: change.amountMwh === 0n ? outputs : [...outputs, change],
      });
      const names = [first, ...coSigners].flatMap(({ name }) => (name === undefined ? [] : [name]));
      const others = coSigners.flatMap(({ name, publicKey }) => (name === undefined ? [publicKey] : []));
      const { unsigned } = flags;
      if (unsigned !== undefined) return writeForSigning(context, [message], names, others, { ...flags, unsigned });
      if (others.length > 0) {
        const hint = "write it to a file for them to sign: --unsigned FILE";
        throw cliError("usage", "CO_SIGNER_ELSEWHERE", "a co-signer's key is not in this home", hint);
      }
      await signAndSubmit(context, [message], names, flags);
    });
}

async function totalOf(
  context: CommandContext,
  inputs: readonly { txId: Uint8Array; outputIndex: number }[],
): Promise<bigint> {
  const client = context.client();
  let total = 0n;
  for (const { txId, outputIndex } of inputs) {
    const id = Buffer.from(txId).toString("hex");
    const output = await client.get<OutputAnswer>(`/outputs/${id}/${outputIndex}`);
    if (output.spentBy !== null) {
      const hint = `it was spent by transaction ${output.spentBy}`;
      throw cliError("refused", "OUTPUT_SPENT", `the output ${id}:${outputIndex} is spent`, hint);
    }
    total += BigInt(output.amountMwh);
  }
  return total;
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw cliError(
    "usage",
    "COUNT_MALFORMED",
    `${JSON.stringify(text)} is not a number of readings`,
    "write --count 900",
  );
}

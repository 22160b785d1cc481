import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { hexlify } from "ethers";
import {
  type BaselineProof,
  checkBaseline,
  decodeBaseline,
  encodeBaseline,
  type FlexibilityEvent,
  MAX_EVENT_INTERVALS,
  type MeterBaseline,
  proveBaseline,
} from "#bridge/baseline.ts";
import { cliError } from "../../cli/cliError.ts";
import { collect } from "../../cli/commands/submitFlags.ts";
import { commandContext, example } from "../../cli/context.ts";
import type { CliIo } from "../../cli/io.ts";
import { facts, printable, show, table } from "../../cli/output.ts";
import { formatEnergy, parseDuration, parseTimeMs } from "../../cli/quantities.ts";
import type { StoreFlags } from "../../cli/storeFlag.ts";
import { withStoreFlags } from "../../cli/storeFlag.ts";
import { type Commitment, decodeCommitment, encodeCommitment } from "./baselineFiles.ts";
import { baselineOptionsOf, type MethodFlags } from "./baselineFlags.ts";
import { historyOf, openingsOf } from "./baselineHistory.ts";
import { type MadeBaseline, makeBaseline, methodText } from "./baselineMethods.ts";
import { readFile } from "./flexibilityParams.ts";
import { verifyOpenings } from "./verifiedOpenings.ts";

interface MakeFlags extends StoreFlags, MethodFlags {
  readonly start: string;
  readonly interval: string;
  readonly count: string;
  readonly openings?: readonly string[];
  readonly export?: readonly string[];
  readonly log?: string;
  readonly meter?: readonly string[];
  readonly output: string;
  readonly unverified?: boolean;
}

/** Baselines are made, given out and checked at home: who makes them needs readings, who checks one needs nothing but its file. */
export function baselineCommands(flexibility: Command, io: CliIo): void {
  const group = flexibility
    .command("baseline")
    .description("What meters would take without the event: made before it, committed to, and checked")
    .addHelpText("after", example("flexibility baseline --help"));
  makeCommand(group, io);
  showCommand(group, io);
  checkCommand(group, io);
}

function makeCommand(group: Command, io: CliIo): void {
  withStoreFlags(
    group
      .command("make")
      .description("As a DSO or an aggregator: make the baselines of an event from readings, and commit to them")
      .requiredOption("--start <time>", "of the event's first interval: RFC 3339 with zone, or Unix ms")
      .requiredOption("--interval <duration>", "length of one interval, as the meters seal them")
      .requiredOption("--count <n>", "intervals of the event")
      .option(
        "--openings <meter=file>",
        "a meter's sealed sums: `meters openings METER -o FILE`; several times",
        collect,
      )
      .option("--unverified", "do not compare the openings with what the ledger has sealed (--node)")
      .option("--export <meter>", "this meter's sums are of what it feeds in; several times", collect)
      .option("--log <folder>", "readings of a light node: data/readings of its home, also while it runs")
      .option("--meter <id>", "of log or store only this meter; several times", collect)
      .option("--mean <days>", "the mean of the latest days like it")
      .option("--high <X/Y>", "the mean of the X days with the highest load of the latest Y like it, for example 5/10")
      .option("--before <n>", "the mean of the last n intervals before now: for load that is steady")
      .option("--without <date>", "a day that is like no other, YYYY-MM-DD; several times", collect)
      .option("--zone <name>", "time zone of the meters", "UTC")
      .requiredOption("-o, --output <folder>", "where the files go: commitment.json, and one for each meter"),
    "readings of a store",
  )
    .addHelpText(
      "after",
      example(
        "flexibility baseline make --start 2026-12-01T17:00:00Z --interval 15m --count 4 --high 5/10 --openings MAC000002=openings.json -o baselines",
      ),
    )
    .action(async (flags: MakeFlags, command: Command) => {
      const { json, client } = commandContext(io, command);
      const event = eventOf(flags);
      const options = baselineOptionsOf(flags, io.nowMs());
      const history = await historyOf(flags, event.intervalMs);
      const made = [...history].map(([meterId, energies]) => {
        const baseline = makeBaseline(event, energies, options);
        if (baseline === undefined) throw historyTooShort(meterId, methodText(options.method));
        return { meterId, ...baseline, salt: new Uint8Array(randomBytes(32)) };
      });
      if (flags.unverified !== true)
        for (const [meterId, openings] of openingsOf(flags.openings)) {
          const lookedAt = made.find((one) => one.meterId === meterId)?.lookedAtMs ?? [];
          await verifyOpenings((path) => client().get(path), meterId, openings, lookedAt);
        }
      const files = writeBaselines(flags.output, event, made, methodText(options.method));
      const { root, count } = files.commitment;
      const view = { ...event, root, count, method: files.commitment.method, commitment: files.path };
      const meters = made.map(({ meterId, baselinesMwh, madeOf }, i) => ({
        ...{ meterId, file: files.meters[i], madeOf },
        baselinesMwh: baselinesMwh.map((mwh) => `${mwh}`),
      }));
      show(io, json, { ...view, meters }, () => madeText(files.commitment, files.path, made, files.meters));
    });
}

function showCommand(group: Command, io: CliIo): void {
  group
    .command("show")
    .description("What a baseline says, interval by interval")
    .argument("<file>", "a meter's file of `flexibility baseline make`")
    .addHelpText("after", example("flexibility baseline show meter.json"))
    .action((file: string, _flags: object, command: Command) => {
      const baseline = readBaseline(file);
      show(io, commandContext(io, command).json, JSON.parse(encodeBaseline(baseline)) as object, () =>
        proofText(baseline),
      );
    });
}

function checkCommand(group: Command, io: CliIo): void {
  group
    .command("check")
    .description("As a prosumer: whether a baseline is among those that a request was made with; exit code 5 if not")
    .argument("<file>", "a meter's file of `flexibility baseline make`")
    .requiredOption("--request <file>", "the request as `flexibility event ID --json` has it, or commitment.json")
    .addHelpText("after", example("flexibility baseline check meter.json --request request.json"))
    .action((file: string, flags: { readonly request: string }, command: Command) => {
      const baseline = readBaseline(file);
      const expected = readRequest(flags.request);
      const root = new Uint8Array(Buffer.from(expected.root.slice(2), "hex"));
      const verdict = checkBaseline(baseline, { ...expected, root });
      if (!verdict.accepted) {
        const hint = "do not accept with it: ask the requester for the meter's baseline of this request";
        throw cliError("verificationFailed", verdict.code, verdict.reason, hint);
      }
      const view = { holds: true, meterId: baseline.meterId, count: baseline.count };
      show(
        io,
        commandContext(io, command).json,
        view,
        () =>
          `${facts([["baseline", `holds: one of the ${baseline.count} that the request was made with`]])}${proofText(baseline)}`,
      );
    });
}

/** @throws CliError BASELINE_EVENT_INVALID, TIME_MALFORMED, DURATION_MALFORMED */
function eventOf({ start, interval, count }: MakeFlags): FlexibilityEvent {
  const [startMs, intervalMs, intervalCount] = [parseTimeMs(start), parseDuration(interval), Number(count)];
  const isCount = Number.isInteger(intervalCount) && intervalCount >= 1 && intervalCount <= MAX_EVENT_INTERVALS;
  if (isCount && intervalMs > 0 && startMs % intervalMs === 0) return { startMs, intervalMs, intervalCount };
  const hint = `give 1 to ${MAX_EVENT_INTERVALS} intervals, and a start at a multiple of their length since 1970`;
  throw cliError("usage", "BASELINE_EVENT_INVALID", "the event is not made of whole intervals", hint);
}

function historyTooShort(meterId: string, method: string) {
  const hint = "give more readings, or another method; only days, and intervals, with all readings count";
  return cliError("usage", "BASELINE_HISTORY_SHORT", `meter ${meterId} has not enough readings for: ${method}`, hint);
}

function writeBaselines(
  folder: string,
  event: FlexibilityEvent,
  made: readonly (MeterBaseline & MadeBaseline)[],
  method: string,
) {
  mkdirSync(folder, { recursive: true });
  const meters = made.map((one, index) => {
    const path = join(folder, `${index}-${one.meterId.replace(/[^A-Za-z0-9._-]/g, "_")}.json`);
    const { madeOf: _madeOf, lookedAtMs: _lookedAtMs, ...baseline } = one;
    const proof = proveBaseline(
      event,
      made.map(({ meterId, baselinesMwh, salt }) => ({ meterId, baselinesMwh, salt })),
      index,
    );
    // Who has it knows how the household lives: it is for the meter's owner alone.
    writeFileSync(path, `${encodeBaseline({ ...proof, ...baseline })}\n`, { mode: 0o600 });
    return { path, root: proof.root };
  });
  const root = hexlify(meters[0]?.root ?? new Uint8Array(32));
  const commitment: Commitment = { ...event, root, count: made.length, method };
  const path = join(folder, "commitment.json");
  writeFileSync(path, `${encodeCommitment(commitment)}\n`);
  return { commitment, path, meters: meters.map((meter) => meter.path) };
}

function madeText(
  commitment: Commitment,
  path: string,
  made: readonly (MeterBaseline & MadeBaseline)[],
  files: readonly string[],
) {
  const head = facts([
    ["commitment", path],
    ["event", eventText(commitment)],
    ["method", commitment.method],
    ["baselines", commitment.count],
    ["root", commitment.root],
    ["next", `flexibility request --commitment ${path} …`],
  ]);
  const rows = made.map(({ meterId, baselinesMwh, madeOf }, i) => [
    printable(meterId),
    formatEnergy(baselinesMwh.reduce((sum, mwh) => sum + mwh, 0n)),
    madeOf.map((one) => (typeof one === "number" ? new Date(one).toISOString() : one)).join(" "),
    files[i] ?? "",
  ]);
  return `${head}\n${table(["METER", "ENERGY", "MADE OF", "FILE"], rows)}`;
}

function proofText(baseline: BaselineProof): string {
  const rows = baseline.baselinesMwh.map((mwh, i) => [
    new Date(baseline.startMs + i * baseline.intervalMs).toISOString(),
    formatEnergy(mwh),
  ]);
  const head = facts([
    ["meter", printable(baseline.meterId)],
    ["event", eventText(baseline)],
    ["root", hexlify(baseline.root)],
  ]);
  return `${head}\n${table(["INTERVAL", "BASELINE"], rows)}`;
}

function eventText({ startMs, intervalMs, intervalCount }: FlexibilityEvent): string {
  return `${new Date(startMs).toISOString()}, ${intervalCount} intervals of ${intervalMs / 1000} s`;
}

/** @throws CliError FILE_UNREADABLE, BASELINE_MALFORMED */
function readBaseline(path: string): BaselineProof {
  return readFile(readText(path), decodeBaseline);
}

/** What commitment.json and a request's answer have in common. @throws CliError FILE_UNREADABLE, BASELINE_MALFORMED */
function readRequest(path: string): Commitment {
  const text = readText(path);
  return readFile(text, (given) => {
    let json: object;
    try {
      json = JSON.parse(given) as object;
    } catch {
      return decodeCommitment(given);
    }
    return decodeCommitment(JSON.stringify({ ...json, ...("requestId" in json ? REQUEST : {}) }));
  });
}

/** A request does not say how its baselines were made. */
const REQUEST = { format: "energy-ledger-baseline-commitment/1", method: "" };

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw cliError("usage", "FILE_UNREADABLE", `cannot read ${path} (${reason})`, "name a readable file");
  }
}

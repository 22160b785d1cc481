import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { pino } from "pino";
import type { AssetStore } from "#storage/assets/assetStore.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import {
  type Aggregator,
  createAggregator,
  DEFAULT_AGGREGATOR_OPTIONS,
  QUARTER_HOUR_MS,
} from "../../bigchain/aggregator/aggregator.ts";
import { createAggregatorState } from "../../bigchain/aggregator/aggregatorState.ts";
import { startInputs } from "../../meter/meterInputs.ts";
import { loadMetersFile, type MetersFile } from "../../meter/metersFile.ts";
import { pause } from "../../meter/pause.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { loadKey } from "../keyStore.ts";
import { facts, show, table } from "../output.ts";
import { readPassphrase } from "../passphrase.ts";

interface RunFlags {
  readonly inputs: string;
  readonly store: string;
  readonly driver?: boolean;
  readonly key: string;
  readonly every: string;
  readonly grace: string;
  readonly storeTokenFile?: string;
}

/** How often it looks for intervals that have ended. */
const LOOK_MS = 1000;

const DAY_MINUTES = 24 * 60;

export function aggregatorCommand(program: Command, io: CliIo): void {
  const aggregator = program
    .command("aggregator")
    .description("Meters as BigchainDB assets: readings by intervals, appended by transfers (D5.1 §4.1)")
    .addHelpText("after", example("aggregator run --inputs ./inputs.json --store http://127.0.0.1:9984"));

  aggregator
    .command("run")
    .description("Take readings and write them until it is interrupted; the log goes to standard error")
    .requiredOption("--inputs <file>", "file like meters.json: its inputs, for example one of type ngsi")
    .requiredOption("--store <url>", "BigchainDB's interface of a node of this ledger, or a BigchainDB server")
    .option("--driver", "a BigchainDB server: speak to it through its official driver")
    .option("--store-token-file <file>", "file with the API token, where --store is a node's REST that needs one")
    .option("--key <name>", "key of this home, Ed25519, from which the meters' key pairs are derived", "aggregator")
    .addOption(new Option("--every <minutes>", "length of an interval").default("15"))
    .addOption(new Option("--grace <seconds>", "wait for late readings after an interval's end").default("60"))
    .addHelpText(
      "after",
      example(
        "aggregator run --inputs ./inputs.json --store http://127.0.0.1:9984",
        "aggregator run --inputs ./inputs.json --store http://bigchaindb.example:9984 --driver",
      ),
    )
    .action(async (flags: RunFlags, command: Command) => run(commandContext(io, command), flags));

  aggregator
    .command("status")
    .description("The meters of a stopped aggregator, their assets, and what waits to be sent")
    .addHelpText("after", example("aggregator status --json"))
    .action(async (_flags: object, command: Command) => status(commandContext(io, command)));
}

async function run(context: CommandContext, flags: RunFlags): Promise<void> {
  const { io, json, options, paths } = context;
  const everyMs = integerOf("--every", flags.every, 1, DAY_MINUTES) * 60_000;
  const graceMs = integerOf("--grace", flags.grace, 0, 86_400) * 1000;
  const metersFile = await readInputs(flags.inputs);
  const key = await loadKey(paths.keys, flags.key, await readPassphrase(io, options.passphraseFile));
  const log = pino({ level: options.logLevel, base: { part: "aggregator" } }, pino.destination(2));

  await using opening = new AsyncDisposableStack();
  const store = await openState(context);
  opening.defer(() => store.close());
  const assets = opening.use(await openAssets(context, flags));
  const aggregatorOptions = { ...DEFAULT_AGGREGATOR_OPTIONS, everyMs, graceMs };
  const aggregator = opening.use(
    await createAggregator(aggregatorOptions, { store, assets, key, nowMs: io.nowMs, log }),
  );
  opening.use(
    await startInputs(metersFile.inputs, { offer: (frame) => aggregator.offer(frame), nowMs: io.nowMs, log }),
  );

  const interrupted = new AbortController();
  opening.defer(io.onInterrupt(() => interrupted.abort()));
  const { store: storeUrl } = flags;
  const inputs = metersFile.inputs.map(({ name }) => name);
  show(io, json, { event: "started", store: storeUrl, inputs, everyMs }, () =>
    facts([
      ["store", storeUrl],
      ["inputs", inputs.join(", ")],
      ["interval", everyMs === QUARTER_HOUR_MS ? "15 min" : `${everyMs / 60_000} min`],
    ]),
  );
  await lookUntil(interrupted.signal, aggregator);
  log.info(aggregator.counts, "Stopped");
}

async function lookUntil(signal: AbortSignal, aggregator: Aggregator): Promise<void> {
  while (!signal.aborted) {
    await aggregator.tick();
    await pause(LOOK_MS, signal);
  }
}

async function status(context: CommandContext): Promise<void> {
  const { io, json } = context;
  const store = await openState(context);
  try {
    const state = createAggregatorState(store, DEFAULT_AGGREGATOR_OPTIONS);
    const meters = await state.meters();
    const waiting = await state.countWaiting();
    show(io, json, { waiting, meters }, () =>
      [
        table(
          ["METER", "ASSET", "REGISTERED", "PUBLIC KEY"],
          meters.map(({ meterId, assetId, registered, publicKey }) => [
            meterId,
            assetId,
            registered ? "yes" : "not yet",
            publicKey,
          ]),
        ),
        facts([["waiting", waiting]]),
      ].join("\n"),
    );
  } finally {
    await store.close();
  }
}

/** @throws StoreError STORE_LOCKED while another aggregator runs in this home */
function openState({ paths }: CommandContext) {
  mkdirSync(paths.data, { recursive: true });
  return openLevelStore(join(paths.data, "aggregator"));
}

async function openAssets({ io }: CommandContext, flags: RunFlags): Promise<AssetStore> {
  const { store: url, driver = false, storeTokenFile } = flags;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw cliError("usage", "STORE_URL_MALFORMED", `${url} is not a URL`, "write --store http://127.0.0.1:9984");
  // The driver's seventy packages are loaded only by those who want it.
  if (driver) return (await import("../../bigchain/driverAssetStore.ts")).createDriverAssetStore({ url });
  const { createHttpAssetStore } = await import("../../bigchain/httpAssetStore.ts");
  const { readText } = await import("../archiveParts.ts");
  const token = storeTokenFile === undefined ? undefined : readText(storeTokenFile).trim();
  return createHttpAssetStore({ url, token }, { fetch: io.fetch });
}

async function readInputs(file: string): Promise<MetersFile> {
  const metersFile = await loadMetersFile(file);
  if (metersFile.inputs.length > 0) return metersFile;
  const hint = "write one like meters.json: node/bigchain/README.md shows it";
  throw cliError("usage", "INPUTS_MISSING", `${file} does not exist, or names no input`, hint);
}

function integerOf(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw cliError("usage", "FLAG_INVALID", `${flag} is ${text}`, `it must be a whole number from ${min} to ${max}`);
}

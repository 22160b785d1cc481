#!/usr/bin/env node
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { LedgerError } from "#storage/error.ts";
import { checkAgreement } from "./agreement.ts";
import { runScenario } from "./faults/runScenario.ts";
import { readScenario } from "./faults/scenario.ts";
import { frame, type Look, summary } from "./liveView.ts";
import { type RunningNet, startNet } from "./net.ts";
import { type EthereumSource, type NetEthereum, readEthereumKey, startNetEthereum } from "./netEthereum.ts";
import { type LightView, lightView, metricValue, type NodeView, nodeView } from "./observe.ts";
import { prepareNet } from "./prepare.ts";
import { residentBytes } from "./processes.ts";
import { type DevnetReport, percentile, sorted } from "./report.ts";
import { cometbftBinary } from "./services/cometbft.ts";
import { createScreen, formatTable } from "./view.ts";

/** How often all nodes are looked at, in ms. */
const LOOK_MS = 500;

/** How long light nodes may take to have everything they sealed proved after the readings ended, in ms. */
const DRAIN_MS = 60_000;

interface Flags {
  readonly nodes: number;
  readonly full: number;
  readonly light: number;
  readonly households: number;
  readonly seconds?: number;
  readonly data?: string;
  readonly json: boolean;
  readonly keep?: string;
  readonly scenario?: string;
  readonly engine: "embedded" | "cometbft";
  readonly cometbft?: string;
  /** Absent: a node of its own; false: none; else the JSON-RPC of a node. */
  readonly ethereum?: string | false;
  readonly ethereumKey?: string;
  readonly ethereumPassphraseFile?: string;
}

const program = new Command("devnet")
  .description(
    "A whole network on this machine: validators, full nodes and prosumers' light nodes, each a process of its own",
  )
  .option("--nodes <n>", "validators", count, 4)
  .option("--full <n>", "full nodes", count, 1)
  .option("--light <n>", "light nodes with meters", count, 2)
  .option("--households <n>", "households each light node simulates", count, 12)
  .option(
    "--seconds <n>",
    "stop after this time and report (default: until Ctrl-C; with --data: until the file is done)",
    count,
  )
  .option("--data <file>", "readings from a Low Carbon London file (plain or gzip) instead of a simulation")
  .option("--json", "one JSON object on standard output at the end, nothing else", false)
  .option("--keep <dir>", "keep homes, keys and logs of the nodes in this folder")
  .option("--scenario <file>", "play a fault scenario on a net of its own; exit code 0 only if all it expects held")
  .addOption(
    new Option("--engine <engine>", "what orders transactions into blocks")
      .choices(["embedded", "cometbft"])
      .default("embedded"),
  )
  .option("--cometbft <program>", "with --engine cometbft: its program (default: built by Go when it is not there)")
  .option("--ethereum <url>", "JSON-RPC of an Ethereum node for contracts and bridge (default: a node of its own)")
  .option("--no-ethereum", "without Ethereum: no contracts, no bridge")
  .option("--ethereum-key <file>", "with --ethereum: a key with ether, 64 hex digits or a Web3 keystore (version 3)")
  .option("--ethereum-passphrase-file <file>", "file whose first line opens the Web3 keystore")
  .addHelpText(
    "after",
    "\nExamples:\n  npm run devnet\n  npm run devnet -- --seconds 30 --json\n  npm run devnet -- --data part-00.csv.gz\n  npm run devnet -- --engine cometbft\n  npm run devnet -- --scenario devnet/faults/scenarios/split.json",
  )
  .parse();

const given = program.opts<Flags>();
if (typeof given.ethereum === "string" && given.ethereumKey === undefined)
  program.error("error: --ethereum needs --ethereum-key: a key with ether on that chain");

process.exitCode = await main(given).catch((error) => {
  // Anything else is a fault of this program, of which the stack is wanted.
  if (!(error instanceof LedgerError)) throw error;
  const advice = error.code.startsWith("EVM_") ? "\n--no-ethereum runs the ledger without it" : "";
  process.stderr.write(`${error.message}${advice}\n`);
  return 1;
});
// All processes are ended. A deployment that was under way still waits for receipts of a node that is gone.
setTimeout(() => process.exit(), 1000).unref();

async function main(flags: Flags): Promise<number> {
  const startedMs = performance.now();
  const directory = flags.keep === undefined ? mkdtempSync(join(tmpdir(), "energy-devnet-")) : resolve(flags.keep);
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt.abort());
  let net: RunningNet | undefined;
  let ethereum: NetEthereum | undefined;
  try {
    if (flags.scenario !== undefined)
      return await playScenario(flags.scenario, directory, flags.json, interrupt.signal);
    const relayedBy = flags.full > 0 ? "full0" : "validator0";
    ethereum = flags.ethereum === false ? undefined : await startNetEthereum(await ethereumSource(flags), relayedBy);
    const prepared = await prepareNet({
      directory,
      engine: flags.engine,
      ...(flags.engine === "cometbft" ? { cometbftBinary: flags.cometbft ?? (await cometbftBinary()) } : {}),
      validators: flags.nodes,
      full: flags.full,
      light: flags.light,
      households: flags.households,
      dataFile: flags.data === undefined ? undefined : resolve(flags.data),
      ...(ethereum === undefined ? {} : { configOf: ethereum.configOf }),
    });
    await ethereum?.prepare(prepared.nodes);
    net = startNet(prepared);
    ethereum?.begin(prepared.nodes);
    return await run(flags, { net, ethereum }, startedMs, interrupt.signal);
  } finally {
    await net?.stop();
    await ethereum?.[Symbol.asyncDispose]();
    if (flags.keep === undefined) rmSync(directory, { recursive: true, force: true });
    else process.stderr.write(`kept in ${directory}\n`);
  }
}

async function playScenario(file: string, directory: string, json: boolean, signal: AbortSignal): Promise<number> {
  const scenario = readScenario(resolve(file));
  const report = await runScenario(scenario, directory, {
    signal,
    onTick({ heights, seconds }, last) {
      if (!process.stderr.isTTY) return;
      const clock = `${Math.floor(seconds())} of ${scenario.endSeconds} s`;
      process.stderr.write(`\r\u001b[2K${scenario.name}  ${clock}  heights ${heights.join(" ")}  ${last}`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
  const rows = report.checks.map(({ expected, held, seen }) => [held ? "held" : "FAILED", expected, seen]);
  const text = json ? JSON.stringify(report, null, 2) : formatTable(["RESULT", "EXPECTED", "SEEN"], rows);
  process.stdout.write(`${text}\n`);
  return report.holds ? 0 : 1;
}

/** @throws EvmError EVM_KEYSTORE_MALFORMED, EVM_KEYSTORE_PASSPHRASE_WRONG */
async function ethereumSource({ ethereum, ethereumKey, ethereumPassphraseFile }: Flags): Promise<EthereumSource> {
  if (typeof ethereum !== "string" || ethereumKey === undefined) return { kind: "own" };
  return { kind: "given", url: ethereum, key: await readEthereumKey(ethereumKey, ethereumPassphraseFile) };
}

interface Chains {
  readonly net: RunningNet;
  readonly ethereum: NetEthereum | undefined;
}

async function run(flags: Flags, chains: Chains, startedMs: number, signal: AbortSignal): Promise<number> {
  const { net } = chains;
  const screen = createScreen(flags.json ? process.stderr : process.stdout);
  let firstBlockSeconds: number | undefined;
  let look: Look = { views: new Map(), lights: new Map(), rss: new Map() };
  const elapsed = () => (performance.now() - startedMs) / 1000;
  const draws = !flags.json || process.stderr.isTTY === true;

  const observe = async () => {
    look = await lookAt(chains);
    if (firstBlockSeconds === undefined && [...look.views.values()].some(({ height }) => height > 0))
      firstBlockSeconds = elapsed();
    if (draws) screen.draw(frame(net, look, elapsed(), flags.seconds));
  };

  const ended = () => {
    const metering = meteringLight(look.lights);
    return flags.data !== undefined && metering?.readings?.ended === true && metering.isDrained;
  };
  while (!signal.aborted && !(flags.seconds !== undefined && elapsed() >= flags.seconds) && !ended()) {
    await observe();
    await pause(LOOK_MS, signal);
  }
  // Everything that was sealed is to be proved before the books are closed.
  for (const { role, process } of net.nodes) if (role === "light") process.send("stop-metering");
  const drainUntil = performance.now() + DRAIN_MS;
  do await observe();
  while (
    !signal.aborted &&
    performance.now() < drainUntil &&
    [...look.lights.values()].some(({ isDrained }) => !isDrained)
  );

  const report = await close(flags, net, look, { seconds: elapsed(), firstBlockSeconds: firstBlockSeconds ?? 0 });
  if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else screen.draw(summary(report));
  const isBridged = report.ethereum === undefined || report.ethereum.fault === "";
  return isBridged && report.agreement && report.light.every(({ proofsFailed }) => proofsFailed === 0) ? 0 : 1;
}

async function lookAt({ net, ethereum }: Chains): Promise<Look> {
  const seen = ethereum?.look();
  const views = new Map<string, NodeView>();
  const lights = new Map<string, LightView>();
  const rss = new Map<string, number>();
  await Promise.all(
    net.nodes.map(async ({ name, role, apiUrl, process }) => {
      const [view, light] = await Promise.all([
        nodeView(apiUrl),
        role === "light" ? lightView(apiUrl) : Promise.resolve(undefined),
      ]);
      if (view !== undefined) views.set(name, view);
      if (light !== undefined) lights.set(name, light);
      const pid = process.pid();
      const bytes = pid === undefined ? undefined : residentBytes(pid);
      if (bytes !== undefined) rss.set(name, bytes);
    }),
  );
  return { views, lights, rss, ...(seen === undefined ? {} : { ethereum: await seen }) };
}

async function close(
  flags: Flags,
  net: RunningNet,
  { views, lights, rss, ethereum }: Look,
  times: { readonly seconds: number; readonly firstBlockSeconds: number },
): Promise<DevnetReport> {
  const heights = net.nodes.map(({ name }) => views.get(name)?.height ?? 0);
  const common = Math.min(...heights);
  const agreement = await checkAgreement(net.nodes, Math.max(...heights));
  const all = [...lights.values()];
  const sum = (pick: (light: LightView) => number) => all.reduce((total, light) => total + pick(light), 0);
  const finality = sorted(all.flatMap(({ finalitySeconds }) => finalitySeconds));
  const data = flags.data === undefined ? undefined : meteringLight(lights);
  const full = await Promise.all(
    net.nodes
      .filter(({ role }) => role !== "light")
      .map(async ({ name, role, apiUrl, rpcUrl = "", bigchainUrl = "", process }) => ({
        name,
        role,
        rpcUrl,
        bigchainUrl,
        blockBytes: (await metricValue(apiUrl, "ledger_store_block_bytes")) ?? 0,
        rssBytes: rss.get(name) ?? 0,
        restarts: process.restarts(),
      })),
  );
  return {
    agreement: agreement.agreed,
    validators: flags.nodes,
    seconds: round(times.seconds),
    firstBlockSeconds: round(times.firstBlockSeconds),
    blocks: common,
    height: Math.max(...heights),
    transactions: {
      sent: sum(({ transactions }) => transactions?.sent ?? 0),
      finalised: sum(({ transactions }) => transactions?.finalised ?? 0),
      rejected: sum(({ transactions }) => transactions?.rejected ?? 0),
    },
    readings: {
      queued: sum(({ readings }) => readings?.queued ?? 0),
      durable: sum(({ readings }) => readings?.durable ?? 0),
      fingerprinted: sum(({ readings }) => readings?.fingerprinted ?? 0),
      finalised: sum(({ intervals }) => intervals.finalisedReadings),
    },
    finalitySeconds: { p50: round(percentile(finality, 0.5)), p99: round(percentile(finality, 0.99)) },
    light: net.nodes
      .filter(({ role }) => role === "light")
      .map(({ name }) => {
        const light = lights.get(name);
        const { headers = 0, headerBytes = 0, proofsVerified = 0, proofsFailed = 0 } = light ?? {};
        const bytesPerBlock = headers === 0 ? 0 : round(headerBytes / headers);
        return {
          name,
          headers,
          bytes: headerBytes,
          bytesPerBlock,
          proofsVerified,
          proofsFailed,
          rssBytes: rss.get(name) ?? 0,
        };
      }),
    full,
    ...(ethereum === undefined ? {} : { ethereum }),
    ...(data?.account === undefined
      ? {}
      : {
          data: {
            file: flags.data ?? "",
            rows: data.account.rows,
            accepted: data.account.accepted,
            duplicates: data.account.duplicates,
            rejected: data.account.rejected,
            fileWh: Number(BigInt(data.account.acceptedMwh) / 1000n),
            finalisedWh: Number(BigInt(data.intervals.finalisedMwh) / 1000n),
          },
        }),
  };
}

/** With --data the first light node reads the file. */
function meteringLight(lights: ReadonlyMap<string, LightView>): LightView | undefined {
  return lights.get("light0");
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 100_000) throw new InvalidArgumentError("write a whole number.");
  return value;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolvePause) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolvePause();
    }
    signal.addEventListener("abort", done);
  });
}

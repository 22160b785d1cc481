#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { loadKey, saveKey } from "#node/cli/keyStore.ts";
import { createLedgerClient } from "#node/cli/ledgerClient.ts";
import { homePaths } from "#node/configurationHome.ts";
import { attest } from "#node/devices/attestationFile.ts";
import { sealConfiguration } from "#node/devices/configurationBox.ts";
import { encodeContent, plaintextOf, SALT_BYTES } from "#node/devices/configurationContent.ts";
import { freePorts } from "#node/freePorts.ts";
import { deviceKeyOf } from "#node/light/meterKeys.ts";
import { householdMeters } from "#node/meter/householdSource.ts";
import { generatePrivateKey, type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { startNet } from "../net.ts";
import { runOperator } from "../operator.ts";
import { type PreparedNode, prepareNet } from "../prepare.ts";
import { formatTable } from "../view.ts";
import { say } from "./say.ts";

/** Between two looks at the device, ms: the error of `acknowledged`. What is applied is timed by the device itself. */
const LOOK_MS = 10;
const MAX_WAIT_MS = 60_000;
/** Requests come at any time of a block, so there is a pause of up to a second between them. */
const MAX_PAUSE_MS = 1_000;

const flags = new Command("bench:devices")
  .description(
    "Time from an administrator's request until a device has applied its configuration, through four validators and a light node",
  )
  .option("--changes <n>", "configurations, one after another", Number, 60)
  .option("--json", "one JSON object on standard output", false)
  .parse()
  .opts<{ readonly changes: number; readonly json: boolean }>();

process.exitCode = await main();

interface DeviceView {
  readonly meterId: string;
  readonly version: number;
  readonly outcome: string;
  readonly atMs: number;
  readonly acknowledged: boolean;
}

async function main(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "energy-devices-"));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rmSync(directory, { recursive: true, force: true }));
  const net = await prepareNet({ directory, validators: 4, full: 0, light: 1, households: 1, dataFile: undefined });
  const [validator] = net.nodes;
  const light = net.nodes.find(({ role }) => role === "light");
  const [meter] = householdMeters({ households: 1, firstHousehold: 0 });
  if (validator === undefined || light === undefined || meter === undefined) throw new Error("the net is not complete");
  const { meterId } = meter;
  await readsInputs(light, meterId);

  const running = startNet(net);
  cleanUp.defer(() => running.stop());
  const passphrase = readFileSync(join(directory, "passphrase"), "utf8").trim();
  const { keys } = homePaths(light.home);
  const checker = generatePrivateKey("secp256k1");
  await saveKey(keys, "checker", checker, passphrase);
  const prosumer = await loadKey(keys, "prosumer", passphrase);
  const device = deviceKeyOf(await loadKey(keys, "meter", passphrase), meterId);
  await until(
    async () => (await ask<{ height: number }>(light, "status"))?.height ?? 0,
    (height) => height >= 3,
  );
  await runOperator(validator.home, "members", "enrol", accountOfKey(publicKeyOf(checker)), "--role", "checker");

  const applied: number[] = [];
  const acknowledged: number[] = [];
  let failed = 0;
  for (let version = 1; version <= flags.changes; version++) {
    await pause((randomBytes(2).readUInt16BE() / 65_536) * MAX_PAUSE_MS);
    const tx = await configurationTx(validator, { chainId: net.chainId, meterId, version, checker, prosumer, device });
    const client = createLedgerClient({ url: validator.apiUrl, fetch, token: undefined });
    const requestedMs = Date.now();
    await client.submit(tx, "sync");
    const done = await until(
      async () =>
        (await ask<{ devices: DeviceView[] }>(light, "light"))?.devices.find((each) => each.meterId === meterId),
      (view) => view?.version === version && view.acknowledged,
    );
    const seenMs = Date.now();
    if (done?.outcome !== "applied") failed += 1;
    else {
      applied.push(done.atMs - requestedMs);
      acknowledged.push(seenMs - requestedMs);
    }
    say(`${version} of ${flags.changes}: applied after ${done?.atMs === undefined ? "-" : done.atMs - requestedMs} ms`);
  }
  const report = {
    changes: flags.changes,
    failed,
    validators: 4,
    cores: availableParallelism(),
    appliedMs: percentiles(applied),
    acknowledgedMs: percentiles(acknowledged),
  };
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${formatTable(
          ["FIGURE", "VALUE"],
          Object.entries(report).map(([name, value]) => [name, JSON.stringify(value)]),
        )}\n`,
  );
  return failed === 0 ? 0 : 1;
}

/** The light node reads a connection instead of its simulation, so that applying starts real meters anew. */
async function readsInputs({ home }: PreparedNode, meterId: string): Promise<void> {
  const path = join(home, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  for (const name of Object.keys(config).filter((each) => /^(meterSource|simulator)/.test(each))) delete config[name];
  writeFileSync(path, JSON.stringify({ ...config, deviceMeters: [meterId] }));
  const [port] = await freePorts(1);
  const inputs = [{ name: "ngsi", type: "ngsi", options: { port } }];
  writeFileSync(homePaths(home).meters, JSON.stringify({ version: 1, inputs, devices: [] }));
}

async function configurationTx(
  { apiUrl }: PreparedNode,
  parts: {
    readonly chainId: string;
    readonly meterId: string;
    readonly version: number;
    readonly checker: PrivateKey;
    readonly prosumer: PrivateKey;
    readonly device: PrivateKey;
  },
): Promise<Uint8Array> {
  const { chainId, meterId, version, checker, prosumer } = parts;
  const settings = { reportingIntervalMs: 1000 * (version % 50), latenessMs: 60_000 + version, clearSums: false };
  const document = Buffer.from(JSON.stringify({ schema: "edream-device-settings", schemaVersion: 1, ...settings }));
  const about = { ledgerId: chainId, meterId, version, schemaId: "edream-device-settings", schemaVersion: 1 };
  const attested = attest(document, about, checker, randomBytes(SALT_BYTES));
  const content = encodeContent({ ...attested, plaintext: plaintextOf(attested.salt, document) });
  const payload = await sealConfiguration(content, publicKeyOf(parts.device), about, randomBytes(32));
  const administrator = accountOfKey(publicKeyOf(prosumer));
  const { plaintextHash, schemaId, schemaVersion, checkerKey, attestation } = attested;
  const message = ledgerMessage("MsgSetDeviceConfiguration", {
    ...{ administrator, meterId, version: BigInt(version), payload, plaintextHash, schemaId, schemaVersion },
    ...{ priority: "urgent", attestation, checkerKey: { type: checkerKey.type, key: checkerKey.bytes } },
  });
  const client = createLedgerClient({ url: apiUrl, fetch, token: undefined });
  const account = await client.get<{ accountNumber: string; nextSequence: string }>(`/accounts/${administrator}`);
  const numbers = { accountNumber: BigInt(account.accountNumber), sequence: BigInt(account.nextSequence) };
  return signTransaction({ messages: [message], chainId, signers: [{ privateKey: prosumer, ...numbers }] });
}

async function ask<T>({ apiUrl }: PreparedNode, path: string): Promise<T | undefined> {
  try {
    const answer = await fetch(`${apiUrl}/ledger/v1/${path}`, { signal: AbortSignal.timeout(3_000) });
    return answer.ok ? ((await answer.json()) as T) : undefined;
  } catch {
    return undefined;
  }
}

/** What was seen when the condition held. @throws Error after MAX_WAIT_MS */
async function until<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const startMs = Date.now();
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() - startMs > MAX_WAIT_MS) throw new Error(`nothing came of it in ${MAX_WAIT_MS} ms`);
    await pause(LOOK_MS);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Nearest rank. */
function percentiles(samples: readonly number[]) {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

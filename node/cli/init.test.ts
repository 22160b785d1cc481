import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLedgerApplication } from "#consensus/application/ledgerApplication.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { parseGenesis, validateGenesis } from "#storage/types/genesis.ts";
import { loadConfiguration } from "../configuration.ts";
import { loadKey } from "./keyStore.ts";
import { genesisOf, planNetwork } from "./networkPlan.ts";
import { createTestCli, TEST_NOW_MS, TEST_PASSPHRASE } from "./testIo.ts";

test("init makes a home that is a network by itself, with encrypted keys only their owner can read", async () => {
  using cli = createTestCli();
  const { exit, json } = await cli.run("init", "--chain-id", "my-ledger", "--json");
  expect([exit, json]).toMatchObject(["ok", { chainId: "my-ledger", homes: [{ home: cli.home, role: "validator" }] }]);
  const genesis = parseGenesis(readFileSync(join(cli.home, "genesis.json"), "utf8"));
  expect(validateGenesis(genesis)).toEqual({ accepted: true });
  expect(Number(genesis.genesisTime.seconds) * 1000).toBe(TEST_NOW_MS);
  const keys = join(cli.home, "keys");
  expect(readdirSync(keys)).toEqual(["node.json", "operator.json", "validator.json"]);
  for (const name of ["node", "operator", "validator"]) {
    const file = join(keys, `${name}.json`);
    expect(statSync(file).mode & 0o777, name).toBe(0o600);
    const key = await loadKey(keys, name, TEST_PASSPHRASE);
    const text = readFileSync(file, "utf8");
    for (const encoding of ["hex", "base64"] as const)
      expect(text.includes(Buffer.from(key.bytes).toString(encoding)), `${name} ${encoding}`).toBe(false);
  }
  const { bytes } = publicKeyOf(await loadKey(keys, "validator", TEST_PASSPHRASE));
  expect([...(genesis.validators[0]?.publicKey.bytes ?? [])]).toEqual([...bytes]);
  expect(loadConfiguration({ home: cli.home }, {})).toMatchObject({ role: "validator", apiHost: "127.0.0.1" });
});

test("a second init leaves the home as it is", async () => {
  using cli = createTestCli();
  await cli.run("init");
  const before = readFileSync(join(cli.home, "keys", "validator.json"), "utf8");
  expect(await cli.run("init")).toMatchObject({ exit: "failure", err: expect.stringContaining("HOME_EXISTS") });
  expect(readFileSync(join(cli.home, "keys", "validator.json"), "utf8")).toBe(before);
});

test("init of several nodes gives them one genesis and addresses to find each other", async () => {
  using cli = createTestCli();
  const output = join(cli.folder, "net");
  const { exit } = await cli.run("init", "--validators", "2", "--full", "1", "--light", "1", "--output", output);
  expect(exit).toBe("ok");
  const names = ["full0", "light0", "validator0", "validator1"];
  expect(readdirSync(output).sort()).toEqual(names);
  const texts = names.map((name) => readFileSync(join(output, name, "genesis.json"), "utf8"));
  expect(new Set(texts).size).toBe(1);
  const options = names.map((name) => loadConfiguration({ home: join(output, name) }, {}));
  expect(options.map((each) => [each.role, each.persistentPeers.length, each.fullNodes.length])).toEqual([
    ["full", 2, 0],
    ["light", 0, 3],
    ["validator", 1, 0],
    ["validator", 1, 0],
  ]);
  expect(new Set(options.flatMap((each) => [each.apiPort, ...each.p2pListen])).size).toBe(8);
  expect(options[1]?.fullNodes[0]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/26656\/p2p\/12D3KooW\w+$/);
});

test("a planned network's members satisfy the ledger application's genesis rules", async () => {
  const plan = await planNetwork({
    chainId: "c",
    validators: 2,
    full: 1,
    light: 2,
    genesisTimeMs: 1,
    host: "127.0.0.1",
  });
  expect(plan.appState.members?.map((member) => member.role)).toEqual([
    "regulator",
    "regulator",
    "dso",
    "prosumer",
    "prosumer",
  ]);
  const genesis = genesisOf(plan);
  const app = createLedgerApplication({ chainId: "c" });
  const { genesisTime: time, consensusParams, appState } = genesis;
  const started = app.initChain({
    time,
    chainId: "c",
    initialHeight: 1,
    validators: genesis.validators,
    consensusParams,
    appState,
  });
  expect(started.appHash).toHaveLength(32);
});

test("a node joins a network with its genesis, and a broken genesis is refused", async () => {
  using cli = createTestCli();
  const founder = join(cli.folder, "net");
  await cli.run("init", "--validators", "1", "--output", founder);
  const genesis = join(founder, "validator0", "genesis.json");
  const peer = "/ip4/10.0.0.2/tcp/26656/p2p/12D3KooWXyz";
  const joined = await cli.run("init", "--role", "light", "--genesis", genesis, "--peers", peer);
  expect(joined.exit).toBe("ok");
  expect(loadConfiguration({ home: cli.home }, {})).toMatchObject({ role: "light", fullNodes: [peer], seeds: [peer] });
  expect(readFileSync(join(cli.home, "genesis.json"), "utf8")).toBe(readFileSync(genesis, "utf8"));
  writeFileSync(genesis, readFileSync(genesis, "utf8").replace('"power": "10"', '"power": "-1"'));
  expect(await cli.run("init", "--genesis", genesis, "--home", join(cli.folder, "b"))).toMatchObject({ exit: "usage" });
  expect(await cli.run("init", "--genesis", join(cli.folder, "none"))).toMatchObject({ exit: "usage" });
});

test("sizes, names and passphrases that cannot be are refused before anything is written", async () => {
  using cli = createTestCli();
  const refused = async (code: string, ...args: string[]) => {
    const result = await cli.run("init", ...args);
    expect([result.exit, result.err.includes(code)], code).toEqual(["usage", true]);
  };
  await refused("NETWORK_SIZE_INVALID", "--validators", "25", "--output", join(cli.folder, "x"));
  await refused("NETWORK_SIZE_INVALID", "--validators", "0", "--output", join(cli.folder, "x"));
  await refused("OUTPUT_MISSING", "--validators", "2");
  await refused("CHAIN_ID_INVALID", "--chain-id", "x".repeat(51));
  await refused("COUNT_MALFORMED", "--validators", "two", "--output", "x");
  writeFileSync(cli.passphraseFile, "short\n");
  await refused("PASSPHRASE_TOO_SHORT", "--chain-id", "c");
  expect(existsSync(cli.home)).toBe(false);
});

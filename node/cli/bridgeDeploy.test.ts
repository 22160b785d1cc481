import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEther } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { encodeValset } from "#bridge/valset.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { DEPLOYABLES } from "#contracts/deployment.ts";
import { mined, startTestEvm, type TestEvm } from "#contracts/testing.ts";
import { createTestNetwork, PASSPHRASE, type TestNetwork } from "../testNetwork.ts";
import { OPERATOR_KEY_NAME } from "./keyNames.ts";
import { runCli } from "./program.ts";

/** Two validators, whose second keys are bound one after the other, and an EVM: what an owner does until the ledger has a bridge. */
const START_MS = 60_000;

let evm: TestEvm;
let net: TestNetwork;
let apiUrl: string;

beforeAll(async () => {
  evm = await startTestEvm({ blockSeconds: 0.2 });
  net = await createTestNetwork({ validators: 2 });
  writeFileSync(file("passphrase"), `${PASSPHRASE}\n`, { mode: 0o600 });
  const [first] = [await net.start("validator0"), await net.start("validator1")];
  apiUrl = first.api?.url ?? "";
}, START_MS);

afterAll(async () => {
  await net[Symbol.asyncDispose]();
  await evm[Symbol.asyncDispose]();
}, START_MS);

const file = (name: string) => join(net.directory, name);

async function cli(home: string, ...args: readonly string[]) {
  let [out, err] = ["", ""];
  const all = ["--home", file(home), "--node", apiUrl, "--passphrase-file", file("passphrase")];
  const exitCode = await runCli([...args, ...all], {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    environment: {},
    colour: false,
    fetch,
    nowMs: Date.now,
    askSecret: undefined,
    startNode: async () => {
      throw new Error("this test's commands start no node");
    },
    onInterrupt: () => () => undefined,
  });
  return { exitCode, out, err };
}

/** Its answer, of a command that must succeed. */
async function json(home: string, ...args: readonly string[]): Promise<Record<string, unknown>> {
  const { exitCode, out, err } = await cli(home, ...args, "--json");
  expect([exitCode, err]).toEqual([0, ""]);
  return JSON.parse(out) as Record<string, unknown>;
}

const deploy = (...args: readonly string[]) =>
  cli("validator0", "bridge", "deploy", "--ethereum", evm.anvil.url, "--key", "deployer", ...args);
const configure = (home: string, ...args: readonly string[]) =>
  cli(home, "bridge", "configure", "--ethereum", evm.anvil.url, ...args);

async function give(address: unknown, ether: string): Promise<void> {
  const [treasury] = evm.wallets;
  await mined(treasury?.sendTransaction({ to: String(address), value: parseEther(ether) }) as never);
}

async function state(path: string): Promise<Record<string, string>> {
  const answer = await fetch(`${apiUrl}/ledger/v1/state?${new URLSearchParams({ path, data: "" })}`);
  const { value } = (await answer.json()) as { readonly value: string };
  return JSON.parse(Buffer.from(value, "base64").toString()) as Record<string, string>;
}

test("no contract is deployed for validators that could not drive it", { timeout: START_MS }, async () => {
  const { ethereumAddress } = await json("validator0", "keys", "new", "deployer");
  expect(await deploy()).toMatchObject({ exitCode: 1, err: expect.stringContaining("BRIDGE_KEYS_MISSING") });
  for (const home of ["validator0", "validator1"]) {
    await json(home, "keys", "new", "bridge");
    if (home === "validator1") {
      const { exitCode, err } = await deploy();
      expect([exitCode, err]).toEqual([1, expect.stringContaining("validators with 10 of 20 voting power")]);
    }
    await json(home, "bridge", "register", "--second-key", "bridge");
  }
  expect(await deploy()).toMatchObject({ exitCode: 1, err: expect.stringContaining("EVM_FUNDS_TOO_LOW") });
  expect(existsSync(file("validator0/contracts.json.part"))).toBe(false);
  for (const [flag, value, code] of [
    ["--from-height", "1", "FROM_HEIGHT_INVALID"],
    ["--from-height", "100000", "FROM_HEIGHT_INVALID"],
    ["--from-height", "-1", "FROM_HEIGHT_INVALID"],
    ["--owner", "0x12", "ADDRESS_MALFORMED"],
    ["--rotation-delay", "soon", "DURATION_MALFORMED"],
  ] as const)
    expect(await deploy(flag, value), value).toMatchObject({ exitCode: 2, err: expect.stringContaining(code) });
  expect((await deploy("--microgrid", "edream1nobody")).err).toContain("ACCOUNT_");
  // Enough for the first contracts, not for the last.
  await give(ethereumAddress, "0.02");
});

test("a deployment that runs out of ether says what is there and is gone on with, and the file is written once", {
  timeout: START_MS,
}, async () => {
  const { ethereumAddress } = await json("validator0", "keys", "show", "deployer");
  const broken = await deploy();
  expect(broken).toMatchObject({ exitCode: 1, err: expect.stringContaining("EVM_FUNDS_TOO_LOW") });
  expect(broken.err).toContain("run the command again: it goes on from");
  expect(existsSync(file("validator0/contracts.json"))).toBe(false);
  const part = readFileSync(file("validator0/contracts.json.part"), "utf8");
  const { started } = JSON.parse(part) as { readonly started: Record<string, { readonly address: string }> };
  expect(broken.err).toContain(`Bridge ${started.Bridge?.address}`);
  expect(broken.out).toContain(`Bridge                ${started.Bridge?.address}`);

  await give(ethereumAddress, "10");
  const other = await deploy("--rotation-delay", "2h");
  expect(other).toMatchObject({ exitCode: 2, err: expect.stringContaining("DEPLOYMENT_DIFFERS") });
  writeFileSync(file("validator0/contracts.json.part"), part.slice(0, -20));
  expect(await deploy()).toMatchObject({ exitCode: 1, err: expect.stringContaining("DEPLOYMENT_FILE_MALFORMED") });
  writeFileSync(file("validator0/contracts.json.part"), part);

  const { exitCode, out } = await deploy("--json");
  expect(exitCode).toBe(0);
  const answer = JSON.parse(out) as Record<string, unknown>;
  const contracts = decodeContractsFile(readFileSync(file("validator0/contracts.json"), "utf8"));
  expect(answer).toMatchObject({ contracts: contracts.contracts, callsLeft: [], owner: ethereumAddress });
  expect(contracts.contracts).toMatchObject({ Bridge: started.Bridge?.address });
  for (const { name } of DEPLOYABLES)
    expect(await evm.provider.getCode(contracts.contracts[name] ?? ""), name).not.toBe("0x");
  expect(await evm.provider.getTransactionCount(String(ethereumAddress))).toBe(DEPLOYABLES.length + 3);
  expect(existsSync(file("validator0/contracts.json.part"))).toBe(false);
  expect(await deploy()).toMatchObject({ exitCode: 2, err: expect.stringContaining("CONTRACTS_FILE_EXISTS") });
});

test("the owner, and nobody else, tells the ledger where the contracts are; anchoring goes on where they say", {
  timeout: START_MS,
}, async () => {
  writeFileSync(file("validator1/contracts.json"), readFileSync(file("validator0/contracts.json")));
  expect(await configure("validator1")).toMatchObject({ exitCode: 4, err: expect.stringContaining("ROLE_FORBIDDEN") });
  for (const cadence of ["999", "soon", "604800001"])
    expect((await configure("validator0", "--key", OPERATOR_KEY_NAME, "--cadence-ms", cadence)).exitCode).not.toBe(0);
  const done = await configure("validator0", "--key", OPERATOR_KEY_NAME, "--cadence-ms", "5000");
  expect([done.exitCode, done.err]).toEqual([0, ""]);

  const { contracts, chainId, ledgerId } = decodeContractsFile(readFileSync(file("validator0/contracts.json"), "utf8"));
  const bridge = Bridge.at(contracts.Bridge ?? "", evm.provider);
  const { toHeight } = await bridge.head();
  const { latest } = await state("/edream/bridge-sets");
  expect(await state("/edream/bridge")).toMatchObject({
    bridge: contracts.Bridge?.slice(2).toLowerCase(),
    outbox: contracts.Outbox?.slice(2).toLowerCase(),
    ...{ chainId: `${chainId}`, ledgerId, cadenceMs: "5000", seq: "0", toHeight: `${toHeight}`, setNumber: latest },
  });
});

test("what the registry of devices says counts once the owner has said so, and until the owner says otherwise", {
  timeout: START_MS,
}, async () => {
  const registry = async (...flags: readonly string[]) => {
    expect((await configure("validator0", "--key", OPERATOR_KEY_NAME, ...flags)).exitCode).toBe(0);
    return (await state("/edream/bridge")).deviceRegistry;
  };
  const { contracts } = decodeContractsFile(readFileSync(file("validator0/contracts.json"), "utf8"));
  const address = contracts.DeviceRegistry?.slice(2).toLowerCase();
  expect(await registry()).toBe("");
  expect(await registry("--device-registry")).toBe(address);
  expect(await registry("--cadence-ms", "9000")).toBe(address);
  expect(await registry("--no-device-registry")).toBe("");
});

test("contracts that were deployed for other validators are not the ledger's", { timeout: START_MS }, async () => {
  const [wallet] = evm.wallets;
  if (wallet === undefined) throw new Error("no wallet");
  const members = encodeValset([{ address: wallet.address, power: 1n }]);
  const strange = await Bridge.deploy(wallet, [new Uint8Array(32).fill(1), 1, 0, members, wallet.address]);
  const contracts = JSON.parse(readFileSync(file("validator0/contracts.json"), "utf8")) as Record<string, object>;
  const changed = { ...contracts, contracts: { ...contracts.contracts, Bridge: await strange.getAddress() } };
  writeFileSync(file("strange.json"), JSON.stringify(changed));
  const given = ["--key", OPERATOR_KEY_NAME, "--contracts", file("strange.json")];
  expect(await configure("validator0", ...given)).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining("BRIDGE_SET_UNKNOWN"),
  });
});

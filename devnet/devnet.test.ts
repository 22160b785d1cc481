import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkAgreement } from "./agreement.ts";
import { type RunningNet, startNet } from "./net.ts";
import { lightView, nodeView } from "./observe.ts";
import { runOperator } from "./operator.ts";
import { prepareNet } from "./prepare.ts";
import { residentBytes } from "./processes.ts";

/** The whole net on real processes, sockets and disks. Each test goes on from the state the one before left. */
const TEST_TIMEOUT_MS = 180_000;
const LOOK_MS = 100;

const directory = mkdtempSync(join(tmpdir(), "energy-devnet-test-"));
let net: RunningNet;

beforeAll(async () => {
  net = startNet(await prepareNet({ directory, validators: 4, full: 1, light: 1, households: 4, dataFile: undefined }));
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await net.stop();
  rmSync(directory, { recursive: true, force: true });
}, TEST_TIMEOUT_MS);

const node = (name: string) => {
  const found = net.nodes.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
};
const heightOf = async (name: string) => (await nodeView(node(name).apiUrl))?.height ?? 0;

async function unfinishedTxs(name: string): Promise<number> {
  const transactions = (await lightView(node(name).apiUrl))?.transactions;
  return transactions === undefined ? 0 : transactions.sent - transactions.finalised;
}

/** What a light node may take; README.md has what it took after ten minutes. */
const MAX_LIGHT_BYTES = 96_000_000;

/** Looks until the condition holds; the test's own time limit is the only clock. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

const allReach = (names: readonly string[], height: number) =>
  until(async () => (await Promise.all(names.map(heightOf))).every((reached) => reached >= height));

const VALIDATORS = ["validator0", "validator1", "validator2", "validator3"];

test(
  "readings become energy transactions that a light node has proved, and all nodes hold one chain",
  async () => {
    await until(async () => {
      const light = await lightView(node("light0").apiUrl);
      return (light?.transactions?.finalised ?? 0) >= 10;
    });
    const light = await lightView(node("light0").apiUrl);
    expect(light?.proofsFailed).toBe(0);
    expect(light?.transactions?.rejected).toBe(0);
    expect(light?.proofsVerified).toBeGreaterThanOrEqual(20);
    expect(light?.intervals.finalisedReadings).toBeGreaterThanOrEqual(150);
    const { agreed, heights } = await checkAgreement(net.nodes, await heightOf("validator0"));
    expect(agreed).toBe(true);
    expect(heights).toBeGreaterThan(3);
  },
  TEST_TIMEOUT_MS,
);

test(
  "validators and full nodes serve CometBFT's RPC, light nodes do not",
  async () => {
    const chainIdOf = async (rpcUrl: string) => {
      const answer = await fetch(`${rpcUrl}/status`).catch(() => undefined);
      const status = (await answer?.json()) as { result?: { node_info: { network: string } } } | undefined;
      return status?.result?.node_info.network;
    };
    for (const { role, rpcUrl } of net.nodes) {
      expect(rpcUrl === undefined).toBe(role === "light");
      if (rpcUrl !== undefined) await until(async () => (await chainIdOf(rpcUrl)) === net.chainId);
    }
  },
  TEST_TIMEOUT_MS,
);

test("a light node that has verified headers and proofs takes at most 96 MB", () => {
  const bytes = residentBytes(node("light0").process.pid() ?? 0);
  // Only Linux tells.
  if (process.platform === "linux") expect(bytes).toBeLessThanOrEqual(MAX_LIGHT_BYTES);
});

test(
  "a validator that is killed comes back by itself and catches up, and the net goes on meanwhile",
  async () => {
    const before = await heightOf("validator0");
    node("validator3").process.kill("SIGKILL");
    await allReach(["validator0", "validator1", "validator2"], before + 3);
    await until(async () => node("validator3").process.restarts() === 1);
    await allReach(VALIDATORS, (await heightOf("validator0")) + 1);
  },
  TEST_TIMEOUT_MS,
);

test(
  "with two of four validators dead no block is made, and with one of them back the net goes on",
  async () => {
    for (const name of ["validator2", "validator3"]) node(name).process.kill("SIGKILL", { stayDown: true });
    // A block in flight may still be decided; then the two left wait for the third vote, and the light node for a block:
    // either for one that holds its transactions, or for the next one, whose header proves what became of them.
    let height = await heightOf("validator0");
    let looksWithoutBlock = 0;
    await until(async () => {
      const reached = await heightOf("validator0");
      looksWithoutBlock = reached === height ? looksWithoutBlock + 1 : 0;
      height = reached;
      return looksWithoutBlock >= 30 && (await unfinishedTxs("light0")) > 0;
    });
    expect(await heightOf("validator1")).toBe(height);
    node("validator2").process.start();
    await allReach(["validator0", "validator1", "validator2"], height + 2);
    node("validator3").process.start();
    await allReach(VALIDATORS, height + 3);
    const { agreed } = await checkAgreement(net.nodes, await heightOf("validator0"));
    expect(agreed).toBe(true);
  },
  TEST_TIMEOUT_MS,
);

const cli = (name: string, ...args: readonly string[]) => runOperator(node(name).home, ...args);

interface ValidatorsJson {
  readonly validators: readonly { readonly address: string; readonly publicKey: { readonly bytes: string } }[];
}

test(
  "operators vote a dead validator out, the net goes on without a fourth vote, and the light node follows the new set",
  async () => {
    node("validator3").process.kill("SIGKILL", { stayDown: true });
    const { validatorAddress } = await cli("validator0", "status");
    expect(validatorAddress).toMatch(/^[0-9a-f]{40}$/);
    const height = await heightOf("validator0");
    const before = (await cli("validator0", "validators")) as unknown as ValidatorsJson;
    const alive = new Set(
      await Promise.all(
        ["validator0", "validator1", "validator2"].map(async (name) =>
          String((await cli(name, "status")).validatorAddress),
        ),
      ),
    );
    const dead = before.validators.find(({ address }) => !alive.has(address));
    if (dead === undefined) throw new Error("no validator is dead");
    const change = ["validators", "update", "--proposal", "1", "--set", `${dead.publicKey.bytes}=0`];
    for (const name of ["validator0", "validator1", "validator2"]) await cli(name, ...change);
    await until(async () => {
      const set = (await cli("validator0", "validators")) as unknown as ValidatorsJson;
      return set.validators.length === 3;
    });
    const changed = await heightOf("validator0");
    await allReach(["validator0", "validator1", "validator2", "full0", "light0"], changed + 2);
    expect(changed).toBeGreaterThan(height);
    const headerHash = async (name: string) => {
      const answer = await fetch(`${node(name).apiUrl}/ledger/v1/headers/${changed + 1}`);
      return ((await answer.json()) as { validatorsHash: string }).validatorsHash;
    };
    const [old, ours, theirs] = [
      await fetch(`${node("light0").apiUrl}/ledger/v1/headers/${height}`),
      await headerHash("light0"),
      await headerHash("validator0"),
    ];
    expect(ours).toBe(theirs);
    expect(ours).not.toBe(((await old.json()) as { validatorsHash: string }).validatorsHash);
    expect((await lightView(node("light0").apiUrl))?.proofsFailed).toBe(0);
  },
  TEST_TIMEOUT_MS,
);

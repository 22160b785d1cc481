import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assetStoreSuite } from "#storage/assets/assetStoreSuite.ts";
import { createTransaction, ed25519Details, jsonOf, transferTransaction } from "#storage/assets/buildTransaction.ts";
import { testSigner, VECTORS } from "#storage/assets/testVectors.ts";
import { firstFailed, verifyProofFile } from "#storage/types/proofFile.ts";
import type { RunningNode } from "../runningNode.ts";
import { createTestNetwork, eventually, type TestNetwork } from "../testNetwork.ts";
import { createDriverAssetStore } from "./driverAssetStore.ts";
import { createHttpAssetStore } from "./httpAssetStore.ts";

/** The interface over real nodes: their consensus, their mempools, their disks. */
const START_MS = 60_000;
const BIGCHAIN = { bigchainListen: "127.0.0.1:0", bigchainStreamListen: "127.0.0.1:0" };

let net: TestNetwork;
let validator: RunningNode;
let full: RunningNode;

beforeAll(async () => {
  net = await createTestNetwork({ validators: 1, full: 1 });
  validator = await net.start("validator0", BIGCHAIN);
  full = await net.start("full0", BIGCHAIN);
}, START_MS);

afterAll(() => net[Symbol.asyncDispose](), START_MS);

const urlOf = (node: RunningNode) => node.bigchain?.url ?? "";
const alice = testSigner("alice");

function create(nonce: string) {
  const outputs = [{ amount: 1n, details: ed25519Details(alice.publicKey) }];
  return createTransaction({ data: jsonOf({ nonce }), metadata: jsonOf({ nonce }), outputs, issuer: alice });
}

function move(assetId: string, metadata: object, spends = assetId) {
  const details = ed25519Details(alice.publicKey);
  return transferTransaction({
    assetId,
    metadata: jsonOf(metadata),
    outputs: [{ amount: 1n, details }],
    inputs: [{ transactionId: spends, outputIndex: 0, details, signers: [alice] }],
  });
}

const post = (url: string, body: string, mode = "commit", headers: Record<string, string> = {}) =>
  fetch(`${url}/api/v1/transactions?mode=${mode}`, { method: "POST", body, headers });

assetStoreSuite("a validator", () => createHttpAssetStore({ url: urlOf(validator) }));
assetStoreSuite("a full node, by the official driver", () =>
  createDriverAssetStore({ url: urlOf(full), streamUrl: full.bigchain?.streamUrl }),
);

test("the vectors of a real BigchainDB are accepted in their order, and what it refused is refused in its words", async () => {
  for (const { name, tx } of VECTORS.positive)
    expect((await post(urlOf(validator), JSON.stringify(tx))).status, name).toBe(202);
  for (const { name, tx, expect: expected } of VECTORS.negative) {
    const answer = await post(urlOf(validator), JSON.stringify(tx));
    expect(answer.status, name).toBe(expected.status);
    // Two of them spend a transaction that is not among the vectors.
    const { message } = (await answer.json()) as { message: string };
    if (!message.includes("InputDoesNotExist")) expect(message, name).toBe(expected.message);
  }
});

test("the same answers stand under /api/v1 of the node's REST", async () => {
  const { text, id } = create("rest");
  const rest = validator.api?.url ?? "";
  const posted = await post(rest, text, "commit", { "content-type": "application/json" });
  expect([posted.status, posted.statusText]).toEqual([202, "ACCEPTED"]);
  const both = await Promise.all(
    [rest, urlOf(validator)].map(async (url) => (await fetch(`${url}/api/v1/transactions/${id}`)).text()),
  );
  expect(both[0]).toBe(both[1]);
  expect((await fetch(`${rest}/api/v1/`)).status).toBe(200);
  expect((await fetch(`${rest}/ledger/v1/status`)).status).toBe(200);
});

test("the proof of a transaction holds for a light client, and carries the transaction", async () => {
  const { text, id } = create("proved");
  await post(urlOf(validator), text);
  // The commit that proves a block is in the next one.
  const file = await eventually(async () => {
    const answer = await fetch(`${urlOf(validator)}/api/v1/transactions/${id}/proof`);
    return answer.status === 200 ? answer.text() : undefined;
  });
  const { tx, header } = JSON.parse(file) as { tx: string; header: { height: number } };
  expect(Buffer.from(tx, "base64").includes(text)).toBe(true);
  // Of another node, which has the block by now or soon.
  const { hash } = await eventually(async () => {
    const block = await fetch(`${full.api?.url}/ledger/v1/blocks/${header.height}`);
    return block.status === 200 ? ((await block.json()) as { blockId: { hash: string } }).blockId : undefined;
  });
  expect(firstFailed(verifyProofFile(file, Buffer.from(hash, "hex")))).toBeUndefined();
  expect(firstFailed(verifyProofFile(file, new Uint8Array(32)))).toBeDefined();
});

test("of two conflicting transfers at two nodes exactly one survives, and the other's client is told", async () => {
  const asset = create("contested");
  expect((await post(urlOf(validator), asset.text)).status).toBe(202);
  await eventually(
    async () => (await fetch(`${urlOf(full)}/api/v1/transactions/${asset.id}`)).status === 200 || undefined,
  );
  const rivals = [move(asset.id, { rival: "first" }), move(asset.id, { rival: "second" })];
  const answers = await Promise.all([
    post(urlOf(validator), rivals[0]?.text ?? ""),
    post(urlOf(full), rivals[1]?.text ?? ""),
  ]);
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 202)).toHaveLength(1);
  const loser = (await answers[statuses.indexOf(202) === 0 ? 1 : 0]?.json()) as { message: string; cause: string };
  expect(`${loser.message} ${loser.cause}`).toContain("DoubleSpend");
  const history = await createHttpAssetStore({ url: urlOf(full) }).transactionsOf(asset.id);
  expect(history).toHaveLength(2);
});

test("the README's script does with the official driver what the README shows", async () => {
  const readme = readFileSync(new URL("./README.md", import.meta.url), "utf8");
  const script = /```js\n(.*?)```/s.exec(readme)?.[1] ?? "";
  expect(script).toContain("process.argv[2]");
  const code = script.replace("process.argv[2]", JSON.stringify(urlOf(validator)));
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code]);
  const ids = /[0-9a-f]{64}/g;
  const shown = (/ try\.mjs [^\n]*\n(.*?)\n\$ curl/s.exec(readme)?.[1] ?? "").replaceAll(ids, "ID");
  expect(stdout.replaceAll(ids, "ID").trimEnd()).toBe(shown);
});

test("an output that was spent long ago, which the ledger's state has forgotten, is spent; so is one that it remembers", async () => {
  const { id, text } = create("passed on");
  expect((await post(urlOf(validator), text)).status).toBe(202);
  const chain = [id];
  for (let step = 0; step < 4; step++) {
    const next = move(id, { step }, chain.at(-1));
    expect((await post(urlOf(validator), next.text)).status).toBe(202);
    chain.push(next.id);
  }
  for (const spent of chain.slice(0, -1))
    for (const mode of ["async", "sync", "commit"]) {
      const answer = await post(urlOf(validator), move(id, { again: mode }, spent).text, mode);
      expect([answer.status, await answer.json()]).toEqual([
        400,
        {
          message: `Invalid transaction (DoubleSpend): input \`${spent}\` was already spent`,
          status: 400,
          cause: "DoubleSpend",
        },
      ]);
    }
  expect(await createHttpAssetStore({ url: urlOf(validator) }).transactionsOf(id)).toHaveLength(chain.length);
});

test("many transactions at once are all in blocks, whichever node they came to", async () => {
  const stores = [validator, full].map((node) => createHttpAssetStore({ url: urlOf(node) }));
  const made = Array.from({ length: 200 }, (_, i) => create(`many ${i}`));
  for (let from = 0; from < made.length; from += 40) {
    const some = made.slice(from, from + 40);
    const results = await Promise.all(some.map(async ({ text }, i) => stores[i % 2]?.submit(text, "commit")));
    expect(results.filter((result) => result?.accepted)).toHaveLength(some.length);
  }
});

test("an index that is lost is made again from the blocks, and the node goes on", async () => {
  const { text, id } = create("before the loss");
  await post(urlOf(full), text);
  await full.stop();
  rmSync(join(net.directory, "full0", "data", "bigchain"), { recursive: true });
  full = await net.start("full0", BIGCHAIN);
  const found = await fetch(`${urlOf(full)}/api/v1/transactions/${id}`);
  expect(found.status).toBe(200);
  const height = async (node: RunningNode) =>
    (await createHttpAssetStore({ url: urlOf(node) }).search("asset", "many")).length;
  expect(await height(full)).toBe(await height(validator));
  expect((await post(urlOf(full), create("after the loss").text)).status).toBe(202);
});

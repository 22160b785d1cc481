import driver from "bigchaindb-driver";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDriverAssetStore } from "#node/bigchain/driverAssetStore.ts";
import { createHttpAssetStore } from "#node/bigchain/httpAssetStore.ts";
import type { RunningNode } from "#node/runningNode.ts";
import { createTestNetwork, eventually, type TestNetwork } from "#node/testNetwork.ts";
import { assetStoreSuite } from "#storage/assets/assetStoreSuite.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { cometbftBinary } from "./cometbft.ts";

// BigchainDB's interface on four validators whose blocks are ordered by CometBFT 0.38.25, and its official driver.

/** Building CometBFT takes a minute or two where it is not there yet. */
const BUILD_TIMEOUT_MS = 300_000;
const TIMEOUT_MS = 60_000;

const VALIDATORS = ["validator0", "validator1", "validator2", "validator3"] as const;

let net: TestNetwork;
const nodes: RunningNode[] = [];

beforeAll(async () => {
  const binary = await cometbftBinary("0.38.25");
  net = await createTestNetwork({ validators: VALIDATORS.length, engine: "cometbft" });
  for (const name of VALIDATORS)
    nodes.push(
      await net.start(name, {
        cometbftBinary: binary,
        bigchainListen: "127.0.0.1:0",
        bigchainStreamListen: "127.0.0.1:0",
      }),
    );
  for (const index of VALIDATORS.keys())
    await eventually(async () => (await fetch(`${urlOf(index)}/api/v1/blocks/2`)).status === 200 || undefined);
}, BUILD_TIMEOUT_MS);

afterAll(() => net?.[Symbol.asyncDispose](), TIMEOUT_MS);

const urlOf = (index: number) => nodes[index]?.bigchain?.url ?? "";
const streamOf = (index: number) => nodes[index]?.bigchain?.streamUrl;

assetStoreSuite("CometBFT's first validator, by the official driver", () =>
  createDriverAssetStore({ url: urlOf(0), streamUrl: streamOf(0) }),
);
assetStoreSuite("CometBFT's second validator", () => createHttpAssetStore({ url: urlOf(1), streamUrl: streamOf(1) }));

// biome-ignore lint/suspicious/noExplicitAny: the driver's types name enums that do not exist at run time.
type Tx = any;

const { Transaction } = driver;
const alice = new driver.Ed25519Keypair(Buffer.from(sha256(Buffer.from("services bigchain alice"))));
/** A connection's time is one for all that it does: each operation has its own. */
const at = (index: number) => new driver.Connection(`${urlOf(index)}/api/v1/`, {}, TIMEOUT_MS);
const toAlice = (): Tx => Transaction.makeOutput(Transaction.makeEd25519Condition(alice.publicKey), "1");
const signed = (tx: Tx): Tx => Transaction.signTransaction(tx, alice.privateKey);
const create = (data: object): Tx =>
  signed(Transaction.makeCreateTransaction(data as Tx, { made: "once" } as Tx, [toAlice()], alice.publicKey));
const move = (tx: Tx, metadata: object): Tx =>
  signed(Transaction.makeTransferTransaction([{ tx, output_index: 0 }], [toAlice()], metadata as Tx));

const reaches = (index: number, id: string) =>
  eventually(() =>
    at(index)
      .getTransaction(id)
      .catch(() => undefined),
  );

test(
  "the driver's own transactions in all three modes are on every validator, and found there",
  async () => {
    const asset = create({ kind: "electricity meters of CometBFT" });
    expect(await at(0).postTransactionCommit(asset)).toEqual(asset);
    const moved = move(asset, { moved: "first" });
    await reaches(1, asset.id);
    expect(await at(1).postTransactionSync(moved)).toEqual(moved);
    const again = move(moved, { moved: "second" });
    await reaches(2, moved.id);
    expect(await at(2).postTransactionAsync(again)).toEqual(again);
    for (const index of VALIDATORS.keys()) {
      await reaches(index, again.id);
      const history = (await at(index).listTransactions(asset.id)) as Tx[];
      expect(history.map(({ id }) => id)).toEqual([asset.id, moved.id, again.id]);
      const unspent = await at(index).listOutputs(alice.publicKey, false);
      expect(unspent).toEqual([{ transaction_id: again.id, output_index: 0 }]);
      expect(await at(index).searchAssets('"meters of cometbft"')).toMatchObject([{ id: asset.id }]);
      const [height] = (await at(index).listBlocks(moved.id)) as number[];
      const block = (await at(index).getBlock(height ?? 0)) as Tx;
      expect(block.transactions.map(({ id }: Tx) => id)).toContain(moved.id);
    }
  },
  TIMEOUT_MS,
);

test(
  "of two conflicting transfers at two validators exactly one survives, and the other's client is told",
  async () => {
    const asset = create({ kind: "contested" });
    await at(0).postTransactionCommit(asset);
    await reaches(1, asset.id);
    const rivals = ["first", "second"].map((rival) => move(asset, { rival }));
    const answers = await Promise.all(
      rivals.map(async (rival, index) => {
        const body = JSON.stringify(rival);
        const answer = await fetch(`${urlOf(index)}/api/v1/transactions?mode=commit`, { method: "POST", body });
        return { status: answer.status, text: await answer.text() };
      }),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.find(({ status }) => status !== 202)?.text).toContain("DoubleSpend");
    // The third validator has the block when it has the one that survived.
    await reaches(2, rivals[answers.findIndex(({ status }) => status === 202)]?.id ?? "");
    expect(await at(2).listTransactions(asset.id)).toHaveLength(2);
  },
  TIMEOUT_MS,
);

test(
  "a validator stops, the others go on, and it has everything when it is back",
  async () => {
    await nodes[3]?.stop();
    const made = [0, 1, 2].map((index) => create({ without: "the fourth", index }));
    for (const [index, tx] of made.entries()) await at(index).postTransactionCommit(tx);
    const options = { cometbftBinary: await cometbftBinary("0.38.25"), bigchainListen: "127.0.0.1:0" };
    nodes[3] = await net.start("validator3", options);
    for (const { id } of made) await reaches(3, id);
  },
  TIMEOUT_MS,
);

import { hash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import driver from "bigchaindb-driver";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAggregator, DEFAULT_AGGREGATOR_OPTIONS, QUARTER_HOUR_MS } from "#node/bigchain/aggregator/aggregator.ts";
import { meterCreate, meterSigner } from "#node/bigchain/aggregator/meterAsset.ts";
import { createDriverAssetStore } from "#node/bigchain/driverAssetStore.ts";
import { createHttpAssetStore } from "#node/bigchain/httpAssetStore.ts";
import { readAttributes } from "#node/meter/ngsi/attributes.ts";
import { decodeNgsi } from "#node/meter/ngsi/decode.ts";
import type { CommittedAsset } from "#storage/assets/assetStore.ts";
import { ed25519Signer, fulfil, thresholdDetails } from "#storage/assets/buildTransaction.ts";
import { fulfillmentText } from "#storage/assets/fulfillment.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { type RunningNet, startNet } from "./net.ts";
import { prepareNet } from "./prepare.ts";

/** The official BigchainDB driver, as it comes from its registry, against four validators in processes of their own. One of them dies on the way. */
const TIMEOUT_MS = 180_000;
const LOOK_MS = 100;

const directory = mkdtempSync(join(tmpdir(), "energy-bigchain-"));
let net: RunningNet;

beforeAll(async () => {
  net = startNet(await prepareNet({ directory, validators: 4, full: 0, light: 0, households: 0, dataFile: undefined }));
  await until(async () =>
    (await Promise.all([0, 1, 2, 3].map((index) => height(index)))).every((reached) => reached >= 1),
  );
}, TIMEOUT_MS);

afterAll(async () => {
  await net.stop();
  rmSync(directory, { recursive: true, force: true });
}, TIMEOUT_MS);

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

const urlOf = (index: number) => net.nodes[index]?.bigchainUrl ?? "";

/** 0 while the node does not answer. */
async function height(index: number): Promise<number> {
  const answer = await fetch(`${net.nodes[index]?.apiUrl}/ledger/v1/status`).catch(() => undefined);
  return answer?.status === 200 ? ((await answer.json()) as { height: number }).height : 0;
}

/** A connection's time is one for all that it does: each operation has its own. */
const at = (index: number) => new driver.Connection(`${urlOf(index)}/api/v1/`, {}, TIMEOUT_MS);

// biome-ignore lint/suspicious/noExplicitAny: the driver's types name enums that do not exist at run time.
type Tx = any;

const { Transaction } = driver;
const [alice, bob, carol] = ["alice", "bob", "carol"].map((name) => {
  const seed = sha256(Buffer.from(`devnet bigchain ${name}`));
  return { ...new driver.Ed25519Keypair(Buffer.from(seed)), signer: ed25519Signer(seed) };
}) as [Person, Person, Person];

interface Person {
  readonly publicKey: string;
  readonly privateKey: string;
  readonly signer: ReturnType<typeof ed25519Signer>;
}

const conditionOf = ({ publicKey }: Person): Tx => Transaction.makeEd25519Condition(publicKey);
const output = (condition: Tx, amount: number): Tx => Transaction.makeOutput(condition, String(amount));
const toAlice = (amount: number) => output(conditionOf(alice), amount);

function create(data: object, outputs: Tx[], metadata: object = { made: "by the driver" }): Tx {
  return Transaction.signTransaction(
    Transaction.makeCreateTransaction(data as Tx, metadata as Tx, outputs, alice.publicKey),
    alice.privateKey,
  );
}

function transfer(unspent: readonly (readonly [tx: Tx, index: number])[], outputs: Tx[], ...signers: Person[]): Tx {
  const inputs = unspent.map(([tx, output_index]) => ({ tx, output_index }));
  const made = Transaction.makeTransferTransaction(inputs, outputs, { moved: "by the driver" } as Tx);
  return Transaction.signTransaction(made, ...signers.map(({ privateKey }) => privateKey));
}

/** Signs every input for a condition that needs several keys; the driver's own signing knows only single ones. */
function signByTwo(tx: Tx, details: ReturnType<typeof thresholdDetails>, signers: readonly Person[]): Tx {
  return Transaction.delegateSignTransaction(tx, ((text: string, input: Tx) => {
    const { transaction_id, output_index } = input.fulfills;
    const message = Buffer.from(hash("sha3-256", `${text}${transaction_id}${output_index}`, "hex"), "hex");
    const made = fulfil(
      details,
      signers.map(({ signer }) => signer),
      new Uint8Array(message),
    );
    if (made === undefined) throw new Error("too few signers");
    return fulfillmentText(made);
  }) as Tx);
}

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => "accepted",
    (error: { readonly status?: string }) => error.status,
  );

/** Looks until a node has a transaction: the others are told of a block a moment later. */
const reaches = (index: number, id: string) =>
  until(() =>
    at(index)
      .getTransaction(id)
      .then(
        () => true,
        () => false,
      ),
  );

let asset: Tx;
let split: Tx;

test(
  "all three modes: a CREATE is accepted, and every validator has it",
  async () => {
    asset = create({ meter: "driver", words: "threefold energy" }, [toAlice(10)]);
    expect(await at(0).postTransactionCommit(asset)).toEqual(asset);
    const others = ["sync", "async"].map((mode) => create({ mode }, [toAlice(1)]));
    expect(await at(1).postTransactionSync(others[0])).toEqual(others[0]);
    expect(await at(2).postTransactionAsync(others[1])).toEqual(others[1]);
    for (const index of [0, 1, 2, 3])
      for (const { id } of [asset, ...others]) {
        await reaches(index, id);
        expect(await at(index).getTransaction(id)).toMatchObject({ id });
      }
  },
  TIMEOUT_MS,
);

test(
  "a TRANSFER of one output into two, and of two outputs of different owners into one",
  async () => {
    split = transfer([[asset, 0]], [toAlice(4), output(conditionOf(bob), 6)], alice);
    await at(1).postTransactionCommit(split);
    const merged = transfer(
      [
        [split, 0],
        [split, 1],
      ],
      [output(conditionOf(carol), 10)],
      alice,
      bob,
    );
    await reaches(2, split.id);
    await at(2).postTransactionCommit(merged);
    await reaches(3, merged.id);
    const history = await at(3).listTransactions(asset.id);
    expect((history as Tx[]).map(({ id }) => id)).toEqual([asset.id, split.id, merged.id]);
    expect(await at(3).listTransactions(asset.id, "TRANSFER" as Tx)).toHaveLength(2);
  },
  TIMEOUT_MS,
);

test(
  "what two of three own is moved by any two of them, and by no one alone",
  async () => {
    const people = [alice, bob, carol];
    const condition = Transaction.makeThresholdCondition(
      2,
      people.map(({ publicKey }) => Transaction.makeEd25519Condition(publicKey, false)) as Tx,
    );
    const details = thresholdDetails(
      2,
      people.map(({ signer }) => signer.publicKey),
    );
    const owned = create({ custody: "two of three" }, [output(condition, 5)]);
    await at(0).postTransactionCommit(owned);
    const moved = Transaction.makeTransferTransaction([{ tx: owned, output_index: 0 }], [toAlice(5)], {
      by: "two",
    } as Tx);
    const byOne = Transaction.signTransaction(moved, alice.privateKey);
    expect(await rejection(at(0).postTransactionCommit(byOne))).toBe("400 BAD REQUEST");
    const byTwo = signByTwo(moved, details, [alice, carol]);
    expect(await at(0).postTransactionCommit(byTwo)).toEqual(byTwo);
  },
  TIMEOUT_MS,
);

test(
  "a validator dies; the others go on, and it has everything when it is back",
  async () => {
    const dead = net.nodes[3]?.process;
    dead?.kill("SIGKILL", { stayDown: true });
    const made: Tx[] = [];
    for (const [index, mode] of [
      [0, "Commit"],
      [1, "Sync"],
      [2, "Async"],
    ] as const) {
      const tx = create({ without: "the fourth", mode }, [toAlice(1)]);
      await at(index)[`postTransaction${mode}`](tx);
      made.push(tx);
    }
    for (const index of [0, 1, 2]) for (const { id } of made) await reaches(index, id);
    dead?.start();
    for (const { id } of made) await reaches(3, id);
    const unspent = await Promise.all([0, 1, 2, 3].map((index) => at(index).listOutputs(alice.publicKey, false)));
    for (const other of unspent.slice(1)) expect(other).toEqual(unspent[0]);
  },
  TIMEOUT_MS,
);

test(
  "a smart-meter aggregator goes on when the validator that it writes to is killed and comes back: every interval is told once",
  async () => {
    const [meters, slots] = [6, 4];
    const state = await openLevelStore(join(directory, "aggregator"));
    const key: PrivateKey = { type: "ed25519", bytes: sha256(Buffer.from("devnet aggregator")) };
    const startMs = Date.parse("2026-11-21T10:00:00Z");
    const nowMs = () => startMs + (slots + 1) * QUARTER_HOUR_MS;
    const assets = createHttpAssetStore({ url: urlOf(3) });
    const parts = { store: state, assets, key, nowMs, log: pino({ level: "silent" }) };
    const aggregator = await createAggregator(DEFAULT_AGGREGATOR_OPTIONS, parts);
    for (let slot = 0; slot < slots; slot++)
      for (let meter = 0; meter < meters; meter++)
        await aggregator.offer(notification(`M${meter}`, startMs + slot * QUARTER_HOUR_MS + 1000, `${slot}.${meter}`));
    await aggregator.tick();
    await until(async () => aggregator.counts.sent >= meters);
    net.nodes[3]?.process.kill("SIGKILL");
    await aggregator.idle();
    for (let meter = 0; meter < meters; meter++) {
      const { id } = meterCreate(meterSigner(key, `ngsi:M${meter}`), `ngsi:M${meter}`);
      const history = (await at(3).listTransactions(id, "TRANSFER" as Tx)) as Tx[];
      expect(history.map(({ metadata }) => [metadata.recvTime, metadata.attrValue])).toEqual(
        Array.from({ length: slots }, (_, slot) => [
          new Date(startMs + (slot + 1) * QUARTER_HOUR_MS).toISOString(),
          String(Number(`${slot}.${meter}`)),
        ]),
      );
    }
    await aggregator[Symbol.asyncDispose]();
    await state.close();
  },
  TIMEOUT_MS,
);

/** A broker's notification (NGSIv2) of one power. */
function notification(id: string, atMs: number, watts: string) {
  const metadata = { TimeInstant: { type: "DateTime", value: new Date(atMs).toISOString() } };
  const body = { subscriptionId: "s", data: [{ id, type: "SMX", P: { type: "W", value: watts, metadata } }] };
  const attributes = readAttributes(undefined, "attributes");
  return decodeNgsi(Buffer.from(JSON.stringify(body)), { attributes, receivedMs: atMs, maxPowerW: 69_000 });
}

test(
  "outputs, searches and blocks, and the status lines that clients look at",
  async () => {
    const spent = (await at(0).listOutputs(alice.publicKey, true)) as Tx[];
    expect(spent).toContainEqual({ transaction_id: asset.id, output_index: 0 });
    const unspent = (await at(0).listOutputs(alice.publicKey, false)) as Tx[];
    expect(unspent).not.toContainEqual({ transaction_id: asset.id, output_index: 0 });
    expect(await at(0).listOutputs(alice.publicKey)).toHaveLength(spent.length + unspent.length);

    const found = await at(1).searchAssets("threefold");
    expect(found).toEqual([{ id: asset.id, data: { meter: "driver", words: "threefold energy" } }]);
    expect((await at(1).searchMetadata("moved nothing")).length).toBe(0);
    expect((await at(1).searchMetadata("driver", 3)).length).toBe(3);

    const [blockHeight] = (await at(2).listBlocks(asset.id)) as number[];
    const block = (await at(2).getBlock(blockHeight ?? 0)) as Tx;
    expect(block.height).toBe(blockHeight);
    expect(block.transactions.map(({ id }: Tx) => id)).toContain(asset.id);

    expect(await rejection(at(2).getTransaction("0".repeat(64)))).toBe("404 NOT FOUND");
    expect(await rejection(at(2).postTransactionCommit(asset))).toBe("400 BAD REQUEST");
    const again = transfer([[asset, 0]], [output(conditionOf(bob), 10)], alice);
    for (const mode of ["Commit", "Sync", "Async"] as const)
      expect(await rejection(at(0)[`postTransaction${mode}`](again))).toBe("400 BAD REQUEST");
  },
  TIMEOUT_MS,
);

test(
  "the event stream of a validator tells what came by another one",
  async () => {
    const store = createDriverAssetStore({ url: urlOf(0), streamUrl: net.nodes[0]?.bigchainStreamUrl });
    const stop = new AbortController();
    const seen: CommittedAsset[] = [];
    const reading = (async () => {
      for await (const event of store.committed(stop.signal)) seen.push(event);
    })();
    let tx: Tx;
    for (let count = 0; seen.length === 0; count++) {
      tx = create({ streamed: count }, [toAlice(1)]);
      await at(1).postTransactionCommit(tx);
      await reaches(0, tx.id);
    }
    stop.abort();
    await reading;
    expect(seen.at(-1)).toEqual({ height: expect.any(Number), assetId: tx.id, transactionId: tx.id });
  },
  TIMEOUT_MS,
);

import { base58 } from "@scure/base";
import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import type { AssetStore, CommittedAsset, SubmitMode } from "./assetStore.ts";
import {
  type AssetSigner,
  type BuiltTransaction,
  createTransaction,
  ed25519Details,
  ed25519Signer,
  jsonOf,
  transferTransaction,
} from "./buildTransaction.ts";

/** A person of its own for every test: stores that others use too know nothing of it. */
function person(name: string): AssetSigner & { readonly key: string } {
  const signer = ed25519Signer(sha256(Buffer.from(`asset store suite ${name} ${Math.random()}`)));
  return { ...signer, key: base58.encode(signer.publicKey) };
}

function word(): string {
  return `w${Math.random().toString(36).slice(2)}`;
}

function create(
  issuer: AssetSigner,
  fields: { readonly data?: object; readonly metadata?: object; readonly amount?: bigint } = {},
) {
  const { data = { nonce: word() }, metadata = { nonce: word() }, amount = 1n } = fields;
  const outputs = [{ amount, details: ed25519Details(issuer.publicKey) }];
  return createTransaction({ data: jsonOf(data), metadata: jsonOf(metadata), outputs, issuer });
}

function transfer(
  assetId: string,
  spent: readonly (readonly [transactionId: string, outputIndex: number, owner: AssetSigner])[],
  outputs: readonly (readonly [amount: bigint, owner: AssetSigner])[],
  metadata: object | null = null,
): BuiltTransaction {
  return transferTransaction({
    assetId,
    metadata: jsonOf(metadata),
    outputs: outputs.map(([amount, owner]) => ({ amount, details: ed25519Details(owner.publicKey) })),
    inputs: spent.map(([transactionId, outputIndex, owner]) => ({
      transactionId,
      outputIndex,
      details: ed25519Details(owner.publicKey),
      signers: [owner],
    })),
  });
}

/** What every AssetStore does. `open` may answer the same store each time. */
export function assetStoreSuite(name: string, open: () => Promise<AssetStore> | AssetStore): void {
  const committed = async (store: AssetStore, tx: BuiltTransaction) =>
    expect(await store.submit(tx.text, "commit")).toEqual({ accepted: true });

  /** Looks until the store has it; the test's own time limit is the only clock. */
  async function untilThere(store: AssetStore, id: string): Promise<void> {
    while ((await store.transaction(id)) === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  test(`${name}: a committed transaction is there, number for number`, async () => {
    const store = await open();
    const tx = create(person("alice"), {
      data: { big: 12345678901234567890n, one: 1 },
      metadata: { energy: 2n ** 60n },
    });
    expect(await store.transaction(tx.id)).toBeUndefined();
    await committed(store, tx);
    const found = (await store.transaction(tx.id)) ?? "";
    expect(JSON.parse(found)).toEqual(JSON.parse(tx.text));
    expect(found).toContain("12345678901234567890");
    expect(found).toContain(String(2n ** 60n));
  });

  for (const mode of ["async", "sync"] as const satisfies readonly SubmitMode[])
    test(`${name}: what is accepted by mode ${mode} is there soon`, async () => {
      const store = await open();
      const tx = create(person("alice"));
      expect(await store.submit(tx.text, mode)).toEqual({ accepted: true });
      await untilThere(store, tx.id);
    });

  test(`${name}: outputs of a key are all, spent or not`, async () => {
    const store = await open();
    const [alice, bob] = [person("alice"), person("bob")];
    const asset = create(alice, { amount: 10n });
    await committed(store, asset);
    const split = transfer(
      asset.id,
      [[asset.id, 0, alice]],
      [
        [4n, bob],
        [6n, alice],
      ],
    );
    await committed(store, split);
    expect(await store.outputs(alice.key)).toEqual([
      { transactionId: asset.id, outputIndex: 0 },
      { transactionId: split.id, outputIndex: 1 },
    ]);
    expect(await store.outputs(alice.key, true)).toEqual([{ transactionId: asset.id, outputIndex: 0 }]);
    expect(await store.outputs(alice.key, false)).toEqual([{ transactionId: split.id, outputIndex: 1 }]);
    expect(await store.outputs(bob.key, false)).toEqual([{ transactionId: split.id, outputIndex: 0 }]);
    expect(await store.outputs(person("nobody").key)).toEqual([]);
  });

  test(`${name}: an asset has its CREATE and its TRANSFERs`, async () => {
    const store = await open();
    const alice = person("alice");
    const asset = create(alice);
    await committed(store, asset);
    const first = transfer(asset.id, [[asset.id, 0, alice]], [[1n, alice]], { n: 1 });
    await committed(store, first);
    const second = transfer(asset.id, [[first.id, 0, alice]], [[1n, alice]], { n: 2 });
    await committed(store, second);
    const ids = (list: readonly string[]) => list.map((json) => (JSON.parse(json) as { id: string }).id);
    expect(ids(await store.transactionsOf(asset.id))).toEqual([asset.id, first.id, second.id]);
    expect(ids(await store.transactionsOf(asset.id, { operation: "CREATE" }))).toEqual([asset.id]);
    expect(ids(await store.transactionsOf(asset.id, { operation: "TRANSFER" }))).toEqual([first.id, second.id]);
    expect(ids(await store.transactionsOf(asset.id, { last: true }))).toEqual([second.id]);
    expect(await store.transactionsOf("0".repeat(64))).toEqual([]);
  });

  test(`${name}: assets and metadata are found by their words, at most as many as asked for`, async () => {
    const store = await open();
    const alice = person("alice");
    const [shared, own] = [word(), word()];
    const first = create(alice, { data: { kind: shared }, metadata: { kind: own } });
    const second = create(alice, { data: { kind: `${shared} ${shared}` } });
    await committed(store, first);
    await committed(store, second);
    expect(await store.search("asset", shared)).toEqual([
      { id: second.id, document: { kind: `${shared} ${shared}` } },
      { id: first.id, document: { kind: shared } },
    ]);
    expect(await store.search("asset", shared, 1)).toHaveLength(1);
    expect(await store.search("metadata", own)).toEqual([{ id: first.id, document: { kind: own } }]);
    expect(await store.search("metadata", shared)).toEqual([]);
  });

  test(`${name}: a transaction that is sent again is accepted and counts once`, async () => {
    const store = await open();
    const alice = person("alice");
    const asset = create(alice);
    await committed(store, asset);
    await committed(store, asset);
    const moved = transfer(asset.id, [[asset.id, 0, alice]], [[1n, alice]]);
    await committed(store, moved);
    await committed(store, moved);
    expect(await store.transactionsOf(asset.id)).toHaveLength(2);
  });

  test(`${name}: what breaks a rule is refused with BigchainDB's class, whatever the mode`, async () => {
    const store = await open();
    const [alice, mallory] = [person("alice"), person("mallory")];
    const asset = create(alice, { amount: 2n });
    await committed(store, asset);
    const spent = transfer(asset.id, [[asset.id, 0, alice]], [[2n, alice]]);
    await committed(store, spent);
    const cases = [
      ["DoubleSpend", transfer(asset.id, [[asset.id, 0, alice]], [[2n, mallory]])],
      ["AmountError", transfer(asset.id, [[spent.id, 0, alice]], [[3n, alice]])],
      ["InputDoesNotExist", transfer(asset.id, [["a".repeat(64), 0, alice]], [[2n, alice]])],
      ["InvalidSignature", transfer(asset.id, [[spent.id, 0, mallory]], [[2n, mallory]])],
      ["InvalidHash", { text: asset.text.replace(asset.id, "b".repeat(64)) }],
    ] as const;
    for (const mode of ["async", "sync", "commit"] as const)
      for (const [error, { text }] of cases) {
        const result = await store.submit(text, mode);
        expect(result, `${mode} ${error}`).toMatchObject({ accepted: false, error, temporary: false });
      }
    expect(await store.outputs(mallory.key)).toEqual([]);
  });

  test(`${name}: the stream tells every committed transaction once, with its asset`, async () => {
    const store = await open();
    const alice = person("alice");
    const asset = create(alice);
    const moved = transfer(asset.id, [[asset.id, 0, alice]], [[1n, alice]]);
    const stop = new AbortController();
    const seen: CommittedAsset[] = [];
    const reading = (async () => {
      for await (const event of store.committed(stop.signal)) seen.push(event);
    })();
    // A stream tells from when it is there on; until then others are committed.
    while (seen.length === 0) await committed(store, create(alice));
    await committed(store, asset);
    await committed(store, moved);
    const own = () => seen.filter(({ assetId }) => assetId === asset.id);
    while (own().length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    stop.abort();
    await reading;
    expect(own().map(({ transactionId }) => transactionId)).toEqual([asset.id, moved.id]);
    expect(own().every(({ height }) => Number.isSafeInteger(height) && height > 0)).toBe(true);
  });
}

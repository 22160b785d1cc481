import { base58 } from "@scure/base";
import { pino } from "pino";
import { expect, test } from "vitest";
import { type AssetStore, AssetStoreError } from "#storage/assets/assetStore.ts";
import { createMemoryAssetStore } from "#storage/assets/memoryAssetStore.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import type { Store } from "#storage/db/store.ts";
import { readAttributes } from "../../meter/ngsi/attributes.ts";
import { decodeNgsi } from "../../meter/ngsi/decode.ts";
import { createAggregator, QUARTER_HOUR_MS } from "./aggregator.ts";
import type { AggregateMetadata } from "./measurement.ts";
import { meterCreate, meterSigner } from "./meterAsset.ts";

const KEY: PrivateKey = { type: "ed25519", bytes: sha256(Buffer.from("aggregator test")) };
const START_MS = Date.parse("2019-03-18T16:00:00Z");
const OPTIONS = { everyMs: QUARTER_HOUR_MS, graceMs: 60_000, keepMs: 40 * QUARTER_HOUR_MS };

/** D5.1's Figure 16, at a time, of a meter. */
function notification(meter: string, atMs: number, watts: string) {
  const value = new Date(START_MS + atMs).toISOString();
  const attribute = {
    name: "P",
    type: "W",
    value: watts,
    metadatas: [{ name: "TimeInstant", type: "ISO8601", value }],
  };
  const contextElement = { type: "SMX", isPattern: "false", id: meter, attributes: [attribute] };
  const body = { subscriptionId: "s", originator: "localhost", contextResponses: [{ contextElement }] };
  return decodeNgsi(Buffer.from(JSON.stringify(body)), {
    attributes: readAttributes(undefined, "attributes"),
    receivedMs: START_MS + atMs,
    maxPowerW: 69_000,
  });
}

function setUp(
  assets: AssetStore = createMemoryAssetStore({ nowMs: () => START_MS }),
  store: Store = createMemoryStore(),
) {
  const clock = { nowMs: START_MS };
  const start = () =>
    createAggregator(OPTIONS, { store, assets, key: KEY, nowMs: () => clock.nowMs, log: pino({ level: "silent" }) });
  return { assets, clock, start };
}

/** What the chain says of a meter: of each interval the value, in its order. */
async function told(assets: AssetStore, meterId: string) {
  const { id } = meterCreate(meterSigner(KEY, meterId), meterId);
  const transactions = await assets.transactionsOf(id);
  return transactions.map((json) => (JSON.parse(json) as { metadata: AggregateMetadata | null }).metadata);
}

const METER = "ngsi:urn:ngsi-ld:SMX:BBB6099";

test("notifications become an asset and a TRANSFER for every quarter of an hour, as in D5.1's figures", async () => {
  const { assets, clock, start } = setUp();
  await using aggregator = await start();
  await aggregator.offer(notification("urn:ngsi-ld:SMX:BBB6099", 825_275, "-84.891"));
  await aggregator.offer(notification("urn:ngsi-ld:SMX:BBB6099", 830_275, "-84.889"));
  await aggregator.offer(notification("urn:ngsi-ld:SMX:BBB6099", QUARTER_HOUR_MS + 1, "100"));
  clock.nowMs = START_MS + QUARTER_HOUR_MS + OPTIONS.graceMs;
  await aggregator.tick();
  await aggregator.idle();
  const signer = meterSigner(KEY, METER);
  const { id, text } = meterCreate(signer, METER);
  expect((JSON.parse(text) as { asset: unknown }).asset).toEqual({
    data: { meter: { serial_number: "urn:ngsi-ld:SMX:BBB6099", source: "ngsi" } },
  });
  expect(await told(assets, METER)).toEqual([
    null,
    {
      recvTime: "2019-03-18T16:15:00.000Z",
      attrName: "P",
      attrType: "W",
      attrValue: "-84.89",
      aggregation: "mean",
      intervalMs: QUARTER_HOUR_MS,
      count: 2,
      sum: "-169780",
      revision: 0,
    },
  ]);
  // The meter still owns itself.
  const unspent = await assets.outputs(base58.encode(signer.publicKey), false);
  expect(unspent).toHaveLength(1);
  expect(unspent[0]?.transactionId).not.toBe(id);
  expect(aggregator.counts).toMatchObject({ readings: 3, registered: 1, sent: 1, failures: 0 });
});

test("an aggregator that is killed at any step goes on where it was: nothing is lost and nothing counts twice", async () => {
  const memory = createMemoryAssetStore({ nowMs: () => START_MS });
  const store = createMemoryStore();
  for (const answersUntilCrash of [0, 1, 2, 3, 4, 5]) {
    let answers = 0;
    // The process ends once so many answers have come: what was submitted last took effect, and nobody was told.
    const dying: AssetStore = {
      ...memory,
      async submit(json, mode) {
        const result = await memory.submit(json, mode);
        answers += 1;
        if (answers > answersUntilCrash) await new Promise(() => undefined);
        return result;
      },
    };
    const { clock, start } = setUp(dying, store);
    clock.nowMs = START_MS + (3 * answersUntilCrash + 4) * QUARTER_HOUR_MS;
    const aggregator = await start();
    for (const slot of [0, 1, 2])
      await aggregator.offer(
        notification("M1", (3 * answersUntilCrash + slot) * QUARTER_HOUR_MS + 1000, `${slot + 1}`),
      );
    await aggregator.tick();
    // As far as it gets: it hangs in a submission, as a killed process does, or has sent everything.
    await Promise.race([
      aggregator.idle(),
      (async () => {
        while (answers <= answersUntilCrash) await new Promise((resolve) => setImmediate(resolve));
      })(),
    ]);
  }
  const { clock, start } = setUp(memory, store);
  clock.nowMs = START_MS + 40 * QUARTER_HOUR_MS;
  await using aggregator = await start();
  await aggregator.tick();
  await aggregator.idle();
  const transfers = (await told(memory, "ngsi:M1")).slice(1);
  expect(transfers.map((metadata) => [metadata?.recvTime, metadata?.attrValue])).toEqual(
    Array.from({ length: 18 }, (_, i) => [
      new Date(START_MS + (i + 1) * QUARTER_HOUR_MS).toISOString(),
      String((i % 3) + 1),
    ]),
  );
});

test("a store that cannot be reached, or whose answers are lost, is asked again until all is told", async () => {
  const memory = createMemoryAssetStore({ nowMs: () => START_MS });
  let calls = 0;
  const flaky: AssetStore = {
    ...memory,
    async submit(json, mode) {
      calls += 1;
      const lost = () => new AssetStoreError({ code: "ASSET_STORE_UNREACHABLE", url: "x", reason: "ECONNRESET" });
      if (calls === 1) throw lost();
      const result = await memory.submit(json, mode);
      if (calls === 3) throw lost();
      return result;
    },
  };
  const { clock, start } = setUp(flaky);
  await using aggregator = await start();
  for (const slot of [0, 1]) await aggregator.offer(notification("M1", slot * QUARTER_HOUR_MS + 1, "5"));
  clock.nowMs = START_MS + 3 * QUARTER_HOUR_MS;
  await aggregator.tick();
  await aggregator.idle();
  expect((await told(memory, "ngsi:M1")).map((metadata) => metadata?.recvTime)).toEqual([
    undefined,
    "2019-03-18T16:15:00.000Z",
    "2019-03-18T16:30:00.000Z",
  ]);
  expect(aggregator.counts.failures).toBe(2);
});

test("a state that comes back from a backup finds on the chain what it has told, and goes on from there", async () => {
  const memory = createMemoryAssetStore({ nowMs: () => START_MS });
  const first = setUp(memory);
  await using before = await first.start();
  for (const slot of [0, 1]) await before.offer(notification("M1", slot * QUARTER_HOUR_MS + 1, "5"));
  first.clock.nowMs = START_MS + 3 * QUARTER_HOUR_MS;
  await before.tick();
  await before.idle();
  // The backup is empty; of the first interval other readings come, and a new one.
  const second = setUp(memory);
  await using after = await second.start();
  await after.offer(notification("M1", 2, "7"));
  await after.offer(notification("M1", QUARTER_HOUR_MS + 1, "5"));
  await after.offer(notification("M1", 2 * QUARTER_HOUR_MS + 1, "9"));
  second.clock.nowMs = START_MS + 4 * QUARTER_HOUR_MS;
  await after.tick();
  await after.idle();
  expect((await told(memory, "ngsi:M1")).map((metadata) => [metadata?.recvTime, metadata?.attrValue])).toEqual([
    [undefined, undefined],
    ["2019-03-18T16:15:00.000Z", "5"],
    ["2019-03-18T16:30:00.000Z", "5"],
    ["2019-03-18T16:45:00.000Z", "9"],
  ]);
});

test("a late reading tells its interval anew, and what is not understood is counted", async () => {
  const { assets, clock, start } = setUp();
  await using aggregator = await start();
  await aggregator.offer(notification("M1", 1, "1"));
  clock.nowMs = START_MS + 2 * QUARTER_HOUR_MS;
  await aggregator.tick();
  await aggregator.offer(notification("M1", 2, "3"));
  await aggregator.offer(notification("M1", 3, "much"));
  await aggregator.tick();
  await aggregator.idle();
  expect((await told(assets, "ngsi:M1")).map((metadata) => [metadata?.revision, metadata?.attrValue])).toEqual([
    [undefined, undefined],
    [0, "1"],
    [1, "2"],
  ]);
  expect(aggregator.counts.rejected).toBe(1);
});

test("every meter has a key and an asset of its own, which the aggregator's key brings back", async () => {
  const { assets, clock, start } = setUp();
  await using aggregator = await start();
  const meters = Array.from({ length: 40 }, (_, i) => `M${i}`);
  for (const meter of meters) await aggregator.offer(notification(meter, 1, "1"));
  clock.nowMs = START_MS + 2 * QUARTER_HOUR_MS;
  await aggregator.tick();
  await aggregator.idle();
  const keys = meters.map((meter) => base58.encode(meterSigner(KEY, `ngsi:${meter}`).publicKey));
  expect(new Set(keys).size).toBe(meters.length);
  for (const key of keys) expect(await assets.outputs(key, false)).toHaveLength(1);
  expect(aggregator.counts).toMatchObject({ registered: 40, sent: 40 });
});

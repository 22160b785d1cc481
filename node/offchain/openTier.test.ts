import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { testReadings } from "#storage/offchain/testReadings.ts";
import { openReadingQueue, openReadingStore } from "./openTier.ts";
import { parseQueueAddress, parseStoreAddress, readTierCredentials, TierError } from "./tierAddress.ts";

const folder = mkdtempSync(join(tmpdir(), "tier-"));
afterAll(() => rmSync(folder, { recursive: true }));

function detailsOf(act: () => unknown): object {
  try {
    act();
  } catch (error) {
    if (error instanceof TierError) return error.details;
    throw error;
  }
  return {};
}

test("addresses of stores: a folder, or hosts, keyspace, data center and replicas", () => {
  expect(parseStoreAddress("/data/readings")).toStrictEqual({ type: "level", folder: "/data/readings" });
  expect(parseStoreAddress("cassandra://one,two:9043,[::1]:9042/meters?dc=athens&replicas=1")).toStrictEqual({
    type: "cassandra",
    contactPoints: ["one", "two:9043", "[::1]:9042"],
    keyspace: "meters",
    localDataCenter: "athens",
    replicas: 1,
  });
  expect(parseStoreAddress("cassandra://one")).toMatchObject({ contactPoints: ["one"], keyspace: "energy_ledger" });
});

test("addresses of queues: a folder, or a broker with virtual host, name and type", () => {
  expect(parseQueueAddress("queue")).toStrictEqual({ type: "embedded", folder: "queue" });
  expect(parseQueueAddress("amqps://broker:5671/a%2Fb?queue=dso.north&type=classic&maxBytes=2097152")).toStrictEqual({
    type: "rabbitmq",
    url: "amqps://broker:5671/a%2Fb",
    name: "dso.north",
    queueType: "classic",
    maxBytes: 2_097_152,
  });
  expect(parseQueueAddress("amqp://broker/")).toStrictEqual({ type: "rabbitmq", url: "amqp://broker" });
});

test("an address with a user or a password is refused, and neither is repeated", () => {
  for (const act of [
    () => parseQueueAddress("amqp://meter:hunter2@broker/"),
    () => parseStoreAddress("cassandra://meter:hunter2@node/readings"),
    () => parseStoreAddress("cassandra://hunter2@node/readings"),
  ]) {
    const details = detailsOf(act);
    expect(details).toMatchObject({ code: "READING_TIER_ADDRESS_HAS_CREDENTIALS" });
    expect(JSON.stringify(details)).not.toContain("hunter2");
  }
});

test("what is no address is refused with the reason and the form", () => {
  const reasons = new Map<string, string>([
    ["", "it is empty"],
    ["amqp://a,b/", "it names more than one host"],
    ["amqp://broker:0/", '"broker:0" is no host'],
    ["amqp://broker:70000/", '"broker:70000" is no host'],
    ["amqp:///", '"" is no host'],
    ["amqp://broker/%E0", "its path cannot be decoded"],
    ["amqp://broker/?type=stream", "type is quorum or classic"],
    ["amqp://broker/?queue=a&queue=b", "queue is there twice"],
    ["amqp://broker/?prefetch=9", "prefetch is no parameter of it"],
    ["amqp://broker/?maxBytes=9", `maxBytes is a whole number from ${2 ** 20} to ${2 ** 50}`],
    ["http://broker/", "http is not known here"],
    ["amqp://broker/#x", "it is no address"],
  ]);
  for (const [address, reason] of reasons)
    expect(
      detailsOf(() => parseQueueAddress(address)),
      address,
    ).toMatchObject({ code: "READING_TIER_ADDRESS_MALFORMED", reason });
  expect(detailsOf(() => parseStoreAddress("cassandra://node/Readings"))).toMatchObject({
    code: "READING_TIER_ADDRESS_MALFORMED",
    reason: "Readings is no name of a keyspace",
  });
  expect(detailsOf(() => parseStoreAddress("cassandra://node/readings?dc=a'b"))).toMatchObject({
    code: "READING_TIER_ADDRESS_MALFORMED",
  });
});

test("credentials are the first line of a file, and a password may have colons", () => {
  const file = join(folder, "credentials");
  writeFileSync(file, "meter:pass:word\nsecond line\n");
  expect(readTierCredentials(file)).toStrictEqual({ username: "meter", password: "pass:word" });
  expect(readTierCredentials("")).toBeUndefined();
  writeFileSync(file, "only-a-word\n");
  const code = "READING_TIER_CREDENTIALS_UNREADABLE";
  expect(detailsOf(() => readTierCredentials(file))).toMatchObject({ code });
  expect(detailsOf(() => readTierCredentials(join(folder, "none")))).toMatchObject({ code, reason: "ENOENT" });
});

test("a folder is a store that closes with all it opened, and opens again with what was put", async () => {
  const path = join(folder, "store");
  await expect(openReadingStore(path, { mustExist: true })).rejects.toMatchObject({ code: "READING_TIER_MISSING" });
  const readings = testReadings(1, 3);
  {
    await using store = await openReadingStore(path);
    expect(await store.put(readings)).toMatchObject({ stored: 3 });
    await expect(openReadingStore(path)).rejects.toMatchObject({ code: "STORE_LOCKED" });
  }
  await using store = await openReadingStore(path, { mustExist: true });
  expect(await store.put(readings)).toMatchObject({ stored: 0, duplicates: 3 });
});

test("a folder is a queue that opens again with what was published", async () => {
  const path = join(folder, "queue");
  await expect(openReadingQueue(path, { mustExist: true })).rejects.toMatchObject({ code: "READING_TIER_MISSING" });
  {
    await using queue = await openReadingQueue(path);
    await queue.publish(testReadings(1, 3));
  }
  await using queue = await openReadingQueue(path, { mustExist: true });
  expect(await queue.backlog()).toBe(1);
});

test("a broker that is not there is unreachable, with credentials that nobody is told", async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const credentialsFile = join(folder, "broker");
  writeFileSync(credentialsFile, "meter:hunt/er@2\n");
  const error = await openReadingQueue(`amqp://127.0.0.1:${port}/`, { credentialsFile }).catch((thrown) => thrown);
  server.close();
  expect(error).toMatchObject({ code: "READING_QUEUE_UNREACHABLE" });
  expect(String(error)).not.toContain("hunt");
});

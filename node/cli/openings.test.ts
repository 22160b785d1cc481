import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test } from "vitest";
import {
  amendMessage,
  createTestLedger,
  EXPORT_METER,
  INTERVAL_MS,
  START_MS,
  sealMessage,
} from "#consensus/application/testLedger.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import { createSmallApi } from "../api/smallApi.ts";
import { createTestNode } from "../api/testPorts.ts";
import { openOutbox } from "../light/outbox.ts";
import { defaultOptions } from "../options.ts";
import { homeOf, startLedgerNode } from "./testLedgerNode.ts";

const COUNT = 15;
const salt = new Uint8Array(32).fill(3);
const TOKEN = "0123456789abcdef0123456789abcdef";

const interval = (index: number) => ({
  meterId: EXPORT_METER,
  startMs: START_MS + index * INTERVAL_MS,
  endMs: START_MS + (index + 1) * INTERVAL_MS,
  periodStartMs: START_MS,
  count: COUNT,
  sum: 800n + BigInt(index),
  fingerprint: new Uint8Array(32),
  readingsRoot: new Uint8Array(32),
  salt,
  commitment: commitSum({ sum: 800n + BigInt(index), count: COUNT, salt }),
});

/** A ledger on which three intervals are sealed with committed sums, and the light node that sealed them, with a token. */
async function setUp() {
  const ledger = createTestLedger();
  const outbox = await openOutbox(createMemoryStore());
  for (let index = 0; index < 3; index++) {
    const closed = interval(index);
    await outbox.add([closed]);
    const energy = { case: "sumCommitment", value: closed.commitment } as const;
    expect(ledger.send(sealMessage(index, { energy }), "device")).toBe("OK");
    await outbox.settle([closed], { state: "final", txId: "ab", height: 1, index: 0 }, undefined);
  }
  await outbox.add([interval(3)]);
  const cli = await homeOf("prosumer");
  const tokenFile = join(cli.folder, "token");
  writeFileSync(tokenFile, TOKEN);
  const light = await createSmallApi(
    { ...defaultOptions(), apiPort: 0, apiTokenFile: tokenFile },
    { ...createTestNode().ports, metrics: () => "", openings: (request) => outbox.openings(request) },
    { log: pino({ level: "silent" }) },
  );
  const node = await startLedgerNode(ledger);
  const file = join(cli.folder, "openings.json");
  return {
    ledger,
    outbox,
    cli,
    light,
    file,
    fetchOpenings: (...args: readonly string[]) =>
      cli.run("meters", "openings", EXPORT_METER, "-o", file, "--node", light.url, ...args),
    register: (amount: string) =>
      cli.run(
        ...["tx", "register", "--meter", EXPORT_METER, "--amount", amount, "--openings", file, "--node", node.url],
        "--json",
      ),
    tokenFile,
    async [Symbol.asyncDispose]() {
      await light.close();
      await node.close();
      cli[Symbol.dispose]();
    },
  };
}

test("energy of committed intervals is registered with the openings that the meter's light node keeps", async () => {
  await using all = await setUp();
  const end = new Date(interval(1).endMs).toISOString();
  const two = await all.fetchOpenings("--to", end, "--token-file", all.tokenFile, "--json");
  expect([two.exit, two.json]).toMatchObject(["ok", { openings: 2, sumMwh: "1601" }]);
  expect(statSync(all.file).mode & 0o077).toBe(0);
  expect((await all.register("1601mWh")).json).toMatchObject({ code: 0 });
  expect((await all.register("1mWh")).err).toContain("OPENINGS_USED");
  const three = await all.fetchOpenings("--token-file", all.tokenFile);
  expect(three.out).toMatch(/intervals\s+3\n/);
  // Two of the three are opened: only the third goes into the transaction.
  expect((await all.register("802mWh")).json).toMatchObject({ code: 0 });
  expect(all.ledger.query("/edream/chain", EXPORT_METER)).toMatchObject({
    producedMwh: "2403",
    registeredMwh: "2403",
  });
});

test("a committed amendment is opened by its number, with its interval or without it", async () => {
  await using all = await setUp();
  const late = { ...interval(0), sum: 50n, count: 2, commitment: commitSum({ sum: 50n, count: 2, salt }) };
  const energy = { case: "sumCommitment", value: late.commitment } as const;
  for (const amendment of [1, 2, 3]) {
    const closed = { ...late, amendment, previousFingerprint: new Uint8Array(32), timestampsMs: [late.startMs + 1] };
    await all.outbox.addAmendments([closed]);
    if (amendment === 3) continue;
    expect(all.ledger.send(amendMessage(0, amendment, { energy }), "device")).toBe("OK");
    await all.outbox.settle([closed], { state: "final", txId: "ab", height: 1, index: 0 }, undefined);
  }
  const first = new Date(interval(0).endMs).toISOString();
  const fetched = await all.fetchOpenings("--to", first, "--token-file", all.tokenFile, "--json");
  expect(fetched.json).toMatchObject({ openings: 3, sumMwh: "900" });
  expect((await all.register("901mWh")).err).toContain("ENERGY_NOT_PRODUCED");
  expect((await all.register("900mWh")).json).toMatchObject({ code: 0 });
  expect((await all.register("1mWh")).err).toContain("OPENINGS_USED");
});

test("a page of openings ends with a whole interval, however many amendments it has", async () => {
  await using all = await setUp();
  for (const amendment of [1, 2]) {
    const closed = { ...interval(1), amendment, previousFingerprint: salt, timestampsMs: [interval(1).startMs + 1] };
    await all.outbox.addAmendments([closed]);
    await all.outbox.settle([closed], { state: "final", txId: "ab", height: 1, index: 0 }, undefined);
  }
  const page = async (from: number, limit: number) => {
    const request = { meterId: EXPORT_METER, fromMs: interval(from).endMs, toMs: interval(9).endMs, limit };
    const openings = await all.outbox.openings(request);
    return openings.map(({ intervalEndMs, amendment = 0 }) => [
      (intervalEndMs - START_MS) / INTERVAL_MS - 1,
      amendment,
    ]);
  };
  const second = [
    [1, 0],
    [1, 1],
    [1, 2],
  ];
  expect(await page(0, 9)).toEqual([[0, 0], ...second, [2, 0]]);
  expect(await page(0, 4)).toEqual([[0, 0], ...second]);
  expect(await page(0, 2)).toEqual([[0, 0]]);
  expect(await page(1, 2)).toEqual(second);
  expect(await page(2, 2)).toEqual([[2, 0]]);
});

test("openings are for the node's owner alone, and are there only once an interval is final", async () => {
  await using all = await setUp();
  expect((await all.fetchOpenings()).err).toContain("UNAUTHORIZED");
  const answer = await fetch(`${all.light.url}/ledger/v1/openings?meter=${encodeURIComponent(EXPORT_METER)}`);
  expect([answer.status, await answer.json()]).toMatchObject([401, { code: "UNAUTHORIZED" }]);
  const later = new Date(interval(3).endMs).toISOString();
  const none = await all.fetchOpenings("--from", later, "--token-file", all.tokenFile);
  expect([none.exit, none.err]).toEqual(["notFound", expect.stringContaining("OPENINGS_NONE")]);
  const headers = { authorization: `Bearer ${TOKEN}` };
  for (const query of ["", "meter=a&from=x", "meter=a&to=-1", `meter=${"a".repeat(97)}`]) {
    const refused = await fetch(`${all.light.url}/ledger/v1/openings?${query}`, { headers });
    expect([refused.status, await refused.json()], query).toMatchObject([400, { code: "BAD_REQUEST" }]);
  }
});

test("a file that holds something else is refused", async () => {
  await using all = await setUp();
  const salted = `"salt":"${"05".repeat(32)}"`;
  const texts = [
    ...[1.5, -1, 33, '"1"'].map((n) => `[{"intervalEndMs":1,"amendment":${n},"sumMwh":"1",${salted}}]`),
    ...["{}", "[null]", '[{"intervalEndMs":1,"sumMwh":"x","salt":"00"}]'],
    // What String() makes a number of, or nothing at all.
    ...[
      `[{"intervalEndMs":["1"],"sumMwh":"1",${salted}}]`,
      `[{"intervalEndMs":{"toString":1},"sumMwh":"1",${salted}}]`,
    ],
  ];
  for (const text of texts) {
    writeFileSync(all.file, text);
    expect((await all.register("1mWh")).err, text).toContain("OPENINGS_MALFORMED");
  }
  writeFileSync(all.file, "[");
  expect((await all.register("1mWh")).err).toContain("OPENINGS_UNREADABLE");
  expect(readFileSync(all.file, "utf8")).toBe("[");
});

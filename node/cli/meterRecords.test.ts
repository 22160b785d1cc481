import { expect, test } from "vitest";
import {
  accountOf,
  amendMessage,
  configurationMessage,
  createTestLedger,
  EXPORT_METER,
  INTERVAL_MS,
  keyOf,
  START_MS,
  sealMessage,
} from "#consensus/application/testLedger.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { homeOf, startLedgerNode } from "./testLedgerNode.ts";

const hash = new Uint8Array(32).fill(7);
const hex = Buffer.from(hash).toString("hex");
const period = { fromMs: BigInt(START_MS), untilMs: BigInt(START_MS + INTERVAL_MS) };
const about = { signer: accountOf("prosumer"), meterId: EXPORT_METER };
const cid = Buffer.concat([Buffer.of(1, 0x55, 0x12, 32), hash]);

/** A ledger with one of everything that can stand beside a meter's intervals, its REST API, and a dso's home. */
async function setUp() {
  const ledger = createTestLedger({ checker: true });
  const send = (message: ReturnType<typeof ledgerMessage>, by: string) => expect(ledger.send(message, by)).toBe("OK");
  send(sealMessage(0), "device");
  send(amendMessage(0, 1), "device");
  send(ledgerMessage("MsgRecordErasure", { ...about, ...period, readingCount: 3n, receiptHash: hash }), "prosumer");
  const file = { version: 1, cid, fileBytes: 700n, readingCount: 15n, fileHash: hash };
  send(ledgerMessage("MsgSealArchive", { ...about, ...period, ...file }), "prosumer");
  const interval = { intervalStartMs: period.fromMs, intervalEndMs: period.untilMs };
  const finding = { kind: "spike", severity: "warning", score: 8400, detector: "isolated-spike/1", detailsHash: hash };
  send(ledgerMessage("MsgFlagReadings", { ...about, ...interval, ...finding }), "prosumer");
  send(ledgerMessage("MsgFlagReadings", { ...about, ...interval, ...finding, kind: "leak" }), "prosumer");
  send(ledgerMessage("MsgWithdrawFlag", { ...about, flag: 1n, reasonHash: hash }), "prosumer");
  send(configurationMessage(1n), "prosumer");
  send(configurationMessage(2n, { priority: "urgent" }), "prosumer");
  const answered = { version: 1n, outcome: "rejected", code: 3, appliedMs: period.untilMs };
  const acknowledgement = { ...about, signer: accountOf("device"), ...answered };
  send(ledgerMessage("MsgAcknowledgeDeviceConfiguration", acknowledgement), "device");
  const node = await startLedgerNode(ledger);
  const cli = await homeOf("dso");
  return {
    ledger,
    run: (...args: readonly string[]) => cli.run(...args, "--node", node.url),
    async get(path: string) {
      const response = await fetch(`${node.url}/ledger/v1/meters/${encodeURIComponent(EXPORT_METER)}${path}`);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    async [Symbol.asyncDispose]() {
      await node.close();
      cli[Symbol.dispose]();
    },
  };
}

const times = { fromMs: `${period.fromMs}`, untilMs: `${period.untilMs}` };
const LISTS: Readonly<Record<string, readonly object[]>> = {
  amendments: [{ endMs: times.untilMs, startMs: times.fromMs, amendments: 1, readingCount: "2" }],
  erasures: [{ number: "1", ...times, readingCount: "3", receiptHash: hex, recordedBy: accountOf("prosumer") }],
  archives: [{ ...times, version: 1, cid: cid.toString("hex"), fileBytes: "700", readingCount: "15", fileHash: hex }],
  flags: [
    { number: "1", kind: "spike", severity: "warning", score: 8400, withdrawnBy: accountOf("prosumer") },
    { number: "2", kind: "leak", withdrawnBy: "" },
  ],
  configurations: [
    { version: "1", priority: "normal", schemaId: "meter-options", schemaVersion: 1, outcome: "rejected", code: 3 },
    { version: "2", priority: "urgent", outcome: "" },
  ],
};

test("what stands beside a meter's intervals is listed by the API, page by page, and counted with the meter", async () => {
  await using all = await setUp();
  for (const [name, entries] of Object.entries(LISTS)) {
    const { status, body } = await all.get(`/${name}`);
    expect([status, Object.keys(body)], name).toEqual([200, [name, "next"]]);
    expect(body[name], name).toMatchObject(entries);
    expect(body[name], name).toHaveLength(entries.length);
  }
  const first = await all.get("/flags?limit=1");
  expect(first.body).toMatchObject({ flags: [{ number: "1" }] });
  const second = await all.get(`/flags?limit=1&after=${first.body.next}`);
  expect(second.body).toMatchObject({ flags: [{ number: "2" }] });
  expect((await all.get("")).body).toMatchObject({
    meterId: EXPORT_METER,
    amendments: "1",
    erasures: "1",
    archives: "1",
    flags: "2",
    configurationVersion: "2",
    appliedVersion: "0",
  });
});

test("one configuration is answered with its ciphertext, by version or as the latest", async () => {
  await using all = await setUp();
  const ciphertext = (version: number) => Buffer.from(`ciphertext ${version}`).toString("hex");
  const first = await all.get("/configurations/1");
  expect(first.body).toMatchObject({ version: "1", outcome: "rejected", ciphertext: ciphertext(1) });
  const latest = await all.get("/configurations/latest");
  expect(latest.body).toMatchObject({ version: "2", priority: "urgent", ciphertext: ciphertext(2) });
  for (const path of ["/configurations/3", "/configurations/999999999999999"])
    expect(await all.get(path)).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
  for (const path of ["/configurations/0", "/configurations/first", "/configurations/-1"])
    expect(await all.get(path)).toMatchObject({ status: 400, body: { code: "BAD_REQUEST" } });
});

test("every list can be read at the command line, as text and as JSON", async () => {
  await using all = await setUp();
  const texts = {
    amendments: "2023-11-15T00:15:00.000Z",
    erasures: hex,
    archives: cid.toString("hex"),
    flags: "withdrawn",
    configurations: "rejected, code 3",
  };
  for (const [name, text] of Object.entries(texts)) {
    const shown = await all.run("query", name, EXPORT_METER);
    expect([shown.exit, shown.out], name).toEqual(["ok", expect.stringContaining(text)]);
    expect((await all.run("query", name, EXPORT_METER, "--json")).json, name).toMatchObject({
      [name]: LISTS[name] as readonly object[],
    });
  }
  const none = await all.run("query", "flags", "lcl:nobody", "--json");
  expect([none.exit, none.json]).toEqual(["ok", { flags: [] }]);
});

test("a certificate is enrolled with everything it may say", async () => {
  await using all = await setUp();
  const key = Buffer.from(publicKeyOf(keyOf("device")).bytes).toString("hex");
  const enrol = (...more: readonly string[]) =>
    all.run(
      ...["meters", "enrol", "new:1", "--owner", accountOf("prosumer"), "--device-key", `ed25519:${key}`],
      ...["--seed-commitment", hex, "--key", "dso", "--json", ...more],
    );
  expect((await enrol("--firmware-hash", "00")).exit).toBe("usage");
  expect((await enrol("--valid-from", "yesterday")).exit).toBe("usage");
  const certificate = [
    ...["--administrator", accountOf("consumer"), "--model", "Landis+Gyr E360", "--firmware-hash", hex],
    ...["--valid-from", "2023-11-15T00:00:00Z", "--valid-until", "2033-11-15T00:00:00Z"],
  ];
  expect(await enrol(...certificate)).toMatchObject({ exit: "ok" });
  expect(all.ledger.query("/edream/meter", "new:1")).toMatchObject({
    administrator: accountOf("consumer"),
    model: "Landis+Gyr E360",
    firmwareHash: hex,
    validFromMs: `${START_MS}`,
    validUntilMs: `${Date.UTC(2033, 10, 15)}`,
  });
});

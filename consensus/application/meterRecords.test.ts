import { describe, expect, test } from "vitest";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { verifyStateAnswer } from "./appHash.ts";
import { FLAG_KINDS, FLAG_SEVERITIES } from "./flags.ts";
import { createLedgerApplication } from "./ledgerApplication.ts";
import type { Person, TestLedger } from "./testLedger.ts";
import { accountOf, blockRequest, CHAIN_ID, createTestLedger, DAY_MS, EXPORT_METER, START_MS } from "./testLedger.ts";

type Fields<N extends Parameters<typeof ledgerMessage>[0]> = Partial<
  Exclude<Parameters<typeof ledgerMessage<N>>[1], { $typeName: string }>
>;

const hash = new Uint8Array(32).fill(7);
const span = { fromMs: BigInt(START_MS - DAY_MS), untilMs: BigInt(START_MS) };
const interval = { intervalStartMs: span.fromMs, intervalEndMs: span.untilMs };
const cid = (codec: number, digest: Uint8Array) => Buffer.concat([Buffer.of(1, codec, 0x12, digest.length), digest]);
/** The latest time that the first block of a test ledger lets a period end. */
const LATEST_MS = BigInt(START_MS + DAY_MS / 2 + 1000 + 15 * 60 * 1000);

const erasure = (by: Person, fields: Fields<"MsgRecordErasure"> = {}) =>
  ledgerMessage("MsgRecordErasure", {
    signer: accountOf(by),
    meterId: EXPORT_METER,
    ...span,
    readingCount: 3n,
    receiptHash: hash,
    ...(fields as object),
  });
const archive = (by: Person, fields: Fields<"MsgSealArchive"> = {}) =>
  ledgerMessage("MsgSealArchive", {
    signer: accountOf(by),
    meterId: EXPORT_METER,
    ...span,
    version: 1,
    cid: cid(0x70, new Uint8Array(32)),
    fileBytes: 4096n,
    readingCount: 96n,
    fileHash: hash,
    ...(fields as object),
  });
const flag = (by: Person, fields: Fields<"MsgFlagReadings"> = {}) =>
  ledgerMessage("MsgFlagReadings", {
    signer: accountOf(by),
    meterId: EXPORT_METER,
    ...interval,
    kind: "spike",
    severity: "warning",
    score: 8400,
    detector: "isolated-spike/1",
    detailsHash: hash,
    ...(fields as object),
  });
const withdraw = (by: Person, number: bigint, reasonHash: Uint8Array = hash) =>
  ledgerMessage("MsgWithdrawFlag", { signer: accountOf(by), meterId: EXPORT_METER, flag: number, reasonHash });

const revoke = ledgerMessage("MsgRevokeMeter", { authority: accountOf("dso"), meterId: EXPORT_METER });
const list = (ledger: TestLedger, path: string, options: object = {}) =>
  (ledger.query(path, JSON.stringify({ meter: EXPORT_METER, ...options })) ?? {}) as {
    entries: object[];
    next?: string;
  };
const counts = (ledger: TestLedger) => ledger.query("/edream/meter-counts", EXPORT_METER);

function expectProved(ledger: TestLedger, path: string, data: string): void {
  const { code, key, value, proof } = ledger.app.query({ path, data: Buffer.from(data), height: 0, prove: true });
  expect([code, value.length > 0]).toEqual([0, true]);
  expect(verifyStateAnswer(ledger.app.info().lastBlockAppHash, key, value, proof)).toEqual({ accepted: true });
}

describe("a period that is none is refused with the message's own code, and one that lies too far ahead with another", () => {
  const spans: readonly [name: string, from: bigint, until: bigint][] = [
    ["empty", span.untilMs, span.untilMs],
    ["backwards", span.untilMs, span.fromMs],
    ["before 1970", -1n, span.untilMs],
    ["after the year 9999", span.fromMs, 2n ** 62n],
  ];
  test.each(spans)("%s", (_name, from, until) => {
    const ledger = createTestLedger();
    const times = { fromMs: from, untilMs: until };
    expect(ledger.send(erasure("prosumer", times), "prosumer")).toBe("ERASURE_INVALID");
    expect(ledger.send(archive("prosumer", times), "prosumer")).toBe("ARCHIVE_INVALID");
    const flagged = flag("prosumer", { intervalStartMs: from, intervalEndMs: until });
    expect(ledger.send(flagged, "prosumer")).toBe("FLAG_INVALID");
    expect(counts(ledger)).toBeUndefined();
  });

  test.each([
    [0n, "OK"],
    [1n, "INTERVAL_IN_FUTURE"],
  ])("until %i ms later than block time allows", (more, code) => {
    for (const message of [erasure, archive].map((make) => make("prosumer", { untilMs: LATEST_MS + more })))
      expect(createTestLedger().send(message, "prosumer")).toBe(code);
    const flagged = flag("prosumer", { intervalEndMs: LATEST_MS + more });
    expect(createTestLedger().send(flagged, "prosumer")).toBe(code);
  });
});

test("nothing is said of a meter that does not exist", () => {
  const ledger = createTestLedger();
  const meterId = "lcl:nobody";
  for (const message of [erasure, archive, flag].map((make) => make("prosumer", { meterId })))
    expect(ledger.send(message, "prosumer")).toBe("METER_UNKNOWN");
});

describe("an erasure", () => {
  test.each<[string, Fields<"MsgRecordErasure">]>([
    ["of no readings", { readingCount: 0n }],
    ["of more readings than a number counts", { readingCount: 2n ** 53n }],
    ["with a receipt hash of 31 bytes", { receiptHash: new Uint8Array(31) }],
  ])("%s is refused", (_name, fields) => {
    expect(createTestLedger().send(erasure("prosumer", fields), "prosumer")).toBe("ERASURE_INVALID");
  });

  test("is numbered, listed and provable, and says who recorded it when", () => {
    const ledger = createTestLedger();
    for (const by of ["prosumer", "device", "regulator"]) expect(ledger.send(erasure(by), by)).toBe("OK");
    expect(counts(ledger)).toMatchObject({ erasures: "3" });
    const recorded = { ...span, readingCount: "3", receiptHash: Buffer.from(hash).toString("hex") };
    expect(ledger.query("/edream/erasure", `2 ${EXPORT_METER}`)).toMatchObject({
      fromMs: `${recorded.fromMs}`,
      untilMs: `${recorded.untilMs}`,
      readingCount: "3",
      receiptHash: recorded.receiptHash,
      recordedBy: accountOf("device"),
      recordedMs: `${START_MS + DAY_MS / 2 + 2000}`,
    });
    expect(list(ledger, "/edream/erasures", { limit: 2 })).toMatchObject({
      entries: [{ id: "0000000001" }, { id: "0000000002" }],
      next: "0000000002",
    });
    expect(list(ledger, "/edream/erasures", { after: "0000000002" }).entries).toMatchObject([{ id: "0000000003" }]);
    expectProved(ledger, "/edream/erasure", `3 ${EXPORT_METER}`);
    expectProved(ledger, "/edream/meter-counts", EXPORT_METER);
  });

  test("of a revoked meter is still recorded by its owner, but no longer by its device", () => {
    const ledger = createTestLedger();
    expect(ledger.send(revoke, "dso")).toBe("OK");
    expect(ledger.send(erasure("device"), "device")).toBe("METER_REVOKED");
    expect(ledger.send(erasure("prosumer"), "prosumer")).toBe("OK");
  });
});

describe("an archive", () => {
  test.each<[string, string, Fields<"MsgSealArchive">]>([
    ["of no bytes", "ARCHIVE_INVALID", { fileBytes: 0n }],
    ["of more bytes than a number counts", "ARCHIVE_INVALID", { fileBytes: 2n ** 53n }],
    ["of no readings", "ARCHIVE_INVALID", { readingCount: 0n }],
    ["with a file hash of 31 bytes", "ARCHIVE_INVALID", { fileHash: new Uint8Array(31) }],
    ["without a CID", "ARCHIVE_INVALID", { cid: new Uint8Array(0) }],
    ["with a CID of version 0", "ARCHIVE_INVALID", { cid: Buffer.concat([Buffer.of(0x12, 32), hash]) }],
    ["with the raw CID of another file", "ARCHIVE_INVALID", { cid: cid(0x55, new Uint8Array(32)) }],
    ["of version 0", "ARCHIVE_VERSION_MISMATCH", { version: 0 }],
    ["of version 2 before version 1", "ARCHIVE_VERSION_MISMATCH", { version: 2 }],
  ])("%s is refused", (_name, code, fields) => {
    expect(createTestLedger().send(archive("prosumer", fields), "prosumer")).toBe(code);
  });

  test("has versions in order, each period its own, and one transaction's archives see each other", () => {
    const ledger = createTestLedger();
    const halfDay = { untilMs: span.untilMs - BigInt(DAY_MS / 2) };
    expect(ledger.send([archive("prosumer"), archive("prosumer", { version: 2 })], "prosumer")).toBe("OK");
    expect(ledger.send(archive("device"), "device")).toBe("ARCHIVE_VERSION_MISMATCH");
    expect(ledger.send(archive("device", { version: 4 }), "device")).toBe("ARCHIVE_VERSION_MISMATCH");
    expect(ledger.send(archive("dso", { version: 3, cid: cid(0x55, hash) }), "dso")).toBe("OK");
    expect(ledger.send(archive("device", halfDay), "device")).toBe("OK");
    expect(counts(ledger)).toMatchObject({ archives: "4" });
    const id = (until: bigint, version: number) => `${span.fromMs}-${until}-${version}`;
    expect(list(ledger, "/edream/archives").entries).toMatchObject([
      { id: id(halfDay.untilMs, 1), sealedBy: accountOf("device") },
      { id: id(span.untilMs, 1) },
      { id: id(span.untilMs, 2) },
      { id: id(span.untilMs, 3), cid: cid(0x55, hash).toString("hex"), fileBytes: "4096", readingCount: "96" },
    ]);
    expectProved(ledger, "/edream/archive", `${id(span.untilMs, 2)} ${EXPORT_METER}`);
  });

  test("of a revoked meter is still sealed by its owner, but no longer by its device", () => {
    const ledger = createTestLedger();
    expect(ledger.send(revoke, "dso")).toBe("OK");
    expect(ledger.send(archive("device"), "device")).toBe("METER_REVOKED");
    expect(ledger.send(archive("prosumer"), "prosumer")).toBe("OK");
  });
});

describe("a flag", () => {
  test.each<[string, Fields<"MsgFlagReadings">]>([
    ["of no kind", { kind: "" }],
    ["of a kind that every object has", { kind: "constructor" }],
    ["of another severity", { severity: "fatal" }],
    ["without a detector", { detector: "" }],
    ["with a detector of 65 characters", { detector: "d".repeat(65) }],
    ["with a detector that is not printable", { detector: "a\nb" }],
    ["with a details hash of 31 bytes", { detailsHash: new Uint8Array(31) }],
  ])("%s is refused", (_name, fields) => {
    expect(createTestLedger().send(flag("dso", fields), "dso")).toBe("FLAG_INVALID");
  });

  test("may be of any kind and severity, and the readings stay as they are", () => {
    const ledger = createTestLedger();
    const before = ledger.query("/edream/chain", EXPORT_METER);
    const all = FLAG_KINDS.flatMap((kind) => FLAG_SEVERITIES.map((severity) => flag("aggregator", { kind, severity })));
    expect(ledger.send(all, "aggregator")).toBe("OK");
    expect(counts(ledger)).toMatchObject({ flags: `${all.length}` });
    expect(list(ledger, "/edream/flags").entries).toHaveLength(all.length);
    expect(ledger.query("/edream/chain", EXPORT_METER)).toEqual(before);
    expect(ledger.query("/edream/flag", `1 ${EXPORT_METER}`)).toMatchObject({
      kind: "spike",
      severity: "info",
      score: 8400,
      detector: "isolated-spike/1",
      flaggedBy: accountOf("aggregator"),
      withdrawnBy: "",
    });
    expectProved(ledger, "/edream/flag", `1 ${EXPORT_METER}`);
  });

  test("is withdrawn once, by who raised it or by a regulator, and stays to be seen", () => {
    const ledger = createTestLedger();
    expect(ledger.send([flag("dso"), flag("dso")], "dso")).toBe("OK");
    expect(ledger.send(withdraw("prosumer", 1n), "prosumer")).toBe("ROLE_FORBIDDEN");
    expect(ledger.send(withdraw("dso", 3n), "dso")).toBe("FLAG_UNKNOWN");
    expect(ledger.send(withdraw("dso", 0n), "dso")).toBe("FLAG_UNKNOWN");
    expect(ledger.send(withdraw("dso", 1n, new Uint8Array(31)), "dso")).toBe("FLAG_INVALID");
    expect(ledger.send(withdraw("dso", 1n), "dso")).toBe("OK");
    expect(ledger.send(withdraw("regulator", 1n), "regulator")).toBe("FLAG_WITHDRAWN");
    expect(ledger.send(withdraw("regulator", 2n), "regulator")).toBe("OK");
    const reasonHash = Buffer.from(hash).toString("hex");
    expect(list(ledger, "/edream/flags").entries).toMatchObject([
      { id: "0000000001", kind: "spike", flaggedBy: accountOf("dso"), withdrawnBy: accountOf("dso"), reasonHash },
      { id: "0000000002", kind: "spike", flaggedBy: accountOf("dso"), withdrawnBy: accountOf("regulator") },
    ]);
  });
});

test("subscribers are told of every record", () => {
  const ledger = createTestLedger();
  const tx = ledger.sign(
    [erasure("prosumer"), archive("prosumer"), flag("prosumer"), withdraw("prosumer", 1n)],
    ["prosumer"],
  );
  const { events } = ledger.app.finalizeBlock(blockRequest(1, [tx])).txResults[0] ?? { events: [] };
  const told = events.map(({ type, attributes }) => [
    type,
    Object.fromEntries(attributes.map(({ key, value }) => [key, value])),
  ]);
  const meter = EXPORT_METER;
  const times = { from_ms: `${span.fromMs}`, until_ms: `${span.untilMs}` };
  const flagged = { meter, number: "1", kind: "spike", severity: "warning" };
  expect(told.slice(1)).toEqual([
    ["erasure", { meter, number: "1", ...times, count: "3" }],
    ["archive", { meter, cid: cid(0x70, new Uint8Array(32)).toString("hex"), ...times, version: "1" }],
    ["flag", { ...flagged, action: "raised" }],
    ["flag", { ...flagged, action: "withdrawn" }],
  ]);
});

test("a node that starts again lists the same", () => {
  const ledger = createTestLedger();
  const all = [erasure("prosumer"), archive("prosumer"), flag("prosumer"), flag("prosumer"), withdraw("prosumer", 1n)];
  expect(ledger.send(all, "prosumer")).toBe("OK");
  const entries = [...ledger.disk].map(([key, value]) => [Buffer.from(key, "latin1"), value] as const);
  const again = createLedgerApplication({ chainId: CHAIN_ID, entries });
  for (const path of ["/edream/erasures", "/edream/archives", "/edream/flags", "/edream/configurations"]) {
    const query = { path, data: Buffer.from(JSON.stringify({ meter: EXPORT_METER })), height: 0, prove: false };
    expect(again.query(query)).toEqual(ledger.app.query(query));
  }
  expect(list(ledger, "/edream/flags").entries).toHaveLength(2);
});

test("lists and records are asked for in their one form", () => {
  const ledger = createTestLedger();
  expect(ledger.send([erasure("prosumer"), archive("prosumer")], "prosumer")).toBe("OK");
  const code = (path: string, data: string) =>
    ledger.app.query({ path, data: Buffer.from(data), height: 0, prove: false }).code;
  expect(code("/edream/erasure", `1 ${EXPORT_METER}`)).toBe(0);
  for (const data of ["", "1", EXPORT_METER, `x ${EXPORT_METER}`, `-1 ${EXPORT_METER}`, "1 "])
    expect(code("/edream/erasure", data), data).toBe(101);
  for (const data of ["", `1 ${EXPORT_METER}`, `1-2 ${EXPORT_METER}`, "1-2-1 "])
    expect(code("/edream/archive", data), data).toBe(101);
  expect(code("/edream/archive", `1-2-1 ${EXPORT_METER}`)).toBe(102);
  for (const data of ["", "[]", "{}", '{"meter":""}', `{"meter":"${EXPORT_METER}","limit":0}`])
    expect(code("/edream/erasures", data), data).toBe(101);
  expect(list(ledger, "/edream/erasures", { meter: "lcl:nobody" })).toEqual({ entries: [] });
});

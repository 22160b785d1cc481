import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { accountOf, createTestLedger, EXPORT_METER, keyOf } from "#consensus/application/testLedger.ts";
import { sign } from "#storage/crypto/keys.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { REJECTIONS } from "./rejections.ts";
import { configurationOf, documentOfSettings, type Faults, startTestDevice } from "./testDevice.ts";

const SETTINGS = { reportingIntervalMs: 10_000, latenessMs: 60_000, clearSums: false };

test("an urgent configuration is applied with the next header, kept, and acknowledged on the ledger", async () => {
  await using device = await startTestDevice();
  await device.header();
  expect(device.ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  await device.header();
  expect(device.settings()).toEqual(SETTINGS);
  await vi.waitFor(() => expect(device.states.get(EXPORT_METER)?.answer.acknowledged).toBe(true));
  expect(device.record(1)).toMatchObject({ outcome: "applied", code: 0 });
  expect(device.ledger.query("/edream/meter-counts", EXPORT_METER)).toMatchObject({ appliedVersion: "1" });
  await device.header();
  expect([device.applied.length, device.sent]).toEqual([1, ["OK"]]);
});

test("a device whose clock is a year fast is heard all the same, with a time that the ledger takes", async () => {
  const blockMs = Date.UTC(2023, 10, 15, 12);
  await using device = await startTestDevice({ ports: { nowMs: () => blockMs + 365 * 86_400_000 } });
  expect(device.ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  await device.header();
  await vi.waitFor(() => expect(device.sent).toEqual(["OK"]));
  expect(device.record(1)).toMatchObject({ outcome: "applied", appliedMs: `${blockMs + 10_000}` });
});

test("a normal configuration waits for the next poll", async () => {
  await using device = await startTestDevice();
  await device.header();
  expect(device.ledger.send(await configurationOf(1, SETTINGS, { priority: "normal" }), "prosumer")).toBe("OK");
  await device.header();
  expect(device.settings()).toBeUndefined();
  device.seen.nowMs += 60_000;
  await device.header();
  expect(device.settings()).toEqual(SETTINGS);
});

test("a header whose state is that of the one before asks nothing", async () => {
  await using device = await startTestDevice();
  await device.header();
  const { asked } = device.seen;
  await device.header();
  expect(device.seen.asked).toBe(asked);
});

test("of several configurations that came while the device was away the newest holds, and the others are answered as superseded", async () => {
  await using device = await startTestDevice();
  for (const version of [1, 2, 3])
    expect(device.ledger.send(await configurationOf(version, { latenessMs: version }), "prosumer")).toBe("OK");
  await device.header();
  await vi.waitFor(() => expect(device.sent).toEqual(["OK", "OK", "OK"]));
  expect(device.applied.map((all) => all.get(EXPORT_METER))).toEqual([{ latenessMs: 3 }]);
  expect([1, 2, 3].map((version) => device.record(version)?.code)).toEqual([10, 10, 0]);
});

const foreign = (settings: object) => Buffer.from(JSON.stringify({ schema: "other", schemaVersion: 1, ...settings }));
const HOSTILE: readonly (readonly [name: string, faults: Faults, code: keyof typeof REJECTIONS])[] = [
  ["a payload for another device", { to: "device import" }, "UNDECRYPTABLE"],
  ["a payload to another kind of key", { to: "prosumer" }, "PAYLOAD_MALFORMED"],
  ["a payload of another ledger", { context: { ledgerId: "other-ledger" } }, "UNDECRYPTABLE"],
  ["a payload of another meter", { context: { meterId: "lcl:other" } }, "UNDECRYPTABLE"],
  ["a payload of an earlier version", { context: { version: 7 } }, "UNDECRYPTABLE"],
  ["bytes that are no payload", { payload: Buffer.from("ciphertext") }, "PAYLOAD_MALFORMED"],
  ["the largest payload there may be, of nothing", { payload: new Uint8Array(16 * 1024).fill(1) }, "UNDECRYPTABLE"],
  ["a document that nobody attested", { boxed: documentOfSettings({ clearSums: true }) }, "HASH_MISMATCH"],
  [
    "an attestation that does not hold",
    { change: () => ({ attestation: sign(keyOf("checker"), Buffer.from("something else")) }) },
    "ATTESTATION_INVALID",
  ],
  [
    "an attestation by another than the ledger's checker",
    { change: () => ({ checkerKey: { type: "ed25519", bytes: new Uint8Array(32).fill(1) } }) },
    "ATTESTATION_INVALID",
  ],
  ["a schema that the device does not know", { schema: { schemaId: "other", schemaVersion: 1 } }, "SCHEMA_UNKNOWN"],
  ["a schema id that is a path", { schema: { schemaId: "../../../package", schemaVersion: 1 } }, "SCHEMA_UNKNOWN"],
  ["a document of another schema", { document: foreign(SETTINGS) }, "SYNTAX_INVALID"],
  ["a document with a setting that is none", { document: documentOfSettings({ lateness: 5 }) }, "SYNTAX_INVALID"],
  ["a document out of range", { document: documentOfSettings({ latenessMs: -1 }) }, "SYNTAX_INVALID"],
  ["a document that is no JSON", { document: Buffer.from("{") }, "SYNTAX_INVALID"],
];

test.each(HOSTILE)("%s is rejected, and what held before holds on", async (_name, faults, code) => {
  await using device = await startTestDevice();
  expect(device.ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  await device.header();
  await vi.waitFor(() => expect(device.sent).toEqual(["OK"]));
  expect(device.ledger.send(await configurationOf(2, SETTINGS, faults), "prosumer")).toBe("OK");
  await device.header();
  await vi.waitFor(() => expect(device.sent).toEqual(["OK", "OK"]));
  expect(device.record(2)).toMatchObject({ outcome: "rejected", code: REJECTIONS[code] });
  expect(device.applied.length).toBe(1);
  expect(device.states.get(EXPORT_METER)?.applied?.version).toBe(1);
});

test("the ledger itself refuses another administrator, a version twice or ahead, and an administrator's own attestation", async () => {
  const ledger = createTestLedger({ checker: true });
  expect(ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  expect(ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("CONFIGURATION_VERSION_MISMATCH");
  expect(ledger.send(await configurationOf(3, SETTINGS), "prosumer")).toBe("CONFIGURATION_VERSION_MISMATCH");
  const message = await configurationOf(2, SETTINGS);
  const value = { ...message.value, administrator: accountOf("consumer") };
  expect(ledger.send({ ...message, value } as typeof message, "consumer")).toBe("ROLE_FORBIDDEN");
});

test("a device of another ledger with the same key opens nothing", async () => {
  await using device = await startTestDevice({ ledgerId: "other-ledger" });
  expect(device.ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  await device.header();
  expect(device.states.get(EXPORT_METER)?.answer).toMatchObject({
    outcome: "rejected",
    code: REJECTIONS.UNDECRYPTABLE,
  });
});

test("a revoked device applies nothing and says nothing", async () => {
  await using device = await startTestDevice();
  expect(device.ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  const revoke = ledgerMessage("MsgRevokeMeter", {
    authority: accountOf("dso"),
    meterId: EXPORT_METER,
    reason: "stolen",
  });
  expect(device.ledger.send(revoke, "dso")).toBe("OK");
  await device.header();
  expect([device.applied, device.sent, device.states.get(EXPORT_METER)]).toEqual([[], [], undefined]);
});

test("a device whose key is not the certificate's applies nothing", async () => {
  await using device = await startTestDevice({ ports: { keyOf: () => keyOf("device import") } });
  expect(device.ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  await device.header();
  expect(device.states.get(EXPORT_METER)).toBeUndefined();
});

test("a full node that lies about a configuration is caught, and nothing of it is applied", async () => {
  await using device = await startTestDevice();
  expect(device.ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  for (const path of ["meter-counts", "configuration", "configuration-payload", "meter"]) {
    device.liar.change = (answer, asked) => {
      if (asked !== `/edream/${path}` || answer.value.length === 0) return answer;
      const value = Uint8Array.from(answer.value);
      value[value.length - 1]! ^= 1;
      return { ...answer, value };
    };
    device.seen.nowMs += 60_000;
    const before = device.lies.length;
    await device.header();
    expect([path, device.lies.length - before, device.applied.length]).toEqual([path, 1, 0]);
  }
  // One that hides the newest version proves another state than that of the header.
  device.liar.change = (answer, asked) =>
    asked === "/edream/meter-counts" ? { ...answer, value: new Uint8Array(0) } : answer;
  device.seen.nowMs += 60_000;
  await device.header();
  expect(device.applied).toEqual([]);
  device.liar.change = undefined;
  device.seen.nowMs += 60_000;
  await device.header();
  expect(device.settings()).toEqual(SETTINGS);
});

test("what nobody proved is asked for again, before the next header, and applied then", async () => {
  await using device = await startTestDevice();
  await device.header();
  expect(device.ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  device.liar.change = (answer) => ({ ...answer, proof: new Uint8Array(0), value: new Uint8Array(0) });
  await device.header();
  expect(device.applied).toEqual([]);
  await device.again();
  expect(device.applied).toEqual([]);
  device.liar.change = undefined;
  await device.again();
  expect(device.settings()).toEqual(SETTINGS);
  await vi.waitFor(() => expect(device.states.get(EXPORT_METER)?.answer.acknowledged).toBe(true));
  // The block with the answer.
  await device.again();
  const { asked } = device.seen;
  await device.again();
  expect(device.seen.asked).toBe(asked);
});

test("settings that cannot be brought into force are taken back and rejected", async () => {
  const applied: unknown[] = [];
  await using device = await startTestDevice({
    ports: {
      async apply(all) {
        applied.push(all.get(EXPORT_METER));
        if (all.get(EXPORT_METER)?.latenessMs === 13) throw new Error("a meter does not start");
      },
    },
  });
  expect(device.ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  await device.header();
  expect(device.ledger.send(await configurationOf(2, { latenessMs: 13 }), "prosumer")).toBe("OK");
  await device.header();
  expect(applied).toEqual([SETTINGS, { latenessMs: 13 }, SETTINGS]);
  await vi.waitFor(() =>
    expect(device.record(2)).toMatchObject({ outcome: "rejected", code: REJECTIONS.APPLY_FAILED }),
  );
});

test("a device that stops between applying and answering answers after its next start, and applies nothing twice", async () => {
  const folder = mkdtempSync(join(tmpdir(), "device-"));
  try {
    const ledger = createTestLedger({ checker: true });
    expect(ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
    const never = new Promise<number>(() => undefined);
    await using before = await startTestDevice({ ledger, folder, ports: { send: () => never } });
    await before.header();
    expect(before.settings()).toEqual(SETTINGS);
    await using after = await startTestDevice({ ledger, folder });
    expect(after.states.get(EXPORT_METER)).toMatchObject({ applied: { version: 1 }, answer: { acknowledged: false } });
    await after.header();
    await vi.waitFor(() => expect(after.states.get(EXPORT_METER)?.answer.acknowledged).toBe(true));
    expect([after.applied, after.sent, after.record(1)?.outcome]).toEqual([[], ["OK"], "applied"]);
    await using again = await startTestDevice({ ledger, folder });
    await again.header();
    expect([again.applied, again.sent]).toEqual([[], []]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a device that stops before it has kept what it applied applies it again", async () => {
  const ledger = createTestLedger({ checker: true });
  expect(ledger.send(await configurationOf(1, SETTINGS), "prosumer")).toBe("OK");
  const fails = () => Promise.reject(new Error("the disk is full"));
  const failing = { get: () => undefined, entries: () => [], put: fails, acknowledged: fails };
  await using before = await startTestDevice({ ledger, ports: { states: failing } });
  await before.header();
  expect([before.applied.length, before.sent]).toEqual([1, []]);
  await using after = await startTestDevice({ ledger });
  await after.header();
  expect(after.settings()).toEqual(SETTINGS);
});

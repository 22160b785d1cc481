import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  BaseAccountSchema,
  QueryAccountRequestSchema,
  QueryAccountResponseSchema,
} from "#storage/proto/gen/cosmos/auth/v1beta1/auth_pb.ts";
import { SimulateRequestSchema, SimulateResponseSchema } from "#storage/proto/gen/cosmos/tx/v1beta1/service_pb.ts";
import { AuthInfoSchema, ModeInfoSchema } from "#storage/proto/gen/cosmos/tx/v1beta1/tx_pb.ts";
import { AncestorPathSchema, AppHashProofSchema } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import { readEnvelope } from "#storage/types/transactionEnvelope.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { FieldWriter } from "#storage/types/wire.ts";
import { verifyAncestorAnswer, verifyStateAnswer } from "./appHash.ts";
import { MAX_QUERY_PAGE } from "./queryLists.ts";
import { decodeRecord } from "./stateRecords.ts";
import type { TestLedger } from "./testLedger.ts";
import {
  accountOf,
  blockRequest,
  codeName,
  createTestLedger,
  EXPORT_METER,
  INTERVAL_MS,
  output,
  START_MS,
  sealMessage,
} from "./testLedger.ts";

function ask(ledger: TestLedger, path: string, data = "", options: { height?: number; prove?: boolean } = {}) {
  return ledger.app.query({ path, data: Buffer.from(data), height: 0, prove: false, ...options });
}

const bytes = (text: string) => Buffer.from(text, "latin1");

describe("a state proof", () => {
  const ledger = createTestLedger();
  ledger.block([]);
  ledger.send(sealMessage(0), "device");
  const appHash = ledger.app.info().lastBlockAppHash;

  test("of a record leads from its raw value to the app hash, and of no other value, key or app hash", () => {
    const { key, value, proof, height } = ask(ledger, "/edream/chain", EXPORT_METER, { prove: true });
    expect(height).toBe(2);
    expect(Buffer.from(key).toString()).toBe(`chain/${EXPORT_METER}`);
    expect(decodeRecord("chain", value).producedMwh).toBe(1000n);
    expect(verifyStateAnswer(appHash, key, value, proof)).toEqual({ accepted: true });
    expect(verifyStateAnswer(appHash, key, Buffer.concat([value, Buffer.of(0)]), proof)).toMatchObject({
      code: "STATE_VALUE_MISMATCH",
    });
    expect(verifyStateAnswer(appHash, bytes("chain/other"), value, proof)).toMatchObject({
      code: "STATE_VALUE_MISMATCH",
    });
    expect(verifyStateAnswer(appHash, key, undefined, proof)).toMatchObject({ code: "STATE_KEY_PRESENT" });
    expect(verifyStateAnswer(new Uint8Array(32), key, value, proof)).toMatchObject({ code: "APP_HASH_MISMATCH" });
    expect(verifyStateAnswer(appHash, key, value, proof.subarray(1))).toMatchObject({ code: "APP_PROOF_MALFORMED" });
    for (let at = 0; at < proof.length; at++) {
      const forged = Uint8Array.from(proof);
      forged[at] = (forged[at] ?? 0) ^ 1;
      expect(verifyStateAnswer(appHash, key, value, forged).accepted, `byte ${at}`).toBe(false);
    }
  });

  test("of absence shows that an output does not exist or is spent", () => {
    const { key, value, proof } = ask(ledger, "/edream/output", `${"ab".repeat(32)}:0`, { prove: true });
    expect(value).toHaveLength(0);
    expect(verifyStateAnswer(appHash, key, undefined, proof)).toEqual({ accepted: true });
    expect(verifyStateAnswer(appHash, key, value, proof)).toMatchObject({ code: "STATE_VALUE_MISMATCH" });
    const raw = ask(ledger, "/edream/state", `output/${"ab".repeat(32)}/0`, { prove: true });
    expect(raw).toMatchObject({ key, proof });
    expect(codeName(ask(ledger, "/edream/state", "output/none"))).toBe("QUERY_NOT_FOUND");
  });

  test("of an earlier block's hash leads to the app hash of a later one", () => {
    const first = ask(ledger, "/edream/ancestor", "1", { prove: true });
    const hash = blockRequest(1, []).hash;
    expect(Buffer.from(first.value)).toEqual(Buffer.from(hash));
    expect(verifyAncestorAnswer(appHash, 1, 1, hash, first.proof)).toEqual({ accepted: true });
    expect(verifyAncestorAnswer(appHash, 1, 2, hash, first.proof)).toMatchObject({ code: "APP_HEIGHT_NOT_COVERED" });
    expect(verifyAncestorAnswer(appHash, 1, 0, hash, first.proof)).toMatchObject({ code: "APP_HEIGHT_NOT_COVERED" });
    expect(verifyAncestorAnswer(appHash, 1, 1, new Uint8Array(32), first.proof)).toMatchObject({
      code: "MERKLE_ROOT_MISMATCH",
    });
    expect(verifyAncestorAnswer(new Uint8Array(32), 1, 1, hash, first.proof)).toMatchObject({
      code: "APP_HASH_MISMATCH",
    });
    expect(verifyAncestorAnswer(appHash, 1, 1, hash, new Uint8Array(0))).toMatchObject({ code: "APP_PROOF_MALFORMED" });
    expect(JSON.parse(Buffer.from(ask(ledger, "/edream/ancestor", "1").value).toString())).toMatchObject({ height: 1 });
    // The latest block with transactions is not its own ancestor.
    expect(codeName(ask(ledger, "/edream/ancestor", "2"))).toBe("QUERY_NOT_FOUND");
    expect(codeName(ask(ledger, "/edream/ancestor", "-1"))).toBe("QUERY_MALFORMED");
  });
});

test("the last heights can still be asked and proved, older ones are gone", () => {
  const ledger = createTestLedger();
  const hashes = Array.from({ length: 20 }, (_, index) => {
    ledger.send(sealMessage(index), "device");
    return ledger.app.info().lastBlockAppHash;
  });
  const at = (height: number) => ask(ledger, "/edream/chain", EXPORT_METER, { height, prove: true });
  for (const height of [5, 12, 20]) {
    const { key, value, proof } = at(height);
    expect(decodeRecord("chain", value).intervalCount).toBe(BigInt(height));
    expect(verifyStateAnswer(hashes[height - 1] as Uint8Array, key, value, proof)).toEqual({ accepted: true });
    const ancestor = ask(ledger, "/edream/ancestor", "2", { height, prove: true });
    expect(
      verifyAncestorAnswer(hashes[height - 1] as Uint8Array, 1, 2, blockRequest(2, []).hash, ancestor.proof),
    ).toEqual({ accepted: true });
  }
  expect([4, 21, -1].map((height) => codeName(at(height)))).toEqual(
    Array.from({ length: 3 }, () => "QUERY_HEIGHT_UNAVAILABLE"),
  );
});

test("a state that somebody keeps is proved as it was, however many blocks later", () => {
  const ledger = createTestLedger();
  ledger.send(sealMessage(0), "device");
  const appHash = ledger.app.info().lastBlockAppHash;
  const kept = ledger.app.keepState(1);
  for (let index = 1; index < 20; index++) ledger.send(sealMessage(index), "device");
  expect(ledger.app.keepState(1)).toBeUndefined();
  expect(ledger.app.keepState(21)).toBeUndefined();
  const proved = kept?.prove("/edream/chain", bytes(EXPORT_METER));
  if (kept === undefined || proved === undefined) throw new Error("the state was not kept");
  const { key, value, proof } = proved;
  expect(kept.height).toBe(1);
  expect(decodeRecord("chain", value).intervalCount).toBe(1n);
  expect(verifyStateAnswer(appHash, key, value, proof)).toEqual({ accepted: true });
  const absent = kept.prove("/edream/state", bytes("output/none"));
  expect(verifyStateAnswer(appHash, absent.key, undefined, absent.proof)).toEqual({ accepted: true });
  expect(codeName(kept.prove("/edream/nothing", bytes("")))).toBe("QUERY_PATH_UNKNOWN");
});

test("the hash of one block cannot be shown as that of another, whatever number of blocks the prover claims", () => {
  const ledger = createTestLedger();
  for (let index = 0; index < 9; index++) ledger.send(sealMessage(index), "device");
  const appHash = ledger.app.info().lastBlockAppHash;
  for (let from = 1; from <= 8; from++) {
    const { proof } = ask(ledger, "/edream/ancestor", String(from), { prove: true });
    const hash = blockRequest(from, []).hash;
    const message = fromBinary(AppHashProofSchema, proof);
    if (message.path.case !== "ancestor") throw new Error("not an ancestor proof");
    const { aunts } = message.path.value;
    for (let claimed = 1; claimed <= 8; claimed++)
      for (let ancestorCount = 1n; ancestorCount <= 9n; ancestorCount++)
        for (let kept = 0; kept <= aunts.length; kept++) {
          const path = { case: "ancestor" as const, value: create(AncestorPathSchema, { aunts: aunts.slice(kept) }) };
          const forged = toBinary(AppHashProofSchema, create(AppHashProofSchema, { ...message, ancestorCount, path }));
          const isTrue = claimed === from && ancestorCount === 8n && kept === 0;
          expect(verifyAncestorAnswer(appHash, 1, claimed, hash, forged).accepted).toBe(isTrue);
        }
  }
});

test("unopened intervals are listed by end, page after page, until they are opened", () => {
  const ledger = createTestLedger();
  const salt = new Uint8Array(32).fill(9);
  const value = commitSum({ sum: 5n, count: 15, salt });
  for (let index = 0; index < 3; index++)
    ledger.send(sealMessage(index, { energy: { case: "sumCommitment", value } }), "device");
  const unopened = (options: object) => ledger.query("/edream/unopened", JSON.stringify(options));
  const end = (index: number) => String(START_MS + (index + 1) * INTERVAL_MS);
  expect(unopened({ meter: EXPORT_METER, limit: 2 })).toMatchObject({
    entries: [
      { endMs: end(0), readingCount: 15, sumCommitment: Buffer.from(value).toString("hex") },
      { endMs: end(1) },
    ],
    next: end(1),
  });
  expect(unopened({ meter: EXPORT_METER, after: end(1) })).toMatchObject({ entries: [{ endMs: end(2) }] });
  const register = ledgerMessage("MsgRegisterEnergy", {
    owner: accountOf("prosumer"),
    meterId: EXPORT_METER,
    openings: [{ intervalEndMs: BigInt(end(1)), sumMwh: 5n, salt }],
    outputs: [output(5n, "prosumer")],
  });
  expect(ledger.send(register, "prosumer")).toBe("OK");
  expect(unopened({ meter: EXPORT_METER })).toMatchObject({ entries: [{ endMs: end(0) }, { endMs: end(2) }] });
  for (const options of [{}, { meter: "" }, { meter: EXPORT_METER, after: "x" }, { meter: 1 }])
    expect(codeName(ask(ledger, "/edream/unopened", JSON.stringify(options)))).toBe("QUERY_MALFORMED");
});

test("lists come in pages, in order, and only what is unspent", () => {
  const ledger = createTestLedger();
  ledger.send(sealMessage(0), "device");
  const outputs = Array.from({ length: 5 }, () => output(200n, ["prosumer", "dso"]));
  ledger.send(
    ledgerMessage("MsgRegisterEnergy", { owner: accountOf("prosumer"), meterId: EXPORT_METER, outputs }),
    "prosumer",
  );
  const page = (path: string, options: object) =>
    ledger.query(path, JSON.stringify(options)) as { entries: { id: string }[]; next?: string };
  const first = page("/edream/outputs", { account: accountOf("dso"), limit: 2 });
  const second = page("/edream/outputs", { account: accountOf("dso"), limit: 2, after: first.next });
  const third = page("/edream/outputs", { account: accountOf("dso"), limit: 2, after: second.next });
  expect([first, second, third].map(({ entries }) => entries.length)).toEqual([2, 2, 1]);
  expect(third.next).toBeUndefined();
  const ids = [first, second, third].flatMap(({ entries }) => entries.map(({ id }) => id));
  expect(ids).toEqual([...new Set(ids)].sort());
  expect(ids[0]).toMatch(/^[0-9a-f]{64}:0$/);
  expect(page("/edream/outputs", { account: accountOf("consumer") }).entries).toEqual([]);
  expect(page("/edream/meters", {}).entries.map(({ id }) => id)).toEqual([EXPORT_METER, "modbus:site/1/7"]);
  expect(page("/edream/members", { limit: 1 }).entries).toHaveLength(1);
});

test.each([
  ["/edream/nothing", "", "QUERY_PATH_UNKNOWN"],
  ["/edream/params", "x", "QUERY_MALFORMED"],
  ["/edream/params", "x".repeat(1025), "QUERY_MALFORMED"],
  ["/edream/account", "me", "QUERY_MALFORMED"],
  ["/edream/account", accountOf("stranger"), "QUERY_NOT_FOUND"],
  ["/edream/meter", "", "QUERY_MALFORMED"],
  ["/edream/meter", "lcl:nobody", "QUERY_NOT_FOUND"],
  ["/edream/output", "abc:0", "QUERY_MALFORMED"],
  ["/edream/period", "lcl:nobody", "QUERY_MALFORMED"],
  ["/edream/period", "0 lcl:nobody", "QUERY_NOT_FOUND"],
  ["/edream/outputs", "", "QUERY_MALFORMED"],
  ["/edream/members", "[]", "QUERY_MALFORMED"],
  ["/edream/members", "{", "QUERY_MALFORMED"],
  ["/edream/members", `{"limit":${MAX_QUERY_PAGE + 1}}`, "QUERY_MALFORMED"],
  ["/edream/members", '{"after":1}', "QUERY_MALFORMED"],
])("query %s %s → %s", (path, data, code) => {
  expect(codeName(ask(createTestLedger(), path, data))).toBe(code);
});

describe("CosmJS asks", () => {
  const ledger = createTestLedger();
  ledger.send(sealMessage(0), "device");
  const account = (address: string) =>
    ledger.app.query({
      path: "/cosmos.auth.v1beta1.Query/Account",
      data: toBinary(QueryAccountRequestSchema, create(QueryAccountRequestSchema, { address })),
      height: 0,
      prove: false,
    });

  test("for number, sequence and key of an account", () => {
    const response = fromBinary(QueryAccountResponseSchema, account(accountOf("device")).value);
    expect(response.account?.typeUrl).toBe("/cosmos.auth.v1beta1.BaseAccount");
    const base = fromBinary(BaseAccountSchema, response.account?.value ?? new Uint8Array(0));
    expect(base).toMatchObject({ address: accountOf("device"), accountNumber: 7n, sequence: 1n });
    expect(base.pubKey?.typeUrl).toBe("/cosmos.crypto.ed25519.PubKey");
  });

  test("for an account that does not exist, and knows the answer by its text", () => {
    const { code, log } = account(accountOf("stranger"));
    expect(code).not.toBe(0);
    expect(log).toContain("rpc error: code = NotFound");
    expect(codeName(account("nobody"))).toBe("QUERY_MALFORMED");
  });
});

describe("a simulated transaction", () => {
  /** As CosmJS sends it: TxRaw with an empty signature for each signer and no sign mode. */
  function simulated(tx: Uint8Array, changes: { mode?: number; drop?: boolean } = {}): Uint8Array {
    const raw = readEnvelope(tx, 16);
    if (raw === undefined) throw new Error("not an envelope");
    const info = fromBinary(AuthInfoSchema, raw.authInfoBytes);
    for (const signer of info.signerInfos)
      signer.modeInfo = create(ModeInfoSchema, { single: changes.mode === undefined ? {} : { mode: changes.mode } });
    if (changes.drop) info.signerInfos.length = 0;
    const { bodyBytes } = raw;
    const txBytes = new FieldWriter().message(1, bodyBytes).message(2, toBinary(AuthInfoSchema, info));
    for (const _ of raw.signatures) txBytes.message(3, new Uint8Array(0));
    return txBytes.finish();
  }
  const simulate = (ledger: TestLedger, txBytes: Uint8Array) =>
    ledger.app.query({
      path: "/cosmos.tx.v1beta1.Service/Simulate",
      data: toBinary(SimulateRequestSchema, create(SimulateRequestSchema, { txBytes })),
      height: 0,
      prove: false,
    });

  test("uses as much gas as it will have bytes, of the quota of bytes of a block", () => {
    const ledger = createTestLedger({ params: { quotaBytesPerBlock: 300_000 } });
    const tx = ledger.sign([sealMessage(0)], ["device"]);
    const { gasInfo } = fromBinary(SimulateResponseSchema, simulate(ledger, simulated(tx)).value);
    expect(gasInfo).toMatchObject({ gasUsed: BigInt(tx.length), gasWanted: 300_000n });
  });

  test("that would fail is answered with the code of its failure", () => {
    const ledger = createTestLedger();
    const forbidden = ledgerMessage("MsgEnrolMember", {
      authority: accountOf("consumer"),
      member: accountOf("stranger"),
      role: "dso",
    });
    expect(codeName(simulate(ledger, simulated(ledger.sign([forbidden], ["consumer"]))))).toBe("ROLE_FORBIDDEN");
    const later = ledger.sign([sealMessage(0)], ["device"], 1);
    expect(codeName(simulate(ledger, simulated(later)))).toBe("SEQUENCE_MISMATCH");
    const seal = ledger.sign([sealMessage(0)], ["device"]);
    expect(codeName(simulate(ledger, simulated(seal, { mode: 127 })))).toBe("TX_SIGN_MODE_UNSUPPORTED");
    expect(codeName(simulate(ledger, simulated(seal, { drop: true })))).toBe("TX_MALFORMED");
    for (const garbage of [new Uint8Array(0), Buffer.from("garbage"), new Uint8Array(1000).fill(0x0a)])
      expect(codeName(simulate(ledger, garbage))).toBe("TX_MALFORMED");
    expect(codeName(ask(ledger, "/cosmos.tx.v1beta1.Service/Simulate", "\x0a\x00"))).toBe("QUERY_MALFORMED");
  });

  test("has no effect, neither on the state nor on what waits, and gives no wrong signature a good name", () => {
    const ledger = createTestLedger();
    const before = ledger.app.info().lastBlockAppHash;
    const tx = ledger.sign([sealMessage(0)], ["device"]);
    const forged = Buffer.from(tx);
    forged.fill(0, forged.length - 64);
    for (let i = 0; i < 3; i++) expect(simulate(ledger, simulated(tx)).code).toBe(0);
    expect(codeName(ledger.app.dryCheckTx(tx))).toBe("OK");
    expect(codeName(ledger.app.dryCheckTx(tx))).toBe("OK");
    expect(codeName(ledger.app.dryCheckTx(forged))).toBe("SIGNATURE_INVALID");
    expect(codeName(ledger.app.checkTx({ tx: forged, type: "new" }))).toBe("SIGNATURE_INVALID");
    expect(codeName(ledger.app.checkTx({ tx, type: "new" }))).toBe("OK");
    expect(codeName(ledger.app.dryCheckTx(tx))).toBe("SEQUENCE_MISMATCH");
    expect(ledger.app.info().lastBlockAppHash).toEqual(before);
  });
});

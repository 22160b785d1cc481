import { hexlify, ZeroHash } from "ethers";
import { afterAll, describe, expect, test } from "vitest";
import { type BlockMessage, messagesOf } from "#bridge/blockMessages.ts";
import { stateProofFrom } from "#bridge/proofs.ts";
import {
  accountOf,
  DAY_MS,
  EXPORT_METER,
  IMPORT_METER,
  INTERVAL_MS,
  START_MS,
  sealMessage,
} from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { averageOf } from "#storage/types/interval.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import { proveReading, ReadingsRootStream, readingLeafHash } from "#storage/types/readingsRoot.ts";
import { txId } from "#storage/types/transaction.ts";
import { Bridge } from "./abi/Bridge.ts";
import { FingerprintRegistry } from "./abi/FingerprintRegistry.ts";
import { deployTestBridge } from "./testBridge.ts";
import { mined, revertOf, startTestEvm } from "./testing.ts";

const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());
const made = await deployTestBridge(evm);
const { ledger } = made;
const registry = await FingerprintRegistry.deploy(evm.wallets[0] as (typeof evm.wallets)[0], [made.address]);

/** Five readings with salts, under the root of interval 0; interval 1 has its sum committed; 2 and 3 are in one transaction. */
const readings = Array.from({ length: 5 }, (_, i) => ({
  value: 100 * i - 150,
  timestampMs: START_MS + (i + 1) * 180_000,
  salt: sha256(Buffer.from(`salt ${i}`)),
}));
const stream = new ReadingsRootStream();
for (const reading of readings) stream.append(reading.salt, reading.value, reading.timestampMs);
const leafHashes = readings.map((reading) => readingLeafHash(reading.salt, reading.value, reading.timestampMs));
const sum = BigInt(readings.reduce((total, { value }) => total + value, 0));
const salt = sha256(Buffer.from("sum salt"));
const importSeal = (index: number, fields: object = {}) =>
  sealMessage(index, { signer: accountOf("device import"), meterId: IMPORT_METER, ...fields });
const messages = [
  importSeal(0, { readingCount: 5, readingsRoot: stream.root(), energy: { case: "sumMwh", value: sum } }),
  importSeal(1, { energy: { case: "sumCommitment", value: commitSum({ sum: 7777n, count: 15, salt }) } }),
  importSeal(2, { energy: { case: "sumMwh", value: -84_891n } }),
  importSeal(3),
] as const;
const by = ["device import"];
const [clear, committed, pair] = [
  ledger.sign([messages[0]], by),
  ledger.sign([messages[1]], by, 1),
  ledger.sign([messages[2], messages[3]], by, 2),
] as [Uint8Array, Uint8Array, Uint8Array];
const dayLater = importSeal(DAY_MS / INTERVAL_MS);
const executed = made.block([clear, committed, pair]);
const closing = ledger.sign([dayLater], by);
made.block([closing], START_MS + 2 * DAY_MS);
made.block([], START_MS + 2 * DAY_MS + 1000);
await made.anchor();

/** The bytes of a message as signed, and their proof. */
const shown = (tx: Uint8Array, index = 0) => {
  const { value } = messagesOf(tx)[index] as BlockMessage;
  return [value, made.proveMessage(tx, index)] as const;
};

describe("a sealed interval", () => {
  test("is read out of a proved transaction, at its place among the messages", async () => {
    expect(executed.txResults.map(({ code }) => code)).toEqual([0, 0, 0]);
    const sealed_ = await registry.verifyInterval(...shown(pair, 1));
    expect([sealed_.meterId, sealed_.startMs, sealed_.sumMwh]).toEqual([
      IMPORT_METER,
      BigInt(START_MS + 3 * INTERVAL_MS),
      1000n,
    ]);
    expect((await registry.verifyInterval(...shown(pair))).sumMwh).toBe(-84_891n);
  });

  test("that is not proved, or is of another transaction or place, is not shown", async () => {
    const [message, proof] = shown(clear);
    const forged = Uint8Array.from(message);
    forged[100] = (forged[100] ?? 0) ^ 1;
    const cases: [Uint8Array, typeof proof, string][] = [
      [forged, proof, "MessageNotInBlock"],
      [shown(committed)[0], proof, "MessageNotInBlock"],
      [message, { ...proof, messageIndex: 1 }, "MessageNotInBlock"],
      [message, { ...proof, txId: txId(committed) }, "MessageNotInBlock"],
      [message, { ...proof, index: 1 }, "MessageNotInBlock"],
      [message, { ...proof, index: 4 }, "IndexOutOfRange"],
      [message, { ...proof, path: proof.path.slice(1) }, "PathLengthWrong"],
    ];
    for (const [bytes, given, name] of cases)
      expect((await revertOf(registry.verifyInterval(bytes, given), FingerprintRegistry, Bridge)).name).toBe(name);
  });

  test("is shown by a message that seals one, and by no other message", async () => {
    const enrol = ledger.sign([ledger.enrolMeter({ meterId: "new:2" })], ["dso"]);
    const other = await deployTestBridge(evm, { ledger });
    other.block([enrol]);
    await other.anchor();
    const elsewhere = await FingerprintRegistry.deploy(evm.wallets[0] as (typeof evm.wallets)[0], [other.address]);
    const { value } = messagesOf(enrol)[0] as BlockMessage;
    const proof = other.proveMessage(enrol);
    await other.bridge.verifyMessage(Buffer.from("/edream.ledger.v1.MsgEnrolMeter"), value, proof);
    const call = elsewhere.verifyInterval(value, proof);
    expect((await revertOf(call, FingerprintRegistry, Bridge)).name).toBe("MessageNotInBlock");
  });

  test("is compared with fingerprint and average as somebody computed them, rounded half away from zero", async () => {
    const verify = (fingerprint: Uint8Array, average: bigint) =>
      registry.verifyFingerprint(...shown(pair), fingerprint, 0, average, ZeroHash);
    const { fingerprint } = messages[2].value as { fingerprint: Uint8Array };
    const average = averageOf(-84_891n, 15) as bigint;
    await verify(fingerprint, average);
    expect((await revertOf(verify(fingerprint, average + 1n), FingerprintRegistry)).name).toBe("AverageMismatch");
    expect((await revertOf(verify(sha256(fingerprint), average), FingerprintRegistry)).name).toBe(
      "FingerprintMismatch",
    );
  });

  test("with a committed sum is compared once the sum is opened", async () => {
    const { fingerprint } = messages[1].value as { fingerprint: Uint8Array };
    const verify = (opened: bigint, average: bigint, with_ = salt) =>
      registry.verifyFingerprint(...shown(committed), fingerprint, opened, average, with_);
    await verify(7777n, averageOf(7777n, 15) as bigint);
    expect((await revertOf(verify(7778n, 519n), FingerprintRegistry)).name).toBe("SumOpeningWrong");
    expect((await revertOf(verify(7777n, 518n, sha256(salt)), FingerprintRegistry)).name).toBe("SumOpeningWrong");
  });

  test("proves each of its readings alone, at its place and with its value only", async () => {
    const proofOf = (index: number) => {
      const one = readings[index] as (typeof readings)[0];
      const { aunts } = proveReading(leafHashes, index, one);
      return { index, value: one.value, timestampMs: one.timestampMs, salt: one.salt, path: [...aunts] };
    };
    for (const index of readings.keys()) await registry.verifyReading(...shown(clear), proofOf(index));
    const good = proofOf(4);
    const cases: [object, string][] = [
      [{ value: good.value + 1 }, "ReadingNotInInterval"],
      [{ timestampMs: good.timestampMs + 1 }, "ReadingNotInInterval"],
      [{ salt: sha256(good.salt) }, "ReadingNotInInterval"],
      // The last of five would pass as the second of two: the count is the sealed one.
      [{ index: 1 }, "PathLengthWrong"],
      [{ index: 5 }, "IndexOutOfRange"],
    ];
    for (const [fields, name] of cases)
      expect(
        (await revertOf(registry.verifyReading(...shown(clear), { ...good, ...fields }), FingerprintRegistry)).name,
      ).toBe(name);
  });
});

describe("H_P of a closed period", () => {
  const answer = ledger.app.query({
    path: "/edream/state",
    data: Buffer.from(`period/${IMPORT_METER}/${START_MS}`),
    height: 0,
    prove: true,
  });
  const proof = stateProofFrom(made.proveBlock(3), answer.proof);
  const links = messages.map(({ value }) => {
    const { fingerprint, readingCount, energy } = value as unknown as {
      fingerprint: Uint8Array;
      readingCount: number;
      energy: { case: string; value: bigint & Uint8Array };
    };
    const isCommitted = energy.case === "sumCommitment";
    const sums = isCommitted
      ? { sumMwh: 0n, sumCommitment: energy.value }
      : { sumMwh: energy.value, sumCommitment: ZeroHash };
    return { fingerprint, readingCount, isCommitted, ...sums };
  });

  test(
    "is proved from the ledger's state, pinned once by anybody, and reached by that period's intervals only",
    evm.isolated(async () => {
      const anybody = registry.connect(evm.wallets[3] as (typeof evm.wallets)[0]) as typeof registry;
      const key = await registry.periodKey(IMPORT_METER, START_MS);
      expect((await revertOf(registry.verifyPinned(IMPORT_METER, START_MS, links), FingerprintRegistry)).name).toBe(
        "PeriodNotPinned",
      );
      const receipt = await mined(anybody.pin(IMPORT_METER, START_MS, answer.value, proof));
      const periodHash = await registry.pinned(key);
      expect(FingerprintRegistry.events(receipt.logs, "PeriodPinned")).toEqual([
        {
          periodKey: key,
          meterId: IMPORT_METER,
          periodStartMs: BigInt(START_MS),
          periodHash,
          intervalCount: 4n,
          lastEndMs: BigInt(START_MS + 4 * INTERVAL_MS),
        },
      ]);
      expect(
        (await revertOf(registry.pin(IMPORT_METER, START_MS, answer.value, proof), FingerprintRegistry)).name,
      ).toBe("PeriodAlreadyPinned");
      await registry.verifyPinned(IMPORT_METER, START_MS, links);
      const [first, second, ...rest] = links as [(typeof links)[0], (typeof links)[0]];
      for (const other of [links.slice(1), [second, first, ...rest], [{ ...first, sumMwh: 1n }, second, ...rest], []])
        expect((await revertOf(registry.verifyPinned(IMPORT_METER, START_MS, other), FingerprintRegistry)).name).toBe(
          "PeriodMismatch",
        );
    }),
  );

  test("is not taken for another meter, another day or another value", async () => {
    const nameOf = async (meter: string, start: number, value: Uint8Array, given = proof) =>
      (await revertOf(registry.pin.staticCall(meter, start, value, given), FingerprintRegistry, Bridge)).name;
    expect(await nameOf(EXPORT_METER, START_MS, answer.value)).toBe("StateNotInBlock");
    expect(await nameOf(IMPORT_METER, START_MS + DAY_MS, answer.value)).toBe("StateNotInBlock");
    const changed = Uint8Array.from(answer.value);
    changed[5] = (changed[5] ?? 0) ^ 1;
    expect(await nameOf(IMPORT_METER, START_MS, changed)).toBe("StateNotInBlock");
    const another = { ...proof, ancestorCount: proof.ancestorCount + 1n };
    expect(await nameOf(IMPORT_METER, START_MS, answer.value, another)).toBe("AppHashMismatch");
    const earlier = { ...proof, blockProof: made.proveBlock(1) };
    expect(await nameOf(IMPORT_METER, START_MS, answer.value, earlier)).toBe("AppHashMismatch");
    const deep = { ...proof, siblings: new Array<string>(257).fill(hexlify(salt)) };
    expect(await nameOf(IMPORT_METER, START_MS, answer.value, deep as never)).toBe("StatePathTooLong");
  });
});

import { hexlify } from "ethers";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { periodOrigin } from "#consensus/application/intervals.ts";
import { accountOf, CHAIN_ID, createTestLedger, keyOf, sealMessage } from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { commitSum, periodHashClear, periodHashCommitted } from "#storage/types/intervalHash.ts";
import { type SealedInterval, sealIntervalMessage } from "#storage/types/sealInterval.ts";
import { signEncoded } from "#storage/types/signEncoded.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { FieldWriter } from "#storage/types/wire.ts";
import { LedgerHarness } from "./abi/harness/LedgerHarness.ts";
import { revertOf, startTestEvm } from "./testing.ts";

const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());
const harness = await LedgerHarness.deploy(evm.wallets[0] as (typeof evm.wallets)[0], []);

const word = fc.uint8Array({ minLength: 32, maxLength: 32 });
const intervals: fc.Arbitrary<SealedInterval> = fc.record(
  {
    signer: fc.constant(accountOf("device")),
    meterId: fc.string({ minLength: 1, maxLength: 96, unit: "grapheme-ascii" }),
    intervalStartMs: fc.integer({ min: 0, max: 2 ** 45 }),
    intervalEndMs: fc.integer({ min: 1, max: 2 ** 45 }),
    readingCount: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fingerprint: word,
    readingsRoot: word,
    energy: fc.oneof(
      fc.record({ sumMwh: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
      fc.record({ sumCommitment: word }),
    ),
    registerEndMwh: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
  },
  {
    requiredKeys: [
      "signer",
      "meterId",
      "intervalStartMs",
      "intervalEndMs",
      "readingCount",
      "fingerprint",
      "readingsRoot",
      "energy",
    ],
  },
);

function expected(interval: SealedInterval) {
  const { energy, registerEndMwh } = interval;
  return {
    meterId: interval.meterId,
    startMs: BigInt(interval.intervalStartMs),
    endMs: BigInt(interval.intervalEndMs),
    readingCount: BigInt(interval.readingCount),
    fingerprint: hexlify(interval.fingerprint),
    readingsRoot: hexlify(interval.readingsRoot),
    isCommitted: "sumCommitment" in energy,
    sumMwh: "sumMwh" in energy ? energy.sumMwh : 0n,
    sumCommitment: hexlify("sumCommitment" in energy ? energy.sumCommitment : new Uint8Array(32)),
    hasRegister: registerEndMwh !== undefined,
    registerEndMwh: registerEndMwh ?? 0n,
  };
}

test("an interval is read out of a signed transaction as it was sealed, among others or alone", async () => {
  const transactions = fc.tuple(fc.array(intervals, { minLength: 1, maxLength: 4 }), fc.nat(), fc.string());
  await fc.assert(
    fc.asyncProperty(transactions, async ([sealed, pick, memo]) => {
      const index = pick % sealed.length;
      const messages = sealed.map(sealIntervalMessage);
      const signers = [{ privateKey: keyOf("device"), accountNumber: 3n, sequence: 5n }];
      const tx = signEncoded({ messages, memo, chainId: CHAIN_ID, signers });
      const read = await harness.intervalFromTx(tx, index);
      expect((read as unknown as { toObject(): object }).toObject()).toEqual(expected(sealed[index] as SealedInterval));
      expect((await revertOf(harness.intervalFromTx(tx, sealed.length), LedgerHarness)).name).toBe("MessageAbsent");
    }),
    { numRuns: 40, seed: 6962 },
  );
});

test("bytes with one byte changed, cut or added are refused by name or read as what they say, never otherwise", async () => {
  const message = sealIntervalMessage(fc.sample(intervals, { numRuns: 1, seed: 1 })[0] as SealedInterval).value;
  const changes = fc.tuple(fc.nat(message.length - 1), fc.integer({ min: 1, max: 255 }));
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(changes, async ([at, by]) => {
      const bytes = Uint8Array.from(message);
      bytes[at] = (bytes[at] ?? 0) ^ by;
      for (const input of [bytes, message.subarray(0, at)])
        try {
          await harness.decodeInterval(input);
        } catch (error) {
          expect(LedgerHarness.interface.parseError((error as { data: string }).data)?.name).toMatch(
            /^(ProtobufMalformed|ProtobufFieldUnexpected|IntervalFieldsIncomplete)$/,
          );
          refused += 1;
        }
    }),
    { numRuns: 60, seed: 7 },
  );
  expect(refused).toBeGreaterThan(30);
});

test("a message is refused when a field is twice, out of order, unknown, or both sums are there", async () => {
  const fields = (write: (writer: FieldWriter) => FieldWriter) => {
    const writer = new FieldWriter()
      .text(2, "meter")
      .int(4, 1)
      .bytes(6, sha256(new Uint8Array(1)));
    return write(writer.bytes(7, sha256(new Uint8Array(2)))).finish();
  };
  const nameOf = async (message: Uint8Array) => (await revertOf(harness.decodeInterval(message), LedgerHarness)).name;
  await harness.decodeInterval(fields((writer) => writer));
  expect(await nameOf(fields((writer) => writer.int(4, 2)))).toBe("ProtobufFieldUnexpected");
  expect(await nameOf(fields((writer) => writer.int(3, 2)))).toBe("ProtobufFieldUnexpected");
  expect(await nameOf(fields((writer) => writer.int(11, 2)))).toBe("ProtobufFieldUnexpected");
  expect(await nameOf(fields((writer) => writer.int(7, 2)))).toBe("ProtobufFieldUnexpected");
  expect(await nameOf(fields((writer) => writer.presentInt(8, 2).bytes(9, sha256(new Uint8Array(3)))))).toBe(
    "IntervalFieldsIncomplete",
  );
  expect(await nameOf(fields((writer) => writer.bytes(9, new Uint8Array(31))))).toBe("ProtobufMalformed");
  expect(await nameOf(new FieldWriter().text(2, "meter").int(4, 1).finish())).toBe("IntervalFieldsIncomplete");
  const large = new FieldWriter()
    .text(2, "meter")
    .int(4, 1)
    .presentInt(5, 2n ** 32n)
    .finish();
  expect(await nameOf(large)).toBe("ProtobufMalformed");
});

test("varints are read in their shortest form up to 64 bits, and in no other", async () => {
  for (const value of [0n, 127n, 128n, 2n ** 63n, 2n ** 64n - 1n]) {
    const bytes = new FieldWriter().presentInt(1, value).finish().subarray(1);
    expect((await harness.varint(bytes)).value).toBe(value);
  }
  for (const bytes of ["0x", "0x80", "0x8000", "0xffffffffffffffffff02", "0xffffffffffffffffffff01"])
    expect((await revertOf(harness.varint(bytes), LedgerHarness)).name, bytes).toBe("ProtobufMalformed");
});

test("what is no sealed interval is not read as one", async () => {
  const ledger = createTestLedger();
  const enrolled = ledger.sign(
    [ledgerMessage("MsgRemoveMember", { authority: accountOf("regulator"), member: accountOf("producer") })],
    ["regulator"],
  );
  expect((await revertOf(harness.intervalFromTx(enrolled, 0), LedgerHarness)).name).toBe("NotASealedInterval");
  const tx = ledger.sign([sealMessage(0)], ["device"]);
  expect((await revertOf(harness.intervalFromTx(tx.subarray(1), 0), LedgerHarness)).name).toMatch(/^Protobuf/);
  expect((await revertOf(harness.intervalFromTx("0x", 0), LedgerHarness)).name).toBe("ProtobufMalformed");
});

test("a committed sum is opened by its salt only, and periods are chained as on the ledger", async () => {
  const [salt, fingerprint, previous] = ["salt", "fingerprint", "previous"].map((name) =>
    sha256(Buffer.from(name)),
  ) as [Uint8Array, Uint8Array, Uint8Array];
  const base = {
    signer: accountOf("device"),
    meterId: "m",
    intervalStartMs: 0,
    intervalEndMs: 900_000,
    readingCount: 15,
    fingerprint,
    readingsRoot: salt,
  };
  for (const sum of [0n, -84_891n, 2n ** 53n - 1n]) {
    const sumCommitment = commitSum({ sum, count: 15, salt });
    const message = sealIntervalMessage({ ...base, energy: { sumCommitment } }).value;
    expect(await harness.openSum(message, salt, sum)).toBe(sum);
    expect((await revertOf(harness.openSum(message, salt, sum + 1n), LedgerHarness)).name).toBe("SumOpeningWrong");
    expect((await revertOf(harness.openSum(message, previous, sum), LedgerHarness)).name).toBe("SumOpeningWrong");
    expect(await harness.link(message, previous)).toBe(
      hexlify(periodHashCommitted(fingerprint, sumCommitment, 15, previous)),
    );
    const clear = sealIntervalMessage({ ...base, energy: { sumMwh: sum } }).value;
    expect(await harness.link(clear, previous)).toBe(hexlify(periodHashClear(fingerprint, sum, 15, previous)));
    expect((await revertOf(harness.openSum(clear, salt, sum), LedgerHarness)).name).toBe("SumNotCommitted");
  }
  expect(await harness.periodOrigin("lcl:MAC1", 1_700_006_400_000)).toBe(
    hexlify(periodOrigin("lcl:MAC1", 1_700_006_400_000)),
  );
});

import { describe, expect, test } from "vitest";
import { MAX_ENERGY_MWH, MAX_INTERVAL_AMENDMENTS } from "#storage/limits.ts";
import { amendmentsOrigin } from "#storage/types/amendment.ts";
import { commitSum, periodHashClear, periodHashCommitted } from "#storage/types/intervalHash.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { verifyStateAnswer } from "./appHash.ts";
import type { TestLedger } from "./testLedger.ts";
import {
  accountOf,
  amendMessage,
  createTestLedger,
  EXPORT_METER,
  IMPORT_METER,
  INTERVAL_MS,
  output,
  START_MS,
  sealMessage,
  testGenesis,
} from "./testLedger.ts";

type Fields = Parameters<typeof amendMessage>[2];

const at = (intervals: number) => BigInt(START_MS + intervals * INTERVAL_MS);
const chainOf = (ledger: TestLedger) => ledger.query("/edream/chain", EXPORT_METER) ?? {};
const amended = (ledger: TestLedger, index: number) =>
  ledger.query("/edream/amended-interval", `${at(index + 1)} ${EXPORT_METER}`);
const salt = new Uint8Array(32).fill(5);

function sealedLedger(...indices: readonly number[]): TestLedger {
  const ledger = createTestLedger();
  for (const index of indices) expect(ledger.send(sealMessage(index), "device")).toBe("OK");
  return ledger;
}

describe("an amendment is refused", () => {
  const hash31 = new Uint8Array(31);
  test.each<[string, string, Fields]>([
    ["of an unknown meter", "METER_UNKNOWN", { meterId: "lcl:nobody" }],
    ["of another meter's device", "ROLE_FORBIDDEN", { meterId: IMPORT_METER }],
    ["of an interval that was never sealed", "INTERVAL_NOT_SEALED", { intervalStartMs: at(1), intervalEndMs: at(2) }],
    ["of a part of time that two intervals share", "INTERVAL_NOT_SEALED", { intervalEndMs: at(2) }],
    ["of a period without intervals", "INTERVAL_NOT_SEALED", { intervalStartMs: at(-2), intervalEndMs: at(-1) }],
    ["that starts between two intervals", "INTERVAL_MISALIGNED", { intervalStartMs: at(0) + 1n }],
    ["that crosses the end of its period", "INTERVAL_CROSSES_PERIOD", { intervalStartMs: at(-1) }],
    ["that is not the first", "AMENDMENT_OUT_OF_ORDER", { amendment: 2 }],
    ["with number 0", "AMENDMENT_OUT_OF_ORDER", { amendment: 0 }],
    ["with a previous fingerprint of 31 bytes", "INTERVAL_HASH_INVALID", { previousFingerprint: hash31 }],
    ["with a fingerprint of 31 bytes", "INTERVAL_HASH_INVALID", { fingerprint: hash31 }],
    ["with a readings root of 31 bytes", "INTERVAL_HASH_INVALID", { readingsRoot: hash31 }],
    ["with a commitment of 31 bytes", "INTERVAL_HASH_INVALID", { energy: { case: "sumCommitment", value: hash31 } }],
    ["without energy", "INTERVAL_ENERGY_INVALID", { energy: { case: undefined } }],
    ["without readings", "INTERVAL_ENERGY_INVALID", { readingCount: 0, energy: { case: "sumMwh", value: 0n } }],
    ["of negative production", "INTERVAL_ENERGY_INVALID", { energy: { case: "sumMwh", value: -1n } }],
    ["beyond the largest sum", "AMOUNT_INVALID", { energy: { case: "sumMwh", value: MAX_ENERGY_MWH + 1n } }],
    ["beyond the meter's largest total", "AMOUNT_INVALID", { energy: { case: "sumMwh", value: MAX_ENERGY_MWH } }],
  ])("%s", (_name, code, fields) => {
    const ledger = sealedLedger(0, 3);
    expect(ledger.send(amendMessage(0, 1, fields), "device")).toBe(code);
    expect(amended(ledger, 0)).toBeUndefined();
    expect(chainOf(ledger)).toMatchObject({ readingCount: "30", producedMwh: "2000" });
  });

  test("of a revoked meter", () => {
    const ledger = sealedLedger(0);
    const revoke = { authority: accountOf("dso"), meterId: EXPORT_METER, reason: "moved out" };
    expect(ledger.send(ledgerMessage("MsgRevokeMeter", revoke), "dso")).toBe("OK");
    expect(ledger.send(amendMessage(0, 1), "device")).toBe("METER_REVOKED");
  });

  test("out of order, twice, or after another fingerprint than the one before it has", () => {
    const ledger = sealedLedger(0);
    expect(ledger.send(amendMessage(0, 1), "device")).toBe("OK");
    expect(ledger.send(amendMessage(0, 1), "device")).toBe("AMENDMENT_OUT_OF_ORDER");
    expect(ledger.send(amendMessage(0, 3), "device")).toBe("AMENDMENT_OUT_OF_ORDER");
    const other = { previousFingerprint: new Uint8Array(32) };
    expect(ledger.send(amendMessage(0, 2, other), "device")).toBe("AMENDMENT_OUT_OF_ORDER");
    expect(ledger.send(amendMessage(0, 2), "device")).toBe("OK");
    expect(amended(ledger, 0)).toMatchObject({ amendments: 2 });
  });

  test("beyond the number that one interval may have", () => {
    const ledger = sealedLedger(0);
    const all = Array.from({ length: MAX_INTERVAL_AMENDMENTS }, (_, i) => amendMessage(0, i + 1));
    expect(ledger.send(all, "device")).toBe("OK");
    expect(ledger.send(amendMessage(0, MAX_INTERVAL_AMENDMENTS + 1), "device")).toBe("AMENDMENTS_FULL");
  });

  test("on a ledger whose genesis says nothing of amendments; its states are what they were before there were any", () => {
    const ledger = createTestLedger({ genesis: { ...testGenesis(), params: {} } });
    const energy = { case: "sumCommitment", value: commitSum({ sum: 700n, count: 15, salt }) } as const;
    const intervals = [sealMessage(-1), sealMessage(0), sealMessage(1, { energy }), sealMessage(3)];
    expect(ledger.send(intervals, "device")).toBe("OK");
    expect(ledger.send(ledger.enrolMeter({}), "dso")).toBe("OK");
    const openings = [{ intervalEndMs: at(2), sumMwh: 700n, salt }];
    const register = { owner: accountOf("prosumer"), meterId: EXPORT_METER, openings };
    const outputs = [output(1200n, "consumer")];
    expect(ledger.send(ledgerMessage("MsgRegisterEnergy", { ...register, outputs }), "prosumer")).toBe("OK");
    // Of these three blocks at commit a0b6292, which knew no amendments.
    expect(Buffer.from(ledger.app.info().lastBlockAppHash).toString("hex")).toBe(
      "237e5034a97c3b5d5cd103998ff4694c94578b6f395a3d39738966f95abfed4f",
    );
    expect(ledger.send(amendMessage(0, 1), "device")).toBe("INTERVAL_NOT_SEALED");
  });
});

test("amendments stand beside the interval: chain and H_P stay, readings and energy are added, and one hash covers them in order", () => {
  const ledger = sealedLedger(0, 1);
  const before = chainOf(ledger);
  const commitment = commitSum({ sum: 70n, count: 2, salt });
  expect(ledger.send(amendMessage(0, 1), "device")).toBe("OK");
  const committed = amendMessage(0, 2, { energy: { case: "sumCommitment", value: commitment } });
  expect(ledger.send(committed, "device")).toBe("OK");
  expect(chainOf(ledger)).toEqual({ ...before, readingCount: "34", producedMwh: "2100" });

  const fingerprints = [amendMessage(0, 1), committed].map(
    ({ value }) => (value as { fingerprint: Uint8Array }).fingerprint,
  );
  const origin = amendmentsOrigin(EXPORT_METER, START_MS, START_MS + INTERVAL_MS);
  const first = periodHashClear(fingerprints[0] as Uint8Array, 100n, 2, origin);
  const second = periodHashCommitted(fingerprints[1] as Uint8Array, commitment, 2, first);
  expect(amended(ledger, 0)).toMatchObject({
    startMs: `${at(0)}`,
    amendments: 2,
    fingerprint: Buffer.from(fingerprints[1] as Uint8Array).toString("hex"),
    amendmentsHash: Buffer.from(second).toString("hex"),
    readingCount: "4",
  });
  expect(ledger.query("/edream/meter-counts", EXPORT_METER)).toMatchObject({ amendments: "2" });
  expect(ledger.query("/edream/amended-intervals", JSON.stringify({ meter: EXPORT_METER }))).toMatchObject({
    entries: [{ id: `${at(1)}`, amendments: 2 }],
  });
  const { key, value, proof } = ledger.app.query({
    path: "/edream/amended-interval",
    data: Buffer.from(`${at(1)} ${EXPORT_METER}`),
    height: 0,
    prove: true,
  });
  expect(verifyStateAnswer(ledger.app.info().lastBlockAppHash, key, value, proof)).toEqual({ accepted: true });
});

test("an interval of a closed period, of several T_i, or behind a gap can be amended, but only with its own bounds", () => {
  const ledger = createTestLedger();
  const double = { intervalStartMs: at(-4), intervalEndMs: at(-2) };
  for (const message of [sealMessage(-8), sealMessage(-7), sealMessage(-4, double), sealMessage(-1), sealMessage(0)])
    expect(ledger.send(message, "device")).toBe("OK");
  expect(ledger.query("/edream/period", `${at(-96)} ${EXPORT_METER}`)).toMatchObject({
    sealedRuns: [
      { startMs: `${at(-8)}`, lengthMs: `${INTERVAL_MS}`, count: 2 },
      { startMs: `${at(-4)}`, lengthMs: `${2 * INTERVAL_MS}`, count: 1 },
      { startMs: `${at(-1)}`, lengthMs: `${INTERVAL_MS}`, count: 1 },
    ],
  });
  for (const index of [-8, -7, -1, 0]) expect(ledger.send(amendMessage(index, 1), "device")).toBe("OK");
  expect(ledger.send(amendMessage(-4, 1, double), "device")).toBe("OK");
  for (const index of [-9, -6, -5, -4, -3, -2, 1])
    expect(ledger.send(amendMessage(index, 1), "device")).toBe("INTERVAL_NOT_SEALED");
});

test("a period keeps as many runs as genesis says; what is sealed behind them cannot be amended, and the next period starts anew", () => {
  const ledger = createTestLedger({ params: { sealedRunsPerPeriod: 2 } });
  for (const index of [0, 2, 3, 5, 96, 97])
    expect(ledger.send(sealMessage(index), "device", Number(at(99)))).toBe("OK");
  const send = (index: number) => ledger.send(amendMessage(index, 1), "device", Number(at(99)));
  expect([0, 2, 3, 5, 96, 97].map(send)).toEqual(["OK", "OK", "OK", "INTERVAL_NOT_SEALED", "OK", "OK"]);
  const [refused] = ledger.block([ledger.sign([amendMessage(5, 1)], ["device"])], Number(at(99))).txResults;
  expect(refused?.log).toContain("behind the 2 runs of intervals of its period that the ledger remembers");
});

describe("energy of an amendment", () => {
  const register = (amountMwh: bigint, openings: readonly object[]) =>
    ledgerMessage("MsgRegisterEnergy", {
      owner: accountOf("prosumer"),
      meterId: EXPORT_METER,
      openings: openings as never,
      outputs: [output(amountMwh, "prosumer")] as never,
    });
  const commitment = { case: "sumCommitment", value: commitSum({ sum: 700n, count: 2, salt }) } as const;
  const opening = { intervalEndMs: at(1), sumMwh: 700n, salt };

  test("in the clear backs assets at once, and never more than was produced", () => {
    const ledger = sealedLedger(0);
    expect(ledger.send(amendMessage(0, 1), "device")).toBe("OK");
    expect(ledger.send(register(1101n, []), "prosumer")).toBe("ENERGY_NOT_PRODUCED");
    expect(ledger.send(register(1100n, []), "prosumer")).toBe("OK");
  });

  test("that is committed backs assets once it is opened by its number, a single time", () => {
    const ledger = sealedLedger(0);
    expect(ledger.send(amendMessage(0, 1), "device")).toBe("OK");
    expect(ledger.send(amendMessage(0, 2, { energy: commitment }), "device")).toBe("OK");
    expect(ledger.query("/edream/unopened", JSON.stringify({ meter: EXPORT_METER }))).toMatchObject({
      entries: [{ id: `${at(1)}.2`, amendment: 2, readingCount: 2 }],
    });
    const refused = [{ ...opening }, { ...opening, amendment: 1 }, { ...opening, amendment: 3 }];
    for (const each of refused) expect(ledger.send(register(1n, [each]), "prosumer")).toBe("OPENING_UNKNOWN");
    const wrong = { ...opening, amendment: 2, sumMwh: 701n };
    expect(ledger.send(register(1n, [wrong]), "prosumer")).toBe("OPENING_MISMATCH");
    expect(ledger.send(register(1801n, [{ ...opening, amendment: 2 }]), "prosumer")).toBe("ENERGY_NOT_PRODUCED");
    expect(ledger.send(register(1800n, [{ ...opening, amendment: 2 }]), "prosumer")).toBe("OK");
    expect(ledger.send(register(1n, [{ ...opening, amendment: 2 }]), "prosumer")).toBe("OPENING_UNKNOWN");
  });

  test("and that of its interval wait beside each other, and are listed in order, page by page", () => {
    const ledger = createTestLedger();
    const sealed = { case: "sumCommitment", value: commitSum({ sum: 700n, count: 15, salt }) } as const;
    const messages = [0, 1].flatMap((index) => [
      sealMessage(index, { energy: sealed }),
      ...[1, 2].map((amendment) => amendMessage(index, amendment, { energy: commitment })),
    ]);
    expect(ledger.send(messages, "device")).toBe("OK");
    const page = (after: string, limit: number) =>
      ledger.query("/edream/unopened", JSON.stringify({ meter: EXPORT_METER, after, limit })) as {
        entries: { id: string }[];
        next?: string;
      };
    const ids = [`${at(1)}`, `${at(1)}.1`, `${at(1)}.2`, `${at(2)}`, `${at(2)}.1`, `${at(2)}.2`];
    expect(page("", 500).entries.map(({ id }) => id)).toEqual(ids);
    expect(page(ids[1] ?? "", 3)).toMatchObject({ entries: ids.slice(2, 5).map((id) => ({ id })), next: ids[4] });
    expect(page(ids[4] ?? "", 3)).toMatchObject({ entries: [{ id: ids[5] }] });
    const both = [opening, { ...opening, amendment: 2 }];
    expect(ledger.send(register(1400n, both), "prosumer")).toBe("OK");
    expect(page("", 500).entries.map(({ id }) => id)).toEqual(ids.filter((id) => id !== ids[0] && id !== ids[2]));
  });

  test("of an import meter is kept out of what is produced, whatever its sign", () => {
    const ledger = createTestLedger();
    const meter = { meterId: IMPORT_METER, signer: accountOf("device import") };
    expect(ledger.send(sealMessage(0, meter), "device import")).toBe("OK");
    const late = amendMessage(0, 1, { ...meter, energy: { case: "sumMwh", value: -5n } });
    expect(ledger.send(late, "device import")).toBe("OK");
    expect(ledger.query("/edream/chain", IMPORT_METER)).toMatchObject({ producedMwh: "0", readingCount: "17" });
  });
});

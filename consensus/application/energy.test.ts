import { describe, expect, test } from "vitest";
import { MAX_ENERGY_MWH, MAX_LOCK_ACCOUNTS, MAX_TRANSFER_OUTPUTS } from "#storage/limits.ts";
import { txId } from "#storage/types/transaction.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import type { Person, TestLedger } from "./testLedger.ts";
import {
  accountOf,
  codeName,
  createTestLedger,
  EXPORT_METER,
  IMPORT_METER,
  output,
  sealMessage,
} from "./testLedger.ts";

type Output = ReturnType<typeof output>;
type Input = { txId: Uint8Array; outputIndex: number };

function registration(outputs: readonly Output[], owner: Person = "prosumer", meterId = EXPORT_METER) {
  return ledgerMessage("MsgRegisterEnergy", { owner: accountOf(owner), meterId, outputs: [...outputs] });
}

function transfer(inputs: readonly Input[], outputs: readonly Output[], signers: readonly Person[] = ["prosumer"]) {
  return ledgerMessage("MsgTransferEnergy", {
    signers: signers.map(accountOf),
    inputs: [...inputs],
    outputs: [...outputs],
  });
}

/** A ledger whose export meter has produced 1 000 mWh. */
function producedLedger(): TestLedger {
  const ledger = createTestLedger();
  expect(ledger.send(sealMessage(0), "device")).toBe("OK");
  return ledger;
}

/** Registers the outputs and answers pointers to them. */
function registered(ledger: TestLedger, outputs: readonly Output[]): Input[] {
  const tx = ledger.sign([registration(outputs)], ["prosumer"]);
  expect(codeName(ledger.block([tx]).txResults[0])).toBe("OK");
  return outputs.map((_, outputIndex) => ({ txId: txId(tx), outputIndex }));
}

const unspent = (ledger: TestLedger, who: Person) => {
  const { entries } = ledger.query("/edream/outputs", JSON.stringify({ account: accountOf(who) })) ?? {};
  return (entries as { id: string; amountMwh: string }[]).map(({ amountMwh }) => Number(amountMwh)).sort();
};

describe("registering", () => {
  test.each<[string, string, ReturnType<typeof registration>, Person]>([
    ["for an unknown meter", "METER_UNKNOWN", registration([output(1n, "dso")], "prosumer", "lcl:nobody"), "prosumer"],
    ["for somebody else's meter", "METER_NOT_OWNED", registration([output(1n, "dso")], "producer"), "producer"],
    ["for consumption", "METER_NOT_EXPORT", registration([output(1n, "dso")], "prosumer", IMPORT_METER), "prosumer"],
    [
      "more than was produced",
      "ENERGY_NOT_PRODUCED",
      registration([output(600n, "dso"), output(401n, "dso")]),
      "prosumer",
    ],
    ["without outputs", "OUTPUTS_INVALID", registration([]), "prosumer"],
    ["zero", "AMOUNT_INVALID", registration([output(0n, "dso")]), "prosumer"],
    ["more than the largest amount", "AMOUNT_INVALID", registration([output(MAX_ENERGY_MWH + 1n, "dso")]), "prosumer"],
    [
      "amounts whose sum would wrap in 64 bits",
      "ENERGY_NOT_PRODUCED",
      registration(Array.from({ length: 256 }, () => output(MAX_ENERGY_MWH, "dso"))),
      "prosumer",
    ],
    ["to nobody", "LOCK_INVALID", registration([output(1n, [])]), "prosumer"],
    ["to a lock that nobody can open", "LOCK_INVALID", registration([output(1n, ["dso"], 2)]), "prosumer"],
    ["to a lock that everybody can open", "LOCK_INVALID", registration([output(1n, ["dso"], 0)]), "prosumer"],
    ["to the same account twice", "LOCK_INVALID", registration([output(1n, ["dso", "dso"])]), "prosumer"],
    [
      "to more accounts than a lock may have",
      "LOCK_INVALID",
      registration([
        output(
          1n,
          Array.from({ length: MAX_LOCK_ACCOUNTS + 1 }, (_, i) => `member ${i}`),
        ),
      ]),
      "prosumer",
    ],
    ["to a stranger", "MEMBER_UNKNOWN", registration([output(1n, "stranger")]), "prosumer"],
    [
      "to what is no account",
      "ACCOUNT_MALFORMED",
      registration([{ amountMwh: 1n, lock: { threshold: 1, accounts: ["edream1nobody"] } }]),
      "prosumer",
    ],
  ])("%s → %s", (_name, code, message, by) => {
    const ledger = producedLedger();
    expect(ledger.send(message, by)).toBe(code);
    expect(ledger.query("/edream/chain", EXPORT_METER)).toMatchObject({ producedMwh: "1000", registeredMwh: "0" });
    expect([...ledger.disk.keys()].filter((key) => key.startsWith("output/"))).toEqual([]);
  });

  test("everything that was produced, in several steps, and not a milliwatt hour more", () => {
    const ledger = producedLedger();
    expect(ledger.send(registration([output(400n, "prosumer")]), "prosumer")).toBe("OK");
    expect(ledger.send(registration([output(601n, "prosumer")]), "prosumer")).toBe("ENERGY_NOT_PRODUCED");
    expect(ledger.send([registration([output(300n, "dso")]), registration([output(300n, "dso")])], "prosumer")).toBe(
      "OK",
    );
    expect(ledger.send(registration([output(1n, "prosumer")]), "prosumer")).toBe("ENERGY_NOT_PRODUCED");
    expect(unspent(ledger, "dso")).toEqual([300, 300]);
  });

  test("the largest amount there may be", () => {
    const ledger = createTestLedger();
    expect(ledger.send(sealMessage(0, { energy: { case: "sumMwh", value: MAX_ENERGY_MWH } }), "device")).toBe("OK");
    expect(ledger.send(registration([output(MAX_ENERGY_MWH, "prosumer")]), "prosumer")).toBe("OK");
  });

  test("from a revoked meter what it had sealed before", () => {
    const ledger = producedLedger();
    const revoke = ledgerMessage("MsgRevokeMeter", { authority: accountOf("dso"), meterId: EXPORT_METER });
    expect(ledger.send(revoke, "dso")).toBe("OK");
    expect(ledger.send(registration([output(1000n, "prosumer")]), "prosumer")).toBe("OK");
  });
});

describe("transferring", () => {
  test("splits, joins and passes on, and conserves the amount", () => {
    const ledger = producedLedger();
    const inputs = registered(ledger, [output(600n, "prosumer"), output(400n, "prosumer")]);
    expect(ledger.send(transfer(inputs, [output(250n, "consumer"), output(750n, "prosumer")]), "prosumer")).toBe("OK");
    expect([unspent(ledger, "prosumer"), unspent(ledger, "consumer")]).toEqual([[750], [250]]);
  });

  test.each<[string, string, (inputs: Input[]) => ReturnType<typeof transfer>]>([
    ["no inputs", "OUTPUTS_INVALID", () => transfer([], [output(1n, "dso")])],
    [
      "one input too many",
      "OUTPUTS_INVALID",
      ([a]) =>
        transfer(
          Array.from({ length: MAX_TRANSFER_OUTPUTS + 1 }, () => a as Input),
          [output(1n, "dso")],
        ),
    ],
    [
      "one output too many",
      "OUTPUTS_INVALID",
      (inputs) =>
        transfer(
          inputs,
          Array.from({ length: MAX_TRANSFER_OUTPUTS + 1 }, () => output(1n, "dso")),
        ),
    ],
    ["no outputs", "OUTPUTS_INVALID", (inputs) => transfer(inputs, [])],
    ["a pointer of 31 bytes", "INPUT_MALFORMED", () => transfer([{ txId: new Uint8Array(31), outputIndex: 0 }], [])],
    ["an unknown output", "INPUT_SPENT_OR_UNKNOWN", ([a]) => transfer([{ ...(a as Input), outputIndex: 9 }], [])],
    ["the same output twice", "INPUT_REPEATED", ([a]) => transfer([a as Input, a as Input], [output(1200n, "dso")])],
    ["less out than in", "AMOUNTS_UNBALANCED", (inputs) => transfer(inputs, [output(999n, "dso")])],
    ["more out than in", "AMOUNTS_UNBALANCED", (inputs) => transfer(inputs, [output(1001n, "dso")])],
    ["an output of zero", "AMOUNT_INVALID", (inputs) => transfer(inputs, [output(1000n, "dso"), output(0n, "dso")])],
  ])("%s → %s", (_name, code, message) => {
    const ledger = producedLedger();
    const inputs = registered(ledger, [output(600n, "prosumer"), output(400n, "prosumer")]);
    expect(ledger.send(message(inputs), "prosumer")).toBe(code);
    expect(unspent(ledger, "prosumer")).toEqual([400, 600]);
  });

  test("what is spent cannot be spent again, and what is somebody else's cannot be spent at all", () => {
    const ledger = producedLedger();
    const inputs = registered(ledger, [output(1000n, "consumer")]);
    const spend = (by: Person) => ledger.send(transfer(inputs, [output(1000n, by)], [by]), by);
    expect(spend("prosumer")).toBe("INPUT_LOCKED");
    expect(spend("consumer")).toBe("OK");
    expect(spend("consumer")).toBe("INPUT_SPENT_OR_UNKNOWN");
  });

  test("two transactions of one block cannot both spend an output", () => {
    const ledger = producedLedger();
    const inputs = registered(ledger, [output(1000n, "prosumer")]);
    const txs = [0, 1].map((ahead) => ledger.sign([transfer(inputs, [output(1000n, "dso")])], ["prosumer"], ahead));
    expect(ledger.block(txs).txResults.map(codeName)).toEqual(["OK", "INPUT_SPENT_OR_UNKNOWN"]);
  });

  test("a 2-of-3 lock opens for any two of its accounts, in any order, and for no single one", () => {
    const lock = ["producer", "consumer", "aggregator"];
    for (const [signers, code] of [
      [["producer"], "INPUT_LOCKED"],
      [["producer", "prosumer"], "INPUT_LOCKED"],
      [["consumer", "producer"], "OK"],
      [["producer", "aggregator"], "OK"],
      [["producer", "consumer", "aggregator", "dso"], "OK"],
    ] as const) {
      const ledger = producedLedger();
      const inputs = registered(ledger, [output(1000n, lock, 2)]);
      expect(ledger.send(transfer(inputs, [output(1000n, "dso")], signers), signers), signers.join()).toBe(code);
    }
  });

  test("energy of different quantities does not mix", () => {
    const ledger = producedLedger();
    const gas = { meterId: "gas:1", quantity: "gas" };
    const inputs = registered(ledger, [output(1000n, "prosumer")]);
    expect(ledger.send(ledger.enrolMeter(gas), "dso")).toBe("OK");
    expect(ledger.send(sealMessage(0, { meterId: "gas:1" }), "device")).toBe("OK");
    const tx = ledger.sign([registration([output(5n, "prosumer")], "prosumer", "gas:1")], ["prosumer"]);
    expect(codeName(ledger.block([tx]).txResults[0])).toBe("OK");
    const mixed = [...inputs, { txId: txId(tx), outputIndex: 0 }];
    expect(ledger.send(transfer(mixed, [output(1005n, "dso")]), "prosumer")).toBe("INPUT_QUANTITY_MIXED");
  });
});

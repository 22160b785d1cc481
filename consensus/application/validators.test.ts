import { describe, expect, test } from "vitest";
import type { Misbehavior } from "#consensus/abci.ts";
import { addressOf } from "#storage/crypto/keys.ts";
import { MAX_TOTAL_VOTING_POWER, MAX_VALIDATORS } from "#storage/limits.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import type { Person, TestLedger } from "./testLedger.ts";
import { accountOf, blockRequest, codeName, createTestLedger, validatorKey } from "./testLedger.ts";

type Update = readonly [validator: number, power: bigint];

function vote(by: Person, updates: readonly Update[], proposalId = 1n) {
  return ledgerMessage("MsgUpdateValidators", {
    authority: accountOf(by),
    proposalId,
    updates: updates.map(([index, power]) => ({ publicKey: validatorKey(index).bytes, power })),
  });
}

/** Four validators of power 10, and as many regulators: "regulator", "regulator 2", … */
function ledgerWith(regulators: number): TestLedger {
  const ledger = createTestLedger();
  for (let i = 2; i <= regulators; i++) {
    const member = accountOf(`regulator ${i}`);
    const message = ledgerMessage("MsgEnrolMember", { authority: accountOf("owner"), member, role: "regulator" });
    expect(ledger.send(message, "owner")).toBe("OK");
  }
  return ledger;
}

function decide(ledger: TestLedger, by: Person, updates: readonly Update[], proposalId?: bigint) {
  const tx = ledger.sign([vote(by, updates, proposalId)], [by]);
  const { txResults, validatorUpdates } = ledger.block([tx]);
  return { code: codeName(txResults[0]), updates: validatorUpdates.map(({ power }) => Number(power)) };
}

test("more than half of the regulators change the set; half of them do not", () => {
  const ledger = ledgerWith(4);
  expect(decide(ledger, "regulator", [[7, 10n]])).toEqual({ code: "OK", updates: [] });
  expect(decide(ledger, "regulator", [[7, 10n]])).toEqual({ code: "OK", updates: [] });
  expect(decide(ledger, "regulator 2", [[7, 10n]])).toEqual({ code: "OK", updates: [] });
  const tx = ledger.sign([vote("regulator 3", [[7, 10n]])], ["regulator 3"]);
  expect(ledger.block([tx]).validatorUpdates).toEqual([
    { publicKey: { type: "ed25519", bytes: new Uint8Array(validatorKey(7).bytes) }, power: 10n },
  ]);
  expect(ledger.query("/edream/validators")?.validators).toHaveLength(5);
  expect(ledger.query("/edream/validator-votes")).toMatchObject({ entries: [] });
});

test("votes count together only for the same updates of the same proposal, and a later vote replaces an earlier one", () => {
  const ledger = ledgerWith(3);
  expect(decide(ledger, "regulator", [[7, 10n]], 1n).updates).toEqual([]);
  expect(decide(ledger, "regulator 2", [[7, 10n]], 2n).updates).toEqual([]);
  expect(decide(ledger, "regulator 3", [[7, 9n]], 1n).updates).toEqual([]);
  expect(ledger.query("/edream/validator-votes")?.entries).toHaveLength(3);
  expect(decide(ledger, "regulator 2", [[7, 9n]], 1n).updates).toEqual([9]);
});

test("a dismissed regulator's vote no longer counts", () => {
  const ledger = ledgerWith(3);
  expect(decide(ledger, "regulator", [[7, 10n]]).updates).toEqual([]);
  const dismiss = { authority: accountOf("owner"), member: accountOf("regulator") };
  expect(ledger.send(ledgerMessage("MsgRemoveMember", dismiss), "owner")).toBe("OK");
  expect(decide(ledger, "regulator 2", [[7, 10n]]).updates).toEqual([]);
  expect(decide(ledger, "regulator 3", [[7, 10n]]).updates).toEqual([10]);
});

describe("a change is refused", () => {
  test.each<[string, string, readonly Update[]]>([
    ["without updates", "VALIDATORS_INVALID", []],
    [
      "with a validator twice",
      "VALIDATORS_INVALID",
      [
        [7, 1n],
        [7, 2n],
      ],
    ],
    ["that removes a stranger", "VALIDATOR_UNKNOWN", [[7, 0n]]],
    [
      "that leaves nobody",
      "VALIDATORS_EMPTY",
      [
        [0, 0n],
        [1, 0n],
        [2, 0n],
        [3, 0n],
      ],
    ],
    ["beyond the largest power", "VALIDATORS_LIMIT", [[7, MAX_TOTAL_VOTING_POWER]]],
    ["of more than a third of the power", "VALIDATORS_CHANGE_TOO_LARGE", [[7, 14n]]],
    [
      "of more than a third, half added and half removed",
      "VALIDATORS_CHANGE_TOO_LARGE",
      [
        [7, 7n],
        [0, 3n],
      ],
    ],
  ])("%s → %s", (_name, code, updates) => {
    const ledger = ledgerWith(1);
    expect(decide(ledger, "regulator", updates)).toEqual({ code, updates: [] });
    expect(ledger.query("/edream/validators")?.validators).toHaveLength(4);
  });

  test("with a key of 31 bytes", () => {
    const ledger = ledgerWith(1);
    const updates = [{ publicKey: new Uint8Array(31), power: 1n }];
    const message = ledgerMessage("MsgUpdateValidators", { authority: accountOf("regulator"), updates });
    expect(ledger.send(message, "regulator")).toBe("VALIDATORS_INVALID");
  });

  test("beyond the largest number of validators", () => {
    const ledger = ledgerWith(1);
    const updates = Array.from({ length: MAX_VALIDATORS - 3 }, (_, i) => [10 + i, 1n] as const);
    expect(decide(ledger, "regulator", updates).code).toBe("VALIDATORS_LIMIT");
    const large = createTestLedger({ validators: MAX_VALIDATORS });
    expect(decide(large, "regulator", [[MAX_VALIDATORS, 1n]]).code).toBe("VALIDATORS_LIMIT");
    expect(
      decide(large, "regulator", [
        [0, 0n],
        [MAX_VALIDATORS, 1n],
      ]).code,
    ).toBe("OK");
  });

  test("when an earlier one in the same block has used up the third", () => {
    const ledger = ledgerWith(1);
    const txs = [7, 8].map((index, ahead) => ledger.sign([vote("regulator", [[index, 10n]])], ["regulator"], ahead));
    const { txResults, validatorUpdates } = ledger.block(txs);
    expect(txResults.map(codeName)).toEqual(["OK", "VALIDATORS_CHANGE_TOO_LARGE"]);
    expect(validatorUpdates).toHaveLength(1);
    expect(decide(ledger, "regulator", [[8, 10n]]).updates).toEqual([10]);
  });
});

test("exactly a third of the power may change", () => {
  const ledger = createTestLedger({ validators: 3 });
  expect(decide(ledger, "regulator", [[7, 10n]])).toEqual({ code: "OK", updates: [10] });
});

test("updates come ordered by public key, with 0 for who leaves", () => {
  const ledger = ledgerWith(1);
  const tx = ledger.sign(
    [
      vote("regulator", [
        [0, 0n],
        [7, 3n],
      ]),
    ],
    ["regulator"],
  );
  const { validatorUpdates } = ledger.block([tx]);
  const keys = validatorUpdates.map(({ publicKey }) => Buffer.from(publicKey.bytes).toString("hex"));
  expect(keys).toEqual([...keys].sort());
  expect(validatorUpdates.map(({ power }) => power).sort()).toEqual([0n, 3n]);
});

describe("a validator that evidence shows to have misbehaved", () => {
  const addressOfValidator = (index: number) => addressOf(validatorKey(index));
  const guilty = (index: number, type: Misbehavior["type"] = "duplicateVote"): Misbehavior => ({
    type,
    address: addressOfValidator(index),
    power: 10n,
    height: 1,
    time: { seconds: 1_700_000_000n, nanos: 0 },
    totalVotingPower: 40n,
  });
  const blockWith = (ledger: TestLedger, misbehavior: readonly Misbehavior[], txs: readonly Uint8Array[] = []) => {
    const request = { ...blockRequest(ledger.height + 1, txs), misbehavior };
    expect(ledger.app.processProposal(request).accepted).toBe(true);
    const response = ledger.app.finalizeBlock(request);
    ledger.app.commit();
    ledger.height += 1;
    return response;
  };

  test("leaves the set with that block, which changes the app hash though it has no transaction", () => {
    const ledger = ledgerWith(1);
    const before = ledger.app.info().lastBlockAppHash;
    const response = blockWith(ledger, [guilty(2)]);
    expect(response.validatorUpdates).toEqual([
      { publicKey: { type: "ed25519", bytes: new Uint8Array(validatorKey(2).bytes) }, power: 0n },
    ]);
    expect(response.appHash).not.toEqual(before);
    const id = Buffer.from(addressOfValidator(2)).toString("hex");
    expect(response.events).toMatchObject([
      { type: "exclusion", attributes: [{ key: "validator", value: id, index: true }, { value: "duplicateVote" }, {}] },
    ]);
    expect(ledger.query("/edream/validators")?.validators).toHaveLength(3);
    expect(ledger.query("/edream/exclusions")).toMatchObject({
      entries: [{ id, reason: "duplicateVote", height: "1" }],
    });
  });

  test("is punished once, and its key is never taken in again", () => {
    const ledger = ledgerWith(1);
    blockWith(ledger, [guilty(2), guilty(2, "lightClientAttack")]);
    const again = blockWith(ledger, [guilty(2)]);
    expect([again.validatorUpdates, again.events]).toEqual([[], []]);
    expect(again.appHash).toEqual(ledger.app.info().lastBlockAppHash);
    expect(decide(ledger, "regulator", [[2, 10n]])).toEqual({ code: "VALIDATOR_EXCLUDED", updates: [] });
    expect(decide(ledger, "regulator", [[7, 5n]])).toEqual({ code: "OK", updates: [5] });
  });

  test("is excluded before the block's transactions, which see the set without it", () => {
    const ledger = ledgerWith(1);
    const tx = ledger.sign([vote("regulator", [[2, 10n]])], ["regulator"]);
    const { txResults } = blockWith(ledger, [guilty(2)], [tx]);
    expect(codeName(txResults[0])).toBe("VALIDATOR_EXCLUDED");
  });

  test("stays if it is the last one, and one that is in no set leaves only a record", () => {
    const ledger = ledgerWith(1);
    const response = blockWith(
      ledger,
      [0, 1, 2, 3, 9].map((index) => guilty(index)),
    );
    expect(response.validatorUpdates.map(({ power }) => power)).toEqual([0n, 0n, 0n]);
    expect(ledger.query("/edream/validators")?.validators).toHaveLength(1);
    expect(ledger.query("/edream/exclusions")?.entries).toHaveLength(5);
  });

  test("makes another block of the same transactions at the same time", () => {
    const ledger = ledgerWith(1);
    const request = blockRequest(ledger.height + 1, []);
    const innocent = ledger.app.finalizeBlock(request).appHash;
    expect(ledger.app.finalizeBlock({ ...request, misbehavior: [guilty(1)] }).appHash).not.toEqual(innocent);
    expect(ledger.app.finalizeBlock(request).appHash).toEqual(innocent);
  });
});

import { expect, test } from "vitest";
import { sign } from "#storage/crypto/keys.ts";
import type { LedgerMessage, MessageValue } from "#storage/types/transactionMessages.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { MAX_APPLIED_PER_BLOCK } from "./ethereumEvents.ts";
import {
  accountOf,
  bridgeKeyMessage,
  CHAIN_ID,
  codeName,
  configureBridgeMessage,
  createTestLedger,
  equivocationMessage,
  ethereumAddress,
  keyOf,
  type Person,
  rotationEquivocationMessage,
  type TestLedger,
  validatorKey,
} from "./testLedger.ts";

const KEYS = ["second key 0", "second key 1", "second key 2", "second key 3"];
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const addressesOf = (names: readonly Person[]) => names.map((name) => hex(ethereumAddress(name))).sort();

/** Four validators of power 10, each with a second key, and a configured bridge. */
function bridgedLedger(): TestLedger {
  const ledger = createTestLedger();
  for (const [index, name] of KEYS.entries())
    expect(ledger.send(bridgeKeyMessage("dso", index, name), "dso")).toBe("OK");
  expect(ledger.send(configureBridgeMessage(), "owner")).toBe("OK");
  return ledger;
}

function setOf(ledger: TestLedger): { readonly height: string; readonly members: readonly { address: string }[] } {
  const latest = String(ledger.query("/edream/bridge-sets")?.latest);
  return ledger.query("/edream/bridge-set", latest) as never;
}

function memberAddresses(ledger: TestLedger): readonly string[] {
  return setOf(ledger).members.map(({ address }) => address);
}

function removeValidator(index: number): LedgerMessage {
  const updates = [{ publicKey: validatorKey(index).bytes, power: 0n }];
  return ledgerMessage("MsgUpdateValidators", { authority: accountOf("regulator"), updates });
}

test("a second key is bound when both keys have said so; its account can sign, and the bridge set has it once more than 2/3 of the power have one", () => {
  const ledger = createTestLedger();
  for (const [index, name] of KEYS.slice(0, 2).entries())
    expect(ledger.send(bridgeKeyMessage("dso", index, name), "dso")).toBe("OK");
  expect(ledger.query("/edream/bridge-sets")).toBeUndefined();
  expect(ledger.send(bridgeKeyMessage("dso", 2, "second key 2"), "dso")).toBe("OK");
  expect(memberAddresses(ledger)).toEqual(addressesOf(KEYS.slice(0, 3)));
  expect(setOf(ledger).height).toBe("3");
  // The fourth brings its own key again in place of the third's: rotation by the key itself.
  expect(ledger.send(bridgeKeyMessage("second key 2", 3, "second key 3"), "second key 2")).toBe("OK");
  const entries = ledger.query("/edream/bridge-keys")?.entries as { address: string; account: string }[];
  expect(entries.map(({ address }) => address).sort()).toEqual(addressesOf(KEYS));
  expect(entries.map(({ account }) => account).sort()).toEqual(KEYS.map(accountOf).sort());
});

test("a key that was replaced speaks for nobody, and neither it nor the message that bound it is taken again", () => {
  const ledger = bridgedLedger();
  const first = bridgeKeyMessage("dso", 0, "second key 0");
  expect(ledger.send(bridgeKeyMessage("dso", 0, "new key 0"), "dso")).toBe("OK");
  expect(memberAddresses(ledger)).toEqual(addressesOf(["new key 0", ...KEYS.slice(1)]));
  expect(ledger.send(first, "dso")).toBe("BRIDGE_KEY_USED");
  expect(ledger.send(bridgeKeyMessage("dso", 1, "second key 0"), "dso")).toBe("BRIDGE_KEY_USED");
  expect(ledger.send(vote("second key 0", 1n, 1), "second key 0")).toBe("ROLE_FORBIDDEN");
  expect(ledger.send(vote("new key 0", 1n, 1), "new key 0")).toBe("OK");
});

test("a binding that one of the keys has not signed, or for another ledger, validator or address, is refused", () => {
  const ledger = createTestLedger();
  const good = bridgeKeyMessage("dso", 0, "second key 0").value as MessageValue<"MsgRegisterBridgeKey">;
  const other = bridgeKeyMessage("dso", 1, "second key 1").value as MessageValue<"MsgRegisterBridgeKey">;
  const highS = new Uint8Array(good.bridgeSignature).fill(0xff, 33);
  const wrong: [Partial<Omit<MessageValue<"MsgRegisterBridgeKey">, "$typeName">>, string][] = [
    [{ bridgeSignature: other.bridgeSignature }, "BRIDGE_PROOF_INVALID"],
    [{ bridgeSignature: highS }, "BRIDGE_PROOF_INVALID"],
    [{ bridgeSignature: new Uint8Array(0) }, "BRIDGE_PROOF_INVALID"],
    [{ consensusSignature: other.consensusSignature }, "BRIDGE_PROOF_INVALID"],
    [{ consensusSignature: sign(keyOf("device validator 0"), Buffer.from(CHAIN_ID)) }, "BRIDGE_PROOF_INVALID"],
    [{ address: other.address }, "BRIDGE_PROOF_INVALID"],
    [{ validator: other.validator }, "BRIDGE_PROOF_INVALID"],
    [{ address: new Uint8Array(20) }, "BRIDGE_KEY_INVALID"],
    [{ address: new Uint8Array(21).fill(1) }, "BRIDGE_KEY_INVALID"],
    [{ validator: validatorKey(9).bytes }, "VALIDATOR_UNKNOWN"],
    [{ validator: new Uint8Array(0) }, "VALIDATOR_UNKNOWN"],
  ];
  for (const [fields, code] of wrong)
    expect(ledger.send(bridgeKeyMessage("dso", 0, "second key 0", fields), "dso"), JSON.stringify(fields)).toBe(code);
  const many = Array.from({ length: 17 }, (_, i) => bridgeKeyMessage("dso", 0, `key ${i}`));
  expect(ledger.send(many, "dso")).toBe("TX_LIMIT_EXCEEDED");
  expect(ledger.query("/edream/bridge-keys")?.entries).toEqual([]);
});

test("a validator that leaves the set leaves the bridge set with the same block, and its key speaks for nobody", () => {
  const ledger = bridgedLedger();
  expect(ledger.send(removeValidator(3), "regulator")).toBe("OK");
  expect(memberAddresses(ledger)).toEqual(addressesOf(KEYS.slice(0, 3)));
  expect(setOf(ledger).height).toBe(`${ledger.height}`);
  expect(ledger.send(vote("second key 3", 1n, 1), "second key 3")).toBe("ROLE_FORBIDDEN");
});

test("two anchors of one number by one key exclude its validator, once; also when the key was replaced since", () => {
  const ledger = bridgedLedger();
  expect(ledger.send(bridgeKeyMessage("dso", 1, "new key 1"), "dso")).toBe("OK");
  expect(ledger.send(equivocationMessage("regulator", "second key 1"), "regulator")).toBe("OK");
  const validators = ledger.query("/edream/validators")?.validators as { publicKey: string }[];
  expect(validators.map(({ publicKey }) => publicKey)).not.toContain(hex(validatorKey(1).bytes));
  expect(memberAddresses(ledger)).toEqual(addressesOf(["second key 0", "second key 2", "second key 3"]));
  expect(ledger.send(equivocationMessage("regulator", "second key 1"), "regulator")).toBe("EQUIVOCATION_INVALID");
  const exclusions = ledger.query("/edream/exclusions")?.entries as { reason: string }[];
  expect(exclusions.map(({ reason }) => reason)).toEqual(["bridgeEquivocation"]);
});

test("what is no equivocation is refused: one anchor twice, two numbers, two keys, a stranger's key, no bridge", () => {
  const ledger = bridgedLedger();
  const { first, second } = equivocationMessage("dso", "second key 1").value as MessageValue<"MsgBridgeEquivocation">;
  const { second: ofOther } = equivocationMessage("dso", "second key 2").value as MessageValue<"MsgBridgeEquivocation">;
  const report = (fields: object) =>
    ledger.send(ledgerMessage("MsgBridgeEquivocation", { signer: accountOf("dso"), first, second, ...fields }), "dso");
  expect(report({ second: first })).toBe("EQUIVOCATION_INVALID");
  expect(report({ second: undefined })).toBe("EQUIVOCATION_INVALID");
  expect(report({ second: { ...second, seq: 8n } })).toBe("EQUIVOCATION_INVALID");
  expect(report({ second: { ...second, root: new Uint8Array(31) } })).toBe("EQUIVOCATION_INVALID");
  expect(report({ second: ofOther })).toBe("EQUIVOCATION_INVALID");
  expect(ledger.send(equivocationMessage("dso", "stranger"), "dso")).toBe("EQUIVOCATION_INVALID");
  const twice = [equivocationMessage("dso", "second key 1"), equivocationMessage("dso", "second key 2")];
  expect(ledger.send(twice, "dso")).toBe("TX_LIMIT_EXCEEDED");
  expect(createTestLedger().send(equivocationMessage("dso", "second key 1"), "dso")).toBe("BRIDGE_NOT_CONFIGURED");
  expect(ledger.query("/edream/validators")?.validators).toHaveLength(4);
});

test("two rotations of one number by one key exclude its validator, which is not in the next set", () => {
  const ledger = bridgedLedger();
  const report = rotationEquivocationMessage("second key 0", "second key 2");
  expect(ledger.send(report, "second key 0")).toBe("OK");
  expect(memberAddresses(ledger)).toEqual(addressesOf(["second key 0", "second key 1", "second key 3"]));
  expect(ledger.query("/edream/exclusions")?.entries).toMatchObject([{ reason: "bridgeEquivocation" }]);
  expect(ledger.send(report, "second key 0")).toBe("EQUIVOCATION_INVALID");
});

test("rotations that are no equivocation are refused: one twice, two numbers, two keys, wrong lengths, a rotation and an anchor", () => {
  const ledger = bridgedLedger();
  type Fields = MessageValue<"MsgBridgeEquivocation">;
  const { firstRotation, secondRotation } = rotationEquivocationMessage("dso", "second key 1").value as Fields;
  const ofOther = (rotationEquivocationMessage("dso", "second key 2").value as Fields).secondRotation;
  const { first, second } = equivocationMessage("dso", "second key 1").value as Fields;
  const report = (fields: object) => {
    const message = { signer: accountOf("dso"), firstRotation, secondRotation, ...fields };
    return ledger.send(ledgerMessage("MsgBridgeEquivocation", message as object), "dso");
  };
  const wrong = [
    { secondRotation: firstRotation },
    { secondRotation: undefined },
    { secondRotation: ofOther },
    { secondRotation: { ...secondRotation, nonce: 4n } },
    { secondRotation: { ...secondRotation, totalPower: new Uint8Array(15) } },
    { secondRotation: { ...secondRotation, totalPower: new Uint8Array(33) } },
    { secondRotation: { ...secondRotation, valsetHash: new Uint8Array(33) } },
    { secondRotation: { ...secondRotation, effectiveHeight: 6n } },
    { secondRotation: undefined, second },
    { firstRotation: undefined, first },
    { first, second },
  ];
  for (const fields of wrong) expect(report(fields)).toBe("EQUIVOCATION_INVALID");
  expect(ledger.query("/edream/validators")?.validators).toHaveLength(4);
});

test("a configuration whose fields make no sense is refused", () => {
  const ledger = bridgedLedger();
  const wrong = [
    { chainId: 0n },
    { ledgerId: new Uint8Array(31) },
    { bridge: new Uint8Array(19) },
    { outbox: new Uint8Array(0) },
    { cadenceMs: 999n },
    { cadenceMs: 7n * 24n * 3600n * 1000n + 1n },
    { toHeight: 1000n },
    { setNumber: 0n },
    { setNumber: 9n },
  ];
  for (const fields of wrong)
    expect(ledger.send(configureBridgeMessage(fields), "owner")).toBe("BRIDGE_CONFIGURATION_INVALID");
});

/** Events from..from + count - 1 as this validator has seen them. */
function vote(by: Person, from: bigint, count: number, payload = "seen"): LedgerMessage {
  const events = Array.from({ length: count }, (_, i) => ({
    emitter: new Uint8Array(20).fill(3),
    kind: new Uint8Array(32).fill(4),
    payload: Buffer.from(`${payload} ${from + BigInt(i)}`),
  }));
  return ledgerMessage("MsgEthereumEvents", { signer: accountOf(by), fromNonce: from, events });
}

function applied(ledger: TestLedger): string {
  return String(ledger.query("/edream/ethereum")?.eventNonce);
}

test("an event takes effect with more than 2/3 of the power, in order, once", () => {
  const ledger = bridgedLedger();
  // The second one first: it waits for the first.
  for (const name of KEYS.slice(0, 3)) expect(ledger.send(vote(name, 2n, 1), name)).toBe("OK");
  expect(applied(ledger)).toBe("0");
  for (const name of KEYS.slice(0, 2)) expect(ledger.send(vote(name, 1n, 1), name)).toBe("OK");
  expect(applied(ledger)).toBe("0");
  const tx = ledger.sign([vote("second key 2", 1n, 1)], ["second key 2"]);
  const [result] = ledger.block([tx]).txResults;
  expect(result?.events.filter(({ type }) => type === "ethereum")).toHaveLength(2);
  expect(applied(ledger)).toBe("2");
  expect(ledger.query("/edream/ethereum-event", "1")).toMatchObject({
    event: { payload: hex(Buffer.from("seen 1")) },
    height: `${ledger.height}`,
  });
  // The fourth is late: nothing happens a second time, and no votes stay behind.
  expect(ledger.send(vote("second key 3", 1n, 2), "second key 3")).toBe("OK");
  expect(applied(ledger)).toBe("2");
  expect(ledger.query("/edream/ethereum-tally", "1")).toBeUndefined();
});

test("different words on one event do not add up; a validator that was lied to may say otherwise later", () => {
  const ledger = bridgedLedger();
  for (const name of KEYS.slice(0, 2)) expect(ledger.send(vote(name, 1n, 1), name)).toBe("OK");
  expect(ledger.send(vote("second key 2", 1n, 1, "lied"), "second key 2")).toBe("OK");
  expect(ledger.send(vote("second key 2", 1n, 1, "lied"), "second key 2")).toBe("OK");
  expect(applied(ledger)).toBe("0");
  expect(ledger.send(vote("second key 2", 1n, 1), "second key 2")).toBe("OK");
  expect(applied(ledger)).toBe("1");
});

test("a block applies a bounded number of events, and the next vote goes on", () => {
  const ledger = bridgedLedger();
  for (const from of [1n, 17n])
    for (const name of KEYS.slice(1)) expect(ledger.send(vote(name, from, 16), name)).toBe("OK");
  expect(applied(ledger)).toBe("32");
  const txs = [33n, 49n].map((from, ahead) => ledger.sign([vote("second key 0", from, 16)], ["second key 0"], ahead));
  for (const from of [33n, 49n])
    for (const name of KEYS.slice(1, 3)) expect(ledger.send(vote(name, from, 16), name)).toBe("OK");
  expect(ledger.block(txs).txResults.map(codeName)).toEqual(["OK", "OK"]);
  expect(applied(ledger)).toBe(`${32 + MAX_APPLIED_PER_BLOCK}`);
  expect(ledger.send(vote("second key 3", 33n, 1), "second key 3")).toBe("OK");
  expect(applied(ledger)).toBe(`${32 + 2 * MAX_APPLIED_PER_BLOCK}`);
});

test("votes that are empty, too many, too far ahead, of wrong lengths, or without a bridge are refused", () => {
  const ledger = bridgedLedger();
  const [by] = KEYS;
  const send = (message: LedgerMessage) => ledger.send(message, by ?? "");
  const one = (fields: object) => {
    const event = { emitter: new Uint8Array(20), kind: new Uint8Array(32), payload: new Uint8Array(0), ...fields };
    return ledgerMessage("MsgEthereumEvents", { signer: accountOf(by ?? ""), fromNonce: 1n, events: [event] });
  };
  expect(send(vote(by ?? "", 1n, 0))).toBe("ETHEREUM_EVENTS_INVALID");
  expect(send(vote(by ?? "", 1n, 17))).toBe("ETHEREUM_EVENTS_INVALID");
  expect(send(vote(by ?? "", 0n, 1))).toBe("ETHEREUM_EVENTS_INVALID");
  expect(send(one({ emitter: new Uint8Array(19) }))).toBe("ETHEREUM_EVENTS_INVALID");
  expect(send(one({ kind: new Uint8Array(33) }))).toBe("ETHEREUM_EVENTS_INVALID");
  expect(send(one({ payload: new Uint8Array(1025) }))).toBe("ETHEREUM_EVENTS_INVALID");
  expect(send(one({ payload: new Uint8Array(1024) }))).toBe("OK");
  expect(send(vote(by ?? "", 65n, 1))).toBe("ETHEREUM_EVENTS_AHEAD");
  expect(send(vote(by ?? "", 2n ** 64n - 1n, 16))).toBe("ETHEREUM_EVENTS_AHEAD");
  const without = createTestLedger();
  expect(without.send(bridgeKeyMessage("dso", 0, "second key 0"), "dso")).toBe("OK");
  expect(without.send(vote(by ?? "", 1n, 1), by ?? "")).toBe("BRIDGE_NOT_CONFIGURED");
});

test("another outbox begins a lane of its own; the same one goes on when the bridge is configured anew", () => {
  const ledger = bridgedLedger();
  for (const name of KEYS.slice(0, 3)) expect(ledger.send(vote(name, 1n, 1), name)).toBe("OK");
  expect(ledger.send(vote("second key 0", 2n, 1), "second key 0")).toBe("OK");
  expect(ledger.send(configureBridgeMessage({ bridge: new Uint8Array(20).fill(8) }), "owner")).toBe("OK");
  expect(applied(ledger)).toBe("1");
  const other = configureBridgeMessage({ outbox: new Uint8Array(20).fill(9), eventNonce: 5n });
  expect(ledger.send(other, "owner")).toBe("OK");
  expect(applied(ledger)).toBe("5");
  expect(ledger.query("/edream/ethereum-tally", "2")).toBeUndefined();
});

import { describe, expect, test } from "vitest";
import { encodeIdentity } from "#storage/crypto/identity.ts";
import { addressOf, publicKeyOf } from "#storage/crypto/keys.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { MAX_REGULATORS } from "./members.ts";
import { accountOf, createTestLedger, EXPORT_METER, keyOf, sealMessage } from "./testLedger.ts";

const enrol = (member: string, role: string, by = "regulator") =>
  ledgerMessage("MsgEnrolMember", { authority: accountOf(by), member, role });
const remove = (member: string, by = "regulator") =>
  ledgerMessage("MsgRemoveMember", { authority: accountOf(by), member });
const change = (member: string, role: string, by = "regulator") =>
  ledgerMessage("MsgChangeRole", { authority: accountOf(by), member, role });
const newcomer = accountOf("newcomer");

describe("members", () => {
  test.each([
    ["what is no account is enrolled", "ACCOUNT_MALFORMED", enrol("newcomer", "dso")],
    ["what is no account is removed", "ACCOUNT_MALFORMED", remove("newcomer")],
    ["what is no account changes its role", "ACCOUNT_MALFORMED", change("newcomer", "dso")],
    ["an unknown role is given", "ROLE_UNKNOWN", enrol(newcomer, "king")],
    ["an unknown role is changed to", "ROLE_UNKNOWN", change(accountOf("dso"), "king")],
    ["a member is enrolled again", "MEMBER_EXISTS", enrol(accountOf("dso"), "consumer")],
    ["a stranger is removed", "MEMBER_UNKNOWN", remove(newcomer)],
    ["a stranger changes role", "MEMBER_UNKNOWN", change(newcomer, "dso")],
  ])("are refused when %s → %s", (_name, code, message) => {
    expect(createTestLedger().send(message, "regulator")).toBe(code);
  });

  test("come by either form of their account, get a number once and keep it when they leave", () => {
    const ledger = createTestLedger();
    const identity = encodeIdentity(addressOf(publicKeyOf(keyOf("newcomer"))));
    expect(ledger.query("/edream/account", newcomer)).toBeUndefined();
    expect(ledger.send(enrol(identity, "consumer"), "regulator")).toBe("OK");
    const before = ledger.query("/edream/account", identity);
    expect(before).toMatchObject({ id: newcomer, sequence: "0" });
    expect(ledger.send(remove(identity), "regulator")).toBe("OK");
    expect(ledger.query("/edream/member", newcomer)).toBeUndefined();
    expect(ledger.send(enrol(newcomer, "producer"), "regulator")).toBe("OK");
    expect(ledger.query("/edream/account", newcomer)).toEqual(before);
    expect(ledger.query("/edream/member", newcomer)).toMatchObject({ role: "producer" });
  });

  test("a new member can act in the same block", () => {
    const ledger = createTestLedger();
    const enrolment = ledger.sign([enrol(newcomer, "regulator", "owner")], ["owner"]);
    ledger.block([enrolment]);
    expect(ledger.send(enrol(accountOf("another"), "dso", "newcomer"), "newcomer")).toBe("OK");
  });

  test("the list of regulators follows appointments, dismissals and role changes, up to its limit", () => {
    const ledger = createTestLedger();
    const regulators = () => ledger.query("/edream/regulators")?.accounts as string[];
    expect(ledger.send(enrol(newcomer, "regulator", "owner"), "owner")).toBe("OK");
    expect(ledger.send(change(accountOf("dso"), "regulator", "owner"), "owner")).toBe("OK");
    expect(regulators()).toEqual([accountOf("regulator"), newcomer, accountOf("dso")]);
    expect(ledger.send(change(newcomer, "consumer", "owner"), "owner")).toBe("OK");
    expect(ledger.send(remove(accountOf("regulator"), "owner"), "owner")).toBe("OK");
    expect(regulators()).toEqual([accountOf("dso")]);
    const many = Array.from({ length: MAX_REGULATORS - 1 }, (_, i) =>
      enrol(accountOf(`regulator ${i}`), "regulator", "owner"),
    );
    expect(ledger.send(many, "owner")).toBe("OK");
    expect(ledger.send(enrol(accountOf("one more"), "regulator", "owner"), "owner")).toBe("REGULATORS_FULL");
    expect(ledger.send(change(newcomer, "regulator", "owner"), "owner")).toBe("REGULATORS_FULL");
  });
});

describe("meters", () => {
  const ledger = createTestLedger();
  test.each([
    ["without id", "METER_INVALID", { meterId: "" }],
    ["with a space in its id", "METER_INVALID", { meterId: "a b" }],
    ["with an id of 97 characters", "METER_INVALID", { meterId: "m".repeat(97) }],
    ["without key", "METER_INVALID", { deviceKey: undefined }],
    ["with a key of another type", "METER_INVALID", { deviceKey: { type: "rsa", key: new Uint8Array(32) } }],
    ["with a key cut short", "METER_INVALID", { deviceKey: { type: "ed25519", key: new Uint8Array(31) } }],
    ["of an unknown quantity", "METER_INVALID", { quantity: "steam" }],
    ["of an unknown direction", "METER_INVALID", { direction: "sideways" }],
    ["with a seed commitment of 31 bytes", "METER_INVALID", { seedCommitment: new Uint8Array(31) }],
    ["with intervals of no length", "METER_INVALID", { intervalMs: 0n }],
    ["with intervals that do not divide the period", "METER_INVALID", { intervalMs: 7n * 60_000n }],
    ["with intervals longer than the period", "METER_INVALID", { intervalMs: 48n * 3_600_000n }],
    ["of a stranger", "MEMBER_UNKNOWN", { owner: newcomer }],
    ["of what is no account", "ACCOUNT_MALFORMED", { owner: "nobody" }],
    ["that exists", "METER_EXISTS", { meterId: EXPORT_METER }],
  ])("are refused %s → %s", (_name, code, fields) => {
    expect(ledger.send(ledger.enrolMeter(fields), "dso")).toBe(code);
  });

  test("are revoked once, and their id is never given again", () => {
    const ledger = createTestLedger();
    const revoke = (meterId: string, reason = "moved out") =>
      ledger.send(ledgerMessage("MsgRevokeMeter", { authority: accountOf("dso"), meterId, reason }), "dso");
    expect(revoke("lcl:nobody")).toBe("METER_UNKNOWN");
    expect(revoke(EXPORT_METER, "r".repeat(129))).toBe("METER_INVALID");
    expect(revoke(EXPORT_METER, "r".repeat(128))).toBe("OK");
    expect(revoke(EXPORT_METER)).toBe("METER_REVOKED");
    expect(ledger.send(ledger.enrolMeter({ meterId: EXPORT_METER }), "dso")).toBe("METER_EXISTS");
  });

  test("a concentrator's one key serves many meters, in one transaction", () => {
    const ledger = createTestLedger();
    const ids = Array.from({ length: 400 }, (_, i) => `dlms:${i}`);
    expect(
      ledger.send(
        ids.map((meterId) => ledger.enrolMeter({ meterId })),
        "dso",
      ),
    ).toBe("OK");
    const seals = ids.map((meterId) => sealMessage(0, { meterId }));
    const tx = ledger.sign(seals, ["device"]);
    expect(ledger.block([tx]).txResults.map(({ code }) => code)).toEqual([0]);
    expect(ledger.query("/edream/chain", "dlms:399")).toMatchObject({ intervalCount: "1" });
    expect(ledger.query("/edream/account", accountOf("device"))).toMatchObject({ sequence: "1" });
  });
});

import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import type { LedgerMessage } from "#storage/types/transactionMessages.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import type { Standing } from "./roles.ts";
import { hasRight, RIGHTS, ROLES, STANDINGS } from "./roles.ts";
import type { Person, TestLedger } from "./testLedger.ts";
import {
  accountOf,
  amendMessage,
  bigchainCreate,
  bigchainMessage,
  bridgeKeyMessage,
  configurationMessage,
  configureBridgeMessage,
  createTestLedger,
  EXPORT_METER,
  equivocationMessage,
  INTERVAL_MS,
  keyOf,
  output,
  sealMessage,
  validatorKey,
} from "./testLedger.ts";

/** Every standing, and an account that has none any more. */
const COLUMNS = [...STANDINGS, "removed member"] as const;

/** A meter whose device, owner and administrator are three. */
const METER = "registry:1";
const HASH = sha256(new Uint8Array(0));

interface Row {
  readonly name: string;
  readonly allowed: readonly Standing[];
  /** Who sends it, where that is not the account in question. */
  readonly sender?: Person;
  /** The message as `by` sends it. */
  message(by: Person, ledger: TestLedger): LedgerMessage;
}

const manage = (role: string) => (by: Person) =>
  ledgerMessage("MsgEnrolMember", { authority: accountOf(by), member: accountOf("newcomer"), role });
const remove = (who: Person) => (by: Person) =>
  ledgerMessage("MsgRemoveMember", { authority: accountOf(by), member: accountOf(who) });
const change = (who: Person, role: string) => (by: Person) =>
  ledgerMessage("MsgChangeRole", { authority: accountOf(by), member: accountOf(who), role });

// The rights are written out once more on purpose: a change of the table in roles.ts must be a change here as well.
const OWNER: readonly Standing[] = ["owner"];
const REGULATOR: readonly Standing[] = ["regulator"];
const ROWS: readonly Row[] = [
  { name: "MsgEnrolMember regulator", allowed: OWNER, message: manage("regulator") },
  ...ROLES.filter((role) => role !== "regulator").map((role) => ({
    name: `MsgEnrolMember ${role}`,
    allowed: REGULATOR,
    message: manage(role),
  })),
  { name: "MsgRemoveMember of a regulator", allowed: OWNER, message: remove("regulator 2") },
  { name: "MsgRemoveMember of a consumer", allowed: REGULATOR, message: remove("consumer 2") },
  { name: "MsgChangeRole to regulator", allowed: OWNER, message: change("consumer 2", "regulator") },
  { name: "MsgChangeRole from regulator", allowed: OWNER, message: change("regulator 2", "consumer") },
  { name: "MsgChangeRole between other roles", allowed: REGULATOR, message: change("consumer 2", "prosumer") },
  {
    name: "MsgEnrolMeter",
    allowed: ["dso", "regulator"],
    message: (by) =>
      ledgerMessage("MsgEnrolMeter", {
        authority: accountOf(by),
        meterId: "new:1",
        deviceKey: { type: "ed25519", key: publicKeyOf(keyOf("device new")).bytes },
        owner: accountOf("prosumer"),
        quantity: "electricity",
        direction: "export",
        seedCommitment: sha256(new Uint8Array(0)),
        intervalMs: BigInt(INTERVAL_MS),
      }),
  },
  {
    name: "MsgRevokeMeter",
    allowed: ["dso", "regulator"],
    message: (by) => ledgerMessage("MsgRevokeMeter", { authority: accountOf(by), meterId: EXPORT_METER }),
  },
  { name: "MsgSealInterval", allowed: ["device"], message: (by) => sealMessage(1, { signer: accountOf(by) }) },
  {
    name: "MsgRegisterEnergy",
    allowed: ["producer", "prosumer"],
    message: (by) =>
      ledgerMessage("MsgRegisterEnergy", { owner: accountOf(by), meterId: `own:${by}`, outputs: [output(1n, "dso")] }),
  },
  {
    name: "MsgTransferEnergy",
    allowed: ["dso", "regulator", "aggregator", "producer", "consumer", "prosumer"],
    message: (by, ledger) => {
      const { entries } = ledger.query("/edream/outputs", JSON.stringify({ account: accountOf("prosumer") })) ?? {};
      const [txIdHex, index] = String((entries as { id: string }[])[0]?.id).split(":");
      const inputs = [{ txId: Buffer.from(txIdHex ?? "", "hex"), outputIndex: Number(index) }];
      return ledgerMessage("MsgTransferEnergy", { signers: [accountOf(by)], inputs, outputs: [output(500n, by)] });
    },
  },
  {
    name: "MsgUpdateValidators",
    allowed: REGULATOR,
    message: (by) =>
      ledgerMessage("MsgUpdateValidators", {
        authority: accountOf(by),
        updates: [{ publicKey: validatorKey(9).bytes, power: 10n }],
      }),
  },
  { name: "MsgAmendInterval", allowed: ["device"], message: (by) => amendMessage(0, 1, { signer: accountOf(by) }) },
  {
    name: "MsgRecordErasure",
    allowed: ["regulator", "device", "meterOwner"],
    message: (by) =>
      ledgerMessage("MsgRecordErasure", { ...about(by), untilMs: 1n, readingCount: 1n, receiptHash: HASH }),
  },
  {
    name: "MsgSealArchive",
    allowed: ["dso", "device", "meterOwner"],
    message: (by) => {
      const cid = Buffer.concat([Buffer.of(1, 0x55, 0x12, 32), HASH]);
      const file = { version: 1, cid, fileBytes: 1n, readingCount: 1n, fileHash: HASH };
      return ledgerMessage("MsgSealArchive", { ...about(by), untilMs: 1n, ...file });
    },
  },
  {
    name: "MsgFlagReadings",
    allowed: ["dso", "regulator", "aggregator", "meterOwner"],
    message: (by) => flagMessage(by),
  },
  {
    name: "MsgWithdrawFlag of the first flag, which the meter's owner raised",
    allowed: ["regulator", "meterOwner"],
    message: (by) => ledgerMessage("MsgWithdrawFlag", { ...about(by), flag: 1n, reasonHash: HASH }),
  },
  {
    name: "MsgSetDeviceConfiguration",
    allowed: ["administrator"],
    message: (by) => configurationMessage(2n, { meterId: METER, administrator: accountOf(by) }, "checker 2"),
  },
  {
    name: "the attestation in MsgSetDeviceConfiguration",
    // Owner and administrator of the meter have that role here.
    allowed: ["checker", "meterOwner", "administrator"],
    sender: "administrator 2",
    message: (by) =>
      configurationMessage(1n, { meterId: "registry:2", administrator: accountOf("administrator 2") }, by),
  },
  {
    name: "MsgAcknowledgeDeviceConfiguration",
    allowed: ["device"],
    message: (by) =>
      ledgerMessage("MsgAcknowledgeDeviceConfiguration", {
        ...about(by),
        version: 1n,
        outcome: "applied",
        appliedMs: 1n,
      }),
  },
  {
    name: "MsgBigchainTransaction",
    allowed: ["dso", "regulator", "aggregator", "producer", "consumer", "prosumer"],
    message: (by) => bigchainMessage(by, bigchainCreate({ name: by })),
  },
  {
    name: "MsgRegisterBridgeKey",
    allowed: ["dso", "regulator", "validator"],
    message: (by) => bridgeKeyMessage(by, 1, `another key of 1, by ${by}`),
  },
  { name: "MsgConfigureBridge", allowed: OWNER, message: (by) => configureBridgeMessage({ authority: accountOf(by) }) },
  {
    name: "MsgBridgeEquivocation",
    allowed: ["dso", "regulator", "validator"],
    message: (by) => equivocationMessage(by, "second key 1"),
  },
  {
    name: "MsgEthereumEvents",
    allowed: ["validator"],
    message: (by) => {
      const events = [{ emitter: new Uint8Array(20), kind: HASH, payload: HASH }];
      return ledgerMessage("MsgEthereumEvents", { signer: accountOf(by), fromNonce: 1n, events });
    },
  },
];

function about(by: Person) {
  return { signer: accountOf(by), meterId: METER };
}

function flagMessage(by: Person): LedgerMessage {
  const flag = { kind: "gap", severity: "info", detector: "completeness/1", detailsHash: HASH };
  return ledgerMessage("MsgFlagReadings", { ...about(by), intervalEndMs: 1n, ...flag });
}

/** A ledger where nothing but the standing can be in the way: everybody has a producing meter and can sign for one output. */
function preparedLedger(): TestLedger {
  const ledger = createTestLedger({ checker: true });
  const everyone = COLUMNS.filter((column) => column !== "validator").map((column) =>
    column === "removed member" ? "leaver" : column,
  );
  const setUp = (message: LedgerMessage, by: Person) => expect(ledger.send(message, by)).toBe("OK");
  setUp(manage("regulator")("owner"), "owner");
  const enrol = (who: Person, role: string, by: Person) =>
    setUp(ledgerMessage("MsgEnrolMember", { authority: accountOf(by), member: accountOf(who), role }), by);
  setUp(remove("newcomer")("owner"), "owner");
  enrol("regulator 2", "regulator", "owner");
  enrol("consumer 2", "consumer", "regulator");
  enrol("leaver", "prosumer", "regulator");
  // The one role that gives no right to send anything.
  for (const who of ["meterOwner", "administrator", "administrator 2", "checker 2"]) enrol(who, "checker", "regulator");
  setUp(sealMessage(0), "device");
  for (const who of everyone.filter((name) => name !== "owner" && name !== "device")) {
    const authority = accountOf("dso");
    const meterId = `own:${who}`;
    const deviceKey = { type: "ed25519", key: publicKeyOf(keyOf("device")).bytes };
    const certificate = { quantity: "electricity", direction: "export", intervalMs: BigInt(INTERVAL_MS) };
    const seedCommitment = new Uint8Array(32);
    const owner = accountOf(who);
    setUp(
      ledgerMessage("MsgEnrolMeter", { authority, meterId, deviceKey, owner, seedCommitment, ...certificate }),
      "dso",
    );
    setUp(sealMessage(0, { meterId }), "device");
  }
  for (const [meterId, administrator] of [
    [METER, "administrator"],
    ["registry:2", "administrator 2"],
  ] as const) {
    const owner = accountOf("meterOwner");
    setUp(ledger.enrolMeter({ meterId, owner, administrator: accountOf(administrator) }), "dso");
  }
  const first = { meterId: METER, administrator: accountOf("administrator") };
  setUp(configurationMessage(1n, first, "checker 2"), "administrator");
  setUp(flagMessage("meterOwner"), "meterOwner");
  const lock = [output(500n, ["prosumer", ...ROLES.filter((role) => role !== "prosumer"), "leaver", "meterOwner"])];
  setUp(
    ledgerMessage("MsgRegisterEnergy", { owner: accountOf("prosumer"), meterId: EXPORT_METER, outputs: lock }),
    "prosumer",
  );
  setUp(remove("leaver")("regulator"), "regulator");
  for (const [index, name] of ["validator", "second key 1", "second key 2"].entries())
    setUp(bridgeKeyMessage("dso", index, name), "dso");
  setUp(configureBridgeMessage(), "owner");
  return ledger;
}

const CELLS = ROWS.flatMap((row) => COLUMNS.map((column) => [row.name, column, row] as const));

test("every message, sent in every standing, is accepted exactly where the table allows it", () => {
  const ledger = preparedLedger();
  for (const [name, column, row] of CELLS) {
    const by = column === "removed member" ? "leaver" : column;
    const tx = ledger.sign([row.message(by, ledger)], [row.sender ?? by]);
    // One proposal after the other on the same state: nothing is committed in between.
    const { txs } = ledger.app.prepareProposal(ledger.request([tx]));
    const isAllowed = column !== "removed member" && row.allowed.includes(column);
    expect(txs.length, `${name} by ${column}`).toBe(isAllowed ? 1 : 0);
    if (!isAllowed)
      expect(ledger.app.checkTx({ tx, type: "new" }).log, `${name} by ${column}`).toMatch(/^ROLE_FORBIDDEN/);
  }
});

test("the table holds nothing that is not in a row above, and no right of a standing that does not exist", () => {
  for (const standings of Object.values(RIGHTS))
    for (const standing of standings) expect(STANDINGS).toContain(standing);
  expect(hasRight(undefined, "transferEnergy")).toBe(false);
  expect(Object.keys(RIGHTS)).toHaveLength(20);
});

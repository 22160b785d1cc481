import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { generatePrivateKey, type PrivateKey, publicKeyOf } from "../crypto/keys.ts";
import { fuzzDecoder } from "../fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS } from "../fuzz/runs.ts";
import { MAX_TX_SIGNERS } from "../limits.ts";
import { AuthInfoSchema, TxBodySchema } from "../proto/gen/cosmos/tx/v1beta1/tx_pb.ts";
import { decodeStrict, MAX_REPEATED_FIELDS } from "../proto/strictDecode.ts";
import { decodeTransaction, type Transaction } from "./transaction.ts";
import { accountOfKey } from "./transactionAccounts.ts";
import { readEnvelope, writeEnvelope } from "./transactionEnvelope.ts";
import {
  encodeMessage,
  type LedgerMessage,
  ledgerMessage,
  MESSAGE_NAMES,
  MESSAGE_SCHEMAS,
} from "./transactionMessages.ts";
import { signTransaction } from "./transactionSign.ts";

const keyFrom = (byte: number, type: PrivateKey["type"]) =>
  generatePrivateKey(type, (length) => new Uint8Array(length).fill(byte));
const keys = [keyFrom(1, "secp256k1"), keyFrom(2, "ed25519")] as const;
const [alice = "", meter = ""] = keys.map((key) => accountOfKey(publicKeyOf(key)));
const hash = new Uint8Array(32).fill(7);
const deviceKey = { type: "ed25519", key: hash };
const lock = { threshold: 2, accounts: [alice, meter] };

const MESSAGES: readonly LedgerMessage[] = [
  ledgerMessage("MsgEnrolMember", { authority: alice, member: meter, role: "prosumer" }),
  ledgerMessage("MsgRemoveMember", { authority: alice, member: meter }),
  ledgerMessage("MsgChangeRole", { authority: alice, member: meter, role: "dso" }),
  ledgerMessage("MsgEnrolMeter", {
    authority: alice,
    meterId: "lcl:MAC000002",
    deviceKey,
    owner: alice,
    quantity: "electricity",
    direction: "export",
    seedCommitment: hash,
    intervalMs: 900_000n,
    administrator: meter,
    model: "Sagemcom T210-D",
    firmwareHash: hash,
    validFromMs: 1n,
    validUntilMs: 2n,
  }),
  ledgerMessage("MsgRevokeMeter", { authority: alice, meterId: "lcl:MAC000002", reason: "moved out" }),
  ledgerMessage("MsgSealInterval", {
    signer: alice,
    meterId: "lcl:MAC000002",
    intervalStartMs: 1_700_006_400_000n,
    intervalEndMs: 1_700_007_300_000n,
    readingCount: 15,
    fingerprint: hash,
    readingsRoot: hash,
    energy: { case: "sumMwh", value: 1000n },
  }),
  ledgerMessage("MsgRegisterEnergy", {
    owner: alice,
    meterId: "lcl:MAC000002",
    openings: [{ intervalEndMs: 1_700_007_300_000n, sumMwh: 5n, salt: hash, amendment: 1 }],
    outputs: [{ amountMwh: 5n, lock }],
  }),
  ledgerMessage("MsgTransferEnergy", {
    signers: [alice, meter],
    inputs: [{ txId: hash, outputIndex: 1 }],
    outputs: [{ amountMwh: 5n, lock }],
  }),
  ledgerMessage("MsgUpdateValidators", {
    authority: alice,
    updates: [{ publicKey: hash, power: 3n }],
    proposalId: 9n,
  }),
  ledgerMessage("MsgAmendInterval", {
    signer: alice,
    meterId: "lcl:MAC000002",
    intervalStartMs: 1_700_006_400_000n,
    intervalEndMs: 1_700_007_300_000n,
    amendment: 1,
    readingCount: 2,
    previousFingerprint: hash,
    fingerprint: hash,
    readingsRoot: hash,
    energy: { case: "sumCommitment", value: hash },
  }),
  ledgerMessage("MsgRecordErasure", {
    signer: alice,
    meterId: "lcl:MAC000002",
    fromMs: 1n,
    untilMs: 2n,
    readingCount: 3n,
    receiptHash: hash,
  }),
  ledgerMessage("MsgSealArchive", {
    signer: alice,
    meterId: "lcl:MAC000002",
    fromMs: 1n,
    untilMs: 2n,
    version: 1,
    cid: Buffer.concat([Buffer.of(1, 0x70, 0x12, 32), hash]),
    fileBytes: 4n,
    readingCount: 3n,
    fileHash: hash,
  }),
  ledgerMessage("MsgFlagReadings", {
    signer: alice,
    meterId: "lcl:MAC000002",
    intervalStartMs: 1n,
    intervalEndMs: 2n,
    kind: "spike",
    severity: "warning",
    score: 8400,
    detector: "isolated-spike/1",
    detailsHash: hash,
  }),
  ledgerMessage("MsgWithdrawFlag", { signer: alice, meterId: "lcl:MAC000002", flag: 1n, reasonHash: hash }),
  ledgerMessage("MsgSetDeviceConfiguration", {
    administrator: alice,
    meterId: "lcl:MAC000002",
    version: 1n,
    payload: hash,
    plaintextHash: hash,
    schemaId: "meter-options",
    schemaVersion: 1,
    priority: "urgent",
    checkerKey: deviceKey,
    attestation: new Uint8Array(64),
  }),
  ledgerMessage("MsgAcknowledgeDeviceConfiguration", {
    signer: alice,
    meterId: "lcl:MAC000002",
    version: 1n,
    outcome: "rejected",
    code: 3,
    appliedMs: 1n,
  }),
  ledgerMessage("MsgBigchainTransaction", { signer: alice, transaction: Buffer.from('{"asset":{"data":null}}') }),
  ledgerMessage("MsgRegisterBridgeKey", {
    signer: alice,
    validator: hash,
    address: hash.subarray(12),
    bridgeSignature: new Uint8Array(64).fill(1),
    consensusSignature: new Uint8Array(64).fill(2),
  }),
  ledgerMessage("MsgConfigureBridge", {
    authority: alice,
    chainId: 31337n,
    ledgerId: hash,
    bridge: hash.subarray(12),
    outbox: hash.subarray(12),
    cadenceMs: 600_000n,
    setNumber: 1n,
  }),
  ledgerMessage("MsgBridgeEquivocation", {
    signer: alice,
    first: { seq: 1n, root: hash, lastHeaderHash: hash, signature: new Uint8Array(64) },
    second: { seq: 1n, root: hash, lastHeaderHash: hash, toHeight: 3n, signature: new Uint8Array(64) },
  }),
  ledgerMessage("MsgBridgeEquivocation", {
    signer: alice,
    firstRotation: { nonce: 1n, valsetHash: hash, totalPower: hash.subarray(16), signature: new Uint8Array(64) },
    secondRotation: { nonce: 1n, effectiveHeight: 3n, signature: new Uint8Array(64) },
  }),
  ledgerMessage("MsgEthereumEvents", {
    signer: alice,
    fromNonce: 3n,
    events: [{ emitter: hash.subarray(12), kind: hash, payload: Buffer.from("paid") }],
  }),
];

const sign = (messages: readonly LedgerMessage[], by: readonly PrivateKey[]) =>
  signTransaction({
    messages,
    chainId: "edream-test",
    signers: by.map((privateKey) => ({ privateKey, accountNumber: 7n, sequence: 3n })),
    memo: "grüezi",
    timeoutHeight: 12,
  });
const isByBoth = (message: LedgerMessage) => message.name === "MsgTransferEnergy";
const samples = [
  ...MESSAGES.map((message) => sign([message], isByBoth(message) ? keys : keys.slice(0, 1))),
  sign(MESSAGES, keys),
];

function decode(bytes: Uint8Array): Transaction | { readonly accepted: false; readonly code: string } {
  const decoded = decodeTransaction(bytes);
  if (!decoded.accepted) return decoded;
  expect(decoded.tx.signers.map(({ publicKey }) => accountOfKey(publicKey))).toEqual(
    decoded.tx.signers.map(({ account }) => account),
  );
  return decoded.tx;
}

/** The signed bytes as they came, under the one envelope they can have. */
function encode({ bodyBytes, authInfoBytes, signers }: Transaction): Uint8Array {
  return writeEnvelope({ bodyBytes, authInfoBytes, signatures: signers.map(({ signature }) => signature) });
}

test("every message is among the samples", () => {
  expect([...new Set(MESSAGES.map(({ name }) => name))]).toEqual(MESSAGE_NAMES);
});

test(
  "a changed transaction is refused with a code, or is the only envelope of what its own keys signed",
  () => {
    fuzzDecoder({ name: "transaction", samples, decode, encode, errors: [], growth: 128 }, 1500);
  },
  FUZZ_TIMEOUT_MS,
);

/** Parsers that ignore or merge fields would give back fewer bytes or others. */
test(
  "a strictly decoded message says the same when it is written and read again",
  () => {
    const envelope = readEnvelope(samples.at(-1) as Uint8Array, MAX_TX_SIGNERS);
    const parts = [
      { schema: TxBodySchema, sample: envelope?.bodyBytes ?? new Uint8Array(0) },
      { schema: AuthInfoSchema, sample: envelope?.authInfoBytes ?? new Uint8Array(0) },
      ...MESSAGES.map((message) => ({ schema: MESSAGE_SCHEMAS[message.name], sample: encodeMessage(message) })),
    ];
    for (const { schema, sample } of parts) {
      const again = (bytes: Uint8Array) => {
        const decoded = decodeStrict(schema, bytes);
        if ("fault" in decoded) return { accepted: false, code: decoded.fault } as const;
        const written = toBinary(schema, decoded.message as never);
        const reread = decodeStrict(schema, written);
        expect(toBinary(schema, "message" in reread ? (reread.message as never) : (create(schema) as never))).toEqual(
          written,
        );
        return decoded.message;
      };
      fuzzDecoder({ name: schema.typeName, samples: [sample], decode: again, errors: [], growth: 128 }, 100);
    }
  },
  FUZZ_TIMEOUT_MS,
);

test("a list of two-byte entries is counted before anything is built of it", () => {
  const entries = (count: number) => Buffer.concat(Array<Uint8Array>(count).fill(Uint8Array.of(0x1a, 0)));
  const ofCount = (count: number) => decodeStrict(MESSAGE_SCHEMAS.MsgTransferEnergy, entries(count));
  expect("message" in ofCount(MAX_REPEATED_FIELDS)).toBe(true);
  expect(ofCount(MAX_REPEATED_FIELDS + 1)).toEqual({ fault: "tooManyEntries" });
});

import { create, toBinary } from "@bufbuild/protobuf";
import type { EncodeObject } from "@cosmjs/proto-signing";
import { DirectSecp256k1Wallet, makeAuthInfoBytes, makeSignBytes, makeSignDoc } from "@cosmjs/proto-signing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeIdentity, formatAccount } from "../crypto/identity.ts";
import type { KeyType, PrivateKey } from "../crypto/keys.ts";
import { addressOf, generatePrivateKey, publicKeyOf, verifySignature } from "../crypto/keys.ts";
import { MAX_MEMO_BYTES, MAX_TX_BYTES, MAX_TX_MESSAGES, MAX_TX_SIGNERS } from "../limits.ts";
import { AuthInfoSchema, TxBodySchema } from "../proto/gen/cosmos/tx/v1beta1/tx_pb.ts";
import { SigningError, signBytes } from "./signEncoded.ts";
import type { TransactionCode } from "./transaction.ts";
import { decodeTransaction, signatureCheckOf, txId } from "./transaction.ts";
import { accountOfKey } from "./transactionAccounts.ts";
import { readEnvelope, writeEnvelope } from "./transactionEnvelope.ts";
import type { LedgerMessage } from "./transactionMessages.ts";
import { encodeMessage, ledgerMessage, MESSAGE_NAMES, MESSAGE_SCHEMAS, typeUrlOf } from "./transactionMessages.ts";
import { signTransaction } from "./transactionSign.ts";

const CHAIN_ID = "edream-test";

function keyFrom(byte: number, type: KeyType = "secp256k1"): PrivateKey {
  return generatePrivateKey(type, (n) => new Uint8Array(n).fill(byte));
}

const alice = keyFrom(1);
const meter = keyFrom(2, "ed25519");
const account = (key: PrivateKey) => accountOfKey(publicKeyOf(key));

function revoke(authority: string, meterId = "lcl:MAC000002"): LedgerMessage {
  return ledgerMessage("MsgRevokeMeter", { authority, meterId, reason: "moved out" });
}

function signed(messages: readonly LedgerMessage[], keys: readonly PrivateKey[] = [alice], memo = ""): Uint8Array {
  const signers = keys.map((privateKey) => ({ privateKey, accountNumber: 7n, sequence: 3n }));
  return signTransaction({ messages, chainId: CHAIN_ID, signers, memo });
}

function codeOf(bytes: Uint8Array): TransactionCode | "accepted" {
  const decoded = decodeTransaction(bytes);
  return decoded.accepted ? "accepted" : decoded.code;
}

/** The transaction with other body or auth info bytes; signatures are not looked at by decoding. */
function withParts(bytes: Uint8Array, parts: { bodyBytes?: Uint8Array; authInfoBytes?: Uint8Array }): Uint8Array {
  const envelope = readEnvelope(bytes, MAX_TX_SIGNERS);
  if (envelope === undefined) throw new Error("not an envelope");
  return writeEnvelope({ ...envelope, ...parts });
}

function body(messages: readonly { typeUrl: string; value: Uint8Array }[], memo = ""): Uint8Array {
  return toBinary(TxBodySchema, create(TxBodySchema, { messages: [...messages], memo }));
}

const anyOf = (message: LedgerMessage) => ({ typeUrl: typeUrlOf(message.name), value: encodeMessage(message) });
const join = (...parts: (Uint8Array | number[])[]) => Buffer.concat(parts.map((part) => Uint8Array.from(part)));

test.each(["secp256k1", "ed25519"] as const)(
  "a transaction signed with a %s key decodes to what was signed",
  (type) => {
    const key = keyFrom(9, type);
    const message = revoke(account(key));
    const bytes = signTransaction({
      messages: [message],
      chainId: CHAIN_ID,
      signers: [{ privateKey: key, accountNumber: 300n, sequence: 2n ** 40n }],
      memo: "grüezi",
      timeoutHeight: 12,
    });
    const decoded = decodeTransaction(bytes);
    if (!decoded.accepted) throw new Error(decoded.reason);
    const { tx } = decoded;
    expect(tx.messages).toEqual([message]);
    expect(tx).toMatchObject({ memo: "grüezi", timeoutHeight: 12, sizeBytes: bytes.length, id: txId(bytes) });
    expect(tx.signers).toMatchObject([{ account: account(key), sequence: 2n ** 40n }]);
    expect(tx.signers.map((signer) => Buffer.from(signer.publicKey.bytes))).toEqual([
      Buffer.from(publicKeyOf(key).bytes),
    ]);
    const [signer] = tx.signers;
    if (signer === undefined) throw new Error("no signer");
    const check = signatureCheckOf(tx, signer, CHAIN_ID, 300n);
    expect(verifySignature(check.publicKey, check.message, check.signature)).toBe(true);
    for (const [chainId, number] of [
      ["edream-other", 300n],
      [CHAIN_ID, 301n],
    ] as const) {
      const foreign = signatureCheckOf(tx, signer, chainId, number);
      expect(verifySignature(foreign.publicKey, foreign.message, foreign.signature)).toBe(false);
    }
  },
);

describe("with CosmJS", () => {
  test("our sign bytes are makeSignBytes' for any lengths and numbers", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40_000 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ maxLength: 50 }),
        fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        (bodyBytes, authInfoBytes, chainId, accountNumber) => {
          const theirs = makeSignBytes(makeSignDoc(bodyBytes, authInfoBytes, chainId, accountNumber));
          expect(Buffer.from(signBytes(bodyBytes, authInfoBytes, chainId, BigInt(accountNumber)))).toEqual(
            Buffer.from(theirs),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test("DirectSecp256k1Wallet signs our body, and its account and signature are accepted", async () => {
    const wallet = await DirectSecp256k1Wallet.fromKey(alice.bytes, "edream");
    const [data] = await wallet.getAccounts();
    if (data === undefined) throw new Error("no account");
    expect(data.address).toBe(account(alice));
    const bodyBytes = body([anyOf(revoke(data.address))], "from CosmJS");
    const pubkey = {
      typeUrl: "/cosmos.crypto.secp256k1.PubKey",
      value: join([0x0a, 33], data.pubkey),
    } satisfies EncodeObject;
    const fee = [{ denom: "none", amount: "0" }];
    const authInfoBytes = makeAuthInfoBytes([{ pubkey, sequence: 4n as never }], fee, 200_000, undefined, undefined);
    const { signed, signature } = await wallet.signDirect(
      data.address,
      makeSignDoc(bodyBytes, authInfoBytes, CHAIN_ID, 11),
    );
    const raw = writeEnvelope({
      bodyBytes: signed.bodyBytes,
      authInfoBytes: signed.authInfoBytes,
      signatures: [Buffer.from(signature.signature, "base64")],
    });
    const decoded = decodeTransaction(raw);
    if (!decoded.accepted) throw new Error(decoded.reason);
    const [signer] = decoded.tx.signers;
    expect(signer).toMatchObject({ account: data.address, sequence: 4n });
    const check = signer && signatureCheckOf(decoded.tx, signer, CHAIN_ID, 11n);
    expect(check && verifySignature(check.publicKey, check.message, check.signature)).toBe(true);
  });
});

test("a transfer of several signers lists them in the order the messages name them, each once", () => {
  const [bob, carol] = [keyFrom(3), keyFrom(4)];
  const transfer = ledgerMessage("MsgTransferEnergy", { signers: [account(bob), account(carol), account(bob)] });
  const bytes = signed([transfer, revoke(account(alice))], [alice, bob, carol]);
  const decoded = decodeTransaction(bytes);
  if (!decoded.accepted) throw new Error(decoded.reason);
  expect(decoded.tx.signers.map((signer) => signer.account)).toEqual([bob, carol, alice].map(account));
  expect(() => signed([transfer], [bob])).toThrow(SigningError);
});

test("a signer may be written as bech32 or as 34-character identity", () => {
  const identity = encodeIdentity(addressOf(publicKeyOf(alice)));
  const decoded = decodeTransaction(signed([revoke(identity), revoke(account(alice))]));
  if (!decoded.accepted) throw new Error(decoded.reason);
  expect(decoded.tx.signers.map((signer) => signer.account)).toEqual([formatAccount(addressOf(publicKeyOf(alice)))]);
});

const good = signed([revoke(account(alice))]);
const goodInfo = (fields: Parameters<typeof create<typeof AuthInfoSchema>>[1]) =>
  toBinary(AuthInfoSchema, create(AuthInfoSchema, fields));
const aliceInfo = {
  publicKey: {
    typeUrl: "/cosmos.crypto.secp256k1.PubKey",
    value: join([0x0a, 33], publicKeyOf(alice).bytes),
  },
  modeInfo: { single: { mode: 1 } },
  sequence: 3n,
};
const revokeAny = anyOf(revoke(account(alice)));
const envelope = readEnvelope(good, 1);

test.each<[string, TransactionCode | "accepted", Uint8Array]>([
  ["as signed", "accepted", good],
  ["empty", "TX_NOT_CANONICAL", new Uint8Array(0)],
  ["cut short", "TX_NOT_CANONICAL", good.subarray(0, -1)],
  ["bytes behind it", "TX_NOT_CANONICAL", join(good, [0x20, 1])],
  ["a second body", "TX_NOT_CANONICAL", join(good, [0x0a, 1, 0])],
  [
    "a length with a superfluous byte: the same content would have another id",
    "TX_NOT_CANONICAL",
    join(good.subarray(0, -65), [64 | 0x80, 0], good.subarray(-64)),
  ],
  ["fields out of order", "TX_NOT_CANONICAL", join(good.subarray(-66), good.subarray(0, -66))],
  ["at the size limit, as far as size goes", "TX_NOT_CANONICAL", new Uint8Array(MAX_TX_BYTES)],
  ["one byte past the size limit", "TX_TOO_LARGE", new Uint8Array(MAX_TX_BYTES + 1)],
  ["a body that is no protobuf", "TX_MALFORMED", withParts(good, { bodyBytes: Uint8Array.of(0x0a, 5, 1) })],
  [
    "an unknown field in the body",
    "TX_UNKNOWN_FIELD",
    withParts(good, { bodyBytes: join(body([revokeAny]), [0x20, 1]) }),
  ],
  [
    "an unknown field of a high number",
    "TX_UNKNOWN_FIELD",
    withParts(good, { bodyBytes: join(body([revokeAny]), [0xfa, 0x7f, 0]) }),
  ],
  [
    "an unknown field in the auth info",
    "TX_UNKNOWN_FIELD",
    withParts(good, { authInfoBytes: join(goodInfo({ signerInfos: [aliceInfo] }), [0x1a, 0]) }),
  ],
  [
    "an unknown field in a message",
    "TX_UNKNOWN_FIELD",
    withParts(good, { bodyBytes: body([{ ...revokeAny, value: join(revokeAny.value, [0x22, 0]) }]) }),
  ],
  [
    "an unknown field in a public key",
    "TX_PUBLIC_KEY_INVALID",
    withParts(good, {
      authInfoBytes: goodInfo({
        signerInfos: [
          { ...aliceInfo, publicKey: { ...aliceInfo.publicKey, value: join(aliceInfo.publicKey.value, [0x12, 0]) } },
        ],
      }),
    }),
  ],
  [
    "a singular field given twice",
    "TX_MALFORMED",
    withParts(good, { bodyBytes: join(body([revokeAny], "a"), [0x12, 1, 0x62]) }),
  ],
  ["text that is not UTF-8", "TX_MALFORMED", withParts(good, { bodyBytes: join(body([revokeAny]), [0x12, 1, 0xff]) })],
  [
    "a varint longer than needed",
    "TX_MALFORMED",
    withParts(good, { bodyBytes: join(body([revokeAny]), [0x18, 0x85, 0]) }),
  ],
  ["no messages", "TX_NO_MESSAGES", withParts(good, { bodyBytes: body([], "memo") })],
  [
    "one message too many",
    "TX_LIMIT_EXCEEDED",
    withParts(good, { bodyBytes: body(Array.from({ length: MAX_TX_MESSAGES + 1 }, () => revokeAny)) }),
  ],
  [
    "as many messages as there may be",
    "accepted",
    withParts(good, { bodyBytes: body(Array.from({ length: MAX_TX_MESSAGES }, () => revokeAny)) }),
  ],
  ["the longest memo", "accepted", withParts(good, { bodyBytes: body([revokeAny], "m".repeat(MAX_MEMO_BYTES)) })],
  [
    "a memo one byte too long",
    "TX_LIMIT_EXCEEDED",
    withParts(good, { bodyBytes: body([revokeAny], "m".repeat(MAX_MEMO_BYTES + 1)) }),
  ],
  [
    "a timeout height beyond 2^53",
    "TX_LIMIT_EXCEEDED",
    withParts(good, { bodyBytes: join(body([revokeAny]), [0x18, ...new Array(9).fill(0xff), 1]) }),
  ],
  [
    "a message of another chain",
    "TX_MESSAGE_UNKNOWN",
    withParts(good, { bodyBytes: body([{ ...revokeAny, typeUrl: "/cosmos.bank.v1beta1.MsgSend" }]) }),
  ],
  [
    "a fee",
    "TX_FEE_REFUSED",
    withParts(good, {
      authInfoBytes: goodInfo({ signerInfos: [aliceInfo], fee: { amount: [{ denom: "u", amount: "1" }] } }),
    }),
  ],
  [
    "amino signing",
    "TX_SIGN_MODE_UNSUPPORTED",
    withParts(good, {
      authInfoBytes: goodInfo({ signerInfos: [{ ...aliceInfo, modeInfo: { single: { mode: 127 } } }] }),
    }),
  ],
  [
    "no public key",
    "TX_PUBLIC_KEY_INVALID",
    withParts(good, { authInfoBytes: goodInfo({ signerInfos: [{ modeInfo: aliceInfo.modeInfo, sequence: 3n }] }) }),
  ],
  [
    "a public key cut short",
    "TX_PUBLIC_KEY_INVALID",
    withParts(good, {
      authInfoBytes: goodInfo({
        signerInfos: [
          {
            ...aliceInfo,
            publicKey: { ...aliceInfo.publicKey, value: join([0x0a, 32], publicKeyOf(alice).bytes.subarray(1)) },
          },
        ],
      }),
    }),
  ],
  [
    "a signer that is no account",
    "TX_ACCOUNT_MALFORMED",
    withParts(good, { bodyBytes: body([anyOf(revoke("alice"))]) }),
  ],
  [
    "a message of somebody who did not sign",
    "TX_SIGNERS_MISMATCH",
    withParts(good, { bodyBytes: body([anyOf(revoke(account(meter)))]) }),
  ],
  [
    "a transfer that names nobody",
    "TX_SIGNERS_MISMATCH",
    withParts(good, { bodyBytes: body([anyOf(ledgerMessage("MsgTransferEnergy", {}))]) }),
  ],
  [
    "a signature without signer",
    "TX_SIGNERS_MISMATCH",
    writeEnvelope({
      bodyBytes: envelope?.bodyBytes ?? new Uint8Array(0),
      authInfoBytes: envelope?.authInfoBytes ?? new Uint8Array(0),
      signatures: [new Uint8Array(64).fill(1), new Uint8Array(64).fill(1)],
    }),
  ],
])("decoding: %s → %s", (_name, code, bytes) => {
  expect(codeOf(bytes)).toBe(code);
});

test("every message is known under the type URL of its protobuf name", () => {
  for (const name of MESSAGE_NAMES) expect(typeUrlOf(name)).toBe(`/${MESSAGE_SCHEMAS[name].typeName}`);
});

test("no bytes make decoding throw, and what is accepted has its bytes' hash as id", () => {
  const mutated = fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length)).map(([at, byte, cut]) =>
    Buffer.from(good)
      .fill(byte, at, at + 1)
      .subarray(0, cut === at ? cut : good.length),
  );
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      const decoded = decodeTransaction(bytes);
      if (decoded.accepted) expect(decoded.tx.id).toEqual(txId(bytes));
    }),
    { numRuns: 2000 },
  );
});

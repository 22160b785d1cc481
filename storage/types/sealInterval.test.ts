import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { generatePrivateKey, publicKeyOf } from "../crypto/keys.ts";
import { PubKeySchema as Ed25519PubKeySchema } from "../proto/gen/cosmos/crypto/ed25519/keys_pb.ts";
import { PubKeySchema as Secp256k1PubKeySchema } from "../proto/gen/cosmos/crypto/secp256k1/keys_pb.ts";
import { AuthInfoSchema, TxBodySchema, TxRawSchema } from "../proto/gen/cosmos/tx/v1beta1/tx_pb.ts";
import { MsgSealIntervalSchema } from "../proto/gen/edream/ledger/v1/tx_pb.ts";
import { sealIntervalMessage } from "./sealInterval.ts";
import { PUBLIC_KEY_TYPE_URLS, SIGN_MODE_DIRECT, signEncoded } from "./signEncoded.ts";
import { decodeTransaction } from "./transaction.ts";
import { accountOfKey } from "./transactionAccounts.ts";

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const interval = fc.record(
  {
    signer: fc.string({ unit: "grapheme", maxLength: 50 }),
    meterId: fc.string({ unit: "grapheme", maxLength: 96 }),
    intervalStartMs: fc.maxSafeInteger(),
    intervalEndMs: fc.maxSafeInteger(),
    readingCount: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fingerprint: fc.oneof(bytes32, fc.constant(new Uint8Array(0))),
    readingsRoot: bytes32,
    energy: fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((sumMwh) => ({ sumMwh })),
      fc.constantFrom({ sumMwh: 0n }, { sumCommitment: new Uint8Array(0) }),
      bytes32.map((sumCommitment) => ({ sumCommitment })),
    ),
    registerEndMwh: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constant(0n)),
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

test("a sealed interval is the same bytes as the generated protobuf code writes", () => {
  fc.assert(
    fc.property(interval, (fields) => {
      const { energy, intervalStartMs, intervalEndMs, ...same } = fields;
      const generated = create(MsgSealIntervalSchema, {
        ...same,
        intervalStartMs: BigInt(intervalStartMs),
        intervalEndMs: BigInt(intervalEndMs),
        energy:
          "sumMwh" in energy
            ? { case: "sumMwh", value: energy.sumMwh }
            : { case: "sumCommitment", value: energy.sumCommitment },
      } as never);
      const message = sealIntervalMessage(fields as never);
      expect(Buffer.from(message.value).toString("hex")).toBe(
        Buffer.from(toBinary(MsgSealIntervalSchema, generated)).toString("hex"),
      );
      expect(message.signers).toEqual([fields.signer]);
    }),
    { numRuns: 500 },
  );
});

test("body and auth info of a signed transaction are the same bytes as the generated protobuf code writes, and it is accepted", () => {
  const seal = {
    meterId: "m",
    intervalStartMs: 1,
    intervalEndMs: 2,
    readingCount: 3,
    fingerprint: new Uint8Array(32).fill(4),
  };
  const property = fc.property(
    fc.constantFrom("ed25519" as const, "secp256k1" as const),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.string({ maxLength: 60 }),
    fc.integer({ min: 0, max: 2 ** 40 }),
    (type, accountNumber, sequence, memo, timeoutHeight) => {
      const privateKey = generatePrivateKey(type);
      const publicKey = publicKeyOf(privateKey);
      const message = sealIntervalMessage({
        ...seal,
        signer: accountOfKey(publicKey),
        readingsRoot: new Uint8Array(32).fill(5),
        energy: { sumMwh: 6n },
      });
      const signers = [{ privateKey, accountNumber, sequence }];
      const tx = signEncoded({ messages: [message, message], chainId: "chain", signers, memo, timeoutHeight });
      const raw = fromBinary(TxRawSchema, tx);
      const { typeUrl, value } = message;
      const any = { typeUrl, value };
      const body = create(TxBodySchema, { messages: [any, any], memo, timeoutHeight: BigInt(timeoutHeight) });
      expect(Buffer.compare(raw.bodyBytes, toBinary(TxBodySchema, body))).toBe(0);
      const schema = type === "ed25519" ? Ed25519PubKeySchema : Secp256k1PubKeySchema;
      const key = toBinary(schema, create(schema, { key: publicKey.bytes }));
      const info = {
        publicKey: { typeUrl: PUBLIC_KEY_TYPE_URLS[type], value: key },
        modeInfo: { single: { mode: SIGN_MODE_DIRECT } },
        sequence,
      };
      const authInfo = create(AuthInfoSchema, { signerInfos: [info], fee: {} });
      expect(Buffer.compare(raw.authInfoBytes, toBinary(AuthInfoSchema, authInfo))).toBe(0);
      expect(decodeTransaction(tx)).toMatchObject({
        accepted: true,
        tx: { messages: [{ name: "MsgSealInterval" }, { name: "MsgSealInterval" }] },
      });
    },
  );
  fc.assert(property, { numRuns: 60 });
});

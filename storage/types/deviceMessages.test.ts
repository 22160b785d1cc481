import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  MsgAcknowledgeDeviceConfigurationSchema,
  MsgAmendIntervalSchema,
} from "../proto/gen/edream/ledger/v1/tx_pb.ts";
import { acknowledgeConfigurationMessage } from "./acknowledgeConfiguration.ts";
import { amendIntervalMessage } from "./amendInterval.ts";
import { messageNameOf } from "./transactionMessages.ts";

const bytes32 = fc.oneof(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constant(new Uint8Array(0)));
const text = fc.string({ unit: "grapheme", maxLength: 60 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("an amendment is the same bytes as the generated protobuf code writes", () => {
  const amendment = fc.record({
    signer: text,
    meterId: text,
    startMs: fc.maxSafeNat(),
    endMs: fc.maxSafeNat(),
    amendment: uint32,
    readingCount: uint32,
    previousFingerprint: bytes32,
    fingerprint: bytes32,
    readingsRoot: bytes32,
    energy: fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((sumMwh) => ({ sumMwh })),
      bytes32.map((sumCommitment) => ({ sumCommitment })),
    ),
  });
  fc.assert(
    fc.property(amendment, (fields) => {
      const { energy, startMs, endMs, ...same } = fields;
      const generated = create(MsgAmendIntervalSchema, {
        ...same,
        intervalStartMs: BigInt(startMs),
        intervalEndMs: BigInt(endMs),
        energy:
          "sumMwh" in energy
            ? { case: "sumMwh", value: energy.sumMwh }
            : { case: "sumCommitment", value: energy.sumCommitment },
      });
      const message = amendIntervalMessage(fields);
      expect(hex(message.value)).toBe(hex(toBinary(MsgAmendIntervalSchema, generated)));
      expect([messageNameOf(message.typeUrl), message.signers]).toEqual(["MsgAmendInterval", [fields.signer]]);
    }),
    { numRuns: 500 },
  );
});

test("an acknowledgement is the same bytes as the generated protobuf code writes", () => {
  const acknowledgement = fc.record({
    signer: text,
    meterId: text,
    version: fc.maxSafeNat(),
    outcome: fc.constantFrom("applied" as const, "rejected" as const),
    code: uint32,
    appliedMs: fc.maxSafeNat(),
  });
  fc.assert(
    fc.property(acknowledgement, (fields) => {
      const { version, appliedMs, ...same } = fields;
      const generated = create(MsgAcknowledgeDeviceConfigurationSchema, {
        ...same,
        version: BigInt(version),
        appliedMs: BigInt(appliedMs),
      });
      const message = acknowledgeConfigurationMessage(fields);
      expect(hex(message.value)).toBe(hex(toBinary(MsgAcknowledgeDeviceConfigurationSchema, generated)));
      expect(messageNameOf(message.typeUrl)).toBe("MsgAcknowledgeDeviceConfiguration");
      expect(message.signers).toEqual([fields.signer]);
    }),
    { numRuns: 300 },
  );
});

import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MsgSealArchiveSchema } from "../proto/gen/edream/ledger/v1/tx_pb.ts";
import { sealArchiveMessage } from "./sealArchive.ts";

test("a sealed archive is the same bytes as the generated protobuf code writes", () => {
  const archive = fc.record({
    signer: fc.string({ unit: "grapheme", maxLength: 50 }),
    meterId: fc.string({ unit: "grapheme", maxLength: 96 }),
    fromMs: fc.maxSafeNat(),
    untilMs: fc.maxSafeNat(),
    version: fc.nat(),
    cid: fc.uint8Array({ maxLength: 64 }),
    fileBytes: fc.maxSafeNat(),
    readingCount: fc.maxSafeNat(),
    fileHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  });
  fc.assert(
    fc.property(archive, (fields) => {
      const { fromMs, untilMs, fileBytes, readingCount, ...same } = fields;
      const generated = create(MsgSealArchiveSchema, {
        ...same,
        fromMs: BigInt(fromMs),
        untilMs: BigInt(untilMs),
        fileBytes: BigInt(fileBytes),
        readingCount: BigInt(readingCount),
      });
      const { value, typeUrl, signers } = sealArchiveMessage(fields);
      expect(Buffer.from(value).toString("hex")).toBe(
        Buffer.from(toBinary(MsgSealArchiveSchema, generated)).toString("hex"),
      );
      expect([typeUrl, signers]).toEqual([`/${MsgSealArchiveSchema.typeName}`, [fields.signer]]);
    }),
  );
});

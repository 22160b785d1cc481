import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { merkleLeafHash } from "#storage/crypto/merkle.ts";
import { encodeStateProof } from "#storage/crypto/stateProof.ts";
import { AncestorPathSchema, AppHashProofSchema } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { appHashOf, encodeAncestorAnswer, encodeStateAnswer, verifyStateAnswer } from "./appHash.ts";

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const roots = fc.record({
  stateRoot: bytes32,
  mountainRoot: bytes32,
  ancestorCount: fc.maxSafeInteger().map(Math.abs),
});
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const stateProof = fc.record({
  leaf: fc.option(fc.record({ keyHash: hash, valueHash: hash }), { nil: undefined }),
  siblings: fc.array(hash, { maxLength: 256 }),
});

test("proof bytes are the same as the generated protobuf code writes", () => {
  fc.assert(
    fc.property(roots, stateProof, fc.array(bytes32, { maxLength: 60 }), (given, proof, aunts) => {
      const fields = { ...given, ancestorCount: BigInt(given.ancestorCount) };
      const state = create(AppHashProofSchema, { ...fields, path: { case: "state", value: encodeStateProof(proof) } });
      expect(Buffer.compare(encodeStateAnswer(given, proof), toBinary(AppHashProofSchema, state))).toBe(0);
      const path = { total: 1, index: 0, leafHash: merkleLeafHash(given.stateRoot), aunts };
      const value = create(AncestorPathSchema, { aunts });
      const ancestor = create(AppHashProofSchema, { ...fields, path: { case: "ancestor", value } });
      expect(Buffer.compare(encodeAncestorAnswer(given, path), toBinary(AppHashProofSchema, ancestor))).toBe(0);
    }),
  );
});

test("a proof in another spelling, or longer than any, is malformed", () => {
  const stateRoot = new Uint8Array(32).fill(1);
  const given = { stateRoot, mountainRoot: new Uint8Array(32).fill(2), ancestorCount: 1 };
  const good = encodeStateAnswer(given, { leaf: undefined, siblings: [] });
  const key = Buffer.from("k");
  const appHash = appHashOf(given);
  const verdict = (proof: Uint8Array) => verifyStateAnswer(appHash, key, undefined, proof);
  expect(verdict(good)).toMatchObject({ code: "STATE_ROOT_MISMATCH" });
  const swapped = Buffer.concat([good.subarray(34, 68), good.subarray(0, 34), good.subarray(68)]);
  const both = Buffer.concat([good, Buffer.of(0x2a, 0)]);
  const unknown = Buffer.concat([good, Buffer.of(0x30, 1)]);
  const none = good.subarray(0, 70);
  const long = Buffer.concat([good, Buffer.alloc(20_000)]);
  for (const proof of [swapped, both, unknown, none, long, new Uint8Array(0), good.subarray(1)])
    expect(verdict(proof)).toMatchObject({ code: "APP_PROOF_MALFORMED" });
});

import fc from "fast-check";
import { CID } from "multiformats/cid";
import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { byteMutation, mutateBytes } from "../fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "../fuzz/runs.ts";
import { decodeCid } from "./cid.ts";

const SAMPLES = [
  CID.parse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy").bytes,
  Buffer.concat([Buffer.of(1, 0x70, 0x12, 32), sha256(Uint8Array.of(1))]),
];

test(
  "changed bytes are a CID of version 1 that the field's library reads alike, or none",
  () => {
    for (const sample of SAMPLES) expect(decodeCid(sample)).toBeDefined();
    const changed = fc
      .record({ sample: fc.constantFrom(...SAMPLES), edits: fc.array(byteMutation, { maxLength: 3 }) })
      .map(({ sample, edits }) => mutateBytes(sample, edits));
    fuzz("CID", changed, 500, (bytes) => {
      if (decodeCid(bytes) === undefined) return;
      const read = CID.decode(bytes);
      expect([read.version, Buffer.from(read.bytes).equals(bytes)]).toEqual([1, true]);
    });
  },
  FUZZ_TIMEOUT_MS,
);

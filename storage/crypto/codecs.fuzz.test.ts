import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson, fuzzDecoder } from "../fuzz/decoder.ts";
import { byteMutation, mutateBytes } from "../fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "../fuzz/runs.ts";
import { decodeAccount, encodeIdentity, formatAccount, IdentityError } from "./identity.ts";
import { generatePrivateKey, publicKeyOf, sign, verifySignature, verifyVoteSignature } from "./keys.ts";
import { type MerkleProof, merkleRoot, proveMerkle, verifyMerkle } from "./merkle.ts";
import {
  appendToMountainRange,
  decodeMountainRange,
  EMPTY_MOUNTAIN_RANGE,
  encodeMountainRange,
  MountainRangeError,
} from "./mountainRange.ts";
import { readSealedKeyFile, SealError, sealKey } from "./seal.ts";
import { decodeStateProof, encodeStateProof, StateProofError, treeProve, verifyStateProof } from "./stateProof.ts";
import { EMPTY_TREE, treeGet, treeRoot, treeUpdate } from "./stateTree.ts";

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text));
const key = (n: number) => bytesOf(`key ${n}`);
const numbers = Array.from({ length: 20 }, (_, n) => n);
const tree = treeUpdate(
  EMPTY_TREE,
  numbers.map((n) => ({ key: key(n), value: bytesOf(`value ${n}`) })),
);
const root = treeRoot(tree);

test(
  "a changed state proof is refused, or is the one encoding of another, which proves nothing false",
  () => {
    const decode = (bytes: Uint8Array) => {
      const proof = decodeStateProof(bytes);
      for (const n of [0, 3, 500])
        for (const value of [undefined, bytesOf(`value ${n}`), bytesOf("other")]) {
          if (!verifyStateProof(root, key(n), value, proof).accepted) continue;
          expect(treeGet(tree, key(n))).toEqual(value);
        }
      return proof;
    };
    const samples = [0, 3, 500, 501].map((n) => encodeStateProof(treeProve(tree, key(n))));
    fuzzDecoder({ name: "state proof", samples, decode, encode: encodeStateProof, errors: [StateProofError] }, 600);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed mountain range is refused, or is the one encoding of another",
  () => {
    const ranges = [EMPTY_MOUNTAIN_RANGE];
    for (const n of numbers) ranges.push(appendToMountainRange(ranges.at(-1) ?? EMPTY_MOUNTAIN_RANGE, key(n)));
    const samples = [0, 1, 7, 20].map((count) => encodeMountainRange(ranges[count] ?? EMPTY_MOUNTAIN_RANGE));
    fuzzDecoder(
      {
        name: "mountain range",
        samples,
        decode: decodeMountainRange,
        encode: encodeMountainRange,
        errors: [MountainRangeError],
      },
      400,
    );
  },
  FUZZ_TIMEOUT_MS,
);

const items = numbers.map(key);
const itemsRoot = merkleRoot(items);
const anyNumber = fc.oneof(
  fc.nat(30),
  fc.maxSafeInteger(),
  fc.constantFrom(-1, -0, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 32, 2 ** 53),
);

test(
  "a Merkle path of any numbers and hashes is judged, and accepted for no item that is not under the root",
  () => {
    const anyProof = fc.record({
      sample: fc.constantFrom(...numbers),
      total: fc.option(anyNumber, { nil: undefined }),
      index: fc.option(anyNumber, { nil: undefined }),
      aunts: fc.option(fc.array(fc.uint8Array({ minLength: 31, maxLength: 33 }), { maxLength: 110 }), {
        nil: undefined,
      }),
      item: fc.oneof(fc.constantFrom(...items), fc.uint8Array({ maxLength: 70 })),
    });
    fuzz("merkle path", anyProof, 600, ({ sample, total, index, aunts, item }) => {
      const good = proveMerkle(items, sample);
      const proof: MerkleProof = {
        ...good,
        total: total ?? good.total,
        index: index ?? good.index,
        aunts: aunts ?? good.aunts,
      };
      const verdict = verifyMerkle(itemsRoot, proof, item);
      if (verdict.accepted) expect(items.some((own) => Buffer.compare(own, item) === 0)).toBe(true);
      else expect(verdict.code).toMatch(/^MERKLE_/);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "an account text is one of the two spellings of its address, or is refused",
  () => {
    const address = new Uint8Array(20).fill(9);
    const spellings = [formatAccount(address), encodeIdentity(address)];
    const changed = fc
      .tuple(fc.constantFrom(...spellings), fc.array(byteMutation, { maxLength: 3 }))
      .map(([text, mutations]) => Buffer.from(mutateBytes(Buffer.from(text), mutations)).toString("latin1"));
    fuzz("account", fc.oneof({ weight: 5, arbitrary: changed }, fc.string({ unit: "binary" })), 800, (text) => {
      let decoded: Uint8Array;
      try {
        decoded = decodeAccount(text);
      } catch (error) {
        expect(error).toBeInstanceOf(IdentityError);
        return;
      }
      // BIP-173 allows an account in capitals.
      expect([formatAccount(decoded), formatAccount(decoded).toUpperCase(), encodeIdentity(decoded)]).toContain(text);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a key or signature of any bytes is verified as true or false",
  () => {
    const ed25519 = generatePrivateKey("ed25519", (length) => new Uint8Array(length).fill(3));
    const secp256k1 = generatePrivateKey("secp256k1", (length) => new Uint8Array(length).fill(3));
    const message = bytesOf("message");
    const changes = fc.array(byteMutation, { maxLength: 2 });
    fuzz(
      "signature",
      fc.tuple(fc.constantFrom(ed25519, secp256k1), changes, changes),
      150,
      ([own, ofKey, ofSignature]) => {
        const publicKey = { type: own.type, bytes: mutateBytes(publicKeyOf(own).bytes, ofKey) };
        const signature = mutateBytes(sign(own, message), ofSignature);
        const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
        const isTrue = isSame(publicKey.bytes, publicKeyOf(own).bytes) && isSame(signature, sign(own, message));
        expect(verifySignature(publicKey, message, signature)).toBe(isTrue);
        expect(verifyVoteSignature(publicKey, message, signature)).toBe(isTrue);
      },
    );
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed key file is refused before it costs memory or time, unless it says the same",
  async () => {
    const sealed = await sealKey(generatePrivateKey("ed25519"), "correct horse");
    let same = 0;
    fuzz("sealed key file", changedJson([JSON.stringify(sealed)]), 800, (text) => {
      try {
        expect(readSealedKeyFile(JSON.parse(text))).toMatchObject(sealed);
        same += 1;
      } catch (error) {
        if (!(error instanceof SyntaxError)) expect(error).toBeInstanceOf(SealError);
      }
    });
    // A space, an escape or a key that nobody knows.
    expect(same).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT_MS,
);

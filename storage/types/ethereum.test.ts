import { recoverAddress, Signature, SigningKey, TypedDataEncoder } from "ethers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { nobleSecp256k1, secp256k1Implementation } from "../crypto/secp256k1.ts";
import { anchorSigningDigest, bindingDigest, rotationSigningDigest } from "./bridgeSigning.ts";
import { ethereumAddressOf, recoverKey, signCompact } from "./ethereum.ts";

const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString("hex")}`;
const key = new Uint8Array(32).fill(5);
const bytesArbitrary = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

test("a compact signature is the one ethers writes, and both recover the same address", () => {
  fc.assert(
    fc.property(bytesArbitrary(32), (digest) => {
      const signature = signCompact(key, digest);
      expect(hex(signature)).toBe(new SigningKey(key).sign(digest).compactSerialized);
      const recovered = recoverKey(digest, signature);
      expect(hex(recovered ?? new Uint8Array(0))).toBe(SigningKey.computePublicKey(key, true));
      const address = recoverAddress(digest, Signature.from(hex(signature))).toLowerCase();
      expect(hex(ethereumAddressOf(recovered ?? new Uint8Array(0)))).toBe(address);
    }),
    { numRuns: 20 },
  );
});

test("what is no signature recovers nothing, with either implementation: other lengths, a high s, numbers out of range", () => {
  const digest = new Uint8Array(32).fill(3);
  const signature = signCompact(key, digest);
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const plain = new Uint8Array(signature);
  plain[32] = (plain[32] ?? 0) & 0x7f;
  const s = BigInt(hex(plain.subarray(32)));
  const high = Buffer.concat([plain.subarray(0, 32), Buffer.from((order - s).toString(16).padStart(64, "0"), "hex")]);
  for (const implementation of [secp256k1Implementation(), nobleSecp256k1]) {
    for (const parity of [0, 1] as const) {
      expect(implementation.recover(digest, high, parity)).toBeUndefined();
      expect(implementation.recover(digest, new Uint8Array(64), parity)).toBeUndefined();
      expect(implementation.recover(digest, new Uint8Array(64).fill(0xff), parity)).toBeUndefined();
    }
  }
  for (const length of [0, 63, 65]) expect(recoverKey(digest, new Uint8Array(length))).toBeUndefined();
});

test("both implementations recover alike from arbitrary bytes", () => {
  fc.assert(
    fc.property(bytesArbitrary(32), bytesArbitrary(64), fc.constantFrom(0, 1), (digest, signature, parity) => {
      const native = secp256k1Implementation().recover(digest, signature, parity as 0);
      const noble = nobleSecp256k1.recover(digest, signature, parity as 0);
      expect(noble && hex(noble)).toEqual(native && hex(native));
    }),
    { numRuns: 60 },
  );
});

test("digests are those of EIP-712 as ethers makes them", () => {
  const number = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const bytes20 = bytesArbitrary(20);
  const bytes32 = bytesArbitrary(32);
  const anchors = fc.record({
    seq: number,
    valsetNonce: number,
    fromHeight: number,
    toHeight: number,
    time: number,
    lastHeaderHash: bytes32,
    root: bytes32,
  });
  const anchorTypes = {
    Anchor: ["seq", "valsetNonce", "fromHeight", "toHeight", "time"]
      .map((name) => ({ name, type: "uint64" }))
      .concat(["lastHeaderHash", "root"].map((name) => ({ name, type: "bytes32" }))),
  };
  const rotationTypes = {
    ValsetUpdate: [
      { name: "nonce", type: "uint64" },
      { name: "effectiveHeight", type: "uint64" },
      { name: "totalPower", type: "uint128" },
      { name: "valsetHash", type: "bytes32" },
    ],
  };
  const keyTypes = {
    BridgeKey: [
      { name: "ledger", type: "string" },
      { name: "validator", type: "address" },
      { name: "bridgeKey", type: "address" },
    ],
  };
  fc.assert(
    fc.property(anchors, number, bytes20, bytes32, bytes20, (anchor, chainId, contract, ledgerId, address) => {
      const where = { chainId, verifyingContract: hex(contract), salt: hex(ledgerId) };
      const domain = { name: "EnergyLedgerBridge", version: "1", ...where };
      const digest = anchorSigningDigest({ chainId, contract, ledgerId }, anchor);
      expect(hex(digest)).toBe(TypedDataEncoder.hash(domain, anchorTypes, anchor));
      const power = ledgerId.subarray(16);
      const rotation = { nonce: anchor.seq, effectiveHeight: anchor.toHeight, valsetHash: anchor.root };
      const ofRotation = { ...rotation, totalPower: BigInt(hex(power)) };
      expect(hex(rotationSigningDigest({ chainId, contract, ledgerId }, { ...rotation, totalPower: power }))).toBe(
        TypedDataEncoder.hash(domain, rotationTypes, ofRotation),
      );
      const binding = { chainId: "edream-é", validator: contract, address };
      const value = { ledger: binding.chainId, validator: hex(contract), bridgeKey: hex(address) };
      const ofKey = { name: "EnergyLedgerBridgeKey", version: "1" };
      expect(hex(bindingDigest(binding))).toBe(TypedDataEncoder.hash(ofKey, keyTypes, value));
    }),
    { numRuns: 40 },
  );
});

import { createRequire } from "node:module";
import { secp256k1Implementation } from "../crypto/secp256k1.ts";

/** Bytes of an Ethereum address. */
export const ETHEREUM_ADDRESS_BYTES = 20;

/** r ‖ s, with the parity of y in the highest bit (EIP-2098). */
export const COMPACT_SIGNATURE_BYTES = 64;

const require = createRequire(import.meta.url);

/** Loaded when something of Ethereum is first met: a light node never does. */
let loaded: typeof import("@noble/hashes/sha3.js").keccak_256 | undefined;
let loadedPoint: typeof import("@noble/curves/secp256k1.js").secp256k1.Point | undefined;

/** Ethereum's hash, 32 bytes: Keccak before it became SHA-3. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  loaded ??= (require("@noble/hashes/sha3.js") as typeof import("@noble/hashes/sha3.js")).keccak_256;
  return loaded(bytes);
}

/** A field of EIP-712's structs as the ledger needs them: numbers, bytes of fixed length, and what is hashed first. */
export type TypedField =
  | { readonly type: "uint64" | "uint128" | "uint256"; readonly value: bigint }
  | { readonly type: "address" | "bytes32"; readonly value: Uint8Array }
  | { readonly type: "string"; readonly value: string };

/** EIP-712's hash of a struct without nested ones. `encodedType`: `Name(type name,…)`, its fields in the order of `fields`. */
export function structHash(encodedType: string, fields: readonly TypedField[]): Uint8Array {
  return keccak256(Buffer.concat([keccak256(Buffer.from(encodedType, "utf8")), ...fields.map(wordOf)]));
}

/** What is signed (EIP-712): keccak256(0x19 ‖ 0x01 ‖ domain ‖ struct), 32 bytes. */
export function typedDigest(domain: Uint8Array, struct: Uint8Array): Uint8Array {
  return keccak256(Buffer.concat([Buffer.of(0x19, 0x01), domain, struct]));
}

function wordOf(field: TypedField): Uint8Array {
  switch (field.type) {
    case "string":
      return keccak256(Buffer.from(field.value, "utf8"));
    case "address":
    case "bytes32": {
      const word = Buffer.alloc(32);
      word.set(field.value, 32 - field.value.length);
      return word;
    }
    case "uint64":
    case "uint128":
    case "uint256":
      return Buffer.from(field.value.toString(16).padStart(64, "0"), "hex");
  }
}

/** The key, 33 bytes, that signed a digest. Total: undefined for what is no signature with a low s in the one compact form. */
export function recoverKey(digest: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  if (signature.length !== COMPACT_SIGNATURE_BYTES) return undefined;
  const plain = new Uint8Array(signature);
  const parity = ((plain[32] ?? 0) >>> 7) as 0 | 1;
  plain[32] = (plain[32] ?? 0) & 0x7f;
  return secp256k1Implementation().recover(digest, plain, parity);
}

/** Signs a digest with a key of 32 bytes: the one compact form, with a low s. */
export function signCompact(privateKey: Uint8Array, digest: Uint8Array): Uint8Array {
  const implementation = secp256k1Implementation();
  const signature = new Uint8Array(implementation.sign(privateKey, digest));
  const found = implementation.recover(digest, signature, 1);
  const isOdd = found !== undefined && Buffer.compare(found, implementation.publicKey(privateKey)) === 0;
  if (isOdd) signature[32] = (signature[32] ?? 0) | 0x80;
  return signature;
}

/** The address, 20 bytes, of a compressed key: the last bytes of keccak256 over its coordinates. @throws for what is no key */
export function ethereumAddressOf(publicKey: Uint8Array): Uint8Array {
  loadedPoint ??= (require("@noble/curves/secp256k1.js") as typeof import("@noble/curves/secp256k1.js")).secp256k1
    .Point;
  const coordinates = loadedPoint.fromBytes(publicKey).toBytes(false).subarray(1);
  return keccak256(coordinates).subarray(-ETHEREUM_ADDRESS_BYTES);
}

import { createECDH, createHash } from "node:crypto";
import { computeAddress, hexlify } from "ethers";
import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import {
  addressOfPoint,
  EciesError,
  type KeyBoxContext,
  keyHashOf,
  openingOfWrongKey,
  openKey,
  publicPointOf,
  releaseHashOf,
  sealKey,
} from "./ecies.ts";

const secret = (name: string) => sha256(Buffer.from(name));
const contract = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const context: KeyBoxContext = { chainId: 31_337n, contract, listingId: 7n };
const [key, buyer, ephemeral] = [secret("key"), secret("buyer"), secret("ephemeral")];
const recipient = publicPointOf(buyer);
const sealed = sealKey(key, recipient, context, ephemeral);
/** Recipient's and ephemeral x, and the box. */
const VECTOR = [
  "ae3f7f3701bc83712ba7aec50375187db2dfd1d5c802f836896fa74e49a3f60c",
  "9c7a3a75b43dfa0c28c911a4ff1ff157a176116c4e4d00ca15fead57b4806c03",
  "1c5565b962a94538fb81e7b32c54eeba191b23d0259f8f98d2debab019eab34d",
];
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const codeOf = (body: () => unknown) => {
  try {
    body();
  } catch (error) {
    if (error instanceof EciesError) return error.details.code;
  }
  return undefined;
};

test("the buyer opens the box, and finds the key that the listing has committed to", () => {
  expect(openKey(sealed, buyer, context)).toEqual(key);
  expect(keyHashOf(key)).toBe(keyHashOf(openKey(sealed, buyer, context)));
  expect(openingOfWrongKey(sealed, buyer, context, keyHashOf(key))).toBeUndefined();
});

test("a vector", () => {
  expect([recipient.x.toString(16), sealed.ephemeral.x.toString(16), hex(sealed.box)]).toEqual(VECTOR);
});

test("the mask is what Node.js' own curve and hash make of the same bytes", () => {
  const ecdh = createECDH("secp256k1");
  ecdh.setPrivateKey(ephemeral);
  const [from, to] = [ecdh.getPublicKey(), Buffer.from(`04${word(recipient.x)}${word(recipient.y)}`, "hex")];
  const pad = createHash("sha256")
    .update("edream data key 1")
    .update(Buffer.from(word(31_337n) + contract.slice(2) + word(7n), "hex"))
    .update(ecdh.computeSecret(to))
    .update(from.subarray(1))
    .update(to.subarray(1))
    .digest();
  expect(hex(sealed.box)).toBe(hex(key.map((byte, i) => byte ^ (pad[i] ?? 0))));
});

test("for another listing, contract, chain or buyer it opens to something else", () => {
  const others = [{ listingId: 8n }, { contract: `0x${"11".repeat(20)}` }, { chainId: 1n }];
  for (const other of others) expect(openKey(sealed, buyer, { ...context, ...other })).not.toEqual(key);
  expect(openKey(sealed, secret("another"), context)).not.toEqual(key);
});

test("of a wrong key there is an opening, the shared point of both sides", () => {
  const wrong = sealKey(secret("another key"), recipient, context, ephemeral);
  const opening = openingOfWrongKey(wrong, buyer, context, keyHashOf(key));
  expect(opening?.privateKey).toBe(BigInt(hexlify(buyer)));
  const ecdh = createECDH("secp256k1");
  ecdh.setPrivateKey(buyer);
  const { x, y } = wrong.ephemeral;
  expect(word(opening?.shared.x ?? 0n)).toBe(ecdh.computeSecret(`04${word(x)}${word(y)}`, "hex", "hex"));
});

test("addresses and release hashes are those of Ethereum", () => {
  expect(addressOfPoint(recipient)).toBe(computeAddress(hexlify(buyer)));
  expect(releaseHashOf(sealed)).toMatch(/^0x[0-9a-f]{64}$/);
});

test("keys of another length, points beside the curve and private keys that are none are refused", () => {
  expect(codeOf(() => sealKey(key.subarray(1), recipient, context, ephemeral))).toBe("ECIES_KEY_LENGTH");
  expect(codeOf(() => openKey({ ...sealed, box: new Uint8Array(33) }, buyer, context))).toBe("ECIES_KEY_LENGTH");
  for (const point of [
    { x: 0n, y: 0n },
    { x: recipient.x, y: recipient.y + 1n },
    { x: 2n ** 256n - 1n, y: 1n },
  ])
    expect(
      codeOf(() => sealKey(key, point, context, ephemeral)),
      `${point.x}`,
    ).toBe("ECIES_POINT_INVALID");
  for (const none of [new Uint8Array(32), new Uint8Array(32).fill(255), new Uint8Array(31).fill(1)])
    expect(codeOf(() => openKey(sealed, none, context))).toBe("ECIES_PRIVATE_KEY_INVALID");
});

function word(value: bigint): string {
  return value.toString(16).padStart(64, "0");
}

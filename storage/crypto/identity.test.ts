import { DirectSecp256k1Wallet } from "@cosmjs/proto-signing";
import { base58, bech32 } from "@scure/base";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "./hash.ts";
import {
  ACCOUNT_PREFIX,
  decodeAccount,
  encodeBech32,
  encodeIdentity,
  formatAccount,
  IDENTITY_LENGTH,
  IdentityError,
} from "./identity.ts";
import { addressOf, publicKeyOf } from "./keys.ts";

const addressArbitrary = fc.uint8Array({ minLength: 20, maxLength: 20 });
const zero = new Uint8Array(20);

function codeOf(text: string): string {
  try {
    decodeAccount(text);
    return "accepted";
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError);
    return (error as IdentityError).code;
  }
}

/** Base58Check of any payload, as `encodeIdentity` makes it of version and address. */
function base58Check(payload: Uint8Array): string {
  return base58.encode(Buffer.concat([payload, sha256(sha256(payload)).subarray(0, 4)]));
}

test("every identity has 34 characters and begins with E: the version byte fixes both, whatever follows", () => {
  const version = base58.decode(encodeIdentity(zero))[0] as number;
  // The 24 bytes behind the version are a number between these two, and base 58 keeps the order of numbers of one length.
  for (const fill of [0x00, 0xff]) {
    const extreme = base58.encode(Buffer.concat([Uint8Array.of(version), new Uint8Array(24).fill(fill)]));
    expect(extreme).toHaveLength(34);
    expect(extreme).toMatch(/^E/);
    expect(encodeIdentity(new Uint8Array(20).fill(fill))).toMatch(/^E.{33}$/);
  }
  expect(IDENTITY_LENGTH).toBe(34);
});

test("the identity of the zero address, byte for byte", () => {
  const payload = Buffer.concat([Uint8Array.of(33), zero]);
  expect(encodeIdentity(zero)).toBe(base58Check(payload));
  expect(
    Buffer.from(base58.decode(encodeIdentity(zero)))
      .toString("hex")
      .slice(0, 42),
  ).toBe(`21${"00".repeat(20)}`);
});

test("both forms of an account lead back to its address", () => {
  fc.assert(
    fc.property(addressArbitrary, (address) => {
      expect(encodeIdentity(address)).toHaveLength(34);
      expect(formatAccount(address)).toHaveLength(45);
      expect(decodeAccount(encodeIdentity(address))).toEqual(address);
      expect(decodeAccount(formatAccount(address))).toEqual(address);
    }),
  );
});

test("an account is what CosmJS makes of the same key", async () => {
  const scalar = sha256(Buffer.from("a wallet"));
  const wallet = await DirectSecp256k1Wallet.fromKey(scalar, ACCOUNT_PREFIX);
  const [account] = await wallet.getAccounts();
  expect(formatAccount(addressOf(publicKeyOf({ type: "secp256k1", bytes: scalar })))).toBe(account?.address);
});

test("any one changed character of either form is noticed", () => {
  const address = sha256(Buffer.from("changed")).subarray(0, 20);
  for (const text of [encodeIdentity(address), formatAccount(address)])
    for (let i = 0; i < text.length; i++)
      for (const letter of "qpz2zE9xl1O0 I-é") {
        if (text[i] === letter) continue;
        const changed = `${text.slice(0, i)}${letter}${text.slice(i + 1)}`;
        expect(codeOf(changed), changed).not.toBe("accepted");
      }
});

test.each([
  { name: "nothing", text: "", code: "ACCOUNT_MALFORMED" },
  { name: "too long", text: "x".repeat(65), code: "ACCOUNT_MALFORMED" },
  { name: "plain words", text: "not an account", code: "ACCOUNT_MALFORMED" },
  { name: "hex", text: "00".repeat(20), code: "ACCOUNT_MALFORMED" },
  { name: "letters of no alphabet", text: "0".repeat(34), code: "ACCOUNT_MALFORMED" },
  { name: "an identity with a space", text: `${encodeIdentity(zero)} `, code: "ACCOUNT_MALFORMED" },
  { name: "mixed case", text: formatAccount(zero).replace("q", "Q"), code: "ACCOUNT_CHECKSUM_WRONG" },
  { name: "another prefix", text: encodeBech32(zero, "cosmos"), code: "ACCOUNT_PREFIX_WRONG" },
  { name: "a prefix that ours begins", text: encodeBech32(zero, "edreamval"), code: "ACCOUNT_PREFIX_WRONG" },
  { name: "a wrong last letter", text: `${formatAccount(zero).slice(0, -1)}q`, code: "ACCOUNT_CHECKSUM_WRONG" },
  { name: "bech32m", text: bech32mOf(zero), code: "ACCOUNT_CHECKSUM_WRONG" },
  { name: "19 bytes", text: bech32.encode("edream", bech32.toWords(zero.subarray(1))), code: "ACCOUNT_LENGTH_WRONG" },
  { name: "32 bytes", text: bech32.encode("edream", bech32.toWords(new Uint8Array(32))), code: "ACCOUNT_MALFORMED" },
  { name: "no bytes", text: bech32.encode("edream", []), code: "ACCOUNT_LENGTH_WRONG" },
  { name: "padding bits", text: bech32.encode("edream", [1, 1, 1]), code: "ACCOUNT_MALFORMED" },
  { name: "34 digits of 34 bytes", text: "1".repeat(34), code: "ACCOUNT_LENGTH_WRONG" },
  {
    name: "another version",
    text: base58Check(Buffer.concat([Uint8Array.of(34), zero])),
    code: "ACCOUNT_PREFIX_WRONG",
  },
])("a malformed account has its code: $name", ({ text, code }) => {
  expect(codeOf(text)).toBe(code);
});

/** The zero address with the checksum of the later bech32m (BIP-350): a different constant, so all last six letters differ. */
function bech32mOf(address: Uint8Array): string {
  const words = bech32.toWords(address);
  const good = bech32.encode("edream", words);
  const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  const difference = 0x2bc830a3 ^ 1;
  const checksum = [...good.slice(-6)].map(
    (letter, i) => alphabet.indexOf(letter) ^ ((difference >> (5 * (5 - i))) & 31),
  );
  return good.slice(0, -6) + checksum.map((word) => alphabet[word]).join("");
}

test("any text is an account or refused by code", () => {
  const near = fc
    .tuple(fc.constantFrom("edream1", "E", "1", ""), fc.string({ maxLength: 60, unit: "binary" }))
    .map((parts) => parts.join(""));
  const exact = fc.string({
    minLength: 34,
    maxLength: 34,
    unit: fc.constantFrom(..."123456789ABCDEFGHJKLMNPQRSTUVWXYZabcz0OIl"),
  });
  fc.assert(
    fc.property(fc.oneof(near, exact), (text) => {
      expect(codeOf(text)).not.toBe("accepted");
    }),
    { numRuns: 200 },
  );
});

test("an address of another length has no spelling", () => {
  for (const length of [0, 19, 21, 32])
    for (const encode of [encodeIdentity, formatAccount])
      expect(() => encode(new Uint8Array(length))).toThrow("ACCOUNT_LENGTH_WRONG");
});

test("the upper-case bech32 of QR codes is the same account", () => {
  const address = sha256(Buffer.from("upper")).subarray(0, 20);
  expect(decodeAccount(formatAccount(address).toUpperCase())).toEqual(Uint8Array.from(address));
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeAccount, encodeBech32, encodeIdentity, formatAccount, IdentityError } from "./identity.ts";

const addressArbitrary = fc.uint8Array({ minLength: 20, maxLength: 20 });

function codeOf(text: string): string {
  try {
    decodeAccount(text);
    return "accepted";
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError);
    return (error as IdentityError).code;
  }
}

test("an identity has 34 characters and begins with E, also at both ends of the address space", () => {
  for (const fill of [0x00, 0xff]) {
    const identity = encodeIdentity(new Uint8Array(20).fill(fill));
    expect(identity).toHaveLength(34);
    expect(identity).toMatch(/^E/);
  }
});

test("both forms of an account lead back to its address", () => {
  fc.assert(
    fc.property(addressArbitrary, (address) => {
      expect(encodeIdentity(address)).toHaveLength(34);
      expect(decodeAccount(encodeIdentity(address))).toEqual(address);
      expect(decodeAccount(formatAccount(address))).toEqual(address);
    }),
  );
});

test("a changed character of either form is noticed", () => {
  const address = new Uint8Array(20).fill(7);
  for (const text of [encodeIdentity(address), formatAccount(address)])
    for (let i = 0; i < text.length; i++) {
      const changed = `${text.slice(0, i)}${text[i] === "q" ? "p" : "q"}${text.slice(i + 1)}`;
      expect(codeOf(changed), changed).not.toBe("accepted");
    }
});

test("each malformed account has its code", () => {
  const address = new Uint8Array(20);
  expect(codeOf("")).toBe("ACCOUNT_MALFORMED");
  expect(codeOf("x".repeat(65))).toBe("ACCOUNT_MALFORMED");
  expect(codeOf("not an account")).toBe("ACCOUNT_MALFORMED");
  expect(codeOf(encodeBech32(address, "cosmos"))).toBe("ACCOUNT_PREFIX_WRONG");
  expect(codeOf(`${formatAccount(address).slice(0, -1)}q`)).toBe("ACCOUNT_CHECKSUM_WRONG");
  expect(codeOf("0".repeat(34))).toBe("ACCOUNT_MALFORMED");
  expect(codeOf("1".repeat(34))).toBe("ACCOUNT_LENGTH_WRONG");
  expect(() => encodeIdentity(new Uint8Array(19))).toThrow("ACCOUNT_LENGTH_WRONG");
});

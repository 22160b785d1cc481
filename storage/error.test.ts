import { expect, test } from "vitest";
import { formatDetails, LedgerError } from "./error.ts";

test("a message is the code and the facts: bytes in hex, spaces in quotes, numbers of any size", () => {
  const facts = { code: "PROBE", hash: Uint8Array.of(1, 255), text: "two words", word: "one", power: 2n ** 64n };
  expect(formatDetails(facts)).toBe('PROBE hash=01ff text="two words" word=one power=18446744073709551616');
  expect(formatDetails({ code: "PROBE", list: [1n, "a"], nothing: undefined })).toBe(
    'PROBE list=["1","a"] nothing=undefined',
  );
});

test("a fact nested deeper than JSON.stringify can follow is left out, so that the error is still the one that was meant", () => {
  const deep: unknown = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
  expect(new LedgerError({ code: "PROBE", value: deep }).message).toBe("PROBE value=[…]");
  expect(new LedgerError({ code: "PROBE", value: { deep } }).message).toBe("PROBE value={…}");
});

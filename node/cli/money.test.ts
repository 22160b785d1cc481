import { expect, test } from "vitest";
import { formatMoney, parseMoney } from "./money.ts";

test.each<[string, bigint]>([
  ["1ETH", 10n ** 18n],
  ["0.05 eth", 5n * 10n ** 16n],
  ["0.000000000000000001ETH", 1n],
  ["20gwei", 20_000_000_000n],
  ["1.5gwei", 1_500_000_000n],
  ["7wei", 7n],
  ["0ETH", 0n],
])("%s is %d wei, exactly", (text, wei) => {
  expect(parseMoney(text)).toBe(wei);
  expect(parseMoney(formatMoney(wei))).toBe(wei);
});

test.each([
  "",
  "1",
  "ETH",
  "-1ETH",
  "1e3ETH",
  ".5ETH",
  "1.ETH",
  "1,5ETH",
  "0.5wei",
  "0.0000000001gwei",
  "1MWh",
  `${"9".repeat(28)}ETH`,
  "0x10wei",
])("%j is no amount", (text) => {
  expect(() => parseMoney(text)).toThrow(expect.objectContaining({ code: "MONEY_MALFORMED" }));
});

test("amounts are shown in a unit that needs few digits", () => {
  const shown = [0n, 999n, 1_000_000n, 1_500_000_000n, 10n ** 14n, 15n * 10n ** 17n, -(10n ** 18n)].map(formatMoney);
  expect(shown).toEqual(["0 wei", "999 wei", "0.001 gwei", "1.5 gwei", "0.0001 ETH", "1.5 ETH", "-1 ETH"]);
});

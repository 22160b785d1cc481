import { cliError } from "./cliError.ts";

const WEI_PER_UNIT: Readonly<Record<string, bigint>> = { wei: 1n, gwei: 10n ** 9n, eth: 10n ** 18n };

/** Digits behind the point that a unit can have. */
const MAX_FRACTION = 18;

/** All ether there is, and ten times more. */
const MAX_WEI = 10n ** 27n;

/** Reads `0.05ETH`, `20 gwei` or `1wei` exactly, as wei. A number without unit is refused. @throws CliError MONEY_MALFORMED */
export function parseMoney(text: string): bigint {
  const match = /^(\d{1,28})(?:\.(\d{1,18}))?\s*(wei|gwei|eth)$/i.exec(text.trim());
  const unit = WEI_PER_UNIT[match?.[3]?.toLowerCase() ?? ""];
  if (match === null || unit === undefined)
    throw malformed(text, "write a number and wei, gwei or ETH, for example 0.05ETH");
  const [, whole = "", fraction = ""] = match;
  const scaled = BigInt(whole + fraction) * unit;
  const scale = 10n ** BigInt(fraction.length);
  if (scaled % scale !== 0n) throw malformed(text, "it is finer than one wei");
  if (scaled / scale > MAX_WEI) throw malformed(text, "there is not that much ether");
  return scaled / scale;
}

/** In the largest unit that needs few digits, exactly: `0.05 ETH`, `1.5 gwei`, `7 wei`. */
export function formatMoney(wei: bigint): string {
  const absolute = wei < 0n ? -wei : wei;
  const [name, digits] =
    absolute >= 10n ** 14n ? ["ETH", MAX_FRACTION] : absolute >= 10n ** 6n ? ["gwei", 9] : ["wei", 0];
  const scale = 10n ** BigInt(digits);
  const fraction = digits === 0 ? "" : (absolute % scale).toString().padStart(digits, "0").replace(/0+$/, "");
  return `${wei < 0n ? "-" : ""}${absolute / scale}${fraction === "" ? "" : `.${fraction}`} ${name}`;
}

function malformed(text: string, hint: string) {
  return cliError("usage", "MONEY_MALFORMED", `${JSON.stringify(text)} is not an amount of money`, hint);
}

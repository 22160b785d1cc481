import { SigningKey } from "ethers";
import { MAX_METER_ID_CHARS } from "#storage/limits.ts";
import { cliError } from "../../cli/cliError.ts";
import { expiryOf } from "../../cli/paymentChannel.ts";
import { parseHex, parseOutputPointer, parseTimeMs } from "../../cli/quantities.ts";
import { optional, type Param, text } from "../param.ts";
import { address, money, number, wattHours, words } from "../parsers.ts";

const MAX_UINT32 = 2n ** 32n - 1n;
const MAX_UINT96 = 2n ** 96n - 1n;

const bounded = (param: Param<bigint>, most: bigint): Param<bigint> => ({
  ...param,
  parse(given) {
    const value = param.parse(given);
    if (value <= most) return value;
    throw cliError("usage", "NUMBER_OUT_OF_RANGE", `${given} is too large`, `${most} is the most`);
  },
});

export const advertId = bounded(number("the advert's number: `market adverts` has it"), MAX_UINT32);
export const saleId = bounded(number("the sale's number: `market sales` has it"), MAX_UINT96);
export const orderId = bounded(number("the order's number: `market orders` has it"), MAX_UINT96);

/** Wh. */
export const wh = (about: string): Param<bigint> => bounded(wattHours(about), MAX_UINT32);

/** Wei for a kWh. */
export const pricePerKwh = (about: string): Param<bigint> => bounded(money(about), MAX_UINT96);

export const meterId = words("id", "meter id on the ledger", MAX_METER_ID_CHARS);

/** Another account than one's own. */
export const member = (about: string): Param<string> => address(about);

/** An output of the ledger. */
export interface OutputPointer {
  /** Hex, 64 digits. */
  readonly txId: string;
  readonly index: number;
}

export const pointer = (value: string, about: string): Param<OutputPointer> =>
  text(value, about, (given) => {
    const { txId, outputIndex } = parseOutputPointer(given);
    return { txId: Buffer.from(txId).toString("hex"), index: outputIndex };
  });

/** A point of secp256k1, from its compressed form. */
export const publicKey = (about: string): Param<readonly [x: bigint, y: bigint]> =>
  text("hex", about, (given) => {
    const bytes = parseHex(given.replace(/^0x/, ""), 33, "the public key");
    let point: string;
    try {
      point = SigningKey.computePublicKey(bytes, false);
    } catch {
      const hint = "give it as `keys show NAME` has it: 66 hex digits, from 02 or 03 on";
      throw cliError("usage", "PUBLIC_KEY_INVALID", "it is no public key of secp256k1", hint);
    }
    return [BigInt(`0x${point.slice(4, 68)}`), BigInt(`0x${point.slice(68)}`)];
  });

/** Hundredths of a percent. */
export const percent = (about: string): Param<number> =>
  text("percent", about, (given) => {
    const match = /^(\d{1,3})(?:\.(\d{1,2}))?\s*%$/.exec(given.trim());
    if (match !== null) return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
    throw cliError("usage", "PERCENT_MALFORMED", `${JSON.stringify(given)} is no percentage`, "write for example 5%");
  });

/** One of the words given. */
export function choice<const T extends string>(options: readonly T[], about: string): Param<T> {
  return text(options.join("|"), about, (given) => {
    const found = options.find((option) => option === given);
    if (found !== undefined) return found;
    throw cliError(
      "usage",
      "CHOICE_UNKNOWN",
      `${JSON.stringify(given)} is none of them`,
      `give ${options.join(" or ")}`,
    );
  });
}

/** Unix seconds. */
export const unixSeconds = (about: string): Param<bigint> =>
  text("time", about, (given) => BigInt(Math.floor(parseTimeMs(given) / 1000)));

export const expiry = {
  expires: optional(text("time", "RFC 3339 with zone, or Unix ms; within 30 days", (given) => given)),
  for: optional(text("duration", "the same from now on, for example 2h", (given) => given)),
};

/** Unix seconds. @throws CliError EXPIRY_MISSING, TIME_MALFORMED, DURATION_MALFORMED */
export function expiryFrom(
  given: { readonly expires: string | undefined; readonly for: string | undefined },
  nowMs: number,
): bigint {
  const { expires, for: duration } = given;
  return expiryOf(
    { ...(expires === undefined ? {} : { expires }), ...(duration === undefined ? {} : { for: duration }) },
    nowMs,
  );
}

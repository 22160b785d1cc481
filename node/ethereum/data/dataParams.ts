import { SigningKey } from "ethers";
import type { Point } from "#bridge/ecies.ts";
import { cliError } from "../../cli/cliError.ts";
import { type Param, text } from "../param.ts";
import { number } from "../parsers.ts";

export const listingId = number("the listing's number");

/** A public key of secp256k1: 33 bytes, or 65, as hex. */
export const publicPoint = (about: string): Param<Point> => text("hex", about, pointOf);

function pointOf(given: string): Point {
  const digits = given.replace(/^0x/, "");
  try {
    if (!/^(0[23][0-9a-fA-F]{64}|04[0-9a-fA-F]{128})$/.test(digits)) throw new Error("another form");
    const whole = SigningKey.computePublicKey(`0x${digits}`, false);
    return { x: BigInt(`0x${whole.slice(4, 68)}`), y: BigInt(`0x${whole.slice(68)}`) };
  } catch {
    const hint = "write the 33 bytes of a compressed secp256k1 key as hex, as `energy-ledger keys show` does";
    throw cliError("usage", "PUBLIC_KEY_MALFORMED", `${JSON.stringify(given)} is no public key`, hint);
  }
}

/** As `publicPoint` reads it. */
export function pointText({ x, y }: Point): string {
  return `${y % 2n === 0n ? "02" : "03"}${x.toString(16).padStart(64, "0")}`;
}

/** Hundredths of a percent. */
export const percent = (about: string): Param<number> =>
  text("percent", about, (given) => {
    const [, whole = "", fraction = ""] = /^(\d{1,3})(?:\.(\d{1,2}))?\s*%$/.exec(given) ?? [];
    const hundredths = Number(whole) * 100 + Number(fraction.padEnd(2, "0"));
    if (whole !== "" && hundredths <= 10_000) return hundredths;
    throw cliError("usage", "PERCENT_MALFORMED", `${JSON.stringify(given)} is no part of a price`, "write 2.5%");
  });

/** One of a few words. */
export const oneOf = <W extends string>(about: string, allowed: readonly W[]): Param<W> =>
  text(allowed.join("|"), about, (given) => {
    const found = allowed.find((word) => word === given);
    if (found !== undefined) return found;
    throw cliError("usage", "WORD_UNKNOWN", `${JSON.stringify(given)} is not allowed here`, allowed.join(" or "));
  });

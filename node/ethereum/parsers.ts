import { decodeAccount } from "#storage/crypto/identity.ts";
import { cliError } from "../cli/cliError.ts";
import { parseMoney } from "../cli/money.ts";
import { ethereumAddress } from "../cli/paymentChannel.ts";
import { parseDuration, parseEnergy, parseHex, parseTimeMs } from "../cli/quantities.ts";
import { type Param, text } from "./param.ts";

/** The kinds of values that actions take, each with its own words and code. */
export const address = (about: string): Param<string> => text("address", about, ethereumAddress);

/** An account of the ledger, as text. @throws IdentityError */
export const account = (about: string): Param<string> =>
  text("account", about, (given) => {
    decodeAccount(given);
    return given;
  });

/** Number of something in a contract, from 1. */
export const number = (about: string): Param<bigint> =>
  text("number", about, (given) => {
    if (/^[1-9]\d{0,77}$/.test(given) && BigInt(given) < 2n ** 256n) return BigInt(given);
    throw cliError("usage", "NUMBER_MALFORMED", `${JSON.stringify(given)} is no number from 1 on`, "write digits only");
  });

/** A whole number within bounds. */
export const integer = (about: string, least: number, most: number): Param<number> =>
  text("n", about, (given) => {
    const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    if (value >= least && value <= most) return value;
    const hint = `give a whole number from ${least} to ${most}`;
    throw cliError("usage", "NUMBER_OUT_OF_RANGE", `${JSON.stringify(given)} is not allowed here`, hint);
  });

/** Wei. */
export const money = (about: string): Param<bigint> => text("amount", about, parseMoney);

/** mWh; negative only where the contract has a use for it. */
export const energy = (about: string): Param<bigint> => text("energy", about, parseEnergy);

/** Wh: finer energies are refused. */
export const wattHours = (about: string): Param<bigint> =>
  text("energy", about, (given) => {
    const mwh = parseEnergy(given);
    if (mwh > 0n && mwh % 1000n === 0n) return mwh / 1000n;
    throw cliError(
      "usage",
      "ENERGY_MALFORMED",
      `${given} is no whole number of Wh`,
      "give whole Wh, for example 1.5kWh",
    );
  });

/** Unix seconds, rounded up. */
export const time = (about: string): Param<bigint> =>
  text("time", about, (given) => BigInt(Math.ceil(parseTimeMs(given) / 1000)));

/** Unix ms. */
export const timeMs = (about: string): Param<number> => text("time", about, parseTimeMs);

/** Seconds, rounded up. */
export const duration = (about: string): Param<number> =>
  text("duration", about, (given) => Math.ceil(parseDuration(given) / 1000));

/** Bytes of a fixed length as 0x and hex; given with or without 0x. */
export const bytes = (about: string, length: number): Param<string> =>
  text("hex", about, (given) => `0x${Buffer.from(parseHex(given.replace(/^0x/, ""), length, "it")).toString("hex")}`);

/** A short text without control characters. */
export const words = (value: string, about: string, maxChars = 128): Param<string> =>
  text(value, about, (given) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    if (given !== "" && given.length <= maxChars && !/[\x00-\x1f\x7f]/.test(given)) return given;
    throw cliError(
      "usage",
      "TEXT_MALFORMED",
      `${value} is empty, too long or has control characters`,
      `at most ${maxChars}`,
    );
  });

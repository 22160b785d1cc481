import { MAX_ENERGY_MWH } from "#storage/limits.ts";
import { cliError } from "./cliError.ts";

const MWH_PER_UNIT: Readonly<Record<string, bigint>> = {
  mwh: 1n,
  wh: 1000n,
  kwh: 1_000_000n,
};

/**
 * Reads an energy such as `1.5kWh`, `250 Wh` or `12000mWh` (milliwatt hours) exactly, as integer mWh.
 * `MWh` is refused: in capitals it is a billion times more than in small letters.
 * @throws CliError ENERGY_MALFORMED
 */
export function parseEnergy(text: string): bigint {
  const match = /^(-?)(\d{1,16})(?:\.(\d{1,6}))?\s*(mWh|Wh|kWh)$/.exec(text.trim());
  const unit = MWH_PER_UNIT[match?.[4]?.toLowerCase() ?? ""];
  if (match === null || unit === undefined)
    throw malformed(text, "write a number and mWh, Wh or kWh, for example 1.5kWh");
  const [, sign, whole = "", fraction = ""] = match;
  const scaled = BigInt(whole + fraction) * unit;
  const scale = 10n ** BigInt(fraction.length);
  if (scaled % scale !== 0n) throw malformed(text, "it is finer than one mWh");
  const energy = scaled / scale;
  if (energy > MAX_ENERGY_MWH) throw malformed(text, `at most ${MAX_ENERGY_MWH} mWh are allowed`);
  return sign === "-" ? -energy : energy;
}

/** In kWh, exactly: `1500000n` → `1.5 kWh`. */
export function formatEnergy(mwh: bigint): string {
  const absolute = mwh < 0n ? -mwh : mwh;
  const fraction = (absolute % 1_000_000n).toString().padStart(6, "0").replace(/0+$/, "");
  return `${mwh < 0n ? "-" : ""}${absolute / 1_000_000n}${fraction === "" ? "" : `.${fraction}`} kWh`;
}

function malformed(text: string, hint: string) {
  return cliError("usage", "ENERGY_MALFORMED", `${JSON.stringify(text)} is not an energy`, hint);
}

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `15m`, `30s`, `1h` as milliseconds. @throws CliError DURATION_MALFORMED */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim());
  const unit = MS_PER_UNIT[match?.[2] ?? ""];
  if (match === null || unit === undefined)
    throw cliError("usage", "DURATION_MALFORMED", `${JSON.stringify(text)} is not a duration`, "write 30s, 15m or 1h");
  return Number(match[1]) * unit;
}

/** Reads RFC 3339 with a zone, or Unix milliseconds. @throws CliError TIME_MALFORMED */
export function parseTimeMs(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const ms = /(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    const hint = "write 2026-01-31T12:00:00Z, or Unix milliseconds";
    throw cliError("usage", "TIME_MALFORMED", `${JSON.stringify(text)} is not a time with its zone`, hint);
  }
  return ms;
}

/** @throws CliError HEX_MALFORMED */
export function parseHex(text: string, bytes: number, what: string): Uint8Array {
  if (text.length !== 2 * bytes || !/^[0-9a-fA-F]*$/.test(text))
    throw cliError("usage", "HEX_MALFORMED", `${what} is not ${bytes} bytes`, `write ${2 * bytes} hexadecimal digits`);
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** `TXID:INDEX`. @throws CliError OUTPUT_MALFORMED */
export function parseOutputPointer(text: string): { readonly txId: Uint8Array; readonly outputIndex: number } {
  const match = /^([0-9a-fA-F]{64}):(\d{1,5})$/.exec(text);
  if (!match) {
    const hint = "write the transaction id, a colon and the output's position, for example 6f…e2:0";
    throw cliError("usage", "OUTPUT_MALFORMED", `${JSON.stringify(text)} does not point at an output`, hint);
  }
  return { txId: parseHex(match[1] as string, 32, "the transaction id"), outputIndex: Number(match[2]) };
}

import { MAX_LOCK_ACCOUNTS } from "#storage/limits.ts";
import { cliError } from "./cliError.ts";
import { parseEnergy } from "./quantities.ts";

export interface LockedAmount {
  readonly amountMwh: bigint;
  readonly lock: { readonly threshold: number; readonly accounts: string[] };
}

/** `ACCOUNT=1.5kWh`, or `2of3:A+B+C=1.5kWh` for a lock that two of three accounts open. @throws CliError OUTPUT_MALFORMED, ENERGY_MALFORMED */
export function parseLockedAmount(text: string): LockedAmount {
  const [owners = "", energy, ...rest] = text.split("=");
  const match = /^(?:(\d{1,2})of(\d{1,2}):)?([A-Za-z0-9+]+)$/.exec(owners);
  if (match === null || energy === undefined || rest.length > 0) throw malformed(text);
  const accounts = (match[3] as string).split("+");
  const [threshold, total] = match[1] === undefined ? [1, 1] : [Number(match[1]), Number(match[2])];
  const fits = accounts.length === total && threshold >= 1 && threshold <= total && total <= MAX_LOCK_ACCOUNTS;
  if (!fits || accounts.includes("")) throw malformed(text);
  return { amountMwh: parseEnergy(energy), lock: { threshold, accounts } };
}

function malformed(text: string) {
  const hint = "write ACCOUNT=1.5kWh, or 2of3:A+B+C=1.5kWh";
  return cliError("usage", "OUTPUT_MALFORMED", `${JSON.stringify(text)} is not a receiver and an energy`, hint);
}

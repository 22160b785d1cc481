import { BaselineError, type BaselineProof, decodeBaseline, MAX_BASELINE_CHARS } from "#bridge/baseline.ts";
import { cliError } from "../../cli/cliError.ts";
import { decodeOpenings, type Opening } from "../../cli/openings.ts";
import { file, type Param, text } from "../param.ts";
import { number } from "../parsers.ts";
import { type Commitment, decodeCommitment, MAX_COMMITMENT_CHARS } from "./baselineFiles.ts";

/** 1000 openings, as many as a light node answers at once, of 200 characters at most. */
const MAX_OPENINGS_CHARS = 200_000;

const MAX_BPS = 5000;

export const requestId = number("the request's number: `flexibility requests` has them");
export const positionId = number("the contract's number: `flexibility positions` has them");

/** Hundredths of a percent. */
export const share: Param<number> = text(
  "percent",
  "its part of the incentive, for example 10% (50% at most)",
  (given) => {
    const match = /^(\d{1,2})(?:\.(\d{1,2}))?\s*%$/.exec(given.trim());
    const bps = match === null ? Number.NaN : Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
    if (bps <= MAX_BPS) return bps;
    const hint = "write 10% or 2.5%; an aggregator has 50% at most";
    throw cliError("usage", "SHARE_MALFORMED", `${JSON.stringify(given)} is no share`, hint);
  },
);

/** Numbers in the contract: 0 electricity, 1 ev. */
export const quantity: Param<0 | 1> = text(
  "name",
  "electricity (the default), or ev: what charges vehicles",
  (given) => {
    if (given === "electricity") return 0;
    if (given === "ev") return 1;
    const hint = "give electricity or ev";
    throw cliError("usage", "QUANTITY_UNKNOWN", `${JSON.stringify(given)} is no quantity of a request`, hint);
  },
);

export const commitment: Param<Commitment> = file(
  "commitment.json of `flexibility baseline make`: the event, and the root over the meters' baselines",
  MAX_COMMITMENT_CHARS,
  (given) => readFile(given, decodeCommitment),
);

export const baseline = (about: string): Param<BaselineProof> =>
  file(about, MAX_BASELINE_CHARS, (given) => readFile(given, decodeBaseline));

export const openings: Param<readonly Opening[]> = file(
  "what opens the sums, where they are committed: `meters openings METER -o FILE` at the meter's light node",
  MAX_OPENINGS_CHARS,
  (given) => decodeOpenings(given, "it"),
);

/** @throws CliError BASELINE_MALFORMED */
export function readFile<T>(given: string, decode: (text: string) => T): T {
  try {
    return decode(given);
  } catch (error) {
    if (!(error instanceof BaselineError)) throw error;
    const hint = "give a file as `flexibility baseline make` wrote it";
    throw cliError("usage", "BASELINE_MALFORMED", `it is none: ${error.details.reason}`, hint);
  }
}

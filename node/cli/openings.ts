import { readFileSync, writeFileSync } from "node:fs";
import { MAX_INTERVAL_AMENDMENTS } from "#storage/limits.ts";
import { MAX_READING_TIME_MS } from "#storage/types/reading.ts";
import { cliError } from "./cliError.ts";
import type { LedgerClient } from "./ledgerClient.ts";
import { readAllPages } from "./pages.ts";
import { parseHex } from "./quantities.ts";

/** What opens the committed sum of one interval or amendment, as MsgRegisterEnergy takes it. */
export interface Opening {
  readonly intervalEndMs: bigint;
  /** 0: the interval itself. */
  readonly amendment: number;
  readonly sumMwh: bigint;
  /** 32 bytes. */
  readonly salt: Uint8Array;
}

/** As in the file and in a light node's answer. */
interface OpeningJson {
  readonly intervalEndMs: number;
  readonly amendment?: number;
  readonly sumMwh: string;
  readonly salt: string;
}

/** Answers of a light node read at most: 1000 openings each, so as many as a meter can have unopened, and more. */
const MAX_ANSWERS = 64;

/** All openings that the meter's light node has for intervals that end in [fromMs, toMs]. */
export async function fetchOpenings(
  client: LedgerClient,
  { meterId, fromMs, toMs }: { readonly meterId: string; readonly fromMs: number; readonly toMs: number | undefined },
): Promise<readonly OpeningJson[]> {
  const openings: OpeningJson[] = [];
  let next = fromMs;
  for (let answers = 0; answers < MAX_ANSWERS; answers++) {
    const range = `from=${next}${toMs === undefined ? "" : `&to=${toMs}`}`;
    const path = `/openings?meter=${encodeURIComponent(meterId)}&${range}`;
    const page = await client.getPrivate<{ openings: readonly OpeningJson[] }>(path);
    const last = page.openings.at(-1);
    if (last === undefined) return openings;
    openings.push(...page.openings);
    next = last.intervalEndMs + 1;
  }
  const hint = "ask for a shorter time with --from and --to";
  throw cliError("failure", "LIST_TOO_LONG", `there are more than ${openings.length} openings`, hint);
}

/** Readable by its owner alone: who has it can read the sums. */
export function writeOpenings(file: string, openings: readonly OpeningJson[]): void {
  writeFileSync(file, `${JSON.stringify(openings, null, 1)}\n`, { mode: 0o600 });
}

/** @throws CliError OPENINGS_UNREADABLE, OPENINGS_MALFORMED */
export function readOpenings(file: string): readonly Opening[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw unreadable(file, error);
  }
  return decodeOpenings(text, file);
}

/** `name`: what the text is called in errors. @throws CliError OPENINGS_UNREADABLE, OPENINGS_MALFORMED */
export function decodeOpenings(text: string, name: string): readonly Opening[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw unreadable(name, error);
  }
  const malformed = () =>
    cliError(
      "usage",
      "OPENINGS_MALFORMED",
      `${name} holds something else`,
      "it is a JSON array of {intervalEndMs, amendment?, sumMwh, salt}",
    );
  if (!Array.isArray(list)) throw malformed();
  return (list as (Partial<OpeningJson> | null)[]).map((item) => {
    const { intervalEndMs: endMs, amendment = 0, sumMwh, salt } = item ?? {};
    const isTime = typeof endMs === "number" && Number.isInteger(endMs) && endMs >= 0 && endMs <= MAX_READING_TIME_MS;
    if (!Number.isInteger(amendment) || amendment < 0 || amendment > MAX_INTERVAL_AMENDMENTS) throw malformed();
    if (!isTime || typeof sumMwh !== "string" || !/^-?\d{1,16}$/.test(sumMwh) || typeof salt !== "string")
      throw malformed();
    return {
      intervalEndMs: BigInt(endMs),
      amendment,
      sumMwh: BigInt(sumMwh),
      salt: parseHex(salt, 32, "the salt"),
    };
  });
}

function unreadable(name: string, error: unknown) {
  const hint = "write it with `energy-ledger meters openings METER -o FILE` at the meter's light node";
  return cliError("usage", "OPENINGS_UNREADABLE", `cannot read ${name}: ${(error as Error).message}`, hint);
}

/** Those that the ledger still waits for; the others were opened before, or their interval or amendment was never sealed with a committed sum. */
export async function stillUnopened(
  client: LedgerClient,
  meterId: string,
  openings: readonly Opening[],
): Promise<readonly Opening[]> {
  const path = `/meters/${encodeURIComponent(meterId)}/unopened`;
  const intervals = await readAllPages<{ readonly endMs: string; readonly amendment: number }>(
    client,
    path,
    "intervals",
  );
  const waiting = new Set(intervals.map(({ endMs, amendment }) => `${endMs}.${amendment}`));
  return openings.filter(({ intervalEndMs, amendment }) => waiting.has(`${intervalEndMs}.${amendment}`));
}

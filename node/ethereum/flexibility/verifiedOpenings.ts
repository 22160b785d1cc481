import { verifySumOpening } from "#storage/types/intervalHash.ts";
import type { TransactionView } from "../../api/transactionJson.ts";
import { cliError } from "../../cli/cliError.ts";
import type { Opening } from "../../cli/openings.ts";
import type { LedgerGet } from "../ethereumPort.ts";

/** What the ledger has of an interval, or of an amendment of it. */
interface Sealed {
  readonly readingCount: number;
  /** Hex; undefined: the sum is in the clear. */
  readonly sumCommitment: string | undefined;
  readonly sumMwh: bigint;
}

/** Transactions of a meter that are looked through. */
const MAX_PAGES = 200;
const PAGE = 100;

/**
 * Compares what a prosumer says that its meter has measured with what the meter has sealed on the ledger: each interval that a baseline looks at, with its amendments. Who could
 * give other sums could be paid for load that there never was.
 * @throws CliError OPENING_FALSE
 */
export async function verifyOpenings(
  ledger: LedgerGet,
  meterId: string,
  openings: readonly Opening[],
  endsMs: readonly number[],
): Promise<void> {
  const wanted = new Set(endsMs);
  const sealed = await sealedBack(ledger, meterId, wanted);
  const said = new Map<string, Opening>();
  for (const one of openings) {
    const [endMs, name] = [Number(one.intervalEndMs), nameOf(Number(one.intervalEndMs), one.amendment)];
    if (!wanted.has(endMs)) continue;
    if (said.has(name)) throw openingFalse(meterId, endMs, "it is opened twice");
    if (!sealed.has(name)) throw openingFalse(meterId, endMs, "the ledger has no such interval, or amendment");
    said.set(name, one);
  }
  for (const [name, { readingCount, sumCommitment, sumMwh }] of sealed) {
    const endMs = Number(name.split(".")[0]);
    const given = said.get(name);
    // An amendment that is kept back would make the sum another one, too.
    if (given === undefined) throw openingFalse(meterId, endMs, "an interval, or an amendment of it, is not opened");
    const opening = { sum: given.sumMwh, count: readingCount, salt: given.salt };
    const holds =
      sumCommitment === undefined
        ? given.sumMwh === sumMwh
        : verifySumOpening(new Uint8Array(Buffer.from(sumCommitment, "hex")), opening).accepted;
    if (!holds) throw openingFalse(meterId, endMs, "the meter has sealed another sum");
  }
}

const nameOf = (endMs: number, amendment: number) => `${endMs}.${amendment}`;

interface Page {
  readonly transactions: readonly { readonly txId: string }[];
  readonly next: string | null;
}

/** The wanted intervals and their amendments, from the newest transaction back to the first of them. */
async function sealedBack(
  ledger: LedgerGet,
  meterId: string,
  wanted: ReadonlySet<number>,
): Promise<ReadonlyMap<string, Sealed>> {
  const firstMs = Math.min(...wanted);
  const found = new Map<string, Sealed>();
  let cursor: string | null = "";
  for (let page = 0; page < MAX_PAGES && cursor !== null; page++) {
    const after: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const { transactions, next }: Page = await ledger<Page>(
      `/transactions?meter=${encodeURIComponent(meterId)}&limit=${PAGE}${after}`,
    );
    for (const { txId } of transactions) {
      const { messages, result } = await ledger<TransactionView & { readonly result: { readonly code: number } }>(
        `/transactions/${txId}`,
      );
      if (result.code !== 0) continue;
      let isBefore = false;
      for (const message of messages.filter((one) => one.meterId === meterId)) {
        const { type, intervalEndMs, amendment = 0, readingCount, sumMwh, sumCommitment } = message;
        if (type !== "MsgSealInterval" && type !== "MsgAmendInterval") continue;
        const endMs = Number(intervalEndMs);
        if (type === "MsgSealInterval" && endMs < firstMs) isBefore = true;
        if (!wanted.has(endMs)) continue;
        found.set(nameOf(endMs, Number(amendment)), {
          readingCount: Number(readingCount),
          sumCommitment: sumCommitment === undefined ? undefined : String(sumCommitment),
          sumMwh: BigInt(String(sumMwh ?? 0)),
        });
      }
      // A meter seals its intervals in their order, and an amendment after its interval.
      if (isBefore) return found;
    }
    cursor = next;
  }
  return found;
}

function openingFalse(meterId: string, endMs: number, why: string) {
  const until = new Date(endMs).toISOString();
  const hint =
    "ask the meter's owner for `meters openings METER -o FILE` as it is; with --unverified nothing is compared";
  return cliError("verificationFailed", "OPENING_FALSE", `meter ${meterId}, interval until ${until}: ${why}`, hint);
}

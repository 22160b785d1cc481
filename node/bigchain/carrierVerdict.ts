import { codeNumber, LEDGER_CODES } from "#consensus/application/codes.ts";
import type { TxVerdict } from "../mempoolTypes.ts";
import type { BigchainSubmission } from "./ports.ts";

const SEQUENCE_MISMATCH = codeNumber("SEQUENCE_MISMATCH");
const QUOTA_EXCEEDED = codeNumber("QUOTA_EXCEEDED");
const BIGCHAIN = new Set([codeNumber("BIGCHAIN_INVALID"), codeNumber("BIGCHAIN_REFUSED")]);
const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(LEDGER_CODES).map(([name, [code]]) => [code, name]));

/** `again`: its sequence was not the account's next; `full`: the account's places are taken, and one gets free with the next block. */
export function submissionOf(verdict: TxVerdict | undefined): BigchainSubmission | "again" | "full" {
  if (verdict === undefined) return { result: "refused", code: "INTERNAL", reason: "no verdict" };
  if (verdict.added || verdict.code === "TX_KNOWN") return { result: "added" };
  switch (verdict.code) {
    case "TX_TOO_LARGE":
      return { result: "tooLarge" };
    case "MEMPOOL_FULL":
    case "SENDER_FULL":
      return "full";
    case "TX_REJECTED": {
      const { code, log } = verdict.response;
      if (code === SEQUENCE_MISMATCH) return "again";
      if (code === QUOTA_EXCEEDED) return "full";
      const reason = log.replace(/^[A-Z_]+: /, "");
      const error = /^Invalid transaction \((\w+)\)/.exec(reason)?.[1] ?? "SchemaValidationError";
      if (BIGCHAIN.has(code)) return { result: "invalid", error, message: reason };
      return { result: "refused", code: NAMES.get(code) ?? String(code), reason };
    }
  }
}

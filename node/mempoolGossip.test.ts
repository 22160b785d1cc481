import { expect, test } from "vitest";
import { decideTxGossip } from "./mempoolGossip.ts";
import type { TxVerdict } from "./mempoolTypes.ts";

const a = Uint8Array.of(1);
const b = Uint8Array.of(2);
const added: TxVerdict = { added: true };
const known: TxVerdict = { added: false, code: "TX_KNOWN" };
const full: TxVerdict = { added: false, code: "MEMPOOL_FULL", txs: 1, bytes: 1 };
const tooLarge: TxVerdict = { added: false, code: "TX_TOO_LARGE", bytes: 2, maxBytes: 1 };

test.each([
  {
    name: "a batch of new valid transactions travels on as it is",
    verdicts: [added, added],
    decision: "accept",
    resend: [],
  },
  { name: "a batch that is known already stops", verdicts: [known, known], decision: "ignore", resend: [] },
  { name: "of a half-known batch the new half travels on", verdicts: [known, added], decision: "ignore", resend: [b] },
  { name: "a full pool blames nobody", verdicts: [added, full], decision: "ignore", resend: [a] },
  {
    name: "an offence rejects the batch and still saves the valid part",
    verdicts: [added, tooLarge],
    decision: "reject",
    resend: [a],
  },
])("$name", ({ verdicts, decision, resend }) => {
  expect(decideTxGossip([a, b], verdicts)).toEqual({ decision, resend });
});

test("an empty batch is not worth sending on", () => {
  expect(decideTxGossip([], [])).toEqual({ decision: "ignore", resend: [] });
});

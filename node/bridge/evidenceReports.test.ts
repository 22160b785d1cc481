import { pino } from "pino";
import { expect, test } from "vitest";
import type { Equivocation } from "#bridge/signaturePool.ts";
import { EvidenceReports } from "./evidenceReports.ts";

const rotation = { nonce: 1n, effectiveHeight: 3, totalPower: 4n, valsetHash: `0x${"01".repeat(32)}` };
const claim = { kind: "rotation", rotation, signature: new Uint8Array(64) } as const;
const of = (signer: string): Equivocation => ({ signer, first: claim, second: claim });
const log = pino({ level: "silent" });

test("evidence is told until the ledger needs it no more, of each validator once", async () => {
  const told: string[] = [];
  const answers: (() => "sent" | "settled")[] = [];
  const report = async ({ signer }: Equivocation) => {
    told.push(signer);
    return (answers.shift() ?? (() => "sent"))();
  };
  const reports = new EvidenceReports({ report }, log);
  for (const signer of ["a", "a", "b"]) reports.add(of(signer));
  answers.push(
    () => {
      throw new Error("the mempool is full");
    },
    () => "sent",
    () => "sent",
    () => "settled",
    () => "settled",
  );
  for (const waiting of [2, 1, 0]) {
    await reports.send();
    expect(reports.waiting).toBe(waiting);
  }
  expect(told).toEqual(["a", "b", "a", "b", "a"]);
  await reports.send();
  expect(told).toHaveLength(5);
});

test("a node that is no validator has nobody to tell", async () => {
  const reports = new EvidenceReports(undefined, log);
  reports.add(of("a"));
  await reports.send();
  expect(reports.waiting).toBe(0);
});

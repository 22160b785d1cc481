import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { hashHeader } from "#storage/types/header.ts";
import { READING_PROOF_CHECKS, verifyReadingProofFile } from "#storage/types/readingProofFile.ts";
import { parseReadingProofFile } from "#storage/types/readingProofFileJson.ts";
import {
  createSealedHome,
  SEALED_INTERVAL_MS,
  SEALED_METER,
  SEALED_START_MS,
  type SealedHome,
} from "../audit/testSealedHome.ts";

let home: SealedHome;
beforeAll(async () => {
  home = await createSealedHome({ intervals: 3, late: [18] });
});
afterAll(() => home[Symbol.dispose]());

const timeOf = (i: number) => new Date(SEALED_START_MS + 60_000 * (i + 1)).toISOString();

async function prove(i: number) {
  const file = join(home.cli.folder, `reading-${i}.json`);
  const args = ["--meter", SEALED_METER, "--at", timeOf(i), "--offline", "-o", file, "--json"];
  return { file, ...(await home.cli.run("prove", "reading", ...args)) };
}

test("a reading of an interval and one of an amendment are proved, and the files verify against the trusted hash and no other", async () => {
  for (const i of [3, 18]) {
    const { file, exit, json } = await prove(i);
    expect([exit, json.value]).toEqual(["ok", home.readings[i]?.value]);
    const height = Number(json.height);
    const trusted = Buffer.from(hashHeader(home.chain.lightBlock(height).signedHeader.header)).toString("hex");
    expect(json.blockHash).toBe(trusted);
    const verified = await home.cli.run("verify", file, "--trusted-hash", trusted);
    expect([verified.exit, verified.out.split("\n").length - 1]).toEqual(["ok", READING_PROOF_CHECKS.length]);
    const other = await home.cli.run("verify", file, "--trusted-hash", "4c".repeat(32));
    expect(other).toMatchObject({ exit: "verificationFailed", err: expect.stringContaining("PROOF_BLOCK_UNTRUSTED") });
  }
});

test("the file shows the reading and none of its neighbours", async () => {
  const { file } = await prove(5);
  const text = readFileSync(file, "utf8");
  const parsed = parseReadingProofFile(text);
  expect("proof" in parsed && parsed.proof.reading).toMatchObject({
    index: 5,
    total: 15,
    value: home.readings[5]?.value,
  });
  for (const i of [4, 6]) {
    expect(text).not.toContain(`"${home.readings[i]?.value}"`);
    expect(text).not.toContain(String(home.readings[i]?.timestampMs));
  }
});

test("a file with any byte changed is never accepted, and each check has refused something", async () => {
  const { file, json } = await prove(2);
  const bytes = readFileSync(file);
  const trusted = Buffer.from(String(json.blockHash), "hex");
  const refused = new Set<string>();
  for (let at = 0; at < bytes.length; at++) {
    const original = bytes[at] as number;
    for (const changed of at % 3 === 0 ? [original ^ 1, original ^ 4] : [original ^ 1]) {
      bytes[at] = changed;
      const failed = verifyReadingProofFile(bytes.toString("utf8"), trusted).find(({ verdict }) => !verdict.accepted);
      if (failed === undefined) expect.fail(`byte ${at}, ${original} → ${changed} is accepted`);
      refused.add(failed.name);
    }
    bytes[at] = original;
  }
  expect([...refused].sort()).toEqual([...READING_PROOF_CHECKS].sort());
});

test("what is not there, not sealed or not what was sealed is not proved", async () => {
  const at = (time: string) => home.cli.run("prove", "reading", "--meter", SEALED_METER, "--at", time, "--offline");
  expect((await at(String(SEALED_START_MS + 61_000))).err).toContain("READING_ABSENT");
  expect((await at(String(SEALED_START_MS + 9 * SEALED_INTERVAL_MS))).err).toContain("AUDIT_NOTHING_SEALED");
  const kept = readdirSync(home.log).map((name) => [name, readFileSync(join(home.log, name))] as const);
  for (const [name] of kept) writeFileSync(join(home.log, name), "");
  const log = await openReadingLog(home.log);
  const changed = home.readings.map((reading, i) => (i === 7 ? { ...reading, value: reading.value + 1 } : reading));
  await log.append(changed.filter((_, i) => i !== 6));
  await log.close();
  expect(await at(timeOf(7))).toMatchObject({ exit: "tampered", err: expect.stringContaining("READING_UNPROVABLE") });
  // Its neighbours are changed and gone; it is proved with the kept leaves.
  expect((await prove(8)).exit).toBe("ok");
  for (const [name, bytes] of kept) writeFileSync(join(home.log, name), bytes);
});

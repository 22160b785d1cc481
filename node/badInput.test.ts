import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OFFENCE_POINTS } from "./network/reputation.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

/** Rows of the README's table: who, what, answer, cost, tests. */
const section = read("node/README.md").split("## Bad input\n")[1]?.split("\n## ")[0] ?? "";
const rows = [...section.matchAll(/^\| (.*) \|$/gm)]
  .slice(1)
  .map(([, row = ""]) => row.split(" | ").map((cell) => cell.trim()));
const quoted = (text: string | undefined, pattern: RegExp) =>
  [...(text ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name).filter((name) => pattern.test(name));

const sources = globSync("{storage,consensus,node}/**/*.ts", { cwd: ROOT }).filter(
  (file) => !/(^|\/)test|\.(test|bench)\./.test(file),
);
const fuzzTests = globSync("{storage,consensus,node}/**/*.fuzz.test.ts", { cwd: ROOT });

test("every code of the table stands in the sources", () => {
  const text = sources.map(read).join("\n");
  const codes = rows.flatMap(([, , answer]) => quoted(answer, /^[A-Z][A-Z_]+[A-Z]$/));
  expect(codes.length).toBeGreaterThan(40);
  expect(codes.filter((code) => !new RegExp(`\\b${code}\\b`).test(text))).toEqual([]);
});

test("every offence of the table costs what it says, and only floods are not in it", () => {
  const named = rows.flatMap(([, , , cost = ""]) => [...cost.matchAll(/`([A-Z_]+)` (\d+)/g)]);
  expect(named.length).toBeGreaterThan(10);
  for (const [, offence = "", points] of named)
    expect([offence, OFFENCE_POINTS[offence as "LIE"]]).toEqual([offence, Number(points)]);
  const all = Object.keys(OFFENCE_POINTS).filter((offence) => !offence.endsWith("_FLOOD"));
  expect([...new Set(named.map(([, offence]) => offence))].sort()).toEqual(all.sort());
});

test("the table names tests that are there, and every fuzz test", () => {
  const named = rows.flatMap((row) => quoted(row.at(-1), /\.test\.ts$/));
  expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  expect(fuzzTests.length).toBeGreaterThan(20);
  expect(fuzzTests.filter((file) => !named.includes(file))).toEqual([]);
});

/** Decoders that are reached through others, which are fuzzed. */
const WITHIN_OTHERS: Readonly<Record<string, string>> = {
  decodeAnswer: "calls the decoder of an answer and counts points",
  decodeAssetCursor: "the index's own rows, behind LevelDB's checksums",
  decodeAssetTx: "the index's own rows, behind LevelDB's checksums",
  decodeBatchHeader: "openReadingLog",
  decodeCanonical: "every canonical format",
  decodeDer: "decodeFulfillment",
  decodeDerInteger: "decodeFulfillment",
  decodeErasureRecord: "decodeCanonical, of state that a proof has led to",
  decodeFrame: "createDsmrDecoder",
  decodeJson: "the aggregator's own rows, behind LevelDB's checksums",
  decodeMeterCounts: "decodeCanonical, of state that a proof has led to",
  decodeMinutePackage: "the codec `minutes` of LoRaWAN",
  decodeNumbers: "the store's own counters, behind LevelDB's checksums",
  decodePosition: "the cursor of a page: REST",
  decodeRow: "the outbox's own rows, behind LevelDB's checksums",
};

test("every exported decoder is fuzzed", () => {
  const decoders = sources.flatMap((file) =>
    [...read(file).matchAll(/^export (?:async )?function (decode\w+)/gm)].map(([, name = ""]) => name),
  );
  // Small ones are fuzzed beside their other tests.
  const text = globSync("{storage,consensus,node}/**/*.test.ts", { cwd: ROOT })
    .map(read)
    .filter((test) => /\bfuzz(Async|Decoder)?\(/.test(test))
    .join("\n");
  const unfuzzed = decoders.filter((name) => !new RegExp(`\\b${name}\\b`).test(text));
  expect([...new Set(unfuzzed)].sort()).toEqual(Object.keys(WITHIN_OTHERS));
});

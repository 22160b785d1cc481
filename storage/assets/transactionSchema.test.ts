import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isJsonObject, type JsonValue, parseJson } from "./jsonLossless.ts";
import { VECTORS } from "./testVectors.ts";
import { checkCommonSchema, checkCreateSchema, checkTransferSchema } from "./transactionSchema.ts";

/** One place of a golden transaction changed, and what python-jsonschema says (`storage/testdata/bigchaindb-emitter/schema.py`). */
interface Row {
  readonly base: string;
  readonly path: readonly (string | number)[];
  readonly kind: "add" | "drop" | "double" | "replace";
  readonly value: unknown;
  readonly message: string | null;
}

type Container = Record<string | number, unknown>;

const ROWS = JSON.parse(readFileSync(`${import.meta.dirname}/../testdata/bigchaindb-schema.json`, "utf8")) as Row[];

function changed({ base, path, kind, value }: Row): JsonValue {
  const root = { tx: structuredClone(VECTORS.positive.find(({ name }) => name === base)?.tx) };
  const steps = ["tx", ...path];
  const last = steps.pop() as string | number;
  let inner = root as Container;
  for (const step of steps) inner = inner[step] as Container;
  const place = inner[last];
  if (kind === "add") (place as { foo?: unknown }).foo = value;
  else if (kind === "drop") delete inner[last];
  else inner[last] = kind === "double" ? [...(place as unknown[]), ...(place as unknown[])] : value;
  const parsed = parseJson(JSON.stringify(root.tx));
  if (!parsed.accepted) throw new Error(parsed.reason);
  return parsed.value;
}

function refusalOf(tx: JsonValue): string | null {
  const common = checkCommonSchema(tx);
  if (common !== undefined) return common;
  const isTransfer = isJsonObject(tx) && tx.get("operation") === "TRANSFER";
  return (isTransfer ? checkTransferSchema(tx) : checkCreateSchema(tx)) ?? null;
}

test("the schema says of 400 changed transactions, word by word, what python-jsonschema says", () => {
  const refusals = ROWS.filter(({ message }) => message !== null);
  expect([ROWS.length, refusals.length > 300, refusals.length < ROWS.length]).toEqual([400, true, true]);
  for (const row of ROWS) expect({ row, message: refusalOf(changed(row)) }).toEqual({ row, message: row.message });
});

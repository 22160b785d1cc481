import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MAX_MATCHED_DOCUMENTS, MAX_SEARCHED_POSTINGS } from "#storage/assets/assetQueries.ts";
import { MAX_FIELD_BYTES, MAX_INDEXED_FIELDS, MAX_INDEXED_TOKENS } from "#storage/assets/assetText.ts";
import { MAX_SEARCH_TOKENS } from "#storage/assets/textQuery.ts";
import { MAX_TOKEN_CHARS } from "#storage/assets/textTokens.ts";
import * as limits from "./limits.ts";

const README = readFileSync(new URL("./README.md", import.meta.url), "utf8");
const sourceOf = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

/** 100000 as the README writes it: 100 000. */
const spaced = (value: number) => String(value).replace(/(?<=\d)(?=(\d{3})+$)/g, " ");

test("the README's limits are the real ones", () => {
  const { MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_TARGET_CHARS, MAX_CONNECTIONS, MAX_HELD_BYTES } = limits;
  const table = README.split("\n## Limits\n")[1]?.split("\n## ")[0] ?? "";
  expect(table).toContain(`${spaced(MAX_BODY_BYTES)} bytes; ${MAX_HEADER_BYTES / 1024} KiB; 8 192 characters`);
  expect(MAX_TARGET_CHARS).toBe(8192);
  expect(table).toContain(`${MAX_CONNECTIONS}; ${MAX_HELD_BYTES / 1024 / 1024} MiB; 4 096`);
  expect(limits.MAX_COMMIT_WAITERS).toBe(4096);
  expect(table).toContain(`${limits.REQUEST_TIMEOUT_MS / 1000} s; ${limits.UNREAD_TIMEOUT_MS / 1000} s`);
  expect(table).toContain(`${spaced(MAX_SEARCHED_POSTINGS)}; ${MAX_SEARCH_TOKENS}; ${spaced(MAX_MATCHED_DOCUMENTS)} |`);
  const { MAX_STREAM_CLIENTS, MAX_UNREAD_STREAM_BYTES, MAX_INBOUND_FRAME_BYTES } = limits;
  const mebibytes = MAX_UNREAD_STREAM_BYTES / 1024 / 1024;
  expect(table).toContain(`${MAX_STREAM_CLIENTS}; ${mebibytes} MiB; ${MAX_INBOUND_FRAME_BYTES / 1024} KiB`);
  expect(table).toContain(`two pings, ${limits.STREAM_PING_MS / 1000} s apart`);
  expect(README).toContain(`limit=1…${limits.MAX_PAGE}`);
  expect(README).toContain(`no block within ${limits.COMMIT_TIMEOUT_MS / 1000} s`);
});

test("the README's sizes of the index are the real ones", () => {
  const words = `Per document 1 024 words of up to ${MAX_TOKEN_CHARS} characters and ${MAX_INDEXED_FIELDS} fields of up to ${MAX_FIELD_BYTES} bytes`;
  expect(README).toContain(words);
  expect(MAX_INDEXED_TOKENS).toBe(1024);
});

test("the README has every error code that is thrown here, and no other", () => {
  const thrown = ["./bigchainError.ts", "../../storage/assets/assetStore.ts"].flatMap((name) =>
    [...sourceOf(name).matchAll(/code: "([A-Z_]+)"/g)].map(([, code]) => code),
  );
  const documented = [...README.matchAll(/^\| `([A-Z]+_[A-Z_]+)` \|/gm)].map(([, code]) => code);
  expect(documented.toSorted()).toEqual([...new Set(thrown)].toSorted());
});

test("the README says how many requests the table has", () => {
  const rows = JSON.parse(sourceOf("./testdata/requests.json")) as readonly unknown[];
  expect(README).toContain(`| \`testdata/requests.json\` | ${rows.length} requests`);
});

test("the tests and the rows that the README names are there", () => {
  const shown = README.split("\n## Shown by\n")[1]?.split("\n## ")[0] ?? "";
  const files = [...shown.matchAll(/`([\w./]+\.(?:test|json|ts)[\w.]*)`/g)].map(([, name = ""]) => name);
  expect(files.length).toBeGreaterThan(20);
  for (const name of files) {
    const base = /^(storage|consensus|node|devnet)\//.test(name) ? "../../" : "./";
    expect(existsSync(new URL(base + name, import.meta.url)), name).toBe(true);
  }
  const rows = JSON.parse(sourceOf("./testdata/requests.json")) as readonly { readonly name: string }[];
  for (const [, named = ""] of shown.matchAll(/(?<=\brows?\b[^|]*)"([^"]+)"/g)) {
    const [start = "", end = ""] = named.split("…").map((part) => part.trim());
    expect(
      rows.some(({ name }) => name.startsWith(start) && name.endsWith(end)),
      named,
    ).toBe(true);
  }
});

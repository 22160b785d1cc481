import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PROOF_CHECKS } from "#storage/types/proofFile.ts";
import { API_ERRORS } from "./api/errors.ts";
import { EVENT_RING_SIZE, MAX_EVENT_BACKLOG_BYTES, MAX_EVENT_CLIENTS_PER_ADDRESS } from "./api/eventStream.ts";
import { MAX_JSON_DEPTH } from "./api/jsonBody.ts";
import { MAX_HEADER_BYTES } from "./api/serverLimits.ts";
import { createTestNode, startTestApi } from "./api/testPorts.ts";
import { EXIT_CODES } from "./cli/exitCodes.ts";
import { optionsTable } from "./optionsTable.ts";

const README = readFileSync(new URL("./README.md", import.meta.url), "utf8");

test("the README's options are those of the table", () => {
  expect(README).toContain(optionsTable());
});

test("the README lists exactly the API's error codes, with their status and hint", () => {
  const rows = [...README.matchAll(/^\| (\d{3}) \| `([A-Z_]+)` \| (.*) \|$/gm)].map(([, status, code, hint]) => [
    code,
    Number(status),
    hint,
  ]);
  expect(rows).toEqual(Object.entries(API_ERRORS).map(([code, { status, hint }]) => [code, status, hint]));
});

test("the README lists exactly the exit codes", () => {
  const codes = [...README.matchAll(/^\| (\d) \| /gm)].map(([, code]) => Number(code));
  expect(codes).toEqual(Object.values(EXIT_CODES));
});

test("the README names every route of the API", async () => {
  await using api = await startTestApi(createTestNode());
  for (const route of api.server.printedRoutes ?? []) {
    const [name] = route.replace("/ledger/v1/", "").replace(/^\//, "").split("/");
    expect(README, route).toMatch(new RegExp(`[\`/]${name}[/?\`]`));
  }
});

test("the README's limits and proof checks are the real ones", () => {
  expect(README).toContain(`the last ${EVENT_RING_SIZE} events`);
  expect(README).toContain(`${MAX_EVENT_BACKLOG_BYTES / 1024} KiB unread`);
  expect(README).toContain(`headers ${MAX_HEADER_BYTES / 1024} KiB, JSON ${MAX_JSON_DEPTH} levels`);
  expect(README).toContain(`${MAX_EVENT_CLIENTS_PER_ADDRESS} event streams per address`);
  for (const check of PROOF_CHECKS) expect(README).toContain(check);
});

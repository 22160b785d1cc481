import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createSmallApi } from "../api/smallApi.ts";
import { createTestNode } from "../api/testPorts.ts";
import { decodeRows, encodeRows, RowStreamError } from "../audit/auditRows.ts";
import { openOwnAudit } from "../audit/openOwnAudit.ts";
import { createSealedHome, SEALED_CHAIN_ID, SEALED_METER, SEALED_START_MS } from "../audit/testSealedHome.ts";
import { homePaths } from "../configurationHome.ts";
import { defaultOptions } from "../options.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

/** A light node's API over the data of a home, with a token. */
async function running() {
  const home = await createSealedHome({ late: [3] });
  onTestFinished(() => home[Symbol.dispose]());
  const own = await openOwnAudit(homePaths(home.cli.home).data, SEALED_CHAIN_ID);
  const tokenFile = join(home.cli.folder, "token");
  writeFileSync(tokenFile, TOKEN);
  const record = {
    fromMs: 1,
    untilMs: 2,
    readingCount: 3,
    receiptHash: new Uint8Array(32),
    recordedBy: "e",
    recordedMs: 4,
  };
  const erasures = { known: true };
  const audit = async () => ({ ...own.audit, erasures: async () => (erasures.known ? [record] : undefined) });
  const api = await createSmallApi(
    { ...defaultOptions(), apiPort: 0, apiTokenFile: tokenFile },
    { ...createTestNode().ports, metrics: () => "", audit },
    { log: pino({ level: "silent" }) },
  );
  onTestFinished(async () => {
    await api.close();
    await own[Symbol.asyncDispose]();
  });
  const run = (...args: readonly string[]) =>
    home.cli.run(...args, "--meter", SEALED_METER, "--node", api.url, "--token-file", tokenFile);
  return { ...home, run, api, erasures };
}

test("a running light node is audited through its API, its keys written and its readings proved", async () => {
  const { run, readings, cli, erasures } = await running();
  const { exit, json } = await run("audit", "--json");
  expect([exit, json.verdict, json.erasuresChecked]).toEqual(["ok", "intact", true]);
  expect((json.items as object[]).length).toBe(9);
  erasures.known = false;
  expect((await run("audit", "--json")).json).toMatchObject({ verdict: "intact", erasuresChecked: false });
  const time = String(SEALED_START_MS + 60_000 * 8);
  const proved = await run("prove", "reading", "--at", time, "-o", join(cli.folder, "p.json"), "--json");
  expect(proved.json).toMatchObject({ value: readings[7]?.value });
  const keys = await run("audit", "key", "-o", join(cli.folder, "k.json"), "--json");
  expect(keys.json).toMatchObject({ intervals: 9 });
});

test("nobody without the token reads readings, seals or erasures", async () => {
  const { api } = await running();
  for (const name of ["seals", "readings", "erasures"]) {
    const response = await fetch(`${api.url}/ledger/v1/audit/${name}?meter=${SEALED_METER}`);
    expect([response.status, await response.json()]).toMatchObject([401, { code: "UNAUTHORIZED" }]);
  }
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await fetch(`${api.url}/ledger/v1/audit/readings?meter=&from=x`, { headers });
  expect(answer.status).toBe(400);
});

test("a stream of readings that is cut off anywhere is noticed", async () => {
  const { readings } = await running();
  async function* items() {
    for (const reading of readings.slice(0, 3)) yield { type: "reading", reading } as const;
    yield { type: "tombstone", timestampMs: 5, leafHash: new Uint8Array(32).fill(1) } as const;
    yield { type: "tombstone", timestampMs: 6, leafHash: undefined } as const;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of encodeRows(items())) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  async function* pieces(end: number) {
    for (let at = 0; at < end; at += 7) yield bytes.subarray(at, Math.min(at + 7, end));
  }
  const all = [];
  for await (const item of decodeRows(pieces(bytes.length))) all.push(item);
  expect(all.length).toBe(5);
  expect(all[3]).toEqual({ type: "tombstone", timestampMs: 5, leafHash: new Uint8Array(32).fill(1) });
  for (let end = 0; end < bytes.length; end++) {
    const read = async () => {
      for await (const _ of decodeRows(pieces(end)));
    };
    await expect(read()).rejects.toThrow(RowStreamError);
  }
});

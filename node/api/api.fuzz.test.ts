import { connect } from "node:net";
import fc from "fast-check";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accountOf, keyOf } from "#consensus/application/testLedger.ts";
import { changedJson, changedSample } from "#storage/fuzz/decoder.ts";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz, fuzzAsync } from "#storage/fuzz/runs.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { defaultOptions } from "../options.ts";
import { createTestNetwork, type TestNetwork } from "../testNetwork.ts";
import { API_ERRORS, ApiError } from "./errors.ts";
import { jsonDepth, MAX_JSON_DEPTH, parseJsonBody } from "./jsonBody.ts";
import { createSmallApi } from "./smallApi.ts";
import { formatMetrics } from "./smallMetrics.ts";
import { createTestNode } from "./testPorts.ts";
import { transactionJson } from "./transactionJson.ts";

let net: TestNetwork;
let full: string;
let light: Awaited<ReturnType<typeof createSmallApi>>;

beforeAll(async () => {
  net = await createTestNetwork({ validators: 1 });
  full = (await net.start("validator0")).api?.url ?? "";
  light = await createSmallApi(
    { ...defaultOptions(), apiPort: 0, apiRequestsPerSecond: 100_000 },
    { ...createTestNode().ports, metrics: () => formatMetrics({}) },
    { log: pino({ level: "silent" }) },
  );
}, 60_000);

afterAll(async () => {
  await light.close();
  await net[Symbol.asyncDispose]();
});

const tx = signTransaction({
  messages: [ledgerMessage("MsgRevokeMeter", { authority: accountOf("dso"), meterId: "lcl:MAC000002", reason: "x" })],
  chainId: "edream-test",
  signers: [{ privateKey: keyOf("dso"), accountNumber: 1n, sequence: 0n }],
});

/** A result, or an error of the table with its own status; never that the node met what it did not expect. */
async function expectAnswer(response: Response): Promise<void> {
  const text = await response.text();
  if (response.ok) return;
  const { code, message } = JSON.parse(text) as { code: keyof typeof API_ERRORS; message: string };
  expect(API_ERRORS[code]?.status, text).toBe(response.status);
  expect(message).toMatch(/./);
  expect(code).not.toBe("INTERNAL");
}

const post = (body: string | Uint8Array<ArrayBuffer>, type: string) =>
  fetch(`${full}/ledger/v1/transactions`, { method: "POST", headers: { "content-type": type }, body });

test(
  "a changed body is answered with a code of the table",
  async () => {
    const json = JSON.stringify({ tx: Buffer.from(tx).toString("base64") });
    await fuzzAsync("REST body", changedJson([json]), 100, async (body) =>
      expectAnswer(await post(body, "application/json")),
    );
    await fuzzAsync("REST transaction", changedSample([tx]), 100, async (bytes) =>
      expectAnswer(await post(Uint8Array.from(bytes), "application/octet-stream")),
    );
  },
  FUZZ_TIMEOUT_MS,
);

const ACCOUNT = accountOf("dso");
const HASH = "ab".repeat(32);
const TARGETS = [
  `/transactions/${HASH}/proof`,
  `/transactions?account=${ACCOUNT}&limit=3&cursor=5-0`,
  "/transactions?meter=lcl:MAC000002&height=1",
  "/blocks/latest",
  "/blocks/1",
  "/light-blocks/1",
  "/validators/1",
  "/members?after=a&limit=2",
  "/meters/lcl:MAC000002/unopened?after=5",
  "/meters/lcl:MAC000002/flags?after=0000000001&limit=2",
  "/meters/lcl:MAC000002/configurations/1",
  `/accounts/${ACCOUNT}/outputs?after=${HASH}:0`,
  `/outputs/${HASH}/0`,
  `/assets/${HASH}/0`,
  "/state?path=/edream/members&data=7b7d&prove=true&height=1",
  "/openings?meter=lcl:MAC000002&from=0&to=5",
  "/light",
].map((path) => `/ledger/v1${path}`);
/** What a path or a query may be made to hold. */
const PIECES = [
  "%00",
  "%",
  "%ff%fe",
  "%2e%2e%2f",
  "//",
  "/../",
  "?",
  "&",
  "=",
  "[]=1",
  "__proto__",
  "constructor",
  "-1",
  "1e9",
].concat(["9007199254740993", "99999999999999999999", "NaN", "%C4%B2", "a".repeat(3000), "#", ";", " "]);
const target = fc
  .record({
    sample: fc.constantFrom(...TARGETS),
    pieces: fc.array(fc.tuple(fc.nat(), fc.nat(8), fc.constantFrom("", ...PIECES)), { maxLength: 3 }),
    bytes: fc.array(byteMutation, { maxLength: 1 }),
  })
  .map(({ sample, pieces, bytes }) => {
    const edited = pieces.reduce((before, [at, cut, piece]) => {
      const offset = at % (before.length + 1);
      return before.slice(0, offset) + piece + before.slice(offset + cut);
    }, sample);
    // A line break would end the request line, and begin what is another request.
    return Buffer.from(mutateBytes(Buffer.from(edited), bytes))
      .toString("latin1")
      .replaceAll(/[\r\n ]/g, "+");
  });

/** The status and the body of a request whose target no client library would send. */
async function get(url: string, path: string): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ledger\r\nConnection: close\r\n\r\n`, "latin1");
  const chunks: Uint8Array[] = [];
  for await (const chunk of socket) chunks.push(chunk as Uint8Array);
  const [head = "", ...rest] = Buffer.concat(chunks).toString("utf8").split("\r\n\r\n");
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]), body: rest.join("\r\n\r\n") };
}

test(
  "a changed path or query is answered with a code of the table, by a full node and by a light one",
  async () => {
    await fuzzAsync("REST path", target, 150, async (path) => {
      // The stream of events does not end.
      if (path.includes("/events")) return;
      for (const url of [full, light.url]) {
        const { status, body } = await get(url, path);
        if (status === 200) continue;
        const code = /"code":"([A-Z_]+)"/.exec(body)?.[1] as keyof typeof API_ERRORS;
        expect([API_ERRORS[code]?.status, code === "INTERNAL"], `${path} ${body}`).toEqual([status, false]);
      }
    });
  },
  FUZZ_TIMEOUT_MS,
);

test.each([
  ["a cursor that no page has given", `/ledger/v1/transactions?account=${ACCOUNT}&cursor=5-0`],
  ["an escape that the router cannot read", "/%ledger/v1/status"],
])("%s is a bad request in the shape of every error", async (_name, path) => {
  const { status, body } = await get(full, path);
  expect([status, JSON.parse(body)]).toMatchObject([400, { code: "BAD_REQUEST", hint: API_ERRORS.BAD_REQUEST.hint }]);
});

test(
  "a body of JSON has no more levels than allowed and no __proto__ in it, or is refused",
  () => {
    fuzz("JSON body", changedJson(['{"tx":"CQgH","a":[{"b":1}]}']), 500, (text) => {
      let value: unknown;
      try {
        value = parseJsonBody(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ApiError);
        return;
      }
      expect(jsonDepth(JSON.stringify(value))).toBeLessThanOrEqual(MAX_JSON_DEPTH);
      expect(JSON.stringify(value)).not.toContain('"__proto__":');
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed transaction is shown, or shown with the reason why it is none",
  () => {
    fuzz("transaction as JSON", changedSample([tx]), 500, (bytes) => {
      const view = transactionJson(bytes);
      expect(JSON.stringify(view).length).toBeLessThan(2048 + 16 * bytes.length);
      if (view.malformed === undefined) expect(view.signers.length).toBeGreaterThan(0);
      else expect(view.malformed).toMatch(/^TX_[A-Z_]+: /);
    });
  },
  FUZZ_TIMEOUT_MS,
);

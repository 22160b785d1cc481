import { request } from "node:http";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testSigner, VECTORS } from "#storage/assets/testVectors.ts";
import { changedJson, changedSample } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz, fuzzAsync } from "#storage/fuzz/runs.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { carriedBy } from "./ledgerChain.ts";
import { startTestBigchain, type TestBigchain } from "./testBigchain.ts";

let running: TestBigchain;

beforeAll(async () => {
  running = await startTestBigchain({ rules: "bigchaindb-2.2.2" });
  for (const { tx } of VECTORS.positive) await post(JSON.stringify(tx));
});

afterAll(() => running[Symbol.asyncDispose]());

function send(
  method: string,
  target: string,
  body: string | Uint8Array = "",
): Promise<{ status: number; text: string }> {
  const { hostname: host, port } = new URL(running.url);
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, method, path: target }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const post = (body: string | Uint8Array) => send("POST", "/api/v1/transactions?mode=commit", body);

const TXS = VECTORS.positive.map(({ tx }) => JSON.stringify(tx));

test(
  "a changed transaction is accepted, or refused in words of a BigchainDB server",
  async () => {
    const check = async (body: string | Uint8Array) => {
      const { status, text } = await post(body);
      expect([202, 400, 500], text).toContain(status);
      const { message } = JSON.parse(text) as { message?: string };
      if (status === 500) expect(message).toMatch(/^Internal Server Error$|^Invalid Request - /);
      else if (status === 400)
        expect(message).toMatch(/^Invalid transaction (schema: |\(\w+\): )|^The browser \(or proxy\)/);
      expect(running.faults).toEqual([]);
    };
    await fuzzAsync("BigchainDB JSON", changedJson(TXS), 150, check);
    await fuzzAsync("BigchainDB bytes", changedSample(TXS.map((text) => Buffer.from(text))), 100, check);
  },
  FUZZ_TIMEOUT_MS,
);

const ID = VECTORS.positive[0]?.id ?? "";
const KEY = VECTORS.keys.alice?.publicKey ?? "";
const TARGETS = [
  "/",
  "/api/v1/",
  "/api/v1/transactions",
  `/api/v1/transactions/${ID}`,
  `/api/v1/transactions/${ID}/proof`,
  `/api/v1/transactions?asset_id=${ID}&operation=CREATE&last_tx=true&limit=3&after=00`,
  "/api/v1/transactions?from=0&to=2026-11-21T10:15:00Z",
  `/api/v1/outputs?public_key=${KEY}&spent=false&limit=1`,
  "/api/v1/assets?search=meter01+%22energy%22&limit=2",
  "/api/v1/metadata?field=seq&value=1&from=1",
  "/api/v1/metadata?search=na%C3%AFve&after=1-00",
  "/api/v1/blocks/3",
  `/api/v1/blocks?transaction_id=${ID}`,
  "/api/v1/validators",
];

/** What Node's client sends as a target; the bytes it refuses never leave it. */
const toTarget = (bytes: Uint8Array) =>
  `/${Buffer.from(bytes)
    .toString("latin1")
    .replace(/[^\x21-\x7e]/g, "")
    .replace(/^\//, "")}`;

test(
  "a changed path or query is answered, and never by a fault of this program",
  async () => {
    const changed = changedSample(TARGETS.map((target) => Buffer.from(target)));
    const methods = fc.constantFrom("GET", "GET", "GET", "HEAD", "POST", "PUT", "OPTIONS");
    await fuzzAsync("BigchainDB target", fc.tuple(methods, changed), 400, async ([method, bytes]) => {
      const { status, text } = await send(method, toTarget(bytes));
      expect([200, 400, 404, 405, 414], `${method} ${toTarget(bytes)} ${text}`).toContain(status);
      expect(running.faults).toEqual([]);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test("whatever is in a block, what it carries is read without an exception", () => {
  const signer = accountOfKey({ type: "ed25519", bytes: testSigner("alice").publicKey });
  const own = { type: "ed25519", bytes: Buffer.from(VECTORS.keys.alice?.seedHex ?? "", "hex") } as const;
  const txs = TXS.map((text) =>
    signTransaction({
      messages: [ledgerMessage("MsgBigchainTransaction", { signer, transaction: Buffer.from(text) })],
      chainId: "test",
      signers: [{ privateKey: own, accountNumber: 1n, sequence: 0n }],
    }),
  );
  fuzz("carried", changedSample(txs), 300, (bytes) => {
    for (const { id, assetId } of carriedBy(bytes, { code: 0, log: "" }))
      expect([typeof id, typeof assetId]).toEqual(["string", "string"]);
  });
});

import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTransaction, ed25519Details, jsonOf, transferTransaction } from "#storage/assets/buildTransaction.ts";
import { canonicalJson } from "#storage/assets/canonicalJson.ts";
import { type JsonObject, parseJson } from "#storage/assets/jsonLossless.ts";
import { testSigner, VECTORS } from "#storage/assets/testVectors.ts";
import { memberTexts, transactionId } from "#storage/assets/transactionText.ts";
import type { BigchainSubmission } from "./ports.ts";
import { startTestBigchain, type TestBigchain, testLedgerTxId } from "./testBigchain.ts";

/** One request and what the real server answers to it (research of a BigchainDB 2.2.2); some at the end are this server's own. */
interface Row {
  readonly name: string;
  readonly request: { readonly method: string; readonly target: string; readonly type?: string; readonly send?: Sent };
  readonly status: string;
  /** Compared as JSON. */
  readonly body?: unknown;
  /** Other texts that stand for the schema's message: versions of python-jsonschema differ. */
  readonly alternatives?: readonly string[];
  readonly contains?: string;
  readonly startsWith?: string;
  readonly has?: string;
  readonly header?: Readonly<Record<string, string>>;
  readonly rules?: "strict";
  /** What the mempool says. */
  readonly mempool?: BigchainSubmission;
  /** A block has the transaction, and it did not take effect. */
  readonly decide?: string;
}

interface Sent {
  readonly text?: string;
  readonly repeat?: number;
  readonly hex?: string;
  readonly nested?: number;
  readonly prefix?: string;
  readonly vector?: string;
  readonly negative?: string;
  readonly edit?: {
    readonly of: string;
    readonly set?: Readonly<Record<string, unknown>>;
    readonly drop?: readonly string[];
    readonly id?: "keep" | "drop" | "null" | "javascript";
  };
  readonly create?: {
    readonly by: string;
    readonly data: { readonly fill?: number };
    readonly named?: string;
    readonly outputs?: number;
  };
  readonly transfer?: {
    readonly asset: string;
    readonly inputs: readonly (readonly [transaction: string, index: number, signer: string])[];
    readonly outputs: readonly (readonly [amount: string, owner: string])[];
  };
}

const ROWS = JSON.parse(readFileSync(`${import.meta.dirname}/testdata/requests.json`, "utf8")) as readonly Row[];

/** Texts of transactions by the names that rows give them. */
const named = new Map(VECTORS.positive.map(({ name, tx }) => [name, JSON.stringify(tx)]));
const idOf = (name: string) => (JSON.parse(named.get(name) ?? `{"id":${JSON.stringify(name)}}`) as { id: string }).id;

let lax: TestBigchain;
let strict: TestBigchain;

beforeAll(async () => {
  const alice = testSigner("alice");
  const outputs = (amount: bigint) => [{ amount, details: ed25519Details(alice.publicKey) }];
  const data = (name: string) => jsonOf({ name });
  for (const [name, amount, words] of [
    ["gold", 10n, "shiny shiny gold"],
    ["silver", 5n, "shiny silver"],
  ] as const)
    named.set(
      name,
      createTransaction({ data: data(words), metadata: null, outputs: outputs(amount), issuer: alice }).text,
    );
  [lax, strict] = await Promise.all([
    startTestBigchain({ rules: "bigchaindb-2.2.2", commitTimeoutMs: 50 }),
    startTestBigchain(),
  ]);
  for (const server of [lax, strict])
    for (const name of [...VECTORS.positive.map((vector) => vector.name), "gold", "silver"]) {
      const { status, text } = await send(
        server,
        "POST",
        "/api/v1/transactions?mode=commit",
        Buffer.from(named.get(name) ?? ""),
      );
      expect(`${name} ${status}`, text).toBe(`${name} 202 ACCEPTED`);
    }
  await lax.assets.commit([]);
  const parsed = parseJson(named.get("create-simple") ?? "");
  if (!parsed.accepted) throw new Error(parsed.reason);
  lax.proofs.set(testLedgerTxId(canonicalJson(parsed.value)), '{"proof":"of create-simple"}');
});

afterAll(async () => {
  await lax[Symbol.asyncDispose]();
  await strict[Symbol.asyncDispose]();
});

interface Received {
  /** `404 NOT FOUND`, as it stands in the status line. */
  readonly status: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** By Node's own client, which shows the status line as it is. */
function send(
  server: TestBigchain,
  method: string,
  target: string,
  body?: Buffer,
  type = "application/json",
): Promise<Received> {
  const { hostname: host, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": type, "content-length": body.length };
    const sent = httpRequest({ host, port, method, path: target, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({ status: `${response.statusCode} ${response.statusMessage}`, headers: response.headers, text }),
      );
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function bodyOf({ text, repeat, hex, nested, prefix = "", vector, negative, edit, create, transfer }: Sent): Buffer {
  if (hex !== undefined) return Buffer.from(hex, "hex");
  if (nested !== undefined) return Buffer.from("[".repeat(nested) + "]".repeat(nested));
  if (text !== undefined) return Buffer.from(text.repeat(repeat ?? 1));
  if (vector !== undefined) return Buffer.from(named.get(vector) ?? "");
  if (negative !== undefined)
    return Buffer.from(JSON.stringify(VECTORS.negative.find(({ name }) => name === negative)?.tx));
  if (edit !== undefined) return Buffer.from(edited(edit));
  const made = create === undefined ? transferred(transfer as NonNullable<Sent["transfer"]>) : created(create);
  return Buffer.from(prefix === "" ? made : prefix + made.slice(1));
}

function created({ by, data, named: owner, outputs = 1 }: NonNullable<Sent["create"]>): string {
  const issuer = testSigner(by);
  const content = data.fill === undefined ? data : { text: "x".repeat(data.fill) };
  const list = Array.from({ length: outputs }, () => ({ amount: 1n, details: ed25519Details(issuer.publicKey) }));
  const { text } = createTransaction({ data: jsonOf(content), metadata: null, outputs: list, issuer });
  if (owner === undefined) return text;
  // Signed anew over the changed owner, by the same key.
  return resigned(text, by, (tx) => {
    tx.inputs[0].owners_before = [VECTORS.keys[owner]?.publicKey];
  });
}

// biome-ignore lint/suspicious/noExplicitAny: documents that are meant to be wrong.
type AnyJson = any;

function resigned(text: string, signer: string, change: (tx: AnyJson) => void): string {
  const tx = JSON.parse(text) as AnyJson;
  change(tx);
  tx.id = null;
  tx.inputs[0].fulfillment = null;
  const message = new Uint8Array(Buffer.from(hash("sha3-256", canonicalJson(jsonOf(tx)), "hex"), "hex"));
  const { publicKey, sign } = testSigner(signer);
  const der = Buffer.concat([Buffer.from("a4648020", "hex"), publicKey, Buffer.from("8140", "hex"), sign(message)]);
  tx.inputs[0].fulfillment = der.toString("base64url");
  return withId(tx);
}

function withId(tx: AnyJson): string {
  const { id: _, ...rest } = tx as { id: unknown };
  const members = memberTexts(jsonOf({ ...rest, id: null }) as JsonObject);
  return JSON.stringify({ ...rest, id: transactionId(members) });
}

function transferred({ asset, inputs, outputs }: NonNullable<Sent["transfer"]>): string {
  const details = (owner: string) => ed25519Details(testSigner(owner).publicKey);
  return transferTransaction({
    assetId: idOf(asset),
    metadata: null,
    outputs: outputs.map(([amount, owner]) => ({ amount: BigInt(amount), details: details(owner) })),
    inputs: inputs.map(([transaction, outputIndex, signer]) => ({
      transactionId: idOf(transaction),
      outputIndex,
      details: details(signer),
      signers: [testSigner(signer)],
    })),
  }).text;
}

/** A transaction with members changed by their paths; its id is made to fit unless the row wants another. */
function edited({ of, set = {}, drop = [], id }: NonNullable<Sent["edit"]>): string {
  const tx = JSON.parse(named.get(of) ?? "") as AnyJson;
  const parentOf = (path: readonly string[]) => path.slice(0, -1).reduce((inner, name) => inner[name], tx);
  for (const [path, value] of Object.entries(set)) parentOf(path.split("."))[path.split(".").at(-1) ?? ""] = value;
  for (const path of drop) delete parentOf(path.split("."))[path.split(".").at(-1) ?? ""];
  if (id === "keep") return JSON.stringify(tx);
  if (id === "null") return JSON.stringify({ ...tx, id: null });
  if (id === "drop") {
    delete tx.id;
    return JSON.stringify(tx);
  }
  if (id !== "javascript") return withId(tx);
  // As json-stable-stringify of the driver writes it: JavaScript's numbers.
  const text = stableStringify({ ...tx, id: null });
  return JSON.stringify({ ...tx, id: hash("sha3-256", text, "hex") });
}

function stableStringify(value: AnyJson): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(stableStringify).join(",")}]`;
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${stableStringify(value[name])}`);
  return `{${members.join(",")}}`;
}

/** `${name}` is an id, in capitals with `:upper`; `{"$tx": name}` a transaction, `{"$sent": true}` the one of the row. */
function resolved(value: unknown, sent: Buffer | undefined): unknown {
  if (typeof value === "string")
    return value.replaceAll(/\$\{([^}:]+)(:upper)?\}/g, (_all, name: string, upper?: string) => {
      if (name === "streamUrl") return lax.bigchain.streamUrl ?? "";
      const id = name === "sent" ? (JSON.parse(String(sent)) as { id: string }).id : idOf(name);
      return upper === undefined ? id : id.toUpperCase();
    });
  if (Array.isArray(value)) return value.map((item) => resolved(item, sent));
  if (typeof value !== "object" || value === null) return value;
  if ("$tx" in value) return JSON.parse(named.get(value.$tx as string) ?? "");
  if ("$sent" in value) return JSON.parse(String(sent));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, resolved(inner, sent)]));
}

test("there are at least 90 rows, each with a name of its own", () => {
  expect(ROWS.length).toBeGreaterThanOrEqual(90);
  expect(new Set(ROWS.map(({ name }) => name)).size).toBe(ROWS.length);
});

for (const row of ROWS)
  test(row.name, async () => {
    const { method, target, type, send: sent } = row.request;
    const server = row.rules === "strict" ? strict : lax;
    const body = sent === undefined ? undefined : bodyOf(sent);
    const { mempool, decide } = row;
    if (decide !== undefined)
      server.nextSubmission = () => {
        const { id } = JSON.parse(String(body)) as { id: string };
        server.decide({ id, height: 1, accepted: false, assetId: id, log: decide, ledgerTxId: "" });
        return { result: "added" };
      };
    else server.nextSubmission = mempool === undefined ? undefined : () => mempool;

    const received = await send(server, method, resolved(target, body) as string, body, type);
    server.nextSubmission = undefined;

    expect(received.status, received.text).toBe(row.status);
    if (row.body !== undefined) {
      expect(received.headers["content-type"]).toBe("application/json");
      const answer = JSON.parse(received.text) as { message?: string };
      const known = row.alternatives?.find((text) => answer.message === `Invalid transaction schema: ${text}`);
      expect(answer).toEqual(matching(resolved(row.body, body), known));
    }
    if (row.contains === "") expect(received.text).toBe("");
    else if (row.contains !== undefined) expect(received.text).toContain(row.contains);
    if (row.startsWith !== undefined) expect(received.text.startsWith(row.startsWith), received.text).toBe(true);
    if (row.has !== undefined) expect(received.text).toContain(row.has);
    for (const [name, value] of Object.entries(row.header ?? {})) expect(received.headers[name]).toBe(value);
  });

/** With an alternative text of the schema in place of the row's; `*` is any id. */
function matching(expected: unknown, alternative: string | undefined): unknown {
  if (alternative !== undefined)
    return { ...(expected as object), message: `Invalid transaction schema: ${alternative}` };
  if (!Array.isArray(expected)) return expected;
  return expected.map((item: { transaction_id?: string }) =>
    item.transaction_id === "*" ? { ...item, transaction_id: expect.stringMatching(/^[0-9a-f]{64}$/) } : item,
  );
}

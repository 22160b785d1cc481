import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { KeyType } from "#storage/crypto/keys.ts";
import { generatePrivateKey, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { createVerifier } from "./verifier.ts";
import { checkKey } from "./verifierCache.ts";
import type { SignatureCheck } from "./verifierWire.ts";

const REAL_WORKER = new URL("./verify.worker.ts", import.meta.url).href;
const KEYS = (["ed25519", "secp256k1"] as const).map((type: KeyType) => generatePrivateKey(type));

/** `count` checks of alternating key type over different messages; every `badEvery`-th signature is over something else. */
function checksOf(count: number, badEvery = Number.POSITIVE_INFINITY): { checks: SignatureCheck[]; valid: boolean[] } {
  const checks: SignatureCheck[] = [];
  const valid: boolean[] = [];
  for (let index = 0; index < count; index++) {
    const key = KEYS[index % KEYS.length];
    if (key === undefined) throw new RangeError("no key");
    const message = new TextEncoder().encode(`reading ${index} `.repeat(1 + (index % 7)));
    const good = index % badEvery !== badEvery - 1;
    const signature = sign(key, good ? message : new TextEncoder().encode("another message"));
    checks.push({ publicKey: publicKeyOf(key), message, signature });
    valid.push(good);
  }
  return { checks, valid };
}

test.each([0, 1, 2])(
  "%i workers answer in order for both key types and find every invalid signature",
  async (workers) => {
    await using verifier = createVerifier({ workers });
    const { checks, valid } = checksOf(300, 9);
    expect(await verifier.verifyBatch(checks)).toEqual(valid);
    expect(verifier.counters).toMatchObject({ checked: 300, invalid: 33, queued: 0 });
  },
);

test("batches asked for at once are each answered with their own verdicts", async () => {
  await using verifier = createVerifier({ workers: 2 });
  const batches = [3, 64, 65, 1, 200].map((count) => checksOf(count, 4));
  const answers = await Promise.all(batches.map(({ checks }) => verifier.verifyBatch(checks)));
  expect(answers).toEqual(batches.map(({ valid }) => valid));
});

test("keys and signatures of any length are answered false, not thrown on", async () => {
  await using verifier = createVerifier({ workers: 1 });
  const { checks } = checksOf(1);
  const [good] = checks;
  if (good === undefined) throw new RangeError("no check");
  const lengths = [0, 1, 31, 33, 64, 255, 256, 70_000];
  const hostile = lengths.flatMap((length) => [
    { ...good, signature: new Uint8Array(length).fill(1) },
    { ...good, publicKey: { type: "secp256k1" as const, bytes: new Uint8Array(length).fill(2) } },
  ]);
  expect(await verifier.verifyBatch([good, ...hostile, good])).toEqual([true, ...hostile.map(() => false), true]);
  expect(await verifier.verifyBatch([])).toEqual([]);
});

test("a check is computed once: the second time the cache answers, at once too", async () => {
  await using verifier = createVerifier({ workers: 1, cacheSize: 4 });
  const { checks, valid } = checksOf(4, 2);
  await verifier.verifyBatch(checks);
  expect(checks.map((check) => verifier.verifyNow(check))).toEqual(valid);
  expect(await verifier.verifyBatch(checks)).toEqual(valid);
  expect(verifier.counters).toMatchObject({ checked: 4, cacheHits: 4, cacheMisses: 0 });
});

test("beyond its size the cache forgets the check used longest ago", async () => {
  await using verifier = createVerifier({ workers: 0, cacheSize: 2 });
  const [a, b, c] = checksOf(3).checks.map((check) => ({ check, key: checkKey(check) ?? "" }));
  if (a === undefined || b === undefined || c === undefined) throw new RangeError("no checks");
  await verifier.verifyBatch([a.check, b.check]);
  expect(verifier.verdictOf(a.key)).toBe(true);
  await verifier.verifyBatch([c.check]);
  expect([a, b, c].map(({ key }) => verifier.verdictOf(key))).toEqual([true, undefined, true]);
});

test("a check that differs in one byte anywhere has another name in the cache", () => {
  const [check] = checksOf(1).checks;
  if (check === undefined) throw new RangeError("no check");
  const flipped = (bytes: Uint8Array) => bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte));
  const keys = [
    check,
    { ...check, message: flipped(check.message) },
    { ...check, signature: flipped(check.signature) },
    { ...check, publicKey: { ...check.publicKey, bytes: flipped(check.publicKey.bytes) } },
    { ...check, publicKey: { ...check.publicKey, type: "secp256k1" as const } },
    {
      ...check,
      signature: check.signature.subarray(0, 63),
      message: new Uint8Array([...check.signature.subarray(63), ...check.message]),
    },
  ].map(checkKey);
  expect(new Set(keys).size).toBe(keys.length);
});

test("a batch beyond the queue's room waits until there is some", async () => {
  await using verifier = createVerifier({ workers: 1, maxQueued: 64 });
  const first = verifier.verifyBatch(checksOf(64).checks);
  const larger = verifier.verifyBatch(checksOf(100, 10).checks.slice(1));
  await Promise.resolve();
  expect(verifier.counters.queued).toBe(64);
  expect((await first).every((valid) => valid)).toBe(true);
  expect((await larger).filter((valid) => !valid)).toHaveLength(10);
});

test("the jobs of a worker that dies are done by its successor", async () => {
  const directory = mkdtempSync(join(tmpdir(), "verifier-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const source = `
    import { existsSync, writeFileSync } from "node:fs";
    import { parentPort } from "node:worker_threads";
    const marker = ${JSON.stringify(join(directory, "died"))};
    if (existsSync(marker)) await import(${JSON.stringify(REAL_WORKER)});
    else parentPort.once("message", () => { writeFileSync(marker, ""); process.exit(1); });`;
  await using verifier = createVerifier({ workers: 1, workerUrl: moduleUrl(source) });
  const { checks, valid } = checksOf(200, 3);
  expect(await verifier.verifyBatch(checks)).toEqual(valid);
  expect(verifier.counters.workerRestarts).toBe(1);
});

test.each([
  {
    name: "exit on every job",
    source: `import { parentPort } from "node:worker_threads"; parentPort.on("message", () => process.exit(1));`,
  },
  {
    name: "throw on every job",
    source: `import { parentPort } from "node:worker_threads"; parentPort.on("message", () => { throw new Error("broken"); });`,
  },
  { name: "fail to load", source: `throw new Error("no such module");` },
])("if all workers $name, the calling thread checks and nothing hangs", async ({ source }) => {
  await using verifier = createVerifier({ workers: 2, workerUrl: moduleUrl(source) });
  const { checks, valid } = checksOf(130, 7);
  expect(await verifier.verifyBatch(checks)).toEqual(valid);
  expect(await verifier.verifyBatch(checks.slice(0, 5))).toEqual(valid.slice(0, 5));
});

test("closing rejects what is still waiting, with a code, and later calls too", async () => {
  const silent = `import { parentPort } from "node:worker_threads"; parentPort.on("message", () => {});`;
  const verifier = createVerifier({ workers: 1, maxQueued: 8, workerUrl: moduleUrl(silent) });
  const waiting = [checksOf(8), checksOf(8, 2)].map(({ checks }) => verifier.verifyBatch(checks));
  const outcomes = Promise.allSettled(waiting);
  await verifier[Symbol.asyncDispose]();
  for (const outcome of await outcomes)
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "VERIFIER_CLOSED" } });
  await expect(verifier.verifyBatch(checksOf(1).checks)).rejects.toMatchObject({ code: "VERIFIER_CLOSED" });
});

function moduleUrl(source: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

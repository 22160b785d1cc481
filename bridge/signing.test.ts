import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ethereumAddress, keyOf } from "#consensus/application/testLedger.ts";
import { SignatureLog, signingName } from "./signatureLog.ts";
import { type Equivocation, PASS_ON_MS, SignaturePool } from "./signaturePool.ts";
import { signDigest } from "./signatures.ts";
import { claimOf, decodeClaim, encodeClaim, MAX_BRIDGE_MESSAGE_BYTES } from "./signatureWire.ts";
import { type AnchorStep, type RotationStep, stepDigest } from "./steps.ts";

const domain = { chainId: 31337n, contract: `0x${"1a".repeat(20)}`, ledgerId: new Uint8Array(32).fill(3) };
const address = (name: string) => `0x${Buffer.from(ethereumAddress(name)).toString("hex")}`;
const set = { number: 1n, height: 1, members: [{ address: address("one"), power: 10n }] };

function anchorStep(seq: bigint, byte = 1): AnchorStep {
  const heights = { fromHeight: 1, toHeight: 2, time: 3 };
  const hashes = { lastHeaderHash: new Uint8Array(32).fill(9), root: new Uint8Array(32).fill(byte) };
  return { kind: "anchor", anchor: { seq, valsetNonce: 0n, ...heights, ...hashes }, set };
}

const rotation: RotationStep = { kind: "rotation", nonce: 1n, effectiveHeight: 3, set, next: { ...set, number: 2n } };
const claim = (step: AnchorStep | RotationStep, name = "one") =>
  claimOf(step, signDigest(keyOf(name).bytes, stepDigest(domain, step)));

function logFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "bridge-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "signed");
}

test("a second digest under one name is never signed, also after a restart; the same one is, again and again", () => {
  const path = logFile();
  const name = signingName("anchor 7", domain);
  const [one, other] = [`0x${"01".repeat(32)}`, `0x${"02".repeat(32)}`];
  const log = new SignatureLog(path);
  let signed = 0;
  const sign = () => {
    // What is signed is on disk already.
    expect(readFileSync(path, "latin1")).toMatch(new RegExp(`^${name} ${one} [0-9a-f]{8}\n$`));
    signed += 1;
    return new Uint8Array(64);
  };
  log.sign(name, one, sign);
  log.sign(name, one, sign);
  expect(() => log.sign(name, other, sign)).toThrow("BRIDGE_SIGNED_OTHER");
  log.close();
  const again = new SignatureLog(path);
  expect(() => again.sign(name, other, sign)).toThrow("BRIDGE_SIGNED_OTHER");
  again.sign(name, one, sign);
  again.close();
  expect(signed).toBe(3);
});

test("a line that was not finished was signed by nobody and goes; any other damage stops the validator", () => {
  const path = logFile();
  const name = signingName("anchor 7", domain);
  const digest = `0x${"01".repeat(32)}`;
  const before = new SignatureLog(path);
  before.sign(name, digest, () => new Uint8Array(64));
  before.close();
  const line = readFileSync(path, "latin1");
  appendFileSync(path, signingName("anchor 8", domain).slice(0, 9));
  const log = new SignatureLog(path);
  log.sign(signingName("anchor 8", domain), `0x${"03".repeat(32)}`, () => new Uint8Array(64));
  log.close();
  expect(readFileSync(path, "latin1").split("\n")).toHaveLength(3);
  for (const damaged of [
    line.replace("anchor", "anch0r"),
    `${line}${line}`,
    `${line}\n`,
    line.replace("0x01", "0x0"),
    // Whole lines of their form, that say something else.
    line.replace("anchor 7", "anchor 8"),
    line.replace("0x01", "0x02"),
    line.replace(/ [0-9a-f]{8}\n/, "\n"),
    "\0\n",
  ]) {
    writeFileSync(path, damaged);
    expect(() => new SignatureLog(path), damaged).toThrow("BRIDGE_SIGNATURE_LOG_DAMAGED");
  }
});

function pool() {
  const evidence: Equivocation[] = [];
  const clock = { ms: 0 };
  const known = new Set(["one", "two"].map(address));
  const isSigner = (of: string) => known.has(of);
  const made = new SignaturePool(
    { domain, isSigner, onEquivocation: (found) => evidence.push(found), nowMs: () => clock.ms, maxPerSigner: 3 },
    { seq: 1n, nonce: 1n },
  );
  return { pool: made, evidence, clock };
}

test("a pool keeps each validator's signature of each step once, and gives those of one step", () => {
  const { pool: signatures } = pool();
  expect(signatures.add(claim(anchorStep(1n)))).toBe("new");
  expect(signatures.add(claim(anchorStep(1n)))).toBe("known");
  expect(signatures.add(claim(anchorStep(1n), "two"))).toBe("new");
  expect(signatures.add(claim(rotation))).toBe("new");
  const step = anchorStep(1n);
  expect(signatures.signatures(step, stepDigest(domain, step))).toHaveLength(2);
  expect(signatures.signatures(rotation, stepDigest(domain, rotation))).toHaveLength(1);
  expect(signatures.signatures(anchorStep(2n), stepDigest(domain, anchorStep(2n)))).toEqual([]);
  signatures.forget({ seq: 2n, nonce: 1n });
  expect(signatures.size).toBe(1);
  expect(signatures.add(claim(anchorStep(1n)))).toBe("outside");
  // The contract does not have it after all.
  signatures.forget({ seq: 1n, nonce: 1n });
  expect(signatures.add(claim(anchorStep(1n)))).toBe("new");
});

test("one signature is sent on again after a while, however often it comes meanwhile, and every step's by itself", () => {
  const { pool: signatures, clock } = pool();
  const [one, other] = [claim(anchorStep(1n)), claim(anchorStep(2n))];
  expect([signatures.add(one), signatures.add(other)]).toEqual(["new", "new"]);
  for (let i = 0; i < 3; i += 1) expect(signatures.add(one)).toBe("known");
  clock.ms = PASS_ON_MS - 1;
  expect(signatures.add(one)).toBe("known");
  clock.ms = PASS_ON_MS;
  expect([one, one, other, one].map((each) => signatures.add(each))).toEqual(["again", "known", "again", "known"]);
});

test("what no validator signed, for another bridge, or too far ahead is not kept", () => {
  const { pool: signatures } = pool();
  const strange = claim(anchorStep(1n), "stranger");
  expect(signatures.add(strange)).toBe("refused");
  const elsewhere = { ...domain, chainId: 1n };
  const step = anchorStep(1n);
  const foreign = claimOf(step, signDigest(keyOf("one").bytes, stepDigest(elsewhere, step)));
  expect(signatures.add(foreign)).toBe("refused");
  expect(signatures.add({ ...claim(step), signature: new Uint8Array(64).fill(0xff) })).toBe("refused");
  expect(signatures.size).toBe(0);
  // Of one key no more than so many, whatever their numbers; what is forgotten makes room.
  for (const [seq, verdict] of [
    [1n, "new"],
    [1_000_000n, "new"],
    [7n, "new"],
    [8n, "outside"],
  ] as const)
    expect(signatures.add(claim(anchorStep(seq)))).toBe(verdict);
  signatures.forget({ seq: 2n, nonce: 1n });
  expect(signatures.add(claim(anchorStep(8n)))).toBe("new");
});

test("two anchors of one number by one validator are evidence, once", () => {
  const { pool: signatures, evidence } = pool();
  for (const byte of [1, 2, 3, 2]) signatures.add(claim(anchorStep(4n, byte)));
  expect(evidence).toHaveLength(1);
  expect(evidence[0]).toMatchObject({
    signer: address("one"),
    first: { anchor: { seq: 4n } },
    second: { anchor: { seq: 4n } },
  });
});

test("two rotations of one number by one validator are evidence, once; one of each of two numbers is none", () => {
  const { pool: signatures, evidence } = pool();
  const later: RotationStep = { ...rotation, nonce: 2n };
  const elsewhere: RotationStep = { ...rotation, effectiveHeight: 4 };
  for (const step of [rotation, later, rotation, elsewhere, elsewhere]) signatures.add(claim(step));
  signatures.add(claim(elsewhere, "two"));
  expect(evidence).toHaveLength(1);
  expect(evidence[0]).toMatchObject({
    signer: address("one"),
    first: { kind: "rotation", rotation: { nonce: 1n, effectiveHeight: 3 } },
    second: { kind: "rotation", rotation: { nonce: 1n, effectiveHeight: 4 } },
  });
});

test("a signature of one step is not taken for one of another, in whose place the true one would be missing", () => {
  const { pool: signatures } = pool();
  const { signature } = claim(rotation);
  for (const effectiveHeight of [7, 8, 9])
    expect(signatures.add({ ...claim({ ...rotation, effectiveHeight }), signature })).toBe("refused");
  expect(signatures.add({ ...claim(rotation), signature: claim(anchorStep(1n)).signature })).toBe("refused");
  expect(signatures.add(claim(rotation))).toBe("new");
});

test("claims survive the wire; what is longer, unknown or of wrong lengths is none", () => {
  for (const sent of [claim(anchorStep(5n)), claim(rotation)]) {
    const bytes = encodeClaim(sent, 3);
    expect(bytes.length).toBeLessThanOrEqual(MAX_BRIDGE_MESSAGE_BYTES);
    expect(decodeClaim(bytes)).toEqual({ claim: sent, round: 3 });
    expect(decodeClaim(bytes.subarray(1))).toBeUndefined();
    expect(decodeClaim(bytes.subarray(0, -1))).toBeUndefined();
    expect(decodeClaim(Buffer.concat([bytes, Buffer.of(0x78, 1)]))).toBeUndefined();
  }
  expect(decodeClaim(encodeClaim({ ...claim(rotation), signature: new Uint8Array(63) }, 0))).toBeUndefined();
  expect(decodeClaim(new Uint8Array(MAX_BRIDGE_MESSAGE_BYTES + 1))).toBeUndefined();
  expect(decodeClaim(new Uint8Array(0))).toBeUndefined();
});

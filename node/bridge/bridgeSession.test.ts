import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { PlanChain } from "#bridge/anchorPlan.ts";
import { openBridgeClient } from "#bridge/evm/bridgeClient.ts";
import { Relayer } from "#bridge/relayer.ts";
import type { Equivocation } from "#bridge/signaturePool.ts";
import { stepName } from "#bridge/steps.ts";
import { CADENCE_MS, type FollowingBridge, followingBridge, SECOND_KEYS } from "#bridge/testFollowing.ts";
import { bridgeKeyMessage, ethereumAddress, keyOf } from "#consensus/application/testLedger.ts";
import { startTestEvm, type TestEvm } from "#contracts/testing.ts";
import { anchorToAdopt } from "./adoptAnchor.ts";
import { BridgeSession } from "./bridgeSession.ts";
import { stepToJson } from "./stepJson.ts";

/** Validators' sessions on the real ledger application, with a contract; what they publish is handed on by the test. */
const TIMEOUT_MS = 60_000;
const ADDRESSES = [...SECOND_KEYS, "new key 0"].map(
  (name) => `0x${Buffer.from(ethereumAddress(name)).toString("hex")}`,
);

let evm: TestEvm;
beforeAll(async () => {
  evm = await startTestEvm();
}, TIMEOUT_MS);
afterAll(async () => evm[Symbol.asyncDispose]());

interface Validator {
  readonly session: BridgeSession;
  readonly data: string;
  /** What it has told others, not yet handed on. */
  readonly told: Uint8Array[];
  readonly evidence: Equivocation[];
}

function folder(): string {
  const data = mkdtempSync(join(tmpdir(), "session-"));
  onTestFinished(() => rmSync(data, { recursive: true }));
  return data;
}

async function validatorOf(
  bridge: FollowingBridge,
  name: string,
  data = folder(),
  chain: PlanChain = bridge.followed,
): Promise<Validator> {
  const { followed, domain, outboxAddress } = bridge;
  const set = (await followed.set(2n)) ?? { number: 0n };
  const start = { seq: 0n, valsetNonce: 0n, toHeight: 4, setNumber: set.number };
  const told: Uint8Array[] = [];
  const evidence: Equivocation[] = [];
  const session = await BridgeSession.open(
    { domain, outbox: outboxAddress, cadenceMs: CADENCE_MS, start, name: "5" },
    {
      data,
      chain,
      keepState: (height) => followed.ledger.app.keepState(height),
      key: keyOf(name),
      isSigner: (address) => ADDRESSES.includes(address),
      publish: (bytes) => told.push(bytes),
      onEquivocation: (found) => evidence.push(found),
      log: pino({ level: "silent" }),
    },
  );
  return { session, data, told, evidence };
}

/** Everybody hears what each has told. */
function gossip(validators: readonly Validator[]): void {
  for (const from of validators)
    for (const bytes of from.told.splice(0)) for (const to of validators) if (to !== from) to.session.receive(bytes);
}

function minutes(bridge: FollowingBridge, count: number): void {
  for (let i = 0; i < count; i += 1) bridge.followed.mine([], CADENCE_MS);
}

/** An anchor every eight hours. */
function days(bridge: FollowingBridge, count: number): void {
  for (let i = 0; i < 3 * count; i += 1) bridge.followed.mine([], 8 * 3600 * 1000);
}

async function relayAll(bridge: FollowingBridge, { session }: Validator) {
  const privateKey = Buffer.from(evm.wallets[5]?.privateKey.slice(2) ?? "", "hex");
  const { chainId } = bridge.domain;
  using client = openBridgeClient({ url: evm.anvil.url, chainId, contract: bridge.address, privateKey });
  const options = {
    domain: bridge.domain,
    reorgMargin: 1,
    maxFeePerGas: 10n ** 12n,
    bumpAfterMs: 5000,
    nowMs: () => 0,
  };
  const relayer = new Relayer(client, session.source(), options);
  for (;;) {
    const report = await relayer.tick();
    if (!["sent", "pending", "waitingForContract"].includes(report.state)) return report;
    await evm.provider.send("evm_mine", []);
  }
}

test("a validator that was away for days signs what it would have signed; with it the contract catches up, over a change of the set too", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  const [first, second] = [await validatorOf(bridge, "second key 0"), await validatorOf(bridge, "second key 1")];
  days(bridge, 3);
  bridge.followed.send(bridgeKeyMessage("dso", 3, "new key 0"), "dso");
  days(bridge, 3);
  for (const { session } of [first, second]) await session.advance();
  gossip([first, second]);
  expect(await relayAll(bridge, first)).toMatchObject({
    state: "waitingForSignatures",
    detail: "anchor 1: power 20 of 40",
  });

  const third = await validatorOf(bridge, "second key 2");
  await third.session.advance();
  gossip([first, second, third]);
  expect(third.session.steps).toEqual(first.session.steps);
  const report = await relayAll(bridge, first);
  expect(report).toMatchObject({ state: "idle", head: { valsetNonce: 1n } });
  expect(report.head?.seq).toBe(BigInt(first.session.steps.length - 1));
  expect(report.head?.seq).toBeGreaterThan(17n);
  for (const { evidence } of [first, second, third]) expect(evidence).toEqual([]);
});

test("what is shown to whoever relays begins where the contract is, and is bounded however far it is behind", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  const { session } = await validatorOf(bridge, "second key 0");
  minutes(bridge, 40);
  bridge.followed.send(bridgeKeyMessage("dso", 3, "new key 0"), "dso");
  minutes(bridge, 40);
  await session.advance();
  expect(session.pendingCount).toBe(session.steps.length);
  expect(session.pendingCount).toBeGreaterThan(80);
  const shown = (from?: { seq: bigint; nonce: bigint }) => session.pending(from).map(({ step }) => stepName(step));
  expect(shown()).toHaveLength(64);
  expect(shown()[0]).toBe("anchor 1");
  const late = shown({ seq: 70n, nonce: 1n });
  expect(late.slice(0, 2)).toEqual(["rotation 1", "anchor 70"]);
  expect(shown({ seq: 70n, nonce: 2n })[0]).toBe("anchor 70");
  expect(shown({ seq: 9000n, nonce: 2n })).toEqual([]);
});

test("one that comes back to pruned blocks plans and signs no further, and says which block it misses; what it had planned it signs still", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  const validator = await validatorOf(bridge, "second key 0");
  minutes(bridge, 3);
  await validator.session.advance();
  const planned = validator.session.steps.length;
  minutes(bridge, 3);
  const { height } = bridge.followed;
  const [gone, kept] = [height() - 2, height()];
  for (let at = 1; at <= gone; at += 1) bridge.followed.prune(at);
  validator.session.close();

  const again = await validatorOf(bridge, "second key 0", validator.data);
  await expect(again.session.advance()).rejects.toMatchObject({ code: "BRIDGE_BLOCK_ABSENT" });
  expect(again.session.steps).toHaveLength(planned);
  expect(again.told).toEqual([]);
  again.session.repeat();
  expect(again.told).toHaveLength(planned);
  expect(await again.session.proofs.proveBlock(kept)).toBeUndefined();
  await expect(again.session.proofs.proveBlock(gone - 3)).rejects.toMatchObject({ code: "BRIDGE_BLOCK_ABSENT" });
});

/** A chain of which the blocks up to this height are not kept. */
function keptFrom({ followed }: FollowingBridge, height: number): PlanChain {
  const isKept = (at: number) => at >= height;
  return {
    ...followed,
    timeMs: async (at) => (isKept(at) ? followed.timeMs(at) : undefined),
    block: async (at) => (isKept(at) ? followed.block(at) : undefined),
  };
}

test("a validator without the old blocks goes on behind an anchor that more than two thirds have signed, and signs what everybody signs", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  const old = await Promise.all(SECOND_KEYS.slice(0, 3).map((name) => validatorOf(bridge, name)));
  const [first, second] = old as [Validator, Validator];
  minutes(bridge, 5);
  for (const { session } of old) await session.advance();
  const height = bridge.followed.height();
  const data = folder();
  const late = await validatorOf(bridge, "second key 3", data, keptFrom(bridge, height));
  const isStuck = () => expect(late.session.advance()).rejects.toMatchObject({ code: "BRIDGE_BLOCK_ABSENT" });
  await isStuck();
  gossip([first, second, late]);
  await isStuck();
  for (const { session } of old) session.repeat();
  gossip([...old, late]);
  await late.session.advance();
  // Behind the last anchor there is nothing yet; what it has not seen it does not sign.
  expect([late.session.steps, late.told]).toEqual([[], []]);

  bridge.followed.send(bridgeKeyMessage("dso", 0, "new key 0"), "dso");
  minutes(bridge, 2);
  for (const { session } of [...old, late]) await session.advance();
  expect(late.session.steps.map(stepName)).toEqual(["anchor 6", "rotation 1", "anchor 7", "anchor 8"]);
  expect(late.session.steps).toEqual(first.session.steps.slice(5));
  expect(late.told.length).toBeGreaterThan(0);
  late.session.close();
  const again = await validatorOf(bridge, "second key 3", data, keptFrom(bridge, height));
  await again.session.advance();
  expect(again.session.steps.map(stepToJson)).toEqual(late.session.steps.map(stepToJson));
  for (const { evidence } of [...old, late]) expect(evidence).toEqual([]);
});

test("an anchor is not adopted from too few, from strangers, of another chain's block, or when the set has changed since", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  const { session } = await validatorOf(bridge, "second key 0");
  minutes(bridge, 3);
  await session.advance();
  const height = bridge.followed.height();
  const chain = keptFrom(bridge, height);
  const position = { seq: 0n, valsetNonce: 0n, toHeight: 4, setNumber: 2n };
  const step = session.steps.at(-1);
  if (step?.kind !== "anchor") throw new Error("no anchor");
  const { anchor } = step;
  const adopt = async (fields: object, signers: readonly string[], of: PlanChain = chain) =>
    (await anchorToAdopt(of, position, [{ anchor: { ...anchor, ...fields }, signers }]))?.anchor.seq;
  const three = ADDRESSES.slice(0, 3);
  expect(await adopt({}, three)).toBe(anchor.seq);
  expect(await adopt({}, ADDRESSES.slice(0, 2))).toBeUndefined();
  expect(await adopt({}, [...ADDRESSES.slice(0, 2), `0x${"77".repeat(20)}`])).toBeUndefined();
  expect(await adopt({ lastHeaderHash: new Uint8Array(32) }, three)).toBeUndefined();
  expect(await adopt({ time: anchor.time + 1 }, three)).toBeUndefined();
  expect(await adopt({ toHeight: height + 1 }, three)).toBeUndefined();
  expect(await adopt({ toHeight: height - 1 }, three)).toBeUndefined();
  expect(await adopt({ seq: 0n }, three)).toBeUndefined();
  bridge.followed.send(bridgeKeyMessage("dso", 3, "new key 0"), "dso");
  expect(await adopt({}, three)).toBeUndefined();
});

test("a plan that was damaged is planned again as it was, and nothing is signed a second time that is another", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  const validator = await validatorOf(bridge, "second key 0");
  minutes(bridge, 4);
  await validator.session.advance();
  const { steps } = validator.session;
  validator.session.close();
  const path = join(validator.data, "bridge-plan.jsonl");
  const whole = readFileSync(path, "utf8");
  const lines = whole.split("\n");
  lines[2] = (lines[2] ?? "").replace(/"root":"./, '"root":"z');
  writeFileSync(path, lines.join("\n"));

  const again = await validatorOf(bridge, "second key 0", validator.data);
  expect(again.session.steps.map(stepToJson)).toEqual(steps.slice(0, 1).map(stepToJson));
  await again.session.advance();
  expect(again.session.steps.map(stepToJson)).toEqual(steps.map(stepToJson));
  expect(readFileSync(path, "utf8")).toBe(whole);
  gossip([validator, again]);
  expect(again.evidence).toEqual([]);
});

test("another anchor of a number that was signed is never signed, whatever the plan says after a repair", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  const validator = await validatorOf(bridge, "second key 0");
  minutes(bridge, 1);
  await validator.session.advance();
  validator.session.close();
  // The same data under another ledger: its anchors have the same numbers and other roots.
  const other = await followingBridge(evm);
  other.followed.send(bridgeKeyMessage("dso", 3, "new key 0"), "dso");
  minutes(other, 1);
  rmSync(join(validator.data, "bridge-plan.jsonl"));
  const moved = await validatorOf({ ...other, domain: bridge.domain }, "second key 0", validator.data);
  await expect(moved.session.advance()).rejects.toMatchObject({ code: "BRIDGE_SIGNED_OTHER" });
  expect(moved.told).toEqual([]);
});

test("a contract that is said to have more than was ever planned, or what it has not, costs no signature for good", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  const all = await Promise.all(SECOND_KEYS.slice(0, 3).map((name) => validatorOf(bridge, name)));
  const [first] = all;
  if (first === undefined) throw new Error("nobody");
  minutes(bridge, 2);
  for (const { session } of all) await session.advance();
  const state = { toHeight: 9, valsetHash: "0x", frozen: false };
  first.session.source().confirmed({ ...state, seq: 900n, valsetNonce: 0n });
  expect(first.session.pending()).toHaveLength(2);
  first.session.source().confirmed({ ...state, seq: 2n, valsetNonce: 0n });
  expect(first.session.pending()).toHaveLength(0);
  gossip(all);
  // An honest node says otherwise: what was refused meanwhile comes again, because those who signed it send it again.
  first.session.source().confirmed({ ...state, seq: 0n, valsetNonce: 0n });
  for (const { session } of all) session.repeat();
  gossip(all);
  expect(first.session.pending().map(({ signatures }) => signatures.length)).toEqual([3, 3]);
  expect(await relayAll(bridge, first)).toMatchObject({ state: "idle", head: { seq: 2n } });
});

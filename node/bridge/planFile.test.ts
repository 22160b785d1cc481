import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { BridgeStep } from "#bridge/steps.ts";
import { withChecksum } from "../checkedJson.ts";
import { PlanFile } from "./planFile.ts";
import { stepFromJson, stepToJson } from "./stepJson.ts";

const START = { seq: 0n, valsetNonce: 0n, toHeight: 10, setNumber: 1n };
const set = (number: bigint) => ({ number, height: 5, members: [{ address: `0x${"0a".repeat(20)}`, power: number }] });
const setOf = async (number: bigint) => (number > 0n && number < 3n ? set(number) : undefined);

function anchor(seq: bigint, fromHeight: number, toHeight: number, valsetNonce = 0n, setNumber = 1n): BridgeStep {
  const hashes = { lastHeaderHash: new Uint8Array(32).fill(1), root: new Uint8Array(32).fill(2) };
  return {
    kind: "anchor",
    anchor: { seq, valsetNonce, fromHeight, toHeight, time: 9, ...hashes },
    set: set(setNumber),
  };
}

const STEPS: readonly BridgeStep[] = [
  anchor(1n, 11, 12),
  { kind: "rotation", nonce: 1n, effectiveHeight: 13, set: set(1n), next: set(2n) },
  anchor(2n, 13, 20, 1n, 2n),
];

async function written(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "plan-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "plan");
  const file = await PlanFile.open(path, "7", START, setOf);
  for (const step of STEPS) file.append(step);
  return path;
}

test("a plan is read again as it was written, and goes on where it ended", async () => {
  const file = await PlanFile.open(await written(), "7", START, setOf);
  expect(file.steps).toEqual(STEPS);
  expect(file.position).toEqual({ seq: 2n, valsetNonce: 1n, toHeight: 20, setNumber: 2n });
  expect(() => file.append(anchor(4n, 21, 22, 1n, 2n))).toThrow("does not follow");
});

test("a torn or changed line ends what is believed, and is overwritten; another configuration's plan is thrown away", async () => {
  const path = await written();
  const whole = readFileSync(path, "utf8");
  appendFileSync(path, '{"kind":"anchor","set":"2","anch');
  expect(await PlanFile.open(path, "7", START, setOf)).toMatchObject({ steps: STEPS, damagedLine: undefined });
  expect(readFileSync(path, "utf8")).toBe(whole);
  const [, , rotation = ""] = whole.split("\n");
  const notFollowing = JSON.stringify(withChecksum(stepToJson({ ...STEPS[1], nonce: 2n } as BridgeStep)));
  for (const changed of [whole.replace('"next":"2"', '"next":"1"'), whole.replace(rotation, notFollowing)]) {
    writeFileSync(path, changed);
    const file = await PlanFile.open(path, "7", START, setOf);
    expect(file).toMatchObject({ steps: STEPS.slice(0, 1), damagedLine: 3 });
    for (const step of STEPS.slice(1)) file.append(step);
    expect(readFileSync(path, "utf8")).toBe(whole);
  }
  expect(await PlanFile.open(path, "8", START, setOf)).toMatchObject({ steps: [], damagedLine: undefined });
  writeFileSync(path, whole.replace('"plan":"7"', '"plan":"8"'));
  expect(await PlanFile.open(path, "8", START, setOf)).toMatchObject({ steps: [], damagedLine: 1 });
});

test("no byte of a plan can be another without being noticed, also where the text still is a step that follows", async () => {
  const path = await written();
  const whole = readFileSync(path);
  // Every byte of the last line, and some of those before.
  const last = whole.lastIndexOf("\n", whole.length - 2);
  for (let at = 0; at < whole.length; at += at < last ? 5 : 1) {
    const changed = Buffer.from(whole);
    changed.writeUInt8(whole.readUInt8(at) ^ 1, at);
    writeFileSync(path, changed);
    const { steps, damagedLine } = await PlanFile.open(path, "7", START, setOf);
    expect(steps, `byte ${at}`).toEqual(STEPS.slice(0, steps.length));
    const isLastFeed = at === whole.length - 1;
    expect(steps.length < STEPS.length && (damagedLine !== undefined || isLastFeed), `byte ${at}`).toBe(true);
  }
});

test("what is no step is none", async () => {
  const [json] = STEPS.map(stepToJson);
  const wrong: unknown[] = [
    undefined,
    null,
    3,
    {},
    { ...json, kind: "other" },
    { ...json, set: "9" },
    { ...json, set: 1 },
    { ...json, anchor: null },
  ];
  const fields: object[] = [
    { seq: 1 },
    { fromHeight: "11" },
    { toHeight: -1 },
    { time: 0.5 },
    { root: "0x" },
    { lastHeaderHash: "" },
  ];
  for (const field of fields) wrong.push({ ...json, anchor: { ...(json as { anchor: object }).anchor, ...field } });
  for (const one of wrong) expect(await stepFromJson(one, setOf), JSON.stringify(one)).toBeUndefined();
  expect(await stepFromJson(json, setOf)).toEqual(STEPS[0]);
});

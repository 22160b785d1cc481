import { expect, test } from "vitest";
import { NIL_BLOCK_ID } from "../types/blockId.ts";
import { proposalSignBytes } from "../types/proposal.ts";
import { timestampFromMs } from "../types/time.ts";
import { voteSignBytes } from "../types/vote.ts";
import { splitSignBytes, stripTimestamp } from "./signBytes.ts";
import { createSignState, openSignState, type SignState } from "./signState.ts";
import { parseSignRecord, SIGN_STEPS } from "./signStateFile.ts";
import { createSimulatedFileSystem, SimulatedCrash, type SimulatedFileSystem } from "./simulatedFileSystem.ts";

const PATH = "node/priv_validator_state.json";
const CHAIN_ID = "test";

function sequence(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function newDisk(seed = 1): SimulatedFileSystem {
  const disk = createSimulatedFileSystem({ random: sequence(seed) });
  createSignState(disk, PATH);
  return disk;
}

const open = (disk: SimulatedFileSystem) => openSignState({ fileSystem: disk, path: PATH, stripTimestamp });
const blockId = (hash: number) => ({
  hash: new Uint8Array(32).fill(hash),
  partSetHeader: { total: 1, hash: new Uint8Array(32).fill(hash) },
});

function request(height: number, round: number, step: "propose" | "prevote" | "precommit", hash = 1, timeMs = 1000) {
  const common = {
    height,
    round,
    blockId: hash === 0 ? NIL_BLOCK_ID : blockId(hash),
    timestamp: timestampFromMs(timeMs),
  };
  const signBytes =
    step === "propose"
      ? proposalSignBytes({ ...common, polRound: -1 }, CHAIN_ID)
      : voteSignBytes({ ...common, type: step }, CHAIN_ID);
  return { height, round, step: SIGN_STEPS[step], signBytes };
}

/** A stand-in that makes every signature recognisable; the state never looks into it. */
const sign = (signBytes: Uint8Array) =>
  Uint8Array.from({ length: 64 }, (_, index) => signBytes[index % signBytes.length] ?? 0);
const ask = (state: SignState, ...parameters: Parameters<typeof request>) =>
  state.checkAndRecord(request(...parameters), sign);
const codeOf = (code: string) => expect.objectContaining({ code });

test("steps forward are signed, steps back are refused with both places", () => {
  const state = open(newDisk());
  for (const [height, round, step] of [
    [1, 0, "propose"],
    [1, 0, "prevote"],
    [1, 0, "precommit"],
    [1, 1, "prevote"],
    [2, 0, "prevote"],
  ] as const)
    expect(ask(state, height, round, step).signature).toEqual(sign(request(height, round, step).signBytes));
  for (const [height, round, step] of [
    [1, 9, "precommit"],
    [2, 0, "propose"],
    [1, 1, "precommit"],
  ] as const)
    expect(() => ask(state, height, round, step)).toThrow(codeOf("SIGN_STATE_REGRESSION"));
  expect(state.last()).toMatchObject({ height: 2, round: 0, step: SIGN_STEPS.prevote });
});

test.each(["propose", "prevote", "precommit"] as const)(
  "%s: the same bytes, or others in time only, give the first signature again; another block is a conflict",
  (step) => {
    const disk = newDisk();
    const first = ask(open(disk), 5, 1, step);
    for (const state of [open(disk), open(disk)]) {
      expect(ask(state, 5, 1, step)).toEqual(first);
      const later = ask(state, 5, 1, step, 1, 2500);
      expect(later).toEqual(first);
      expect(splitSignBytes(later.signBytes)?.timestamp).toEqual(timestampFromMs(1000));
      for (const hash of [0, 2]) expect(() => ask(state, 5, 1, step, hash)).toThrow(codeOf("SIGN_STATE_CONFLICT"));
    }
  },
);

test("sign bytes that are neither vote nor proposal are compared as a whole", () => {
  const state = open(newDisk());
  const odd = { height: 1, round: 0, step: 1, signBytes: Uint8Array.of(9, 9, 9) };
  state.checkAndRecord(odd, sign);
  expect(state.checkAndRecord(odd, sign).signBytes).toEqual(odd.signBytes);
  expect(() => state.checkAndRecord({ ...odd, signBytes: Uint8Array.of(9, 9, 8) }, sign)).toThrow(
    codeOf("SIGN_STATE_CONFLICT"),
  );
  for (const malformed of [[], [0], [5, 1], [2, 0x08, 0x80], [3, 0x2a, 9, 1], [2, 0x2b, 0]])
    expect(splitSignBytes(Uint8Array.from(malformed))).toBeUndefined();
});

test("a state is created once, and a lost one does not come back empty", () => {
  const disk = newDisk();
  expect(() => createSignState(disk, PATH)).toThrow(codeOf("SIGN_STATE_EXISTS"));
  disk.remove(PATH);
  expect(() => open(disk)).toThrow(codeOf("SIGN_STATE_MISSING"));
});

test("a file that CometBFT wrote is read, a flipped or cut one is not", () => {
  const disk = newDisk();
  ask(open(disk), 7, 2, "precommit");
  const members = JSON.parse(Buffer.from(disk.read(PATH)).toString());
  expect(members).toMatchObject({ height: "7", round: 2, step: 3 });
  const { checksum, ...asCometBft } = members;
  expect(checksum).toMatch(/^[0-9a-f]{8}$/);
  const file = disk.open(PATH, "create");
  file.append(Buffer.from(JSON.stringify(asCometBft, undefined, 2)));
  expect(open(disk).last()).toMatchObject({
    height: 7,
    round: 2,
    step: 3,
    signature: sign(request(7, 2, "precommit").signBytes),
  });

  const whole = newDisk();
  ask(open(whole), 7, 2, "precommit");
  const bytes = whole.read(PATH);
  for (let offset = 0; offset < bytes.length; offset++) {
    const flipped = newDisk();
    flipped.open(PATH, "create").append(bytes);
    flipped.flip(PATH, offset, 0x04);
    expect(() => open(flipped)).toThrow(codeOf("SIGN_STATE_MALFORMED"));
    if (offset === bytes.length - 1) continue;
    flipped.open(PATH, "create").append(bytes.subarray(0, offset));
    expect(() => open(flipped)).toThrow(codeOf("SIGN_STATE_MALFORMED"));
  }
});

test("a height that a number cannot hold exactly is refused: rounded down, it would allow a second signature", () => {
  const read = (height: string) => parseSignRecord("state", Buffer.from(JSON.stringify({ height, round: 0, step: 1 })));
  expect(read("9007199254740991").height).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => read("9007199254740993")).toThrow(codeOf("SIGN_STATE_MALFORMED"));
});

test("after a failed write nothing is signed until the state is opened again", () => {
  for (const fault of ["sync", "full"] as const) {
    const disk = newDisk();
    const state = open(disk);
    ask(state, 1, 0, "prevote");
    if (fault === "sync") disk.failNextSync();
    else disk.setCapacity(disk.size(PATH) as number);
    expect(() => ask(state, 1, 0, "precommit")).toThrow(
      codeOf(fault === "sync" ? "STORE_IO_FAILED" : "STORE_DISK_FULL"),
    );
    expect(() => ask(state, 1, 0, "precommit")).toThrow(codeOf("SIGN_STATE_FAILED"));
    disk.setCapacity(Number.POSITIVE_INFINITY);
    expect(open(disk).last()).toMatchObject({ height: 1, step: SIGN_STEPS.prevote });
  }
});

test("whatever effect a crash falls on, and whatever the disk loses: no height, round and step gets two signatures", () => {
  const steps = [
    [1, 0, "prevote"],
    [1, 0, "precommit"],
    [1, 1, "propose"],
    [2, 0, "prevote"],
  ] as const;
  const clean = newDisk();
  const before = clean.effects;
  const cleanState = open(clean);
  for (const [height, round, step] of steps) ask(cleanState, height, round, step);
  const effects = clean.effects - before;
  expect(effects).toBeGreaterThanOrEqual(steps.length * 4);

  for (let effect = 1; effect <= effects; effect++)
    for (const point of ["before", "during", "after"] as const)
      for (const loss of ["kill", "power"] as const)
        for (let seed = 0; seed < 4; seed++) {
          const disk = newDisk(effect * 13 + seed);
          /** By height, round and step: the one signature that left. */
          const released = new Map<string, string>();
          const release = (state: SignState, hash: number) => {
            for (const [height, round, step] of steps) {
              let signed: string;
              try {
                signed = Buffer.from(ask(state, height, round, step, hash).signature).toString("hex");
              } catch (error) {
                if (error instanceof SimulatedCrash) throw error;
                continue;
              }
              const place = `${height}/${round}/${step}`;
              expect(released.get(place) ?? signed).toBe(signed);
              released.set(place, signed);
            }
          };
          disk.crashAt(effect, point);
          expect(() => release(open(disk), 1)).toThrow(SimulatedCrash);
          disk.restart(loss);
          // After the crash the validator would vote otherwise wherever it is let.
          const state = open(disk);
          const { height, round, step } = state.last();
          for (const place of released.keys()) {
            const [h = 0, r = 0, s = ""] = place.split("/").map((part, index) => (index < 2 ? Number(part) : part)) as [
              number,
              number,
              keyof typeof SIGN_STEPS,
            ];
            expect(h - height || r - round || SIGN_STEPS[s as "propose"] - step).toBeLessThanOrEqual(0);
          }
          release(state, 2);
          expect(released.size).toBeGreaterThan(0);
        }
});

test("a signature given out again after a kill survives a power cut that follows", () => {
  const clean = newDisk();
  const before = clean.effects;
  ask(open(clean), 1, 0, "prevote");
  const effects = clean.effects - before;
  for (let effect = 1; effect <= effects; effect++)
    for (const point of ["before", "during", "after"] as const)
      for (let seed = 0; seed < 8; seed++) {
        const disk = newDisk(effect * 13 + seed);
        disk.crashAt(effect, point);
        expect(() => ask(open(disk), 1, 0, "prevote", 1)).toThrow(SimulatedCrash);
        disk.restart("kill");
        ask(open(disk), 1, 0, "prevote", 1);
        disk.restart("power");
        expect(() => ask(open(disk), 1, 0, "prevote", 2)).toThrow(codeOf("SIGN_STATE_CONFLICT"));
      }
});

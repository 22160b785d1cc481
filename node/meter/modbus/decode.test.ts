import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { QUANTITIES, type Quantity, validateReading } from "#storage/types/reading.ts";
import type { DecodedFrame } from "../frame.ts";
import { planBlocks } from "./blocks.ts";
import { type BlockAnswer, decodeModbusPoll } from "./decode.ts";
import {
  BUILT_IN_MAPS,
  loadBuiltInMap,
  parseRegisterMap,
  type Register,
  type RegisterMap,
  wordsOf,
} from "./registerMap.ts";
import { registerValue } from "./registerValue.ts";
import { crc16 } from "./testMeter.ts";

interface Fact {
  readonly name: string;
  readonly address: number;
  readonly words: number;
  readonly type: string;
  readonly wordOrder: string;
  readonly scale: number;
  readonly unit: string;
}
const FACTS = JSON.parse(readFileSync(new URL("./testdata/registers.json", import.meta.url), "utf8")) as {
  id: string;
  functionCode: number;
  registers: Fact[];
}[];
const FRAMES = JSON.parse(readFileSync(new URL("./testdata/rtu-frames.json", import.meta.url), "utf8")) as {
  desc: string;
  requestHex: string | null;
  responseHex: string;
  expected: { function: number; address?: number; value: number };
}[];

/** What a fact's name is on the ledger; undefined for apparent power, power factor, distortion and configured sums. */
function meaning(name: string): { quantity: Quantity; phase: number } | undefined {
  const [, base = "", phase = "0"] = /^(.*?)(?:L(\d))?$/.exec(name) ?? [];
  const quantity = {
    Voltage: "voltage",
    Current: "current",
    Power: "activePower",
    Frequency: "frequency",
    Import: "activeEnergyImport",
    Export: "activeEnergyExport",
    ReactiveImport: "reactiveEnergyImport",
    ReactiveExport: "reactiveEnergyExport",
  }[base] as Quantity | undefined;
  return quantity === undefined ? undefined : { quantity, phase: Number(phase) };
}

/** Every register of a map holds `raw` of its type. */
function answersOf(map: RegisterMap, write: (register: Register, at: Buffer) => void): BlockAnswer[] {
  return planBlocks(map).map((block) => {
    const words = Buffer.alloc(block.words * 2);
    for (const register of block.registers) write(register, words.subarray((register.address - block.address) * 2));
    return { block, words, raw: words, sentMs: 1_700_000_000_000, receivedMs: 1_700_000_000_100 };
  });
}

function writeRaw({ type, wordOrder }: Register, at: Buffer, raw: number): void {
  const bytes = Buffer.alloc(wordsOf(type) * 2);
  if (type === "float32") bytes.writeFloatBE(raw);
  else
    for (
      let rest = BigInt.asUintN(bytes.length * 8, BigInt(raw)), index = bytes.length - 1;
      index >= 0;
      index--, rest >>= 8n
    )
      bytes[index] = Number(rest & 0xffn);
  const words = bytes.toString("hex").match(/.{4}/g) ?? [];
  at.set(Buffer.from((wordOrder === "big" ? words : words.reverse()).join(""), "hex"));
}

function decode(map: RegisterMap, answers: readonly BlockAnswer[]): DecodedFrame {
  const frame = decodeModbusPoll(answers, { meterId: "modbus:home/0/1", map, fuseLimitMw: 100_000_000_000 });
  for (const reading of frame.readings) validateReading(reading);
  return frame;
}

test.each(BUILT_IN_MAPS)(
  "%s: every register of its documentation that the ledger has a quantity for is read where it stands",
  (name) => {
    const map = loadBuiltInMap(name);
    const facts = FACTS.find(({ id }) => id === name);
    const known = (facts?.registers ?? []).filter((fact) => meaning(fact.name) !== undefined);
    expect(map.registers).toHaveLength(known.length);
    const frame = decode(
      map,
      answersOf(map, (register, at) => writeRaw(register, at, 1234)),
    );
    expect(frame.rejected).toStrictEqual([]);
    for (const fact of known) {
      const { quantity, phase } = meaning(fact.name) as { quantity: Quantity; phase: number };
      const register = map.registers.find((other) => other.quantity === quantity && other.phase === phase);
      expect(register).toMatchObject({ address: fact.address, function: facts?.functionCode, type: fact.type });
      expect(register?.wordOrder === "little").toBe(fact.wordOrder.startsWith("LSW") || name === "carlogavazzi-em340");
      const toLedger = fact.unit.startsWith("k") ? 1_000_000 : 1000;
      const reading = frame.readings.find((other) => other.quantity === quantity && other.phase === phase);
      expect(reading?.value, fact.name).toBe(Math.round(1234 * fact.scale * toLedger));
    }
  },
);

test.each(BUILT_IN_MAPS)("%s: a poll asks for at most 40 registers at once, and for every register once", (name) => {
  const map = loadBuiltInMap(name);
  const blocks = planBlocks(map);
  expect(Math.max(...blocks.map(({ words }) => words))).toBeLessThanOrEqual(40);
  expect(blocks.flatMap(({ registers }) => registers)).toHaveLength(map.registers.length);
});

test.each(["eastron-sdm630", "eastron-sdm120", "eastron-sdm72v2", "eastron-sdm230", "carlogavazzi-em340"] as const)(
  "%s: energy and power come in one answer",
  (name) => {
    const block = planBlocks(loadBuiltInMap(name)).find(({ registers }) =>
      registers.some((r) => r.quantity === "activeEnergyImport" && r.phase === 0),
    );
    const totals = block?.registers.filter(({ phase }) => phase === 0).map(({ quantity }) => quantity);
    expect(totals).toEqual(
      expect.arrayContaining([
        "activeEnergyImport",
        "activeEnergyExport",
        ...(name.endsWith("120") || name.endsWith("230") ? [] : ["activePower"]),
      ]),
    );
  },
);

test.each(FRAMES)("frame from the field: $desc", ({ requestHex, responseHex, expected }) => {
  const response = Buffer.from(responseHex, "hex");
  expect(crc16(response.subarray(0, -2))).toBe(response.readUInt16LE(response.length - 2));
  const words = response.subarray(3, -2);
  // Janitza's 0x4A38 and the x0.1 voltage belong to no built-in map: they are read by one of a user.
  const isOwn = expected.address === undefined || expected.address === 19_000;
  const map = isOwn
    ? parseRegisterMap(
        {
          name: "own",
          function: 3,
          registers: [
            {
              address: expected.address ?? 0,
              type: words.length === 2 ? "uint16" : "float32",
              quantity: "voltage",
              unit: "V",
              exponent: words.length === 2 ? -1 : 0,
            },
          ],
        },
        "map",
      )
    : loadBuiltInMap("eastron-sdm630");
  const register = map.registers.find(({ address }) => address === (expected.address ?? 0)) as Register;
  if (requestHex !== null) expect(Buffer.from(requestHex, "hex").readUInt16BE(2)).toBe(register.address);
  expect(response[1]).toBe(register.function);
  expect(registerValue(words, register, map.sentinels)).toStrictEqual({ value: Math.round(expected.value * 1000) });
});

function one(type: string, hex: string, more: object = {}): unknown {
  const registers = [{ address: 0, type, quantity: "activeEnergyImport", unit: "kWh", ...more }];
  const map = parseRegisterMap({ name: "one", registers, sentinels: { uint64: "f".repeat(16), int16: "7fff" } }, "map");
  return registerValue(Buffer.from(hex, "hex"), map.registers[0] as Register, map.sentinels);
}

test.each([
  ["float32", "474bd9c8", {}, 52_185_781_250],
  ["float32", "3dcccccd", {}, 100_000],
  ["float32", "00000001", {}, 0],
  ["float32", "bf800000", {}, -1_000_000],
  ["float64", "3fb999999999999a", {}, 100_000],
  ["int16", "ffff", { exponent: -1 }, -100_000],
  ["uint16", "ffff", { exponent: -1 }, 6_553_500_000],
  ["int32", "fffffffe", { unit: "Wh" }, -2000],
  ["int32", "fffeffff", { unit: "Wh", wordOrder: "little" }, -2000],
  ["uint32", "00010000", { unit: "Wh", wordOrder: "little" }, 1000],
  ["uint64", "00000000004c4b40", { exponent: -2 }, 50_000_000_000],
  ["int64", "0000000000000005", { unit: "Wh", exponent: -4 }, 0],
  ["int64", "000000000000000f", { unit: "Wh", exponent: -4 }, 2],
  ["uint16", "0003", { factor: 40 }, 120_000_000],
  ["uint16", "0003", { factor: -1 }, -3_000_000],
])("%s %s %j is %d mWh", (type, hex, more, value) => {
  expect(one(type, hex, more)).toStrictEqual({ value });
});

test.each([
  ["float32", "7fc00000", "not-a-number"],
  ["float32", "ff800000", "not-a-number"],
  ["float64", "7ff0000000000000", "not-a-number"],
  ["uint64", "ffffffffffffffff", "sentinel"],
  ["int16", "7fff", "sentinel"],
  ["uint64", "00ffffffffffffff", "over-limit"],
  ["float32", "7f7fffff", "over-limit"],
])("%s %s is no value: %s", (type, hex, reason) => {
  expect(one(type, hex)).toStrictEqual({ reason });
});

test("a reading has the time halfway through the poll, and the hash of the answer it came with", () => {
  const map = loadBuiltInMap("eastron-sdm120");
  const frame = decode(
    map,
    answersOf(map, (register, at) => writeRaw(register, at, 1)),
  );
  expect(frame.readings.find(({ quantity }) => quantity === "activeEnergyImport")).toMatchObject({
    kind: "register",
    timestampMs: 1_700_000_000_050,
    receivedMs: 1_700_000_000_100,
    timeSource: "receiver",
    rawHash: sha256(answersOf(map, (register, at) => writeRaw(register, at, 1)).at(-1)?.words as Buffer),
  });
  expect(frame.readings.find(({ quantity }) => quantity === "activePower")?.kind).toBe("instant");
});

test("an exception, a negative counter and a power beyond the fuse are each rejected alone", () => {
  const map = loadBuiltInMap("eastron-sdm120");
  const answers = answersOf(map, (register, at) =>
    writeRaw(
      register,
      at,
      register.quantity === "activeEnergyExport" ? -1 : register.quantity === "activePower" ? 200_000_000 : 1,
    ),
  );
  const frame = decode(map, answers);
  expect(frame.rejected.map(({ reason }) => reason).toSorted()).toStrictEqual(["negative", "over-limit"]);
  expect(frame.readings).toHaveLength(map.registers.length - 2);
  const refused = decode(map, [{ ...(answers[0] as BlockAnswer), words: 2 }]);
  expect(refused.rejected).toStrictEqual([{ reason: "empty-value", text: expect.stringContaining("exception 2") }]);
});

test.each([
  [{ name: "x", registers: [] }, "map.registers"],
  [
    { name: "x", registers: [{ address: 1, type: "float16", quantity: "voltage", unit: "V" }] },
    "map.registers[0].type",
  ],
  [
    { name: "x", registers: [{ address: 1, type: "int16", quantity: "voltage", unit: "kWh" }] },
    "map.registers[0].unit",
  ],
  [
    { name: "x", registers: [{ address: 65_535, type: "int32", quantity: "voltage", unit: "V" }] },
    "map.registers[0].address",
  ],
  [
    { name: "x", registers: [{ address: 1, type: "int16", quantity: "voltage", unit: "V", factor: 0 }] },
    "map.registers[0].factor",
  ],
  [{ name: "x", registerz: [] }, "map.registerz"],
  [{ name: "x", sentinels: { int16: "7fffffff" }, registers: [] }, "map.sentinels.int16"],
  [[], "map"],
])("a map that cannot be used is refused with the place of its mistake: %j", (json, option) => {
  expect(() => parseRegisterMap(json, "map")).toThrow(
    expect.objectContaining({ details: expect.objectContaining({ code: "METER_OPTION_INVALID", option }) }),
  );
});

test("every quantity of the built-in maps is one of the ledger", () => {
  const used = new Set(BUILT_IN_MAPS.flatMap((name) => loadBuiltInMap(name).registers.map(({ quantity }) => quantity)));
  for (const quantity of used) expect(QUANTITIES).toContain(quantity);
});

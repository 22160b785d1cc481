import fc from "fast-check";
import { expect, test } from "vitest";
import { LedgerError } from "../error.ts";
import { cometBft, fromHex } from "../types/cometbftVectors.ts";
import { checkDecoder, type DecoderUnderTest } from "./decoder.ts";
import { mutateBytes } from "./mutateBytes.ts";
import { JSON_MUTATIONS, mutateJson } from "./mutateJson.ts";
import { mutateWire, WIRE_MUTATIONS } from "./mutateWire.ts";
import { weightOf } from "./weight.ts";
import { formatWire, parseWire } from "./wireTree.ts";

const block = fromHex(cometBft.blocks.find(({ bytes }) => bytes !== undefined)?.bytes ?? "");

test("a tree that was not changed gives the same bytes", () => {
  const fields = parseWire(block);
  expect(fields?.length).toBe(4);
  expect(Buffer.compare(formatWire(fields ?? []), block)).toBe(0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const parsed = parseWire(bytes);
      if (parsed !== undefined) expect(Buffer.compare(formatWire(parsed), bytes)).toBe(0);
    }),
  );
});

test("every kind of change changes a block somewhere, and the same numbers change it alike", () => {
  for (const kind of WIRE_MUTATIONS) {
    const changes = Array.from({ length: 40 }, (_, i) => mutateWire(block, [{ kind, at: i, pick: i + 1 }]));
    expect(
      changes.some((bytes) => Buffer.compare(bytes, block) !== 0),
      kind,
    ).toBe(true);
    expect(changes[7]).toEqual(mutateWire(block, [{ kind, at: 7, pick: 8 }]));
  }
});

test("a field nested 20 000 times and a length of 2^63 are among the changes", () => {
  const sizes = Array.from({ length: 6 }, (_, pick) => mutateWire(block, [{ kind: "nest", at: 0, pick }]).length);
  expect(Math.max(...sizes)).toBeGreaterThan(20_000);
  const hexes = Array.from({ length: 10 }, (_, pick) => mutateWire(block, [{ kind: "lengthWrong", at: 0, pick }]));
  expect(hexes.some((bytes) => Buffer.from(bytes).includes(Buffer.from("80808080808080", "hex")))).toBe(true);
});

test("changes of bytes flip, cut and repeat", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  expect([...mutateBytes(bytes, [{ kind: "flipBit", at: 1, pick: 0 }])]).toEqual([1, 3, 3]);
  expect([...mutateBytes(bytes, [{ kind: "cut", at: 2, pick: 0 }])]).toEqual([1, 2]);
  expect([...mutateBytes(bytes, [{ kind: "repeat", at: 0, pick: 0 }])]).toEqual([1, 2, 3, 1, 2, 3]);
});

class ProbeError extends LedgerError<{ code: "PROBE" }> {}
class OtherError extends LedgerError<{ code: "OTHER" }> {}

const probe: DecoderUnderTest<Uint8Array> = {
  name: "probe",
  samples: [],
  decode: (bytes) => bytes,
  errors: [ProbeError],
  encode: (bytes) => bytes,
};
const failing = (decode: (bytes: Uint8Array) => never) => () => checkDecoder({ ...probe, decode }, Uint8Array.of(1));

test("a decoder is caught at another error, at a second encoding and at a structure much larger than its bytes", () => {
  const bytes = Uint8Array.of(1, 2);
  expect(checkDecoder(probe, bytes)).toBe("accepted");
  expect(checkDecoder({ ...probe, decode: () => ({ accepted: false, code: "NO" }) as never }, bytes)).toBe("refused");
  const refused = failing(() => {
    throw new ProbeError({ code: "PROBE" });
  });
  expect(refused()).toBe("refused");
  expect(
    failing(() => {
      throw new TypeError("x is undefined");
    }),
  ).toThrow("TypeError");
  expect(
    failing(() => {
      throw new OtherError({ code: "OTHER" });
    }),
  ).toThrow("OTHER");
  expect(() => checkDecoder({ ...probe, encode: () => Uint8Array.of(1) }, bytes)).toThrow("does not encode");
  expect(() => checkDecoder({ ...probe, decode: () => new Uint8Array(10_000) }, bytes)).toThrow(
    "makes 10008 bytes of 2",
  );
});

test("the weight counts bytes, texts, numbers and entries, also of a structure too deep for recursion", () => {
  expect(weightOf(new Uint8Array(100))).toBe(108);
  expect(weightOf({ text: "abc", list: [1, 2] })).toBe(8 + 11 + 8 + 16);
  expect(weightOf(new Map([["key", 1n]]))).toBe(8 + 11 + 9);
  let deep: unknown[] = [];
  for (let level = 0; level < 100_000; level++) deep = [deep];
  expect(weightOf(deep)).toBe(8 * 100_001);
});

const JSON_TEXT = '{\n  "a": "42",\n  "list": [\n    1,\n    {\n      "b": "x"\n    }\n  ],\n  "empty": []\n}\n';

test("a JSON text keeps its layout, and every kind of change changes it somewhere", () => {
  expect(mutateJson(JSON_TEXT, [])).toBe(JSON_TEXT);
  expect(mutateJson('{"a":[1,2]}', [])).toBe('{"a":[1,2]}');
  for (const kind of JSON_MUTATIONS) {
    const changes = Array.from({ length: 40 }, (_, i) => mutateJson(JSON_TEXT, [{ kind, at: i, pick: i + 3 }]));
    expect(
      changes.some((text) => text !== JSON_TEXT),
      kind,
    ).toBe(true);
    expect(changes[5]).toBe(mutateJson(JSON_TEXT, [{ kind, at: 5, pick: 8 }]));
  }
});

test("doubled keys, __proto__, a lone surrogate and 20 000 levels are among the changes of JSON", () => {
  const all = JSON_MUTATIONS.flatMap((kind) => Array.from({ length: 100 }, (_, pick) => ({ kind, at: 1, pick })));
  const texts = all.map((mutation) => mutateJson(JSON_TEXT, [mutation]));
  for (const wanted of ['"__proto__"', "\\ud800", "[".repeat(20_000), "1E400", "18446744073709551616"])
    expect(
      texts.some((text) => text.includes(wanted)),
      wanted.slice(0, 20),
    ).toBe(true);
  expect(texts.some((text) => text.split('"a": ').length > 2)).toBe(true);
});

import { expect, test } from "vitest";
import { jsonDepth, MAX_JSON_DEPTH, parseJsonBody } from "./jsonBody.ts";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

test("JSON is read up to the depth limit and refused one past it", () => {
  expect(parseJsonBody(nested(MAX_JSON_DEPTH))).toBeInstanceOf(Array);
  expect(() => parseJsonBody(nested(MAX_JSON_DEPTH + 1))).toThrow("JSON_TOO_DEEP");
});

test("brackets in strings are not nesting, escaped quotes do not end a string", () => {
  expect(jsonDepth('{"a":"[[[[{{{{"}')).toBe(1);
  expect(jsonDepth('["\\"[[[", {}]')).toBe(2);
});

test("prototype keys and broken JSON are refused", () => {
  expect(() => parseJsonBody('{"a":{"__proto__":1}}')).toThrow("BAD_JSON");
  expect(() => parseJsonBody("{")).toThrow("BAD_JSON");
  expect(parseJsonBody('{"constructor":1}')).toEqual({ constructor: 1 });
});

import { expect, test } from "vitest";
import { canonicalJson } from "./canonicalJson.ts";
import { parseJson } from "./jsonLossless.ts";
import { pythonRepr } from "./pythonRepr.ts";

function canonical(text: string): string {
  const parsed = parseJson(text);
  if (!parsed.accepted) throw new Error(parsed.reason);
  return canonicalJson(parsed.value);
}

// Every row is what python-rapidjson 1.25 answers: rapidjson.dumps(json.loads(text), ensure_ascii=False, sort_keys=True).
test.each([
  ["0.000001", "1e-06"],
  ["1e-7", "1e-07"],
  ["0.0001", "0.0001"],
  ["0.00001", "1e-05"],
  ["123456789012345678.0", "1.2345678901234568e+17"],
  ["1e15", "1000000000000000.0"],
  ["1e16", "1e+16"],
  ["1E22", "1e+22"],
  ["100.0", "100.0"],
  ["1.0", "1.0"],
  ["0.1e1", "1.0"],
  ["1e5", "100000.0"],
  ["1.5", "1.5"],
  ["1e+21", "1e+21"],
  ["5e-324", "5e-324"],
  ["1e-400", "0.0"],
  ["1.7976931348623157e308", "1.7976931348623157e+308"],
  ["0.3333333333333333", "0.3333333333333333"],
  ["0e0", "0.0"],
  ["-0.0", "-0.0"],
  ["-0", "0"],
  ["-5", "-5"],
  ["1152921504606846976", "1152921504606846976"],
  ["18446744073709551616", "18446744073709551616"],
  ["-9223372036854775809", "-9223372036854775809"],
  ["1000000000000000000000000000000", "1000000000000000000000000000000"],
  ['"\\u000b\\u001f\\u0000\\u0008\\f\\n\\r\\t"', '"\\u000B\\u001F\\u0000\\b\\f\\n\\r\\t"'],
  ['"\\/ \\u007f \\u2028 \\u00e9 e\\u0301"', '"/ \u007f \u2028 \u00e9 e\u0301"'],
  ['"\\ud83d\\ude00"', '"😀"'],
  ['"\\"\\\\"', '"\\"\\\\"'],
  ['{"\\ud83d\\ude00":1,"\\uffff":2,"\\ue000":3,"a":4}', '{"a":4,"\ue000":3,"\uffff":2,"😀":1}'],
  ['{"a":1,"b":2,"a":3}', '{"a":3,"b":2}'],
  ['{"__proto__":{"x":1},"constructor":2}', '{"__proto__":{"x":1},"constructor":2}'],
  [" [ true , false , null , { } , [ ] ] ", "[true,false,null,{},[]]"],
])("%s is hashed as %s", (text, expected) => {
  expect(canonical(text)).toBe(expected);
});

test.each([
  ["", "not JSON at character 0"],
  ["nul", "not JSON at character 0"],
  ["NaN", "not JSON at character 0"],
  ["-Infinity", "not JSON at character 0"],
  ["01", "more than one value at character 1"],
  ["1.", "more than one value at character 1"],
  ["1e400", "a number too large at character 0"],
  ["[1,]", "not JSON at character 3"],
  ["[1 2]", "a comma or the array's end expected at character 3"],
  ['{"a" 1}', "a colon expected at character 5"],
  ["{a:1}", "a member's name expected at character 1"],
  ['{"a":1,}', "a member's name expected at character 7"],
  ['{"a":1', "a comma or the object's end expected at character 6"],
  ['"abc', "a text without end at character 4"],
  ['"\t"', "a control character in a text at character 1"],
  ['"\\x41"', "an escape that is none at character 1"],
  ['"\\u12g4"', "an escape that is none at character 1"],
  ['"\\ud800"', "half a surrogate pair in a text at character 8"],
  ['"\\udc00x"', "half a surrogate pair in a text at character 9"],
  ["[] []", "more than one value at character 3"],
  ["\ufeff{}", "not JSON at character 0"],
  ["[".repeat(257), "nested too deeply at character 256"],
])("%j is refused: %s", (text, reason) => {
  expect(parseJson(text)).toEqual({ accepted: false, reason });
});

test.each([
  ['{"a":{"b":[1,-7,"x/y\u007f"],"c":null},"b":true}', true],
  ['{"a":"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u000B\\u001F","é":"😀"}', true],
  ['{"a":12345678901234567890}', true],
  ['{"b":1,"a":2}', false],
  ['{"a":1,"a":2}', false],
  ['{"a":{"b":1,"B":2}}', false],
  ['{"a": 1}', false],
  ['{"a":1}\n', false],
  ['{"a":-0}', false],
  ['{"a":1.5}', false],
  ['{"a":"\\/"}', false],
  ['{"a":"\\u0041"}', false],
  ['{"a":"\\u001f"}', false],
  ['{"a":"\\u0009"}', false],
  ['{"\\u0061":1}', false],
  ['{"\ue000":1,"😀":2}', false],
  ['{"😀":1}', true],
  ["[]", false],
])("%s is seen to be an object in canonical form: %s", (text, isSeen) => {
  const parsed = parseJson(text);
  if (!parsed.accepted) throw new Error(parsed.reason);
  expect(parsed.canonical !== undefined).toBe(isSeen);
  if (isSeen) expect(canonicalJson(parsed.value)).toBe(text);
});

test("256 levels are read, a hundred thousand do not overflow the stack", () => {
  expect(parseJson(`${"[".repeat(256)}${"]".repeat(256)}`).accepted).toBe(true);
  expect(parseJson('{"a":'.repeat(100_000)).accepted).toBe(false);
});

test("bytes that are not UTF-8 are refused", () => {
  expect(parseJson(Uint8Array.of(0x22, 0xff, 0x22))).toEqual({ accepted: false, reason: "not UTF-8" });
});

test.each([
  ['{"a":[1,1.0,true,null],"b":{}}', "{'a': [1, 1.0, True, None], 'b': {}}"],
  [`"it's"`, `"it's"`],
  [`"it's \\"so\\""`, `'it\\'s "so"'`],
  [
    '"a\\n\\t\\u0001\\u007f\\u00a0\\u00ad\\u2028\\ud83d\\ude00\\ue000\\\\é"',
    "'a\\n\\t\\x01\\x7f\\xa0\\xad\\u2028😀\\ue000\\\\é'",
  ],
])("%s is shown as Python shows it", (text, expected) => {
  const parsed = parseJson(text);
  expect(parsed.accepted && pythonRepr(parsed.value)).toBe(expected);
});

import { expect, test } from "vitest";
import { LedgerError } from "../error.ts";
import { changedJson } from "../fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "../fuzz/runs.ts";
import { weightOf } from "../fuzz/weight.ts";
import { cometBft } from "./cometbftVectors.ts";
import { FormatError } from "./formatError.ts";
import { formatGenesis, parseGenesis, validateGenesis } from "./genesis.ts";
import { parseNodeKey } from "./nodeKey.ts";
import { formatPrivValidatorKey, parsePrivValidatorKey } from "./privValidatorKey.ts";

/** The value, or undefined where it is refused with a code. */
function read<T>(parse: (text: string) => T, text: string): T | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    expect(error.code).toMatch(/^FORMAT_/);
    return undefined;
  }
}

test(
  "a changed genesis file is refused with a code, or read, judged, and the same when it is written and read again",
  () => {
    const samples = cometBft.genesis.map(({ json }) => json);
    fuzz("genesis", changedJson(samples), 400, (text) => {
      const genesis = read(parseGenesis, text);
      if (genesis === undefined) return;
      expect(weightOf(genesis)).toBeLessThan(8192 + 64 * text.length);
      const verdict = validateGenesis(genesis);
      if (!verdict.accepted) expect(verdict.code).toMatch(/^(GENESIS|PARAMS)_/);
      else expect(formatGenesis(parseGenesis(formatGenesis(genesis)))).toBe(formatGenesis(genesis));
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed key file is refused without showing the key, or holds the same key",
  () => {
    const { privValidatorKey, nodeKey } = cometBft.keyFiles;
    const secret = JSON.parse(privValidatorKey).priv_key.value as string;
    const [validator, node] = [parsePrivValidatorKey(privValidatorKey), parseNodeKey(nodeKey)];
    fuzz("priv_validator_key.json", changedJson([privValidatorKey]), 300, (text) => {
      const key = readSilently(parsePrivValidatorKey, text, secret);
      if (key !== undefined)
        expect(formatPrivValidatorKey(key.privateKey)).toBe(formatPrivValidatorKey(validator.privateKey));
    });
    fuzz("node_key.json", changedJson([nodeKey]), 300, (text) => {
      const key = readSilently(parseNodeKey, text, JSON.parse(nodeKey).priv_key.value as string);
      if (key !== undefined) expect(Buffer.from(key.bytes)).toEqual(Buffer.from(node.bytes));
    });
  },
  FUZZ_TIMEOUT_MS,
);

test("a key in the place of its type is not shown, and a type that is an object is refused like any other", () => {
  const file = JSON.parse(cometBft.keyFiles.nodeKey);
  for (const type of [file.priv_key.value, { toString: 1 }, [[]], null]) {
    const text = JSON.stringify({ priv_key: { ...file.priv_key, type } });
    expect(() => parseNodeKey(text)).toThrow('FORMAT_FIELD_RANGE field=priv_key.type value="no known key type"');
  }
});

/** Any twelve characters of the key in the message would be too many. */
function readSilently<T>(parse: (text: string) => T, text: string, secret: string): T | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    for (let start = 0; start + 12 <= secret.length; start++)
      expect(error.message.includes(secret.slice(start, start + 12))).toBe(false);
    return undefined;
  }
}

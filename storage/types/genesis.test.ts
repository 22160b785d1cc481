import { expect, test } from "vitest";
import { MAX_CHAIN_ID_BYTES, MAX_TOTAL_VOTING_POWER, MAX_VALIDATORS } from "../limits.ts";
import { cometBft, toHex } from "./cometbftVectors.ts";
import { FormatError } from "./formatError.ts";
import { formatGenesis, type Genesis, parseGenesis, validateGenesis } from "./genesis.ts";
import { hashValidatorSet, newValidatorSet } from "./validatorSet.ts";

const vectors = cometBft.genesis;
const full = parseGenesis((vectors[0] as (typeof vectors)[0]).json);

test("genesis files of Go are read, and written back byte for byte", () => {
  for (const vector of vectors) {
    const genesis = parseGenesis(vector.json);
    expect(genesis.initialHeight).toBe(vector.initialHeight);
    expect(genesis.validators.length).toBe(vector.validators);
    expect(formatGenesis(genesis)).toBe(vector.json);
  }
});

test("the genesis validators hash as in Go", () => {
  expect(toHex(hashValidatorSet(newValidatorSet(full.validators)))).toBe(vectors[0]?.validatorsHash);
});

test("a genesis a network cannot start from is refused, each kind with its code", () => {
  const validators = full.validators.slice(0, 3);
  const good: Genesis = { ...full, validators };
  const [first] = validators as [Genesis["validators"][0]];
  expect(validateGenesis(good).accepted).toBe(true);
  const cases: [Partial<Genesis>, string][] = [
    [{ chainId: "" }, "GENESIS_CHAIN_ID"],
    [{ chainId: "é".repeat(MAX_CHAIN_ID_BYTES / 2 + 1) }, "GENESIS_CHAIN_ID"],
    [{ initialHeight: 0 }, "GENESIS_INITIAL_HEIGHT"],
    [{ genesisTime: { seconds: -62135596800n, nanos: 0 } }, "GENESIS_TIME"],
    [{ consensusParams: { ...good.consensusParams, version: { app: -1 } } }, "PARAMS_APP_VERSION"],
    [{ validators: [] }, "GENESIS_VALIDATORS"],
    [{ validators: Array(MAX_VALIDATORS + 1).fill(first) }, "GENESIS_VALIDATORS"],
    [{ validators: [{ ...first, address: new Uint8Array(20) }] }, "GENESIS_VALIDATOR_ADDRESS"],
    [{ validators: [first, first] }, "GENESIS_VALIDATOR_DUPLICATE"],
    [{ validators: full.validators }, "GENESIS_VALIDATOR_KEY_TYPE"],
    [{ validators: [{ ...first, power: 0n }] }, "GENESIS_VALIDATOR_POWER"],
    [{ validators: [{ ...first, power: MAX_TOTAL_VOTING_POWER + 1n }] }, "GENESIS_VALIDATOR_POWER"],
  ];
  for (const [change, code] of cases) expect(validateGenesis({ ...good, ...change })).toMatchObject({ code });
});

test("a genesis file with one field spoiled is refused by name", () => {
  const spoil = (from: string, to: string) => () =>
    parseGenesis((vectors[0] as (typeof vectors)[0]).json.replace(from, to));
  expect(spoil('"1000"', "1000")).toThrow("FORMAT_FIELD_RANGE field=initial_height");
  expect(spoil('"1000"', '"99999999999999999"')).toThrow("FORMAT_FIELD_RANGE field=initial_height");
  expect(spoil("2026-11-21T08:30", "2026-02-30T08:30")).toThrow("FORMAT_FIELD_RANGE field=timestamp");
  expect(spoil("tendermint/PubKeyEd25519", "tendermint/PubKeyBls")).toThrow("field=validators[0].pub_key.type");
  expect(spoil("3lQKrn", "3lQK!!")).toThrow("field=validators[0].pub_key.value");
  expect(spoil('"0102AB"', '"0102A"')).toThrow("field=app_hash");
  expect(spoil('"genesis_time"', '"time"')).toThrow("field=genesis_time");
  expect(() => parseGenesis("[]")).toThrow(FormatError);
  expect(() => parseGenesis("{")).toThrow("FORMAT_JSON_MALFORMED");
});

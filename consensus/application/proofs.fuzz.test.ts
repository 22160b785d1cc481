import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson, changedSample, fuzzDecoder } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { FormatError } from "#storage/types/formatError.ts";
import { accountRecordKey, decodeAccountRecord } from "./accountRecord.ts";
import { verifyAncestorAnswer, verifyStateAnswer } from "./appHash.ts";
import { GenesisStateError } from "./genesisState.ts";
import { createLedgerApplication } from "./ledgerApplication.ts";
import { accountOf, CHAIN_ID, createTestLedger, initChainRequest, sealMessage, testGenesis } from "./testLedger.ts";

const ledger = createTestLedger();
for (let index = 0; index < 3; index++) ledger.block([ledger.sign([sealMessage(index)], ["device"])]);
const appHash = ledger.app.info().lastBlockAppHash;
const ask = (path: string, data: string | Uint8Array) =>
  ledger.app.query({ path, data: Buffer.from(data), height: 0, prove: true });

/** Answers about a key that has a value and one that has none. */
const KEYS = [accountRecordKey(accountOf("device")), accountRecordKey(accountOf("nobody"))];
const STATES = KEYS.map((key) => ({ ...ask("/edream/state", key), key }));
const ANCESTORS = [1, 2].map((height) => ({ ...ask("/edream/ancestor", String(height)), height }));

test(
  "no changed proof shows a state that is not the ledger's",
  () => {
    const proof = changedSample([...STATES, ...ANCESTORS].map((answer) => answer.proof));
    const value = fc.oneof(
      fc.constant(undefined),
      fc.constantFrom(...STATES.map((state) => state.value)),
      changedSample(STATES.map((state) => state.value)),
    );
    const isEmpty = (bytes: Uint8Array | undefined) => bytes === undefined || bytes.length === 0;
    let accepted = 0;
    fuzz("state answer", fc.tuple(fc.constantFrom(...STATES), value, proof), 500, ([state, claimed, bytes]) => {
      const verdict = verifyStateAnswer(appHash, state.key, claimed, bytes);
      if (!verdict.accepted) {
        expect(verdict.code).toMatch(/^(APP|STATE)_/);
        return;
      }
      accepted += 1;
      expect(isEmpty(claimed) ? isEmpty(state.value) : Buffer.compare(claimed as Uint8Array, state.value) === 0).toBe(
        true,
      );
    });
    for (const { key, value: stored, proof: given } of STATES)
      expect(verifyStateAnswer(appHash, key, isEmpty(stored) ? undefined : stored, given)).toEqual({ accepted: true });
    expect(accepted).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "no changed proof shows another block among the ancestors",
  () => {
    const proof = changedSample([...STATES, ...ANCESTORS].map((answer) => answer.proof));
    const blockHash = changedSample(ANCESTORS.map((answer) => answer.value));
    const height = fc.oneof(fc.integer({ min: -1, max: 5 }), fc.maxSafeInteger());
    fuzz("ancestor answer", fc.tuple(height, blockHash, proof), 500, ([at, hash, bytes]) => {
      const verdict = verifyAncestorAnswer(appHash, 1, at, hash, bytes);
      if (!verdict.accepted) {
        expect(verdict.code).toMatch(/^(APP|MOUNTAIN|MERKLE)_/);
        return;
      }
      const truth = ANCESTORS.find((ancestor) => ancestor.height === at);
      expect(truth !== undefined && Buffer.compare(truth.value, hash) === 0).toBe(true);
    });
    for (const { height: at, value, proof: given } of ANCESTORS)
      expect(verifyAncestorAnswer(appHash, 1, at, value, given)).toEqual({ accepted: true });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed account record is read or refused",
  () => {
    const samples = STATES.map((state) => state.value).filter((value) => value.length > 0);
    fuzzDecoder({ name: "account record", samples, decode: decodeAccountRecord, errors: [FormatError] }, 300);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed genesis state makes a ledger, the same at every node, or is refused with a code",
  () => {
    const text = JSON.stringify(testGenesis({ quotaTxsPerBlock: 5 }));
    let made = 0;
    fuzz("genesis state", changedJson([text]), 200, (changed) => {
      let appState: unknown;
      try {
        appState = JSON.parse(changed);
      } catch {
        return;
      }
      const start = () => createLedgerApplication({ chainId: CHAIN_ID }).initChain(initChainRequest(appState));
      let first: ReturnType<typeof start>;
      try {
        first = start();
      } catch (error) {
        expect(error).toBeInstanceOf(GenesisStateError);
        return;
      }
      made += 1;
      expect(start()).toEqual(first);
    });
    expect(made).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT_MS,
);

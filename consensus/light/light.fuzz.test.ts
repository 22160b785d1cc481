import fc from "fast-check";
import { expect, test } from "vitest";
import { LedgerError } from "#storage/error.ts";
import { changedSample } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz, fuzzAsync } from "#storage/fuzz/runs.ts";
import { decodeHeader, encodeHeader, type Header, hashHeader } from "#storage/types/header.ts";
import { decodeLightBlock, encodeLightBlock, type LightBlock } from "#storage/types/lightBlock.ts";
import { hashValidatorSet } from "#storage/types/validatorSet.ts";
import { createLightClient, type LightProvider } from "./lightClient.ts";
import { LightError } from "./lightError.ts";
import { createTestChain, signTestHeader, testValidatorSet } from "./testChain.ts";
import { DEFAULT_LIGHT_RULES, verify, verifyBackwards, verifyConsistent } from "./verify.ts";

const NOW_MS = 1_700_000_100_000;
const CHAIN_ID = "test-chain";

/** Ten blocks; the validators change at the fifth. */
const chain = createTestChain();
for (let height = 1; height <= 10; height++)
  chain.append(height === 4 ? { nextPowers: { 0: 10, 1: 10, 2: 10, 5: 10 } } : {});
const blocks = Array.from({ length: 10 }, (_, index) => chain.lightBlock(index + 1));
const first = blocks[0] as LightBlock;
const hashes = new Set(blocks.map((block) => hexOf(hashHeader(block.signedHeader.header))));

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The value, or undefined where the bytes are none. */
function decoded<T>(decode: (bytes: Uint8Array) => T, bytes: Uint8Array): T | undefined {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

const changedBlock = changedSample(blocks.map(encodeLightBlock)).map((bytes) => decoded(decodeLightBlock, bytes));
const changedHeader = changedSample(blocks.map((block) => encodeHeader(block.signedHeader.header))).map((bytes) =>
  decoded(decodeHeader, bytes),
);

/** A header as a liar likes it, with a set of its own choice, signed by strangers and by one of the four validators. */
const forgedBlock = fc
  .record({ header: changedHeader, signer: fc.nat(3), strangers: fc.nat(3) })
  .map(({ header, signer, strangers }): LightBlock | undefined => {
    if (header === undefined) return undefined;
    const keys = [signer, ...Array.from({ length: strangers }, (_, index) => 20 + index)];
    const powers = Object.fromEntries(keys.map((key) => [key, 10]));
    return signTestHeader({ ...header, validatorsHash: hashValidatorSet(testValidatorSet(powers)) }, powers);
  });

function isTrue(header: Header): boolean {
  return hashes.has(hexOf(hashHeader(header)));
}

test(
  "a changed or forged light block is judged, and accepted only where it is the chain's",
  () => {
    const from = fc.constantFrom(first, blocks[3] as LightBlock, blocks[4] as LightBlock);
    let accepted = 0;
    fuzz("light block to verify", fc.tuple(from, fc.oneof(changedBlock, forgedBlock)), 400, ([trusted, block]) => {
      if (block === undefined) return;
      expect(verifyConsistent(block, CHAIN_ID)).toHaveProperty("accepted");
      const verdict = verify(trusted, block, DEFAULT_LIGHT_RULES, NOW_MS);
      if (!verdict.accepted) expect(verdict.code).toMatch(/^(LIGHT|COMMIT)_/);
      else expect(isTrue(block.signedHeader.header)).toBe(true);
      accepted += verdict.accepted ? 1 : 0;
    });
    expect(accepted).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "backwards, no header is accepted but the one that the newer builds on",
  () => {
    fuzz("header to verify backwards", fc.tuple(changedHeader, fc.constantFrom(...blocks)), 400, ([older, newer]) => {
      if (older === undefined) return;
      const verdict = verifyBackwards(older, newer.signedHeader.header);
      if (!verdict.accepted) expect(verdict.code).toMatch(/^LIGHT_/);
      else expect(isTrue(older)).toBe(true);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a client whose primary and witness answer changed blocks keeps only the chain's headers, or stops with a code",
  async () => {
    const answers = fc.array(fc.oneof(fc.constant(undefined), changedBlock, forgedBlock), {
      minLength: 1,
      maxLength: 6,
    });
    const input = fc.record({ primary: answers, witness: answers, asked: fc.integer({ min: 1, max: 12 }) });
    await fuzzAsync("answers to a light client", input, 150, async ({ primary, witness, asked }) => {
      const saved: Header[] = [];
      let kept: LightBlock | undefined;
      const client = createLightClient(
        { chainId: CHAIN_ID, rules: DEFAULT_LIGHT_RULES, mode: "skipping", minWitnesses: 1, maxSteps: 20 },
        {
          primary: liar("primary", primary),
          witnesses: [liar("witness", witness)],
          loadTrusted: async () => kept,
          saveTrusted: async (block) => {
            kept = block;
          },
          loadHeader: async (height) => saved.find((header) => header.height === height),
          saveHeader: async (header) => void saved.push(header),
          nowMs: () => NOW_MS,
          onFaultyProvider: (_provider, error) => expect(error).toBeInstanceOf(LightError),
        },
      );
      const calls = [
        () => client.initialise({ height: 1, hash: hashHeader(first.signedHeader.header) }),
        () => client.update(),
        () => client.verifyHeader(asked),
      ];
      for (const call of calls)
        try {
          await call();
        } catch (error) {
          expect(error).toBeInstanceOf(LightError);
        }
      for (const header of saved) expect(isTrue(header)).toBe(true);
      if (kept !== undefined) expect(isTrue(kept.signedHeader.header)).toBe(true);
    });
  },
  FUZZ_TIMEOUT_MS,
);

/** Answers what is written down, one after the other; undefined is the truth, and what cannot be answered is an error. */
function liar(name: string, answers: readonly (LightBlock | undefined)[]): LightProvider {
  let turn = 0;
  return {
    name,
    async fetchLightBlock(height) {
      return answers[turn++ % answers.length] ?? chain.lightBlock(height);
    },
  };
}

import { describe, expect, test } from "vitest";
import { decodeEvidence, encodeEvidence, type LightClientAttackEvidence } from "#storage/types/evidence.ts";
import { hashHeader } from "#storage/types/header.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import {
  byzantineValidators,
  makeLightClientAttackEvidence,
  verifyLightClientAttack,
} from "#storage/types/lightClientAttack.ts";
import { createLightClient, type LightProvider } from "./lightClient.ts";
import { createTestChain, signTestHeader, type TestChain, testValidatorSet } from "./testChain.ts";
import { DEFAULT_LIGHT_RULES } from "./verify.ts";

const FORGED = new Uint8Array(32).fill(9);

/** Eight blocks, and the same three with a forged application state on top. */
function chains(): { readonly honest: TestChain; readonly evil: TestChain } {
  const honest = createTestChain();
  while (honest.height < 3) honest.append();
  const evil = honest.fork(3);
  while (honest.height < 8) honest.append();
  while (evil.height < 8) evil.append({ appHash: FORGED, absent: [3] });
  return { honest, evil };
}

const providerOf = (name: string, chain: TestChain): LightProvider => ({
  name,
  fetchLightBlock: async (height) => chain.lightBlock(height),
});

type Attack = readonly { readonly tell: string; readonly evidence: LightClientAttackEvidence }[];

async function attackSeen(mode: "sequential" | "skipping", primary: TestChain, witness: TestChain): Promise<Attack> {
  let seen: Attack = [];
  const client = createLightClient(
    {
      chainId: "test-chain",
      rules: { ...DEFAULT_LIGHT_RULES, trustingPeriodMs: 3_600_000 },
      mode,
      minWitnesses: 0,
      maxSteps: 100,
    },
    {
      primary: providerOf("primary", primary),
      witnesses: [providerOf("witness", witness)],
      loadTrusted: async () => undefined,
      saveTrusted: async () => undefined,
      loadHeader: async () => undefined,
      saveHeader: async () => undefined,
      nowMs: () => 1_700_000_100_000,
      onFaultyProvider: () => undefined,
      onAttack: async (attack) => {
        seen = attack;
      },
    },
  );
  await client.initialise({ height: 1, hash: hashHeader(primary.lightBlock(1).signedHeader.header) });
  await expect(client.update()).rejects.toMatchObject({ details: { code: "LIGHT_PROVIDER_CONFLICT" } });
  return seen;
}

/** As a full node of this chain judges it. */
const judge = (chain: TestChain, evidence: LightClientAttackEvidence) =>
  verifyLightClientAttack(
    evidence,
    chain.chainId,
    chain.lightBlock(evidence.commonHeight),
    chain.lightBlock(evidence.conflictingBlock.signedHeader.header.height).signedHeader,
  );

const keysOf = (evidence: LightClientAttackEvidence) =>
  evidence.byzantineValidators.map(({ address }) => Buffer.from(address).toString("hex")).sort();

const addressesOf = (powers: Readonly<Record<number, number>>) =>
  testValidatorSet(powers)
    .validators.map(({ address }) => Buffer.from(address).toString("hex"))
    .sort();

describe("two signed chains", () => {
  test.each(["sequential", "skipping"] as const)("become evidence for both sides, by a %s client", async (mode) => {
    const { honest, evil } = chains();
    const [forHonest, forEvil] = await attackSeen(mode, honest, evil);
    expect([forHonest?.tell, forEvil?.tell]).toEqual(["primary", "witness"]);
    if (forHonest === undefined || forEvil === undefined) throw new Error("no evidence");
    // Sequential: the fork itself. Skipping: no header between the trusted block and the target was seen.
    expect(forHonest.evidence.commonHeight).toBe(mode === "sequential" ? 3 : 1);
    expect(judge(honest, forHonest.evidence)).toEqual({ accepted: true });
    expect(judge(evil, forEvil.evidence)).toEqual({ accepted: true });
    expect(judge(evil, forHonest.evidence)).toMatchObject({ code: "EVIDENCE_BLOCK_MISMATCH" });
    // The one who did not sign the forged block is not blamed.
    expect(keysOf(forHonest.evidence)).toEqual(addressesOf({ 0: 10, 1: 10, 2: 10 }));
    const bytes = encodeEvidence(forHonest.evidence);
    expect(Buffer.from(encodeEvidence(decodeEvidence(bytes)))).toEqual(Buffer.from(bytes));
  });
});

describe("evidence of an attack", () => {
  const { honest, evil } = chains();
  const at = (chain: TestChain, height: number) => chain.lightBlock(height);
  const good = makeLightClientAttackEvidence(at(evil, 4), at(honest, 3), at(honest, 4));
  const changed = (fields: Partial<LightClientAttackEvidence>) => judge(honest, { ...good, ...fields });
  const withBlock = (block: Partial<LightBlock>) =>
    changed({ conflictingBlock: { ...good.conflictingBlock, ...block } });

  test("is refused with any of its facts changed", () => {
    expect(judge(honest, good)).toEqual({ accepted: true });
    const { signedHeader } = good.conflictingBlock;
    const [, second, ...others] = good.byzantineValidators;
    if (second === undefined) throw new Error("two are blamed at least");
    expect(changed({ totalVotingPower: 41n })).toMatchObject({ code: "EVIDENCE_POWER_MISMATCH" });
    expect(changed({ timestamp: { seconds: 1n, nanos: 0 } })).toMatchObject({ code: "EVIDENCE_TIME_MISMATCH" });
    expect(changed({ byzantineValidators: [second, ...others] })).toMatchObject({
      code: "EVIDENCE_VALIDATORS_MISMATCH",
    });
    const innocent = testValidatorSet({ 3: 10 }).validators;
    expect(changed({ byzantineValidators: [...innocent, second, ...others] })).toMatchObject({
      code: "EVIDENCE_VALIDATORS_MISMATCH",
    });
    expect(withBlock({ validatorSet: testValidatorSet({ 0: 10 }) })).toMatchObject({
      code: "EVIDENCE_BLOCK_MALFORMED",
    });
    const header = { ...signedHeader.header, appHash: new Uint8Array(32).fill(8) };
    expect(withBlock({ signedHeader: { ...signedHeader, header } })).toMatchObject({
      code: "EVIDENCE_BLOCK_MALFORMED",
    });
    expect(withBlock(at(honest, 4))).toMatchObject({ code: "EVIDENCE_BLOCK_MISMATCH" });
    expect(changed({ commonHeight: 4 })).toMatchObject({ code: "EVIDENCE_HEADER_UNRELATED" });
  });

  test("is refused if any signature that would blame somebody is false, also beyond two thirds", () => {
    const { signedHeader } = good.conflictingBlock;
    const { commit } = signedHeader;
    const absent = commit.signatures.findIndex(({ blockIdFlag }) => blockIdFlag === "absent");
    const victim = good.conflictingBlock.validatorSet.validators[absent]?.address ?? new Uint8Array(20);
    const first = commit.signatures.find(({ blockIdFlag }) => blockIdFlag === "commit");
    if (first === undefined) throw new Error("no signature");
    const signatures = commit.signatures.map((signature, i) =>
      i === absent ? { ...first, blockIdFlag: "commit" as const, validatorAddress: victim } : signature,
    );
    const verdict = withBlock({ signedHeader: { ...signedHeader, commit: { ...commit, signatures } } });
    expect(verdict).toMatchObject({ code: "COMMIT_SIGNATURE_INVALID" });
  });

  test("needs more than a third of the common set behind a set of the attacker's own", () => {
    const forged = (powers: Readonly<Record<number, number>>) => {
      const own = testValidatorSet(powers);
      const { header } = at(evil, 5).signedHeader;
      const block = signTestHeader({ ...header, validatorsHash: hashOfSet(powers) }, powers);
      expect(block.validatorSet).toEqual(own);
      return judge(honest, makeLightClientAttackEvidence(block, at(honest, 3), at(honest, 5)));
    };
    expect(forged({ 0: 10, 7: 1 })).toMatchObject({ code: "COMMIT_POWER_INSUFFICIENT" });
    expect(forged({ 0: 10, 1: 10 })).toEqual({ accepted: true });
  });

  test("of two blocks in one round names those who signed both; in different rounds nobody", () => {
    const twin = honest.fork(3);
    twin.append({ txs: [Uint8Array.of(1)], absent: [0] });
    const evidence = makeLightClientAttackEvidence(at(twin, 4), at(honest, 3), at(honest, 4));
    expect(evidence.commonHeight).toBe(4);
    expect(judge(honest, evidence)).toEqual({ accepted: true });
    expect(keysOf(evidence)).toEqual(addressesOf({ 1: 10, 2: 10, 3: 10 }));
    const { signedHeader, validatorSet } = at(honest, 4);
    const later = { ...signedHeader, commit: { ...signedHeader.commit, round: 1 } };
    expect(byzantineValidators(at(twin, 4), validatorSet, later)).toEqual([]);
  });
});

function hashOfSet(powers: Readonly<Record<number, number>>): Uint8Array {
  const chain = createTestChain({ initialPowers: powers });
  return chain.append().signedHeader.header.validatorsHash;
}

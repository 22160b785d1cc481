import { expect, test } from "vitest";
import { type Evidence, encodeEvidence, hashEvidence } from "#storage/types/evidence.ts";
import { attackOn, poolOver } from "./testAttack.ts";
import { createTestNet } from "./testNet.ts";

const MINUTE_MS = 60_000;

test("an attack on a light node, told to one validator, is in a block that all have, and names the guilty", async () => {
  const net = await createTestNet({ seed: 60, validators: 4 });
  await net.runUntil(() => net.height() >= 4, MINUTE_MS);
  const evidence = attackOn(net, 3);
  expect(evidence.byzantineValidators).toHaveLength(2);
  expect(await net.nodes[1]?.engine?.addEvidence(evidence)).toEqual({ accepted: true });
  const reported = (node: number): readonly Evidence[] =>
    [...(net.nodes[node]?.disk.blocks.values() ?? [])].flatMap(({ record }) => record.block.evidence);
  await net.runUntil(() => [0, 1, 2, 3].every((node) => reported(node).length > 0), MINUTE_MS);
  net.checkAgreement();
  const bytes = Buffer.from(encodeEvidence(evidence));
  for (const node of [0, 1, 2, 3])
    expect(reported(node).map((each) => Buffer.from(encodeEvidence(each)))).toEqual([bytes]);
  const blamed = evidence.byzantineValidators.map(({ address }) => Buffer.from(address).toString("hex"));
  expect(blamed.sort()).toEqual(
    [2, 3].map((index) => Buffer.from(net.genesis.validators[index]?.address ?? []).toString("hex")).sort(),
  );
  // Once is enough: told again, it is known.
  expect(await net.nodes[2]?.engine?.addEvidence(evidence)).toEqual({ accepted: true });
  await net.run(3000);
  expect(reported(0)).toHaveLength(1);
});

test("evidence of a block beyond the chain, or of other facts, is not taken", async () => {
  const net = await createTestNet({ seed: 61, validators: 4 });
  await net.runUntil(() => net.height() >= 4, MINUTE_MS);
  const evidence = attackOn(net, 3);
  const add = (changed: typeof evidence) => net.nodes[1]?.engine?.addEvidence(changed);
  const { conflictingBlock } = evidence;
  const header = { ...conflictingBlock.signedHeader.header, height: 1000 };
  const signedHeader = { ...conflictingBlock.signedHeader, header };
  expect(await add({ ...evidence, conflictingBlock: { ...conflictingBlock, signedHeader } })).toMatchObject({
    code: "EVIDENCE_FUTURE",
  });
  expect(await add({ ...evidence, byzantineValidators: [] })).toMatchObject({ code: "EVIDENCE_VALIDATORS_MISMATCH" });
  expect(await add({ ...evidence, commonHeight: -1 })).toMatchObject({ code: "EVIDENCE_UNKNOWN_HEIGHT" });
});

test("a block's evidence of an attack that is known is verified all the same: its name says nothing of whom it blames", async () => {
  const net = await createTestNet({ seed: 62, validators: 4 });
  await net.runUntil(() => net.height() >= 4, MINUTE_MS);
  const evidence = attackOn(net, 3);
  const disk = net.nodes[0]?.disk;
  if (disk?.state === undefined) throw new TypeError("no chain");
  const pool = poolOver(net, disk);
  expect(await pool.add(evidence, disk.state)).toEqual({ accepted: true });
  expect(await pool.check([evidence], disk.state)).toEqual({ accepted: true });
  const innocent = disk.state.validators.validators.filter(
    ({ address }) => !evidence.byzantineValidators.some((guilty) => Buffer.compare(guilty.address, address) === 0),
  );
  const slander = { ...evidence, byzantineValidators: innocent };
  expect(Buffer.compare(hashEvidence(slander), hashEvidence(evidence))).toBe(0);
  expect(await pool.check([slander], disk.state)).toMatchObject({ code: "EVIDENCE_VALIDATORS_MISMATCH" });
});

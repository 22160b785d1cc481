import { expect, test } from "vitest";
import { signConflictingVotes } from "./testFaults.ts";
import { createTestNet } from "./testNet.ts";

const MINUTE_MS = 60_000;
const FULL_NODE = 4;

test("two votes that only a full node saw, and told in vain at first, are in a block all the same", async () => {
  const net = await createTestNet({ seed: 70, validators: 4, fullNodes: 1 });
  signConflictingVotes(net, 3, "prevote", (height) => height === 2);
  const send = net.send;
  let isMute = true;
  net.send = (from, to, bytes) => {
    if (from !== FULL_NODE || !isMute) send(from, to, bytes);
  };
  await net.runUntil(() => net.height() >= 4, MINUTE_MS);
  const offences = () =>
    [...(net.nodes[0]?.disk.blocks.values() ?? [])].flatMap(({ record }) => record.block.evidence).length;
  expect(offences()).toBe(0);
  isMute = false;
  await net.runUntil(() => offences() > 0, MINUTE_MS);
  net.checkAgreement();
});

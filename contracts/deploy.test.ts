import { TypedDataEncoder } from "ethers";
import { afterAll, expect, test } from "vitest";
import { valsetHash } from "#bridge/valset.ts";
import { deployCore } from "./deploy.ts";
import { TEST_LEDGER_ID, testValidators } from "./testBridge.ts";
import { startTestEvm, type TestWallet } from "./testing.ts";

const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());
const [deployer, owner] = evm.wallets as [TestWallet, TestWallet];

test("bridge, outbox and registry are deployed for this ledger and its validators, and belong to the owner", async () => {
  const members = testValidators(4);
  const options = { ledgerId: TEST_LEDGER_ID, initialHeight: 100, minRotationDelay: 60, members, owner: owner.address };
  const { bridge, outbox, registry } = await deployCore(deployer, options);
  expect((await bridge.head()).toHeight).toBe(99n);
  expect(await bridge.valsetHash()).toBe(valsetHash(members));
  expect([await bridge.owner(), await outbox.defaultAdmin()]).toEqual([owner.address, owner.address]);
  expect(await registry.BRIDGE()).toBe(await bridge.getAddress());
  // EIP-5267: a wallet that reads the domain signs under the same one.
  const { name, version, chainId, verifyingContract, salt } = await bridge.eip712Domain();
  const domain = { name, version, chainId, verifyingContract, salt };
  expect(TypedDataEncoder.hashDomain(domain)).toBe(await bridge.domainSeparator());
});

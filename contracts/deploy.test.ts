import { type HDNodeWallet, type JsonRpcProvider, TypedDataEncoder, Wallet } from "ethers";
import { afterAll, expect, test } from "vitest";
import { connectEvm } from "#bridge/evm/connectEvm.ts";
import { type Falsify, startTestRpc } from "#bridge/evm/testRpc.ts";
import { valsetHash } from "#bridge/valset.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { Bridge } from "./abi/Bridge.ts";
import { DataMarketplace } from "./abi/DataMarketplace.ts";
import { DeviceRegistry } from "./abi/DeviceRegistry.ts";
import { EnergyMarket } from "./abi/EnergyMarket.ts";
import { FingerprintRegistry } from "./abi/FingerprintRegistry.ts";
import { Flexibility } from "./abi/Flexibility.ts";
import { FlexibilityToken } from "./abi/FlexibilityToken.ts";
import { Outbox } from "./abi/Outbox.ts";
import { type DeploymentStep, type DeployOptions, deployContracts, type StartedContract } from "./deploy.ts";
import { DEPLOYABLES, type DeploymentTerms } from "./deployment.ts";
import { TEST_LEDGER_ID, testValidators } from "./testBridge.ts";
import { mined, startTestEvm } from "./testing.ts";

// Several transactions are under way at once: anvil has to make blocks by the clock.
const evm = await startTestEvm({ blockSeconds: 0.2 });
afterAll(() => evm[Symbol.asyncDispose]());
const [funder, owner, treasury] = evm.wallets as [HDNodeWallet, HDNodeWallet, HDNodeWallet];
const ETHER = 10n ** 18n;
const EMITTERS = ["EnergyMarket", "Flexibility", "DeviceRegistry"];

const members = testValidators(4);
const termsOf = (ownerAddress: string): DeploymentTerms => ({
  ...{ ledgerId: TEST_LEDGER_ID, initialHeight: 100, minRotationDelay: 60, members },
  ...{ owner: ownerAddress, treasury: treasury.address, microgrid: sha256(Buffer.from("microgrid")).subarray(0, 20) },
});

/** An account of its own, so that its transactions can be counted. */
async function payerWith(wei: bigint): Promise<Wallet> {
  const payer = new Wallet(Wallet.createRandom().privateKey, evm.provider);
  await mined(funder.sendTransaction({ to: payer.address, value: wei }) as never);
  return payer;
}

const at = (wallet: Wallet, provider: JsonRpcProvider) => new Wallet(wallet.privateKey, provider);

/** Options that note what is started, and what was done. */
function noting(started: Record<string, StartedContract> = {}) {
  const steps: DeploymentStep[] = [];
  const options: DeployOptions = {
    ...{ started: { ...started }, pollingMs: 20 },
    onStart: async (contracts) => void Object.assign(started, contracts),
    onStep: (step) => void steps.push(step),
  };
  return { started, steps, options };
}

test("everything is deployed for this ledger and its validators, belongs to the owner, and may tell the ledger what it has to", async () => {
  const payer = await payerWith(ETHER);
  const { options, steps } = noting();
  const { contracts, callsLeft } = await deployContracts(payer, termsOf(payer.address), options);
  const [bridge, outbox] = [contracts.Bridge ?? "", contracts.Outbox ?? ""];
  expect(callsLeft).toEqual([]);
  expect(steps.map(({ name }) => name).toSorted()).toEqual(
    [...DEPLOYABLES.map(({ name }) => name), ...EMITTERS].toSorted(),
  );
  expect(await evm.provider.getTransactionCount(payer.address)).toBe(steps.length);
  const fees = steps.reduce((sum, { feeWei }) => sum + feeWei, 0n);
  expect(await evm.provider.getBalance(payer.address)).toBe(ETHER - fees);

  const deployed = Bridge.at(bridge, evm.provider);
  expect((await deployed.head()).toHeight).toBe(99n);
  expect(await deployed.valsetHash()).toBe(valsetHash(members));
  // EIP-5267: a wallet that reads the domain signs under the same one.
  const { name, version, chainId, verifyingContract, salt } = await deployed.eip712Domain();
  const domain = { name, version, chainId, verifyingContract, salt };
  expect(TypedDataEncoder.hashDomain(domain)).toBe(await deployed.domainSeparator());

  const box = Outbox.at(outbox, evm.provider);
  const role = await box.EMITTER_ROLE();
  for (const [contract, address] of Object.entries(contracts))
    expect([contract, await box.hasRole(role, address)]).toEqual([contract, EMITTERS.includes(contract)]);
  const market = EnergyMarket.at(contracts.EnergyMarket ?? "", evm.provider);
  const flexibility = Flexibility.at(contracts.Flexibility ?? "", evm.provider);
  const registry = DeviceRegistry.at(contracts.DeviceRegistry ?? "", evm.provider);
  const data = DataMarketplace.at(contracts.DataMarketplace ?? "", evm.provider);
  for (const owned of [deployed, box, market, flexibility, registry, data])
    expect(await owned.owner()).toBe(payer.address);
  expect(await FingerprintRegistry.at(contracts.FingerprintRegistry ?? "", evm.provider).BRIDGE()).toBe(bridge);
  expect([await market.READER(), await market.OUTBOX()]).toEqual([contracts.LedgerReader, outbox]);
  expect([await flexibility.READER(), await flexibility.OUTBOX()]).toEqual([contracts.LedgerReader, outbox]);
  expect([await registry.READER(), await registry.OUTBOX()]).toEqual([contracts.LedgerReader, outbox]);
  expect(await FlexibilityToken.at(contracts.FlexibilityToken ?? "", evm.provider).SETTLER()).toBe(
    contracts.Flexibility,
  );
});

test("another owner than the payer is told which calls are left, and they do it", async () => {
  const payer = await payerWith(ETHER);
  const { contracts, callsLeft } = await deployContracts(payer, termsOf(owner.address), noting().options);
  expect(callsLeft.map(({ to }) => to)).toEqual(EMITTERS.map(() => contracts.Outbox));
  const outbox = Outbox.at(contracts.Outbox ?? "", owner);
  const role = await outbox.EMITTER_ROLE();
  expect(await outbox.hasRole(role, contracts.EnergyMarket ?? "")).toBe(false);
  for (const { to, data } of callsLeft) await mined(owner.sendTransaction({ to, data }) as never);
  for (const name of EMITTERS) expect(await outbox.hasRole(role, contracts[name] ?? "")).toBe(true);
});

test("a run that does not learn what became of its transactions is gone on with: nothing is deployed twice", async () => {
  const payer = await payerWith(ETHER);
  const { started, options } = noting();
  const terms = termsOf(payer.address);
  const mute: Falsify = async (method, answer) => (method === "eth_getTransactionReceipt" ? null : answer());
  await using rpc = await startTestRpc(mute, evm.anvil.url);
  using lying = await connectEvm({ url: rpc.url, pollingMs: 5 });
  const first = deployContracts(at(payer, lying.provider), terms, { ...options, receiptTimeoutMs: 50 });
  await expect(first).rejects.toMatchObject({ code: "EVM_RECEIPT_TIMEOUT" });
  expect(Object.keys(started)).toEqual(["Bridge", "Outbox", "PaymentChannel"]);

  const second = noting(started);
  const { contracts } = await deployContracts(payer, terms, second.options);
  expect(contracts).toMatchObject({ Bridge: started.Bridge?.address, PaymentChannel: started.PaymentChannel?.address });
  expect(await evm.provider.getTransactionCount(payer.address)).toBe(DEPLOYABLES.length + EMITTERS.length);
  expect(second.steps).toHaveLength(DEPLOYABLES.length + EMITTERS.length);

  // Once more, after all of it: nothing is sent.
  const again = await deployContracts(payer, terms, noting(started).options);
  expect(again.contracts).toEqual(contracts);
  expect(await evm.provider.getTransactionCount(payer.address)).toBe(DEPLOYABLES.length + EMITTERS.length);
});

test("what was noted and never sent is sent anew", async () => {
  const payer = await payerWith(ETHER);
  const { started, options } = noting();
  const terms = termsOf(payer.address);
  const died = deployContracts(payer, terms, {
    ...options,
    async onStart(contracts) {
      await options.onStart(contracts);
      throw new Error("the machine stops here");
    },
  });
  await expect(died).rejects.toThrow("the machine stops here");
  expect(await evm.provider.getTransactionCount(payer.address)).toBe(0);
  const { contracts } = await deployContracts(payer, terms, noting(started).options);
  expect(Object.keys(contracts)).toHaveLength(DEPLOYABLES.length + 2);
});

test("a payer that cannot pay for all that goes together sends none of it", async () => {
  const payer = await payerWith(ETHER / 100n);
  const { started, options } = noting();
  const outcome = await deployContracts(payer, termsOf(payer.address), options).catch((error) => error);
  expect(outcome).toMatchObject({ code: "EVM_FUNDS_TOO_LOW", details: { address: payer.address } });
  expect(Object.keys(started)).toHaveLength(await evm.provider.getTransactionCount(payer.address));
});

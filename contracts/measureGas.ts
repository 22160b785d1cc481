import { hexlify, id, ZeroHash } from "ethers";
import { type BlockLeaf, blockLeafOf, succeededMessages } from "#bridge/blockLeaf.ts";
import type { BlockMessage } from "#bridge/blockMessages.ts";
import { anchorRoot, type BlockProof, proveBlock, proveMessage, proveTx } from "#bridge/proofs.ts";
import { type Anchor, anchorDigest, valsetUpdateDigest } from "#bridge/typedData.ts";
import { encodeValset } from "#bridge/valset.ts";
import { accountOf, CHAIN_ID, keyOf, sealMessage } from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { merkleRoot } from "#storage/crypto/merkle.ts";
import { EPOCH } from "#storage/types/time.ts";
import { txId } from "#storage/types/transaction.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { Bridge } from "./abi/Bridge.ts";
import { FingerprintRegistry } from "./abi/FingerprintRegistry.ts";
import { KilobyteStore } from "./abi/harness/KilobyteStore.ts";
import { Rfc6962Harness } from "./abi/harness/Rfc6962Harness.ts";
import { NaiveFingerprints } from "./abi/NaiveFingerprints.ts";
import { compileContracts } from "./build/compile.ts";
import { signBy, TEST_LEDGER_ID, testValidators } from "./testBridge.ts";
import { mined, startTestEvm, type TestEvm, type TestWallet } from "./testing.ts";

/** Gas of one anchor at most, by the number of validators (research/ethereum.md §3.4). */
export const ANCHOR_BUDGETS: Readonly<Record<number, number>> = { 4: 110_000, 7: 120_000, 21: 175_000, 100: 450_000 };

/** Gas of the Merkle walk at most, for 100 000 transactions. */
export const WALK_BUDGET = 8_000;

/** Gas of one way to write, on this EVM. */
export interface AnchorGas {
  readonly validators: number;
  readonly signatures: number;
  /** The second anchor and all after it; the first writes 17 100 more, because its storage was empty. */
  readonly anchor: number;
  readonly rotation: number;
  readonly calldataBytes: number;
}

/** A set of n validators and as many signatures as it takes: floor(2n / 3) + 1 of equal power. */
export async function measureAnchor(evm: TestEvm, count: number): Promise<AnchorGas> {
  const validators = testValidators(count);
  const signing = validators.slice(0, Math.floor((2 * count) / 3) + 1);
  const [owner] = evm.wallets as [TestWallet];
  const valset = encodeValset(validators);
  const bridge = await Bridge.deploy(owner, [TEST_LEDGER_ID, 1, 0, valset, owner.address]);
  const domain = { chainId: BigInt(evm.anvil.chainId), contract: await bridge.getAddress(), ledgerId: TEST_LEDGER_ID };
  const anchors = [1, 2].map((n) => anchorAt(n, [100 * (n - 1) + 1, 100 * n]));
  let anchor = 0;
  let calldataBytes = 0;
  for (const one of anchors) {
    const { signers, signatures } = signBy(validators, signing, anchorDigest(domain, one));
    const receipt = await mined(bridge.submitAnchor(one, valset, signers, signatures));
    anchor = Number(receipt.gasUsed);
    calldataBytes = ((await receipt.getTransaction()).data.length - 2) / 2;
  }
  const next = { nonce: 1n, effectiveHeight: 201, members: testValidators(count, "next") };
  const { signers, signatures } = signBy(validators, signing, valsetUpdateDigest(domain, next));
  const rotation = await mined(bridge.updateValset(1, 201, encodeValset(next.members), valset, signers, signatures));
  return { validators: count, signatures: signing.length, anchor, rotation: Number(rotation.gasUsed), calldataBytes };
}

function anchorAt(
  seq: number,
  [fromHeight, toHeight]: readonly [number, number],
  fields: Partial<Anchor> = {},
): Anchor {
  const name = `anchor ${seq}`;
  return {
    seq: BigInt(seq),
    valsetNonce: 0n,
    fromHeight,
    toHeight,
    time: 1_700_049_600_000 + toHeight * 1000,
    lastHeaderHash: sha256(Buffer.from(`${name} header`)),
    root: sha256(Buffer.from(`${name} root`)),
    ...fields,
  };
}

export interface ProofGas {
  readonly txs: number;
  readonly depth: number;
  /** The walk from the leaf to the transaction root alone. */
  readonly walk: number;
  /** As a transaction of its own; by eth_call it is free. */
  readonly verifyTx: number;
  /** With the nullifier written. */
  readonly consumeTx: number;
  readonly calldataBytes: number;
}

/** A block of so many transactions, the first of which has the longest path, in an anchor over 100 blocks. */
export async function measureProof(evm: TestEvm, txs: number): Promise<ProofGas> {
  const [owner] = evm.wallets as [TestWallet];
  const ids = Array.from({ length: txs }, (_, i) => sha256(Buffer.from(`transaction ${i}`)));
  const { bridge, blockProof } = await anchorWith(evm, {
    ...EMPTY_BLOCK,
    txCount: txs,
    txRoot: merkleRoot(ids),
  });
  const [first] = ids as [Uint8Array];
  const proof = proveTx(blockProof, ids, first);
  const harness = await Rfc6962Harness.deploy(owner, []);
  const walk = await harness.gasOfWalk(await harness.leafHashOfWord(first), 0, txs, proof.path);
  const verified = await mined(bridge.getFunction("verifyTx").send(first, proof) as never);
  const consumed = await mined(bridge.consumeTx(first, proof));
  return {
    txs,
    depth: proof.path.length,
    walk: Number(walk),
    verifyTx: Number(verified.gasUsed),
    consumeTx: Number(consumed.gasUsed),
    calldataBytes: ((await consumed.getTransaction()).data.length - 2) / 2,
  };
}

const EMPTY_ROOT = merkleRoot([]);
const EMPTY_BLOCK = { txCount: 0, messageCount: 0, txRoot: EMPTY_ROOT, messageRoot: EMPTY_ROOT };

/** A bridge with one anchor over 100 blocks, the 50th of which has these contents. */
async function anchorWith(evm: TestEvm, busy: Pick<BlockLeaf, "txCount" | "txRoot" | "messageCount" | "messageRoot">) {
  const [owner] = evm.wallets as [TestWallet];
  const validators = testValidators(4);
  const valset = encodeValset(validators);
  const bridge = await Bridge.deploy(owner, [TEST_LEDGER_ID, 1, 0, valset, owner.address]);
  const address = await bridge.getAddress();
  const leaves = Array.from({ length: 100 }, (_, i): BlockLeaf => {
    const times = { height: i + 1, time: 1_700_049_600_000 + i * 1000, appHash: sha256(Buffer.from(`state ${i}`)) };
    return { ...times, ...(i === 49 ? busy : EMPTY_BLOCK) };
  });
  const anchor = anchorAt(1, [1, 100], { root: anchorRoot(leaves) });
  const domain = { chainId: BigInt(evm.anvil.chainId), contract: address, ledgerId: TEST_LEDGER_ID };
  const { signers, signatures } = signBy(validators, validators, anchorDigest(domain, anchor));
  await mined(bridge.submitAnchor(anchor, valset, signers, signatures));
  const blockProof: BlockProof = proveBlock(anchor, leaves, 50);
  return { bridge, address, blockProof };
}

export interface IntervalGas {
  /** Intervals that the transaction seals: a device's own, or a concentrator's for many meters. */
  readonly intervals: number;
  readonly txBytes: number;
  /** One of them, shown alone (FingerprintRegistry.verifyInterval), as a transaction of its own. */
  readonly verifyInterval: number;
  /** What it takes at least to pass the whole transaction instead: EIP-7623's floor on its bytes. */
  readonly wholeTx: number;
}

/** What it costs to show one sealed interval of a transaction that seals so many, in a block with 1 000 messages. */
export async function measureInterval(evm: TestEvm, intervals: number): Promise<IntervalGas> {
  const [owner] = evm.wallets as [TestWallet];
  const seal = (count: number, sequence: bigint) =>
    signTransaction({
      messages: Array.from({ length: count }, (_, i) => sealMessage(i, { signer: accountOf("device") })),
      chainId: CHAIN_ID,
      signers: [{ privateKey: keyOf("device"), accountNumber: 1n, sequence }],
    });
  const tx = seal(intervals, 1n);
  const txs = [tx, ...[2n, 3n, 4n, 5n].map((sequence) => seal(Math.floor((1000 - intervals) / 4), sequence))];
  const block = { txs, results: txs.map(() => ({ code: 0 })) };
  const leaf = blockLeafOf({ ...block, header: { height: 50, time: EPOCH, appHash: EMPTY_ROOT } });
  const { address, blockProof } = await anchorWith(evm, {
    txCount: leaf.txCount,
    txRoot: leaf.txRoot,
    messageCount: leaf.messageCount,
    messageRoot: leaf.messageRoot,
  });
  const registry = await FingerprintRegistry.deploy(owner, [address]);
  const messages = succeededMessages(block);
  const proof = proveMessage(blockProof, messages, txId(tx), intervals - 1);
  const { value } = messages[intervals - 1] as BlockMessage;
  const receipt = await mined(registry.getFunction("verifyInterval").send(value, proof) as never);
  return { intervals, txBytes: tx.length, verifyInterval: Number(receipt.gasUsed), wholeTx: floorGas(tx) };
}

/** 21 000, and 10 gas a zero byte, 40 any other. */
function floorGas(bytes: Uint8Array): number {
  return bytes.reduce((gas, byte) => gas + (byte === 0 ? 10 : 40), 21_000);
}

export interface NaiveGas {
  readonly hardfork: string;
  /** One interval of one sensor, the third of its day and all after it. */
  readonly register: number;
  /** A kilobyte as 32 words of storage, and as call data with its hash in an event. */
  readonly kilobyteStored: number;
  readonly kilobyteHashed: number;
}

/** What D5.1's contract costs under the rules of this hard fork, compiled for it. */
export async function measureNaive(hardfork: "petersburg" | "osaka"): Promise<NaiveGas> {
  await using evm = await startTestEvm({ hardfork });
  const [sensor] = evm.wallets as [TestWallet];
  const evmVersion = hardfork === "osaka" ? "prague" : hardfork;
  const naive = await deployFor(evmVersion, "src/baseline/NaiveFingerprints.sol", NaiveFingerprints, sensor, [
    sensor.address,
    id("seed"),
  ]);
  const store = await deployFor(evmVersion, "harness/KilobyteStore.sol", KilobyteStore, sensor, []);
  const words = Array.from({ length: 32 }, (_, i) => hexlify(sha256(Buffer.from(`word ${i}`))));
  const data = `0x${words.map((word) => word.slice(2)).join("")}`;
  let [register, kilobyteStored, kilobyteHashed] = [0, 0, 0];
  for (let hour = 0; hour < 3; hour++) {
    register = Number((await mined(naive.register(...naiveInterval(hour)))).gasUsed);
    kilobyteStored = Number((await mined(store.store(words))).gasUsed);
    kilobyteHashed = Number((await mined(store.hashOnly(data))).gasUsed);
  }
  return { hardfork, register, kilobyteStored, kilobyteHashed };
}

/** The type's functions with bytecode for another EVM. */
async function deployFor<T extends typeof NaiveFingerprints | typeof KilobyteStore>(
  evmVersion: string,
  only: string,
  type: T,
  wallet: TestWallet,
  args: readonly unknown[],
): Promise<Awaited<ReturnType<T["deploy"]>>> {
  const artifact = compileContracts({ evmVersion, only }).find(({ name }) => name === type.name);
  if (artifact === undefined) throw new Error(`${only} has no ${type.name}`);
  const { contractType } = await import("./contractType.ts");
  return contractType(type.name, artifact as never).deploy(wallet, args as never) as never;
}

const NAIVE_DAY = 19_676 * 86_400;

function naiveInterval(hour: number): [string, bigint, number, number] {
  const start = NAIVE_DAY + hour * 3600;
  return [id(`fingerprint ${hour}`), -84_891n, start, start + 3600];
}

/**
 * How many registrations a block of `gasLimit` takes: filled and counted, not divided. Eight sensors with a contract each fill it.
 */
export async function measureBlock(hardfork: "petersburg" | "osaka", gasLimit: number): Promise<number> {
  await using evm = await startTestEvm({ hardfork, gasLimit, accounts: 8 });
  const evmVersion = hardfork === "osaka" ? "prague" : hardfork;
  const contracts = [];
  for (const wallet of evm.wallets) {
    const args = [wallet.address, ZeroHash];
    const naive = await deployFor(evmVersion, "src/baseline/NaiveFingerprints.sol", NaiveFingerprints, wallet, args);
    for (let hour = 0; hour < 2; hour++) await mined(naive.register(...naiveInterval(hour)));
    contracts.push({ naive, wallet });
  }
  await evm.provider.send("evm_setAutomine", [false]);
  const gasPrice = 10n ** 10n;
  for (let hour = 2; hour < 18; hour++)
    await Promise.all(
      contracts.map(async ({ naive, wallet }) => {
        const nonce = await wallet.getNonce("pending");
        await naive.register(...naiveInterval(hour), { nonce, gasLimit: 160_000n, gasPrice });
      }),
    );
  await evm.provider.send("evm_mine", []);
  return (await evm.provider.getBlock("latest"))?.transactions.length ?? 0;
}

import { type ContractTransactionReceipt, computeAddress, hexlify } from "ethers";
import { type BlockLeaf, blockLeafOf, succeededMessages, succeededTxIds } from "#bridge/blockLeaf.ts";
import type { BlockMessage } from "#bridge/blockMessages.ts";
import {
  anchorRoot,
  type BlockProof,
  type MessageProof,
  proveBlock,
  proveMessage,
  proveTx,
  type TxProof,
} from "#bridge/proofs.ts";
import { bundleSignatures, type SignatureBundle, signDigest } from "#bridge/signatures.ts";
import { type Anchor, anchorDigest, type BridgeDomain } from "#bridge/typedData.ts";
import { encodeValset, type ValsetMember } from "#bridge/valset.ts";
import type { FinalizeBlockResponse } from "#consensus/abci.ts";
import { createTestLedger, type TestLedger } from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { timestampFromMs, timestampToMs } from "#storage/types/time.ts";
import { txId } from "#storage/types/transaction.ts";
import { Bridge, type BridgeContract } from "./abi/Bridge.ts";
import { mined, type TestEvm } from "./testing.ts";

/** A validator's second key, for tests. */
export interface TestValidator extends ValsetMember {
  readonly privateKey: Uint8Array;
}

/** The n-th validators of the set with this name: the same in every run. */
export function testValidators(count: number, name = "validator", power = 10n): readonly TestValidator[] {
  return Array.from({ length: count }, (_, i) => {
    const privateKey = sha256(Buffer.from(`${name} ${i}`));
    return { privateKey, address: computeAddress(hexlify(privateKey)).toLowerCase(), power };
  });
}

/** What these validators sign together; the contract's order is made here. */
export function signBy(
  members: readonly ValsetMember[],
  validators: readonly TestValidator[],
  digest: string,
): SignatureBundle {
  return bundleSignatures(
    members,
    digest,
    validators.map(({ privateKey }) => signDigest(privateKey, digest)),
  );
}

interface KeptBlock {
  readonly leaf: BlockLeaf;
  readonly succeeded: readonly Uint8Array[];
  readonly messages: readonly BlockMessage[];
}

/** A ledger, the real application, and a bridge contract that follows it. */
export interface TestBridge {
  readonly bridge: BridgeContract;
  readonly ledger: TestLedger;
  readonly validators: readonly TestValidator[];
  readonly domain: BridgeDomain;
  readonly address: string;
  /** Executes one block of signed transactions; it will be under the next anchor. */
  block(txs: readonly Uint8Array[], timeMs?: number): FinalizeBlockResponse;
  /** The anchor over all blocks since the last one, not yet sent; with other fields where given. */
  nextAnchor(fields?: Partial<Anchor>): Anchor;
  /** Sends an anchor, signed by these validators, by default by all; what comes next here does not change. */
  submit(anchor: Anchor, signers?: readonly TestValidator[]): Promise<ContractTransactionReceipt>;
  /** Sends nextAnchor, signed by all; blocks after it belong to the one behind it. */
  anchor(): Promise<Anchor>;
  /** Of a block under the last anchor. */
  proveBlock(height: number): BlockProof;
  /** Of a transaction under the last anchor, as the contracts take it. @throws BridgeError BRIDGE_TX_ABSENT for one that failed, too */
  proveTx(tx: Uint8Array): TxProof;
  /** Of message `index` of a transaction under the last anchor. @throws BridgeError BRIDGE_MESSAGE_ABSENT */
  proveMessage(tx: Uint8Array, index?: number): MessageProof;
}

export interface TestBridgeOptions {
  readonly validators?: readonly TestValidator[];
  readonly minRotationDelay?: number;
  readonly ledger?: TestLedger;
}

export const TEST_LEDGER_ID = sha256(Buffer.from("genesis of the test ledger"));

/** Deploys the bridge from wallet 0, which may recover it. */
export async function deployTestBridge(evm: TestEvm, options: TestBridgeOptions = {}): Promise<TestBridge> {
  const { validators = testValidators(4), minRotationDelay = 3600, ledger = createTestLedger() } = options;
  const [owner] = evm.wallets;
  if (owner === undefined) throw new Error("an EVM without accounts");
  const bridge = await Bridge.deploy(owner, [
    TEST_LEDGER_ID,
    ledger.height + 1,
    minRotationDelay,
    encodeValset(validators),
    owner.address,
  ]);
  const address = await bridge.getAddress();
  const domain = { chainId: BigInt(evm.anvil.chainId), contract: address, ledgerId: TEST_LEDGER_ID };

  let appHash = ledger.app.info().lastBlockAppHash;
  let waiting: KeptBlock[] = [];
  let seq = 0n;
  let anchored: { readonly anchor: Anchor; readonly blocks: readonly KeptBlock[] } | undefined;

  const kept = () => {
    if (anchored === undefined) throw new Error("nothing is anchored yet");
    return anchored;
  };
  const blockOf = (tx: Uint8Array) => {
    const id = txId(tx);
    const { blocks } = kept();
    const isOf = ({ succeeded }: KeptBlock) => succeeded.some((one) => Buffer.compare(one, id) === 0);
    const block = blocks.find(isOf) ?? blocks[0];
    return { id, block, blockProof: test.proveBlock(block?.leaf.height ?? 0) };
  };
  const test: TestBridge = {
    bridge,
    ledger,
    validators,
    domain,
    address,
    block(txs, timeMs) {
      const request = ledger.request(txs);
      const time = timeMs === undefined ? request.time : timestampFromMs(timeMs);
      const response = ledger.block(txs, timestampToMs(time));
      const block = { header: { height: ledger.height, time, appHash }, txs, results: response.txResults };
      waiting.push({ leaf: blockLeafOf(block), succeeded: succeededTxIds(block), messages: succeededMessages(block) });
      appHash = response.appHash;
      return response;
    },
    nextAnchor(fields = {}) {
      const first = waiting[0]?.leaf;
      const last = waiting.at(-1)?.leaf;
      if (first === undefined || last === undefined) throw new Error("no blocks to anchor");
      return {
        seq: seq + 1n,
        valsetNonce: 0n,
        fromHeight: first.height,
        toHeight: last.height,
        time: last.time,
        lastHeaderHash: sha256(Buffer.from(`block ${last.height}`)),
        root: anchorRoot(waiting.map(({ leaf }) => leaf)),
        ...fields,
      };
    },
    async submit(anchor, signers = validators) {
      const { signers: bitmap, signatures } = signBy(validators, signers, anchorDigest(domain, anchor));
      return mined(bridge.submitAnchor(anchor, encodeValset(validators), bitmap, signatures));
    },
    async anchor() {
      const anchor = test.nextAnchor();
      await test.submit(anchor);
      anchored = { anchor, blocks: waiting };
      waiting = [];
      seq = anchor.seq;
      return anchor;
    },
    proveBlock(height) {
      const { anchor, blocks } = kept();
      return proveBlock(
        anchor,
        blocks.map(({ leaf }) => leaf),
        height,
      );
    },
    proveTx(tx) {
      const { id, block, blockProof } = blockOf(tx);
      return proveTx(blockProof, block?.succeeded ?? [], id);
    },
    proveMessage(tx, index = 0) {
      const { id, block, blockProof } = blockOf(tx);
      return proveMessage(blockProof, block?.messages ?? [], id, index);
    },
  };
  return test;
}

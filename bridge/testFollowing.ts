import {
  accountOf,
  bridgeKeyMessage,
  configureBridgeMessage,
  createTestLedger,
  keyOf,
  type TestLedger,
} from "#consensus/application/testLedger.ts";
import { Bridge, type BridgeContract } from "#contracts/abi/Bridge.ts";
import { Outbox, type OutboxContract } from "#contracts/abi/Outbox.ts";
import { mined, type TestEvm } from "#contracts/testing.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { timestampFromMs, timestampToMs } from "#storage/types/time.ts";
import { type LedgerMessage, ledgerMessage } from "#storage/types/transactionMessages.ts";
import { AnchorPlan, type PlanChain } from "./anchorPlan.ts";
import type { ExecutedBlock } from "./blockLeaf.ts";
import type { EventVotes } from "./outboxObserver.ts";
import { hashOfStep, nextStepAfter, type RelaySource } from "./relayer.ts";
import { signDigest } from "./signatures.ts";
import { type BridgeSet, type BridgeStep, stepDigest } from "./steps.ts";
import type { BridgeDomain } from "./typedData.ts";
import { encodeValset } from "./valset.ts";

/** The real ledger application with four validators and their second keys, as a plan reads it. */
export interface FollowedLedger extends PlanChain {
  readonly ledger: TestLedger;
  /** Executes a block `afterMs` behind the one before, a second unless told otherwise. */
  mine(txs?: readonly Uint8Array[], afterMs?: number): void;
  /** A block with one message. */
  send(message: LedgerMessage, by: string): void;
  /** Forgets a block, as a node that prunes does. */
  prune(height: number): void;
}

export const SECOND_KEYS: readonly string[] = ["second key 0", "second key 1", "second key 2", "second key 3"];
export const FOLLOWED_LEDGER_ID = sha256(Buffer.from("genesis of the followed ledger"));
export const CADENCE_MS = 60_000;

/** 2023-11-15T12:00:00Z, a multiple of the cadence. */
export const BEGAN_MS = 1_700_049_600_000;

/** Four blocks: each binds a second key; from the third on there is a bridge set. */
export function followedLedger(): FollowedLedger {
  const ledger = createTestLedger();
  const blocks = new Map<number, ExecutedBlock & { readonly hash: Uint8Array }>();
  let appHash = ledger.app.info().lastBlockAppHash;
  let timeMs = BEGAN_MS;
  const followed: FollowedLedger = {
    ledger,
    initialHeight: 1,
    mine(txs = [], afterMs = 1000) {
      timeMs += afterMs;
      const response = ledger.block(txs, timeMs);
      const height = ledger.height;
      const header = { height, time: timestampFromMs(timeMs), appHash };
      blocks.set(height, { header, txs, results: response.txResults, hash: sha256(Buffer.from(`header ${height}`)) });
      appHash = response.appHash;
    },
    send(message, by) {
      followed.mine([ledger.sign([message], [by])]);
      const { code } = blocks.get(ledger.height)?.results[0] ?? { code: -1 };
      if (code !== 0) throw new Error(`${message.name} failed with code ${code}`);
    },
    prune: (height) => void blocks.delete(height),
    height: () => ledger.height,
    async timeMs(height) {
      const block = blocks.get(height);
      return block && timestampToMs(block.header.time);
    },
    block: async (height) => blocks.get(height),
    set: async (number) => setOf(ledger, number),
  };
  for (const [index, name] of SECOND_KEYS.entries()) followed.send(bridgeKeyMessage("dso", index, name), "dso");
  return followed;
}

function setOf(ledger: TestLedger, number: bigint): BridgeSet | undefined {
  const found = ledger.query("/edream/bridge-set", number.toString()) as
    | { readonly height: string; readonly members: readonly { readonly address: string; readonly power: string }[] }
    | undefined;
  if (found === undefined) return undefined;
  const members = found.members.map(({ address, power }) => ({ address: `0x${address}`, power: BigInt(power) }));
  return { number, height: Number(found.height), members };
}

/** A ledger whose bridge and outbox are on an EVM, and who has planned and signed what. */
export interface FollowingBridge {
  readonly followed: FollowedLedger;
  readonly bridge: BridgeContract;
  readonly outbox: OutboxContract;
  readonly address: string;
  readonly outboxAddress: string;
  readonly domain: BridgeDomain;
  readonly steps: readonly BridgeStep[];
  /** Plans as far as the ledger goes. */
  plan(): Promise<void>;
  /** For a relayer: steps signed by these second keys, by default by all that this ledger ever had. */
  source(signers?: readonly string[]): RelaySource;
  /** Votes of this second key, each in a block of its own. */
  votes(signer: string): EventVotes;
}

/** Deploys from wallet 0, which may emit; the bridge begins behind the block that has all four second keys. */
export async function followingBridge(evm: TestEvm, minRotationDelay = 0): Promise<FollowingBridge> {
  const followed = followedLedger();
  const { ledger } = followed;
  const [owner] = evm.wallets;
  if (owner === undefined) throw new Error("an EVM without accounts");
  const number = BigInt(String(ledger.query("/edream/bridge-sets")?.latest));
  const set = await followed.set(number);
  if (set === undefined) throw new Error("no bridge set");
  const toHeight = ledger.height;
  const bridge = await Bridge.deploy(owner, [
    FOLLOWED_LEDGER_ID,
    toHeight + 1,
    minRotationDelay,
    encodeValset(set.members),
    owner.address,
  ]);
  const outbox = await Outbox.deploy(owner, [owner.address]);
  await mined(outbox.grantRole(await outbox.EMITTER_ROLE(), owner.address));
  const [address, outboxAddress] = [await bridge.getAddress(), await outbox.getAddress()];
  followed.send(
    configureBridgeMessage({
      chainId: BigInt(evm.anvil.chainId),
      ledgerId: FOLLOWED_LEDGER_ID,
      bridge: Buffer.from(address.slice(2), "hex"),
      outbox: Buffer.from(outboxAddress.slice(2), "hex"),
      cadenceMs: BigInt(CADENCE_MS),
      toHeight: BigInt(toHeight),
      setNumber: number,
    }),
    "owner",
  );
  const domain = { chainId: BigInt(evm.anvil.chainId), contract: address, ledgerId: FOLLOWED_LEDGER_ID };
  const steps: BridgeStep[] = [];
  const plan = new AnchorPlan(followed, CADENCE_MS, { seq: 0n, valsetNonce: 0n, toHeight, setNumber: number });
  return {
    followed,
    bridge,
    outbox,
    address,
    outboxAddress,
    domain,
    steps,
    async plan() {
      for (let step = await plan.next(); step !== undefined; step = await plan.next()) steps.push(step);
    },
    source: (signers = [...SECOND_KEYS, "new key 0"]) => ({
      after: async (state) => nextStepAfter(steps, state),
      anchorHash: async (seq) => hashOfStep(steps, seq),
      signatures: async (step) => signers.map((name) => signDigest(keyOf(name).bytes, stepDigest(domain, step))),
      confirmed: () => undefined,
    }),
    votes: (signer) => ({
      applied: async () => BigInt(String(ledger.query("/edream/ethereum")?.eventNonce)),
      async vote(fromNonce, events) {
        const bytes = (hex: string) => Buffer.from(hex.slice(2), "hex");
        const seen = events.map(({ emitter, kind, payload }) => ({
          emitter: bytes(emitter),
          kind: bytes(kind),
          payload: bytes(payload),
        }));
        const vote = ledgerMessage("MsgEthereumEvents", { signer: accountOf(signer), fromNonce, events: seen });
        followed.send(vote, signer);
      },
    }),
  };
}

import type { ContractRunner } from "ethers";
import { encodeValset, type ValsetMember } from "#bridge/valset.ts";
import { Bridge, type BridgeContract } from "./abi/Bridge.ts";
import { FingerprintRegistry, type FingerprintRegistryContract } from "./abi/FingerprintRegistry.ts";
import { Outbox, type OutboxContract } from "./abi/Outbox.ts";

export interface CoreOptions {
  /** `ledgerIdOf` the ledger's genesis, 32 bytes. */
  readonly ledgerId: Uint8Array;
  /** The first height that can be anchored. */
  readonly initialHeight: number;
  /** Seconds between two changes of the validator set; at most a week. */
  readonly minRotationDelay: number;
  /** The validators' second keys at that height. */
  readonly members: readonly ValsetMember[];
  /** Recovers the bridge, gives and takes the outbox's role: a multisig. 0x and hex. */
  readonly owner: string;
}

export interface CoreContracts {
  readonly bridge: BridgeContract;
  readonly outbox: OutboxContract;
  readonly registry: FingerprintRegistryContract;
}

/** Deploys what every other contract rests on, one after another. @throws BridgeError as encodeValset */
export async function deployCore(runner: ContractRunner, options: CoreOptions): Promise<CoreContracts> {
  const { ledgerId, initialHeight, minRotationDelay, members, owner } = options;
  const valset = encodeValset(members);
  const bridge = await Bridge.deploy(runner, [ledgerId, initialHeight, minRotationDelay, valset, owner]);
  const outbox = await Outbox.deploy(runner, [owner]);
  const registry = await FingerprintRegistry.deploy(runner, [await bridge.getAddress()]);
  return { bridge, outbox, registry };
}

import type { PrivateKey } from "#storage/crypto/keys.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import type { BlockExecutor } from "../engine/executor.ts";
import type { SignerPort, StoredBlock } from "../engine/ports.ts";

/** Where a Byzantine node departs from the production engine that it runs otherwise. */
export interface Tamper {
  /** What goes to one peer in place of a message of the engine. */
  outgoing(to: number, bytes: Uint8Array): readonly Uint8Array[];
  /** What came from a peer, before the engine sees it. */
  received(from: string, bytes: Uint8Array): void;
  /** Makes the blocks it proposes. */
  executor(executor: BlockExecutor): BlockExecutor;
  /** Signs whatever it is asked to. */
  signer(key: PrivateKey): SignerPort;
  /** What it answers to a request for blocks. */
  blocks(fromHeight: number, blocks: readonly StoredBlock[]): readonly StoredBlock[];
  /** What it answers to a light node that asked for `height`, 0 for the latest. */
  lightBlock(height: number, block: LightBlock | undefined): LightBlock | undefined;
}

import { createHash } from "node:crypto";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { nodeIdOf } from "#storage/types/nodeKey.ts";

/**
 * The key of CometBFT's own peer-to-peer network, made from the node key: CometBFT keeps it in the clear (node_key.json), which the node key itself must not be,
 * and the id that others connect to must be known before it ever ran.
 */
export function cometNodeKey(nodeKey: PrivateKey): PrivateKey {
  const seed = createHash("sha256").update("energy-ledger cometbft node key\0").update(nodeKey.bytes).digest();
  return { type: "ed25519", bytes: seed };
}

/** What stands before the `@` in a peer's address. */
export function cometNodeId(nodeKey: PrivateKey): string {
  return nodeIdOf(cometNodeKey(nodeKey));
}

import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { NetworkError } from "./networkError.ts";

/** Bytes of an Ed25519 seed. */
const SEED_BYTES = 32;

/**
 * The libp2p key of a node key.
 * @throws NetworkError NODE_KEY_MALFORMED unless the seed has 32 bytes
 */
export async function nodeKeyOf(seed: Uint8Array): Promise<Ed25519PrivateKey> {
  if (seed.length !== SEED_BYTES) throw new NetworkError({ code: "NODE_KEY_MALFORMED", bytes: seed.length });
  // libp2p would derive the public key in pure JavaScript, whose tables then stay in memory.
  const publicKey = publicKeyOf({ type: "ed25519", bytes: seed });
  return privateKeyFromRaw(Buffer.concat([seed, publicKey.bytes])) as Ed25519PrivateKey;
}

/** The peer id (base58, `12D3Koo…`) of the node whose key has this seed. */
export async function peerIdOfSeed(seed: Uint8Array): Promise<string> {
  return peerIdFromPrivateKey(await nodeKeyOf(seed)).toString();
}

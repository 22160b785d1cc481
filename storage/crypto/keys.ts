export type KeyType = "ed25519" | "secp256k1";

export interface PublicKey {
  readonly type: KeyType;
  /** Ed25519: 32 bytes; secp256k1: 33 bytes, compressed. */
  readonly bytes: Uint8Array;
}

export interface PrivateKey {
  readonly type: KeyType;
  /** 32 bytes: the Ed25519 seed or the secp256k1 scalar. */
  readonly bytes: Uint8Array;
}

import type { KeyType, PublicKey } from "../crypto/keys.ts";
import { PubKeySchema as Ed25519PubKeySchema } from "../proto/gen/cosmos/crypto/ed25519/keys_pb.ts";
import { PubKeySchema as Secp256k1PubKeySchema } from "../proto/gen/cosmos/crypto/secp256k1/keys_pb.ts";
import { decodeStrict } from "../proto/strictDecode.ts";
import { PUBLIC_KEY_TYPE_URLS } from "./signEncoded.ts";

/** How public keys travel in a google.protobuf.Any. */
export const PUBLIC_KEY_TYPES = {
  secp256k1: { typeUrl: PUBLIC_KEY_TYPE_URLS.secp256k1, schema: Secp256k1PubKeySchema, bytes: 33 },
  ed25519: { typeUrl: PUBLIC_KEY_TYPE_URLS.ed25519, schema: Ed25519PubKeySchema, bytes: 32 },
} as const;

/** Undefined for another type, another length, or bytes that are not the message. */
export function readPublicKey(typeUrl: string, value: Uint8Array): PublicKey | undefined {
  for (const type of Object.keys(PUBLIC_KEY_TYPES) as KeyType[]) {
    const known = PUBLIC_KEY_TYPES[type];
    if (typeUrl !== known.typeUrl) continue;
    const decoded = decodeStrict(known.schema, value);
    return "message" in decoded && decoded.message.key.length === known.bytes
      ? { type, bytes: decoded.message.key }
      : undefined;
  }
  return undefined;
}

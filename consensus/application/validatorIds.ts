import { addressOf } from "#storage/crypto/keys.ts";

/** How state records name a validator: its consensus address in hex. `publicKey`: Ed25519, 32 bytes. */
export function consensusAddressOf(publicKey: Uint8Array): string {
  return addressHex(addressOf({ type: "ed25519", bytes: publicKey }));
}

export function addressHex(address: Uint8Array): string {
  return Buffer.from(address.buffer, address.byteOffset, address.length).toString("hex");
}

import { createCipheriv } from "node:crypto";

const BLOCK_BYTES = 16;

/**
 * An uplink's payload deciphered by the application session key (LoRaWAN 1.0.4 §4.3.3): for devices whose owner has not given that key to the network
 * server, which then sees sizes and times and no values. Deciphering and ciphering are the same. There is no check: a wrong key gives other bytes.
 * appSKey: 16 bytes; devAddr: 8 hex digits.
 */
export function decipherFrmPayload(
  appSKey: Uint8Array,
  devAddr: string,
  fCnt: number,
  payload: Uint8Array,
): Uint8Array {
  const blocks = Math.ceil(payload.length / BLOCK_BYTES);
  const counters = Buffer.alloc(blocks * BLOCK_BYTES);
  for (let index = 0; index < blocks; index += 1) {
    const block = counters.subarray(index * BLOCK_BYTES);
    block[0] = 1;
    // Byte 5 is the direction: 0 is up.
    block.writeUInt32LE(Number.parseInt(devAddr, 16), 6);
    block.writeUInt32LE(fCnt, 10);
    block[15] = index + 1;
  }
  const cipher = createCipheriv("aes-128-ecb", appSKey, null).setAutoPadding(false);
  const stream = Buffer.concat([cipher.update(counters), cipher.final()]);
  return payload.map((byte, index) => byte ^ (stream[index] as number));
}

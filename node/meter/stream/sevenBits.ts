import type { Framer } from "./framer.ts";

/** What stands for a byte whose parity is wrong: no protocol of seven bits has it, so that what it is in is refused. */
const DAMAGED = 0x1a;

/** Adds the parity as the eighth bit, for a converter that is set to 8N1. */
export function withEvenParity(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => (hasEvenParity(byte) ? byte : byte | 0x80));
}

export function hasEvenParity(byte: number): boolean {
  let bits = byte;
  bits ^= bits >> 4;
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return (bits & 1) === 0;
}

/** A framer of seven bits behind a converter that is set to 8N1 and passes the even parity on as the eighth: checks it and takes it off. */
export function sevenBitFramer(framer: Framer): Framer {
  return {
    push: (bytes) => framer.push(bytes.map((byte) => (hasEvenParity(byte) ? byte & 0x7f : DAMAGED))),
    flush: () => framer.flush(),
  };
}

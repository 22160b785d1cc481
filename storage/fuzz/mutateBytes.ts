import fc from "fast-check";

/** One change of bytes that have no structure, or whose structure it ignores. */
export interface ByteMutation {
  readonly kind: (typeof BYTE_MUTATIONS)[number];
  readonly at: number;
  readonly pick: number;
}

export const BYTE_MUTATIONS = ["flipBit", "setByte", "insert", "remove", "cut", "append", "repeat", "graft"] as const;

export const byteMutation: fc.Arbitrary<ByteMutation> = fc.record({
  kind: fc.constantFrom(...BYTE_MUTATIONS),
  at: fc.nat(),
  pick: fc.nat(),
});

const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff];
const MAX_REPEATED_BYTES = 256 * 1024;

/** `bytes` with the changes made one after the other; `donor` is another valid input, of which a piece is grafted in. */
export function mutateBytes(
  bytes: Uint8Array,
  mutations: readonly ByteMutation[],
  donor: Uint8Array = bytes,
): Uint8Array {
  return mutations.reduce((before, mutation) => mutated(before, mutation, donor), bytes);
}

function mutated(bytes: Uint8Array, { kind, at, pick }: ByteMutation, donor: Uint8Array): Uint8Array {
  const offset = at % (bytes.length + 1);
  const byte = BYTES[pick % BYTES.length] as number;
  const [head, tail] = [bytes.subarray(0, offset), bytes.subarray(offset)];
  switch (kind) {
    case "flipBit":
      return replaced(bytes, offset, (old) => old ^ (1 << (pick & 7)));
    case "setByte":
      return replaced(bytes, offset, () => byte);
    case "insert":
      return Buffer.concat([head, new Uint8Array(1 + (pick % 8)).fill(byte), tail]);
    case "remove":
      return Buffer.concat([head, tail.subarray(1 + (pick % 8))]);
    case "cut":
      return head;
    case "append":
      return Buffer.concat([bytes, new Uint8Array(1 + (pick % 40)).fill(byte)]);
    case "repeat": {
      const copies = Math.min(2 + (pick % 5), Math.ceil(MAX_REPEATED_BYTES / Math.max(1, bytes.length)));
      return Buffer.concat(Array<Uint8Array>(copies).fill(bytes));
    }
    case "graft": {
      const start = pick % (donor.length + 1);
      return Buffer.concat([head, donor.subarray(start, start + 64), tail]);
    }
  }
}

function replaced(bytes: Uint8Array, offset: number, change: (old: number) => number): Uint8Array {
  return Uint8Array.from(bytes, (old, index) => (index === offset ? change(old) : old));
}

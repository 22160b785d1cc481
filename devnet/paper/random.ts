import { createHash } from "node:crypto";

/** Numbers in [0, 1), always the same for a seed and a purpose: SHA-256 of seed, purpose and a counter. */
export function seededRandom(seed: number, purpose: string): () => number {
  let [block, at, counter] = [Buffer.alloc(0), 0, 0];
  return () => {
    if (at + 4 > block.length) {
      block = createHash("sha256").update(`${seed}\0${purpose}\0${counter++}`).digest();
      at = 0;
    }
    const value = block.readUInt32BE(at);
    at += 4;
    return value / 2 ** 32;
  };
}

/** From 0 up to, and without, the bound. */
export function randomInteger(random: () => number, bound: number): number {
  return Math.floor(random() * bound);
}

/** Fisher and Yates. */
export function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = randomInteger(random, last + 1);
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

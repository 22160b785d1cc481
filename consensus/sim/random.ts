/** Chance from a seed. Parts of a run draw from forks, so that one of them drawing more does not change what the others draw. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [0, below). */
  int(below: number): number;
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  shuffle<T>(list: readonly T[]): T[];
  /** A source of its own, the same for the same label. */
  fork(label: string): Random;
}

/** mulberry32: 32 bits of state, far more than the draws of one run need. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    next,
    int,
    between: (low, high) => low + next() * (high - low),
    chance: (probability) => next() < probability,
    pick(list) {
      const item = list[int(list.length)];
      if (item === undefined) throw new TypeError("nothing to pick from");
      return item;
    },
    shuffle(list) {
      const shuffled = [...list];
      for (let at = shuffled.length - 1; at > 0; at--) {
        const other = int(at + 1);
        [shuffled[at], shuffled[other]] = [
          shuffled[other] as (typeof shuffled)[0],
          shuffled[at] as (typeof shuffled)[0],
        ];
      }
      return shuffled;
    },
    fork: (label) => createRandom(mix(seed, label)),
  };
}

/** FNV-1a over the label, starting from the seed. */
function mix(seed: number, label: string): number {
  let hash = 0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1);
  for (let at = 0; at < label.length; at++) hash = Math.imul(hash ^ label.charCodeAt(at), 0x01000193);
  return hash;
}

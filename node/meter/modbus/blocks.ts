import { type ReadFunction, type Register, type RegisterMap, wordsOf } from "./registerMap.ts";

/** One request, and the registers whose values are in its answer. */
export interface Block {
  readonly function: ReadFunction;
  readonly address: number;
  readonly words: number;
  readonly registers: readonly Register[];
}

/**
 * The requests that read all registers of a map: neighbours in one block, over gaps of at most `maxGapWords`, at most `maxWords` long. A block begins as late
 * as its first register, so that the total power and the energy registers of the built-in maps share one where the meter has them close enough.
 */
export function planBlocks(map: RegisterMap): readonly Block[] {
  const sorted = map.registers.toSorted((a, b) => a.function - b.function || a.address - b.address);
  const blocks: Block[] = [];
  for (const register of sorted) {
    const end = register.address + wordsOf(register.type);
    const last = blocks.at(-1);
    const isNear =
      last !== undefined &&
      last.function === register.function &&
      register.address - (last.address + last.words) <= map.maxGapWords &&
      end - last.address <= map.maxWords;
    if (last === undefined || !isNear) {
      blocks.push({
        function: register.function,
        address: register.address,
        words: wordsOf(register.type),
        registers: [register],
      });
      continue;
    }
    const words = Math.max(last.words, end - last.address);
    blocks[blocks.length - 1] = { ...last, words, registers: [...last.registers, register] };
  }
  return blocks;
}

/** A stretch of one list that stands where a stretch of the other should. */
export interface Difference {
  /** In the leaves: what was sealed. */
  readonly index: number;
  readonly sealed: number;
  /** In the rows: what is there now. */
  readonly row: number;
  readonly found: number;
}

/** Beyond so many changes, removals and additions in one stretch the rest is one difference. */
export const MAX_STRETCH = 512;

/**
 * Where rows are not what was sealed: the shortest stretches between places where they are again. `matches(index, row)` says whether the row is
 * the sealed reading of that index. Never throws; at most MAX_STRETCH^2 / 2 comparisons for a stretch.
 */
export function differencesOf(
  sealed: number,
  rows: number,
  matches: (index: number, row: number) => boolean,
): readonly Difference[] {
  const differences: Difference[] = [];
  let index = 0;
  let row = 0;
  const isSame = (i: number, j: number): boolean => {
    if (i === sealed || j === rows) return i === sealed && j === rows;
    return i < sealed && j < rows && matches(i, j);
  };
  while (index < sealed || row < rows) {
    if (isSame(index, row)) {
      index += 1;
      row += 1;
      continue;
    }
    const [skipped, extra] = resume(index, row, isSame) ?? [sealed - index, rows - row];
    differences.push({ index, sealed: skipped, row, found: extra });
    index += skipped;
    row += extra;
  }
  return differences;
}

/** How many sealed ones and how many rows to pass over until they are the same again. */
function resume(
  index: number,
  row: number,
  isSame: (index: number, row: number) => boolean,
): readonly [number, number] | undefined {
  for (let passed = 1; passed <= MAX_STRETCH; passed++)
    // As many of one as of the other first: a changed reading is more likely than one that is missing beside one that is added.
    for (let lean = passed % 2; lean <= passed; lean += 2)
      for (const skipped of new Set([(passed - lean) / 2, (passed + lean) / 2]))
        if (isSame(index + skipped, row + passed - skipped)) return [skipped, passed - skipped];
  return undefined;
}

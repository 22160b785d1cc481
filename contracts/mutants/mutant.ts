/** One deliberate mistake in a contract: `find`, which occurs once in `file`, becomes `replace`. */
export interface Mutant {
  readonly name: string;
  /** Below `contracts/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What goes wrong. */
  readonly reason: string;
}

/** The mistakes of one contract, and what must catch each: its unit tests, or else its invariants. */
export interface MutantGroup {
  readonly contract: string;
  /** Of the contract that is deployed, below `contracts/`; a mistake may be in what it inherits or imports. */
  readonly source: string;
  readonly tests: readonly string[];
  readonly fuzz: string;
  readonly mutants: readonly Mutant[];
}

/** One that is left out altogether. */
export const NOTHING = "";

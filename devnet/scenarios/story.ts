/** One step of a scenario as somebody tells it: who did what, and the facts that can be looked up afterwards. */
export interface Step {
  readonly who: string;
  readonly did: string;
  /** By name: transaction ids, hashes, gas, money, energy, in the words of the commands. */
  readonly facts: Readonly<Record<string, string>>;
}

/** What must be true at the end, or on the way; a scenario passes when all of it is. */
export interface Claim {
  readonly claim: string;
  readonly holds: boolean;
}

/** What a scenario did, for people while it runs and as JSON afterwards. */
export interface Story {
  readonly tell: (who: string, did: string, facts?: Readonly<Record<string, string | undefined>>) => void;
  readonly claim: (claim: string, holds: boolean) => void;
  readonly steps: readonly Step[];
  readonly claims: readonly Claim[];
  /** All that the scenario's transactions on Ethereum took. */
  readonly spend: (gasUsed: bigint, feeWei: bigint) => void;
  readonly spent: () => { readonly transactions: number; readonly gas: bigint; readonly feeWei: bigint };
}

export function createStory(say: (text: string) => void): Story {
  const steps: Step[] = [];
  const claims: Claim[] = [];
  let [transactions, gas, feeWei] = [0, 0n, 0n];
  return {
    steps,
    claims,
    tell(who, did, given = {}) {
      const facts = Object.fromEntries(
        Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined),
      );
      steps.push({ who, did, facts });
      const width = Math.max(0, ...Object.keys(facts).map((name) => name.length));
      const lines = Object.entries(facts).map(([name, value]) => `     ${name.padEnd(width)}  ${value}\n`);
      say(`${`${steps.length}.`.padEnd(4)} ${who} ${did}\n${lines.join("")}`);
    },
    claim(claim, holds) {
      claims.push({ claim, holds });
      say(`     ${holds ? "✓" : "✗ NOT TRUE:"} ${claim}\n`);
    },
    spend(usedGas, usedWei) {
      transactions++;
      gas += usedGas;
      feeWei += usedWei;
    },
    spent: () => ({ transactions, gas, feeWei }),
  };
}

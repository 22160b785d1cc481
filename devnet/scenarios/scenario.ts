import { formatMoney } from "#node/cli/money.ts";
import { deviceUpdate } from "./deviceUpdate.ts";
import { flexibilityEvent } from "./flexibilityEvent.ts";
import { p2pTrade } from "./p2pTrade.ts";
import { payAsYouGo } from "./payAsYouGo.ts";
import { sellData } from "./sellData.ts";
import { type Claim, createStory, type Step, type Story } from "./story.ts";

export interface ScenarioOptions {
  /** For homes, vouchers and whatever else is written; it exists. */
  readonly directory: string;
  readonly validators: number;
  /** Seconds between two blocks of Ethereum. */
  readonly blockSeconds: number;
  /** A validator and the relayer are killed on the way (faults.ts). */
  readonly faults?: boolean;
  /** Ends it where it is. */
  readonly signal?: AbortSignal;
}

export type ScenarioPlay = (options: ScenarioOptions, story: Story) => Promise<void>;

export const SCENARIOS = {
  "flexibility-event": { about: "two prosumers save load when a DSO asks for it", play: flexibilityEvent },
  "device-update": {
    about: "a meter is certified, configured by way of Ethereum, answers, and is revoked on both sides",
    play: deviceUpdate,
  },
  "p2p-trade": { about: "a producer sells the energy of its panels to two consumers of its microgrid", play: p2pTrade },
  "pay-as-you-go": { about: "a consumer pays a producer by vouchers, interval after interval", play: payAsYouGo },
  "sell-data": { about: "a prosumer sells an archive of its readings to one of two buyers", play: sellData },
} as const satisfies Readonly<Record<string, { readonly about: string; readonly play: ScenarioPlay }>>;

export type ScenarioName = keyof typeof SCENARIOS;

export interface ScenarioReport {
  readonly scenario: string;
  readonly passed: boolean;
  readonly steps: readonly Step[];
  readonly claims: readonly Claim[];
  readonly ethereum: { readonly transactions: number; readonly gas: string; readonly fees: string };
}

/** Plays a scenario from nothing, tells each step as it happens, and answers all of it. It passes when it made claims and all of them hold. */
export async function playScenario(
  name: ScenarioName,
  options: ScenarioOptions,
  say: (text: string) => void,
): Promise<ScenarioReport> {
  const story = createStory(say);
  await SCENARIOS[name].play(options, story);
  const { transactions, gas, feeWei } = story.spent();
  return {
    scenario: name,
    passed: story.claims.length > 0 && story.claims.every(({ holds }) => holds),
    steps: story.steps,
    claims: story.claims,
    ethereum: { transactions, gas: `${gas}`, fees: formatMoney(feeWei) },
  };
}

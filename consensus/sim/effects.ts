import { BEHAVIOUR_NAMES, type BehaviourName } from "./behaviours.ts";

/** What faults of a plan did, beside what Byzantine nodes did. Each is counted when it happens, not when it is planned. */
export const FAULT_EFFECTS = {
  messageLost: "a link lost a message",
  messageDoubled: "a link delivered a message twice",
  messageDelayed: "a link held a message back for more than it takes at most",
  messageReordered: "a message arrived after one that was sent later on the same link",
  kindSingledOut: "a link lost, doubled or delayed only messages of some kinds, and this was one",
  messageCut: "a message met a cut link",
  oneWayCut: "a message met a cut link whose other direction was open",
  messageClogged: "a message waited in a clogged link",
  crashBefore: "a node died before an effect",
  crashDuring: "a node died in the middle of an effect",
  crashAfter: "a node died after an effect",
  killed: "a process died, and its files kept what was written",
  powerCut: "a machine died, and its files keep what was synced",
  bytesLost: "a power cut took bytes that were not synced",
  fileTorn: "a power cut left a part of the bytes that were not synced, or zeroes among them",
  nameLost: "a power cut undid a rename, a new file or a removal whose directory was not synced",
  diskRefused: "a full disk refused a write",
  syncFailed: "a sync failed, and what it should have saved was lost",
  clockWrong: "a node started with a wrong clock",
  clockJumped: "a running node's clock jumped",
  powerChanged: "a change of a validator's power took effect",
} as const;

export type EffectName = keyof typeof FAULT_EFFECTS | BehaviourName;

export const EFFECT_NAMES = [...Object.keys(FAULT_EFFECTS), ...BEHAVIOUR_NAMES] as readonly EffectName[];

/** How often each happened in a run; those that did not are missing. A behaviour counts for every message, block or answer it changed or made. */
export type Effects = Readonly<Partial<Record<EffectName, number>>>;

export interface EffectCounter {
  readonly counts: Effects;
  count(name: EffectName, times?: number): void;
}

export function createEffectCounter(): EffectCounter {
  const counts: Partial<Record<EffectName, number>> = {};
  return {
    counts,
    count(name, times = 1) {
      if (times > 0) counts[name] = (counts[name] ?? 0) + times;
    },
  };
}

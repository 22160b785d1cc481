import { type BehaviourName, isBehaviourName } from "#consensus/sim/behaviours.ts";

/** Before the names, with commas between them, in a message to a Byzantine node's process. */
export const MISBEHAVE = "misbehave ";

/** The log line of a process that does what it was told to for the first time, with the `behaviour`. */
export const MISBEHAVES = "Misbehaves";

/** These act beyond the engine's ports: on answers to block sync and light nodes, or as a second node. Only the simulator has them. */
const SIMULATED_ONLY: ReadonlySet<BehaviourName> = new Set(["forgeCommits", "staleLight", "twins"]);

/** Whether a process can behave so. */
export function isProcessBehaviour(name: unknown): name is BehaviourName {
  return isBehaviourName(name) && !SIMULATED_ONLY.has(name);
}

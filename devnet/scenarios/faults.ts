import { Bridge } from "#contracts/abi/Bridge.ts";
import { checkAgreement } from "../agreement.ts";
import { nodeView } from "../observe.ts";
import type { Story } from "./story.ts";
import type { World } from "./world.ts";

/** Steps of a story that are told before its faults: by then everybody is in the middle of something. */
const STEPS_BEFORE = 3;
/** Validators of which one may be gone, with more than two thirds left on the ledger and for the contract. */
export const MIN_VALIDATORS_FOR_FAULTS = 4;
/** Blocks that are made without the one that is gone. */
const BLOCKS_WITHOUT = 5;

/**
 * In the middle of a story a validator and the relayer are killed with SIGKILL, and started again when the ledger has gone on without the validator and the contract is
 * behind. Nobody in the story is told; what it claims must hold all the same. Answers once both have caught up. `validator0` is spared, because actors ask it.
 */
export async function sufferFaults(world: World, story: Story): Promise<void> {
  const validators = world.net.nodes.filter(({ role }) => role === "validator");
  const [first] = validators;
  // Not the last one either: plays compare what two validators say, the first and the last.
  const victim = validators[validators.length >> 1];
  if (first === undefined || victim === undefined || validators.length < MIN_VALIDATORS_FOR_FAULTS)
    throw new Error(`faults need ${MIN_VALIDATORS_FOR_FAULTS} validators`);
  const heightOf = async (apiUrl: string) => (await nodeView(apiUrl))?.height ?? 0;
  const deployed = Bridge.at(world.contract("Bridge"), world.provider);
  const relayer = world.relayer();

  await world.until(async () => story.steps.length >= STEPS_BEFORE || undefined);
  const pids = { validator: `${victim.process.pid()}`, relayer: `${relayer.pid()}` };
  victim.process.kill("SIGKILL", { stayDown: true });
  await relayer.kill();
  const killedAt = await heightOf(first.apiUrl);
  story.tell("Somebody", "kills a validator and the relayer, with SIGKILL", {
    validator: `${victim.name}, process ${pids.validator}`,
    relayer: `process ${pids.relayer}`,
    "the ledger is at": `block ${killedAt}`,
  });

  const behind = await world.until(async () => {
    const [height, { toHeight }, { planned }] = await Promise.all([
      heightOf(first.apiUrl),
      deployed.head(),
      world.ask<{ planned: { toHeight: number } }>(first.name, "/bridge"),
    ]);
    const isBehind = height >= killedAt + BLOCKS_WITHOUT && planned.toHeight > Number(toHeight);
    return isBehind ? { height, toHeight: Number(toHeight) } : undefined;
  });
  victim.process.start();
  relayer.start();
  story.tell("Somebody", "starts both again", {
    "the ledger went on to": `block ${behind.height}`,
    "the contract is at": `block ${behind.toHeight}`,
  });

  const target = behind.height + 1;
  await world.until(async () => (await heightOf(victim.apiUrl)) > target || undefined);
  const { agreed } = await checkAgreement([first, victim], target);
  story.claim("the validator that was killed has the chain of the others", agreed);
  const anchored = await world.anchored(target);
  story.claim("the relayer that was killed has carried what was signed meanwhile", anchored >= target);
  const signers = await world.ask<{ planned: { toHeight: number }; fault: string }>(victim.name, "/bridge");
  story.claim("the validator that was killed plans and signs for the bridge again", signers.fault === "");
}

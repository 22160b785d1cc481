import type { Clients } from "./clients.ts";
import { isLinkFault, type LinkFault } from "./network.ts";
import type { World } from "./world.ts";

/** Lets the faults of the plan happen at their times, and ends those that end. */
export function startFaults(world: World, clients: Clients): { heal(): void } {
  const { plan, network, trace } = world;
  const links = new Set<LinkFault>();
  const full = new Set<number>();

  const endLink = (fault: LinkFault): void => {
    if (links.delete(fault)) network.end(fault);
  };
  const freeDisk = (node: number): void => {
    if (full.delete(node)) world.nodes[node]?.disk.free();
  };

  for (const fault of plan.faults) {
    if (fault.type === "byzantine") continue;
    world.schedule(fault.atMs, () => {
      trace.note(world.nowMs(), "fault", JSON.stringify(fault));
      if (isLinkFault(fault)) {
        links.add(fault);
        network.begin(fault);
        world.schedule(fault.untilMs - fault.atMs, () => endLink(fault));
        return;
      }
      const node = world.nodes[fault.node];
      if (fault.type === "validatorPower") clients.changePower(fault.node, fault.power);
      if (node === undefined) return;
      if (fault.type === "crash") node.arm(fault.effect, fault.point, fault.loss, fault.downMs);
      else if (fault.type === "syncFailure") node.disk.failNextSync();
      else if (fault.type === "clock") {
        node.clockOffsetMs = fault.offsetMs;
        if (fault.offsetMs !== 0) world.effects.count(fault.atMs === 0 ? "clockWrong" : "clockJumped");
      } else if (fault.type === "diskFull") {
        full.add(fault.node);
        node.disk.fill(fault.roomBytes);
        world.schedule(fault.untilMs - fault.atMs, () => freeDisk(fault.node));
      }
    });
  }

  return {
    heal() {
      trace.note(world.nowMs(), "heal");
      for (const fault of [...links]) endLink(fault);
      for (const node of [...full]) freeDisk(node);
    },
  };
}

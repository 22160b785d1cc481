import type { EffectCounter } from "./effects.ts";
import type { Fault, MessageKind } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/** What the network needs of the run. */
export interface NetworkPorts {
  readonly trace: Trace;
  readonly effects: EffectCounter;
  nowMs(): number;
  schedule(delayMs: number, run: () => void): () => void;
  randomOf(label: string): Random;
}

/** Between any two nodes a link in either direction. Messages take some milliseconds; the plan's faults make it worse. */
export interface Network {
  /** `deliver` runs when the message arrives, as often as it does. kindOf is asked only where a fault makes differences. */
  send(from: number, to: number, bytes: Uint8Array, deliver: () => void, kindOf?: () => MessageKind): void;
  /** Of the plan, until healed. */
  begin(fault: LinkFault): void;
  end(fault: LinkFault): void;
}

export type LinkFault = Extract<Fault, { type: "link" | "cut" | "clog" }>;

export function isLinkFault(fault: Fault): fault is LinkFault {
  return fault.type === "link" || fault.type === "cut" || fault.type === "clog";
}

/** A message takes between these times, so that two sent at once need not arrive in order. */
const DELAY_MIN_MS = 1;
const DELAY_MAX_MS = 12;

export function createNetwork(ports: NetworkPorts): Network {
  const { trace, effects } = ports;
  const active = new Set<LinkFault>();
  const randoms = new Map<number, Random>();
  /** What a clogged link holds back. */
  const held = new Map<LinkFault, (() => void)[]>();
  let messages = 0;
  /** The latest message that arrived, by link. */
  const arrived = new Map<number, number>();

  const concerns = (fault: LinkFault, from: number, to: number) => fault.from.includes(from) && fault.to.includes(to);

  /** A source of chance per link, so that removing a fault elsewhere changes little here. */
  function randomOf(from: number, to: number): Random {
    const link = from * 1000 + to;
    let random = randoms.get(link);
    if (random === undefined) {
      random = ports.randomOf(`link ${from} ${to}`);
      randoms.set(link, random);
    }
    return random;
  }

  function isCut(from: number, to: number): boolean {
    for (const fault of active) if (fault.type === "cut" && concerns(fault, from, to)) return true;
    return false;
  }

  function lose(from: number, to: number): void {
    effects.count("messageCut");
    if (!isCut(to, from)) effects.count("oneWayCut");
  }

  function travel(from: number, to: number, message: number, delayMs: number, deliver: () => void): void {
    ports.schedule(delayMs, () => {
      if (isCut(from, to)) return lose(from, to);
      for (const fault of active)
        if (fault.type === "clog" && concerns(fault, from, to)) {
          effects.count("messageClogged");
          held.get(fault)?.push(() => travel(from, to, message, randomOf(from, to).between(0, 5), deliver));
          return;
        }
      const link = from * 1000 + to;
      const latest = arrived.get(link) ?? -1;
      if (message < latest) effects.count("messageReordered");
      else arrived.set(link, message);
      trace.note(ports.nowMs(), "deliver", message);
      deliver();
    });
  }

  return {
    send(from, to, bytes, deliver, kindOf = () => "other") {
      const message = messages++;
      trace.note(ports.nowMs(), "send", message, from, to, bytes.length);
      trace.bytes(bytes);
      const random = randomOf(from, to);
      let delayMs = random.between(DELAY_MIN_MS, DELAY_MAX_MS);
      let copies = 1;
      for (const fault of active) {
        if (!concerns(fault, from, to)) continue;
        if (fault.type === "cut") return lose(from, to);
        if (fault.type !== "link" || (fault.kinds !== undefined && !fault.kinds.includes(kindOf()))) continue;
        if (fault.kinds !== undefined) effects.count("kindSingledOut");
        if (random.chance(fault.drop)) return effects.count("messageLost");
        if (random.chance(fault.duplicate)) copies++;
        delayMs += random.next() * fault.delayMs;
      }
      if (copies > 1) effects.count("messageDoubled");
      if (delayMs > DELAY_MAX_MS) effects.count("messageDelayed");
      travel(from, to, message, delayMs, deliver);
      for (let copy = 1; copy < copies; copy++) travel(from, to, message, delayMs * random.between(0.5, 2), deliver);
    },

    begin(fault) {
      active.add(fault);
      if (fault.type === "clog") held.set(fault, []);
    },

    end(fault) {
      active.delete(fault);
      const waiting = held.get(fault) ?? [];
      held.delete(fault);
      for (const release of waiting) release();
    },
  };
}

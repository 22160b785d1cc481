import { createEngine as createHonestEngine, type Engine } from "#consensus/engine/engine.ts";
import type { EngineOptions, EnginePorts, SignerPort } from "#consensus/engine/ports.ts";
import { type BehaviourName, isBehaviourName } from "#consensus/sim/behaviours.ts";
import { createByzantine } from "#consensus/sim/byzantine.ts";
import { createRandom } from "#consensus/sim/random.ts";
import { addressOf, type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { decodeBlock } from "#storage/types/block.ts";
import { MISBEHAVE, MISBEHAVES } from "./misbehave.ts";

/**
 * Stands in for `consensus/engine/engine.ts` and `node/signerOpen.ts` in the process of a Byzantine node: the production engine with the
 * simulator's behaviours between it and its ports. Until a message names behaviours the node is honest, except that it signs without
 * remembering what.
 */
export * from "#consensus/engine/engine.ts";

const keys = new WeakMap<SignerPort, PrivateKey>();

/** In place of the signer of `node/signerOpen.ts`; its key is the traitor's, who signs whatever a behaviour asks for. */
export function openSigner(key: PrivateKey): SignerPort {
  const signer: SignerPort = {
    address: addressOf(publicKeyOf(key)),
    signVote: () => Promise.reject(new TypeError("createEngine has another signer")),
    signProposal: () => Promise.reject(new TypeError("createEngine has another signer")),
  };
  keys.set(signer, key);
  return signer;
}

export function createEngine(options: EngineOptions, ports: EnginePorts): Engine {
  const key = ports.signer && keys.get(ports.signer);
  const chosen: { name: BehaviourName; atMs: number }[] = [];
  /** Peers in the order of their first connection; their place is their number. */
  const names: string[] = [];
  const connected = new Set<number>();
  const acted = new Set<BehaviourName>();
  const numberOf = (peer: string): number => {
    const known = names.indexOf(peer);
    return known >= 0 ? known : names.push(peer) - 1;
  };
  const send = (to: number, bytes: Uint8Array): void => {
    const peer = names[to];
    if (peer !== undefined) ports.sendTo(peer, bytes);
  };
  const tamper = createByzantine(
    {
      chainId: options.chainId,
      maxBlockBytes: ports.executor.state().consensusParams.block.maxBytes,
      random: createRandom(process.pid),
      nowMs: ports.nowMs,
      schedule: ports.schedule,
      peers: () => [...connected],
      isInHalf: (peer) => peer % 2 === 0,
      send,
      onAct(behaviour) {
        if (acted.has(behaviour)) return;
        acted.add(behaviour);
        ports.log.warn({ behaviour }, MISBEHAVES);
      },
      async decidedAt(height) {
        const stored = await ports.loadBlock(height);
        const { validators } = ports.executor.state();
        return stored && { time: decodeBlock(stored.blockBytes).header.time, validators };
      },
    },
    process.pid,
    key,
    chosen,
  );
  const sendTampered = (to: number, bytes: Uint8Array): void => {
    for (const message of tamper.outgoing(to, bytes)) send(to, message);
  };

  const engine = createHonestEngine(options, {
    ...ports,
    signer: key && tamper.signer(key),
    executor: tamper.executor(ports.executor),
    sendTo: (peer, bytes) => sendTampered(numberOf(peer), bytes),
    broadcast(bytes) {
      for (const peer of connected) sendTampered(peer, bytes);
    },
  });
  process.on("message", (message) => {
    if (typeof message !== "string" || !message.startsWith(MISBEHAVE)) return;
    const behaviours = message.slice(MISBEHAVE.length).split(",").filter(isBehaviourName);
    chosen.push(...behaviours.map((name) => ({ name, atMs: 0 })));
  });
  return {
    ...engine,
    receive(peer, bytes) {
      tamper.received(peer, bytes);
      engine.receive(peer, bytes);
    },
    peerConnected(peer) {
      connected.add(numberOf(peer));
      engine.peerConnected(peer);
    },
    peerDisconnected(peer) {
      connected.delete(numberOf(peer));
      engine.peerDisconnected(peer);
    },
  };
}

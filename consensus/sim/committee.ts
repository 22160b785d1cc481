import type { PrivateKey } from "#storage/crypto/keys.ts";
import { addressOf, publicKeyOf } from "#storage/crypto/keys.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import type { EngineOptions, StoredBlock } from "../engine/ports.ts";
import type { BehaviourName } from "./behaviours.ts";
import { type ByzantinePorts, createByzantine } from "./byzantine.ts";
import type { Plan } from "./plan.ts";
import { createSimNode, type SimNode } from "./simNode.ts";
import type { Tamper } from "./tamper.ts";
import { SIM_CHAIN_ID, validatorKeyOf } from "./workload.ts";
import type { World } from "./world.ts";

/** Light nodes are numbered from here on. */
export const FIRST_LIGHT = 100;

/** Who takes part in a run: validators, full nodes, then the twins of validators that have one. */
export interface Committee {
  readonly genesisKeys: readonly PrivateKey[];
  /** Hex. */
  readonly byzantineAddresses: ReadonlySet<string>;
  readonly lightNodes: readonly number[];
  isByzantine(node: number): boolean;
  createNodes(world: World, options: EngineOptions): SimNode[];
  answerBlocks(server: SimNode, fromHeight: number, count: number): Promise<readonly StoredBlock[]>;
  answerLight(server: SimNode, height: number): Promise<LightBlock | undefined>;
}

interface Member {
  readonly key: PrivateKey | undefined;
  readonly behaviours: readonly { readonly name: BehaviourName; readonly atMs: number }[];
}

export function createCommittee(plan: Plan): Committee {
  const members = membersOf(plan);
  const tampers = new Map<number, Tamper>();
  const isByzantine = (node: number) => (members[node]?.behaviours.length ?? 0) > 0;

  return {
    genesisKeys: plan.powers.map((_, index) => validatorKeyOf(index)),
    lightNodes: Array.from({ length: plan.lightNodes }, (_, index) => FIRST_LIGHT + index),
    isByzantine,
    byzantineAddresses: new Set(
      members
        .filter((member) => member.behaviours.length > 0 && member.key !== undefined)
        .map(({ key }) => Buffer.from(addressOf(publicKeyOf(key as PrivateKey))).toString("hex")),
    ),

    createNodes: (world, options) =>
      members.map(({ key, behaviours }, index) => {
        const tamper =
          behaviours.length === 0 ? undefined : createByzantine(portsOf(world, index), index, key, behaviours);
        if (tamper !== undefined) tampers.set(index, tamper);
        return createSimNode(world, options, index, key, tamper);
      }),

    async answerBlocks(server, fromHeight, count) {
      const blocks = await server.loadBlocks(fromHeight, count);
      return tampers.get(server.index)?.blocks(fromHeight, blocks) ?? blocks;
    },

    async answerLight(server, height) {
      const block = await server.loadLightBlock(height);
      const tamper = tampers.get(server.index);
      return tamper === undefined ? block : tamper.lightBlock(height, block);
    },
  };
}

function membersOf(plan: Plan): Member[] {
  const behavioursOf = (node: number) =>
    plan.faults.flatMap((fault) =>
      fault.type === "byzantine" && fault.node === node ? [{ name: fault.behaviour, atMs: fault.atMs }] : [],
    );
  /** A full node has a consensus key only if it is to become a validator. */
  const willVote = (node: number) =>
    plan.faults.some((fault) => fault.type === "validatorPower" && fault.node === node);
  const validators = plan.powers.map(
    (_, node): Member => ({ key: validatorKeyOf(node), behaviours: behavioursOf(node) }),
  );
  const fullNodes = Array.from({ length: plan.fullNodes }, (_, each): Member => {
    const node = plan.powers.length + each;
    return { key: willVote(node) ? validatorKeyOf(node) : undefined, behaviours: behavioursOf(node) };
  });
  const twins = validators.filter(({ behaviours }) => behaviours.some(({ name }) => name === "twins"));
  return [...validators, ...fullNodes, ...twins];
}

function portsOf(world: World, index: number): ByzantinePorts {
  const random = world.randomOf(`byzantine ${index}`);
  let half: ReadonlySet<number> | undefined;
  const peers = () => world.nodes.map((node) => node.index).filter((node) => node !== index);
  return {
    chainId: SIM_CHAIN_ID,
    maxBlockBytes: world.genesis.consensusParams.block.maxBytes,
    random,
    nowMs: () => world.nowMs(),
    schedule: (delayMs, run) => world.schedule(delayMs, run),
    peers,
    isInHalf(peer) {
      half ??= new Set(random.shuffle(peers()).slice(0, Math.ceil((world.nodes.length - 1) / 2)));
      return half.has(peer);
    },
    send(to, bytes) {
      if (world.nodes[index]?.isUp) world.deliverConsensus(index, to, bytes);
    },
    onAct: (behaviour) => world.effects.count(behaviour),
    async decidedAt(height) {
      const block = await world.nodes[index]?.loadLightBlock(height);
      return block && { time: block.signedHeader.header.time, validators: block.validatorSet };
    },
  };
}

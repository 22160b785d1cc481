import type { Header } from "#storage/types/header.ts";
import { decodeLightBlock, encodeLightBlock, type LightBlock } from "#storage/types/lightBlock.ts";
import { createLightClient, type LightProvider } from "../light/lightClient.ts";
import { LightError } from "../light/lightError.ts";
import { DEFAULT_LIGHT_RULES } from "../light/verify.ts";
import type { Random } from "./random.ts";
import { SIM_CHAIN_ID } from "./workload.ts";
import type { World } from "./world.ts";

/** How often a light node asks for news, and how long it waits for an answer. */
const UPDATE_MS = 400;
const ANSWER_MS = 600;

/** A light node: the production light client, with nodes of the net as its primary and witnesses. */
export interface SimLightNode {
  readonly index: number;
  /** Height it trusts; 0 before it has begun. */
  readonly height: number;
  start(): void;
}

export function createSimLightNode(
  world: World,
  index: number,
  fetchLightBlock: (to: number, height: number) => Promise<Uint8Array>,
): SimLightNode {
  const random: Random = world.randomOf(`light ${index}`);
  const { invariants } = world;
  const headers = new Map<number, Header>();
  let trusted: LightBlock | undefined;
  let providers = random.shuffle(world.nodes.map((node) => node.index));
  const mode = random.pick(["sequential", "skipping"] as const);
  let isBusy = false;

  const providerOf = (node: number): LightProvider => ({
    name: `n${node}`,
    fetchLightBlock: async (height) => decodeLightBlock(await fetchLightBlock(node, height)),
  });

  /** A client for the present primary; what is trusted is kept between them, as on a light node's disk. */
  async function update(): Promise<void> {
    const root = invariants.hashAt(1);
    if (root === undefined) return;
    // A primary that shows an old block as its latest gives no error: another one is asked now and then.
    if (random.chance(0.2)) providers = random.shuffle(providers);
    const [primary, ...others] = providers;
    if (primary === undefined) return;
    const client = createLightClient(
      {
        chainId: SIM_CHAIN_ID,
        rules: DEFAULT_LIGHT_RULES,
        mode,
        minWitnesses: others.length > 0 ? 1 : 0,
        maxSteps: 100,
      },
      {
        primary: providerOf(primary),
        witnesses: others.slice(0, 2).map(providerOf),
        loadTrusted: async () => trusted,
        async saveTrusted(block) {
          invariants.onLightTrusted(index, block.signedHeader.header);
          trusted = block;
        },
        loadHeader: async (height) => headers.get(height),
        async saveHeader(header) {
          invariants.onLightTrusted(index, header);
          headers.set(header.height, header);
        },
        nowMs: () => world.wallMs(),
        onFaultyProvider: () => undefined,
      },
    );
    try {
      const start = await client.initialise({ height: 1, hash: root });
      const latest = await client.update();
      const { height } = latest.signedHeader.header;
      if (height > 2 && random.chance(0.3)) await client.verifyHeader(1 + random.int(height - 1));
      world.trace.note(world.nowMs(), "light", index, start.signedHeader.header.height, height);
    } catch (error) {
      if (!(error instanceof LightError))
        return invariants.fail("light", `light node ${index} fails: ${String(error)}`);
      if (error.details.code === "LIGHT_PROVIDER_CONFLICT") invariants.onLightConflict(index, error.message);
      providers = [...providers.slice(1), primary];
    }
  }

  function tick(): void {
    world.schedule(UPDATE_MS, tick);
    if (isBusy) return;
    isBusy = true;
    void update().finally(() => {
      isBusy = false;
    });
  }

  return {
    index,
    get height() {
      return trusted?.signedHeader.header.height ?? 0;
    },
    start: tick,
  };
}

/** Asks node `to` over the network for a light block; rejects when no answer comes in time. */
export function createLightRequests(
  world: World,
  answer: (to: number, height: number) => Promise<LightBlock | undefined>,
) {
  return (from: number, to: number, height: number): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      const cancel = world.schedule(ANSWER_MS, () => reject(new Error("no answer")));
      const request = Buffer.from(`light ${height}`);
      world.network.send(from, to, request, () => {
        void answer(to, height).then((block) => {
          if (block === undefined) return;
          const bytes = encodeLightBlock(block);
          world.network.send(to, from, bytes, () => {
            cancel();
            resolve(bytes);
          });
        });
      });
    });
}

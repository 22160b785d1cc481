import type { LightProvider } from "#consensus/light/lightClient.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import type { Network } from "../network/network.ts";
import type { RequestProtocol } from "../network/protocols.ts";
import { decodeLightBlocks, encodeHeightRange } from "../serve/messages.ts";

/** Light blocks asked for at once while catching up. */
const BATCH = 32;

/** Requests of a light node wait this long for an answer, in ms. */
const REQUEST_TIMEOUT_MS = 5_000;

export interface Answer {
  readonly peer: string;
  readonly answer: Uint8Array;
}

/** The full nodes a light node can ask. None is believed; one that fails or lies is passed over, and the next one asked. */
export interface FullNodePeers {
  count(): number;
  /** Asks one full node, and the next when it does not answer. @throws the last node's error, or NoFullNode */
  ask(protocol: RequestProtocol, bytes: Uint8Array): Promise<Answer>;
  /** Asks every full node; those that do not answer are left out. */
  askAll(protocol: RequestProtocol, bytes: Uint8Array): Promise<readonly Answer[]>;
  /** The full node asked first, until it fails; and one that is asked whether it sees the same chain. */
  readonly primary: LightProvider;
  readonly witness: LightProvider;
  /** Who sent blocks as this provider (by its name) since the last call: more than one when peers came or went meanwhile. */
  takeSenders(provider: string): readonly string[];
  /** Passes the full node asked first over from now on; given a peer, only if that is the one: answers to requests made at once may all be bad. */
  rotate(peer?: string): void;
}

export class NoFullNode extends Error {
  override readonly name = "NoFullNode";
  constructor() {
    super("no full node is connected");
  }
}

export function createFullNodePeers(network: Network): FullNodePeers {
  let offset = 0;
  const ahead = new Map<string, Map<number, LightBlock>>();
  const senders = new Map<string, Set<string>>();

  function candidates(): readonly string[] {
    const full = network.peers.filter(({ role }) => role !== "light").map(({ peer }) => peer);
    full.sort();
    return full.map((_, index) => full[(index + offset) % full.length] ?? "");
  }

  function request(peer: string, protocol: RequestProtocol, bytes: Uint8Array): Promise<Uint8Array> {
    return network.request(peer, protocol, bytes, { timeoutMs: REQUEST_TIMEOUT_MS });
  }

  /** One block, with those after it kept for the next call: verification goes up the chain one by one. */
  async function lightBlockFrom(peer: string, height: number): Promise<LightBlock> {
    const kept = ahead.get(peer)?.get(height);
    if (kept !== undefined) {
      ahead.get(peer)?.delete(height);
      return kept;
    }
    const count = height === 0 ? 1 : BATCH;
    const answer = await request(peer, network.protocols.light, encodeHeightRange({ from: height, count }));
    const [first, ...rest] = decodeAnswer(network, peer, () => decodeLightBlocks(answer));
    if (first === undefined) throw new Error(`peer ${peer} has no block ${height}`);
    if (height === 0) return first;
    const connected = new Set(candidates());
    for (const known of ahead.keys()) if (!connected.has(known)) ahead.delete(known);
    ahead.set(peer, new Map(rest.map((block) => [block.signedHeader.header.height, block])));
    return first;
  }

  const provider = (name: string, position: number): LightProvider => ({
    name,
    async fetchLightBlock(height) {
      const peer = candidates()[position];
      if (peer === undefined) throw new NoFullNode();
      senders.set(name, (senders.get(name) ?? new Set()).add(peer));
      return lightBlockFrom(peer, height);
    },
  });

  return {
    count: () => candidates().length,
    async ask(protocol, bytes) {
      let failure: unknown = new NoFullNode();
      for (const peer of candidates()) {
        try {
          return { peer, answer: await request(peer, protocol, bytes) };
        } catch (error) {
          failure = error;
        }
      }
      throw failure;
    },
    async askAll(protocol, bytes) {
      const asked = candidates().map(async (peer) => ({ peer, answer: await request(peer, protocol, bytes) }));
      return (await Promise.allSettled(asked)).flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    },
    takeSenders(name) {
      const sent = [...(senders.get(name) ?? [])];
      senders.delete(name);
      return sent;
    },
    primary: provider("primary", 0),
    witness: provider("witness", 1),
    rotate(peer) {
      if (peer !== undefined && candidates()[0] !== peer) return;
      offset += 1;
      ahead.clear();
    },
  };
}

/** What a full node answered; bytes that are no such answer cost it points. @throws as `decode` */
export function decodeAnswer<T>(network: Pick<Network, "penalise">, peer: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    network.penalise(peer, "REQUEST_INVALID");
    throw error;
  }
}

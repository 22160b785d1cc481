import type { Logger } from "pino";
import { createLightClient, type LightClient } from "#consensus/light/lightClient.ts";
import { LightError } from "#consensus/light/lightError.ts";
import { bucketKey } from "#storage/db/buckets.ts";
import { type HeaderReport, type HeaderStore, openHeaderStore } from "#storage/db/headerStore.ts";
import type { Store } from "#storage/db/store.ts";
import { decodeCompactHeader, encodeCompactHeader } from "#storage/types/compactHeader.ts";
import { encodeEvidence, type LightClientAttackEvidence } from "#storage/types/evidence.ts";
import { type Header, hashHeader } from "#storage/types/header.ts";
import { decodeLightBlock, encodeLightBlock, type LightBlock } from "#storage/types/lightBlock.ts";
import type { Network } from "../network/network.ts";
import type { NodeOptions } from "../options.ts";
import { createFullNodePeers, type FullNodePeers, NoFullNode } from "./peers.ts";

/** A whole header every so many heights: decoding walks from there, so this bounds a look-up, and costs 5 bytes a block. */
const WHOLE_HEADER_EVERY = 64;

/** A full node has this long to say what it makes of evidence, in ms. */
const EVIDENCE_TIMEOUT_MS = 5_000;

/** Decoded headers kept in memory, about 1 KB each. */
const CACHED_HEADERS = 64;

/**
 * Checks that the block of an honest full node fails too: when this node's clock is wrong, it was away for longer than its trust lasts, or its
 * genesis file is another chain's.
 */
const OWN_FAULTS: ReadonlySet<string> = new Set([
  "LIGHT_TIME_FROM_FUTURE",
  "LIGHT_TRUSTED_EXPIRED",
  "GENESIS_VALIDATORS_MISMATCH",
]);

/** Verified headers on disk before the trusted block moves on. */
export interface Headers {
  readonly peers: FullNodePeers;
  trusted(): LightBlock | undefined;
  /** Verifies up to the newest block of the full node asked; resolves to the trusted height. Never throws but for a conflict. */
  update(): Promise<number>;
  /** A header at or below the trusted height, as it was verified. */
  load(height: number): Promise<Header | undefined>;
  report(): Promise<HeaderReport>;
  /** Removes headers below `height`; the number removed. */
  prune(height: number): Promise<number>;
}

/**
 * The headers of a light node: every commit is verified against the validator set it trusts, each set against the header before, and every
 * header goes to disk in compact form before it is trusted.
 * @throws LightError LIGHT_TRUST_ROOT_MISMATCH, LIGHT_BLOCK_REJECTED, LIGHT_NOT_INITIALISED from the first `update`
 */
export async function createHeaders(
  options: NodeOptions,
  chainId: string,
  parts: {
    readonly store: Store;
    readonly network: Network;
    readonly log: Logger;
    /** Header of the initial height's validators as genesis gives them: a root of trust that needs nothing from outside. */
    readonly genesisValidatorsHash: Uint8Array;
  },
): Promise<Headers> {
  const { store, network, log } = parts;
  const files = await openHeaderStore(store);
  const peers = createFullNodePeers(network);
  const keep = createHeaderKeeper(files, store);
  await keep.open();

  const client: LightClient = createLightClient(
    {
      chainId,
      rules: {
        trustingPeriodMs: options.trustingPeriodMs,
        maxClockDriftMs: 10_000,
        trustLevel: { numerator: 1, denominator: 3 },
      },
      mode: "sequential",
      minWitnesses: 0,
      maxSteps: 100_000,
    },
    {
      primary: peers.primary,
      witnesses: [peers.witness],
      loadTrusted: async () => {
        const bytes = await files.loadTrusted();
        return bytes === undefined ? undefined : decodeLightBlock(bytes);
      },
      saveHeader: async (header) => keep.add(header),
      saveTrusted: (block) => keep.flush(encodeLightBlock(block)),
      loadHeader: (height) => keep.load(height),
      nowMs: Date.now,
      onAttack: (attack) => reportAttack(attack.map(({ evidence }) => evidence)),
      onFaultyProvider: (provider, error) => blame(provider, error),
    },
  );

  /** Told to every full node: which of them hold the attacked chain cannot be known from here, and a false one is refused. */
  async function reportAttack(attack: readonly LightClientAttackEvidence[]): Promise<void> {
    for (const evidence of attack)
      for (const { peer, role } of network.peers) {
        if (role === "light") continue;
        const verdict = await network
          .request(peer, network.protocols.evidence, encodeEvidence(evidence), { timeoutMs: EVIDENCE_TIMEOUT_MS })
          .then((answer) => Buffer.from(answer).toString("utf8") || "accepted")
          .catch((error: Error) => error.message);
        log.error(
          { peer, commonHeight: evidence.commonHeight, verdict },
          "Told a full node that validators signed two chains",
        );
      }
  }

  /** A block that does not verify costs its sender the connection, as long as it is clear who that was. */
  function blame(provider: string, error: unknown): void {
    const [peer, ...others] = peers.takeSenders(provider);
    const lie =
      error instanceof LightError && error.details.code === "LIGHT_BLOCK_REJECTED" ? error.details : undefined;
    if (peer === undefined || others.length > 0 || lie === undefined || OWN_FAULTS.has(lie.check)) {
      log.debug({ provider, err: (error as Error).message }, "Could not follow this full node");
      return;
    }
    const { check, reason, height } = lie;
    log.warn({ peer, code: check, reason, height }, "A full node sent a header that does not hold");
    network.penalise(peer, "LIE");
  }

  let initialised = false;
  async function initialise(): Promise<void> {
    if (options.trustedHeight > 0) {
      await client.initialise({ height: options.trustedHeight, hash: Buffer.from(options.trustedHash, "hex") });
      return;
    }
    if ((await files.loadTrusted()) !== undefined) {
      await client.initialise(undefined);
      return;
    }
    // Without a trusted hash the genesis file is the root: block 1 must be signed by the validators it names.
    const first = await peers.primary.fetchLightBlock(1);
    const { header } = first.signedHeader;
    if (Buffer.compare(header.validatorsHash, parts.genesisValidatorsHash) !== 0)
      throw new LightError({
        code: "LIGHT_BLOCK_REJECTED",
        height: 1,
        check: "GENESIS_VALIDATORS_MISMATCH",
        reason: "block 1 is not of the validators in genesis.json",
      });
    await client.initialise({ height: 1, hash: hashHeader(header) ?? new Uint8Array(0) });
  }

  return {
    peers,
    trusted: () => (initialised ? client.trusted() : undefined),
    async update() {
      for (const { name } of [peers.primary, peers.witness]) peers.takeSenders(name);
      try {
        if (!initialised) {
          await initialise();
          initialised = true;
        }
        const before = client.trusted();
        const after = await client.update();
        // Nothing new may be a full node that keeps back what there is: the next one is asked next time.
        if (after === before) peers.rotate();
        return after.signedHeader.header.height;
      } catch (error) {
        if (error instanceof LightError && error.details.code === "LIGHT_PROVIDER_CONFLICT") throw error;
        if (!(error instanceof NoFullNode)) {
          blame(peers.primary.name, error);
          peers.rotate();
        }
        return initialised ? client.trusted().signedHeader.header.height : 0;
      }
    },
    load: (height) => keep.load(height),
    report: () => files.report(),
    // Decoding walks from a whole header, so only whole stretches go.
    prune: (height) => files.prune(height - (height % WHOLE_HEADER_EVERY)),
  };
}

/** Compact headers in the store, decoded through the last whole one below; new ones wait here until the trusted block is saved with them. */
export function createHeaderKeeper(files: HeaderStore, store: Store) {
  const cache = new Map<number, Header>();
  const proposers: Uint8Array[] = [];
  const proposersKey = bucketKey("nodeMeta", Buffer.from("proposers"));
  let waiting: { height: number; bytes: Uint8Array }[] = [];
  let last: Header | undefined;
  let proposersChanged = false;

  function remember(header: Header): void {
    cache.set(header.height, header);
    if (cache.size <= CACHED_HEADERS) return;
    const oldest = cache.keys().next();
    if (!oldest.done) cache.delete(oldest.value);
  }

  async function load(height: number): Promise<Header | undefined> {
    const known = cache.get(height);
    if (known !== undefined) return known;
    const bytes = await files.load(height);
    if (bytes === undefined) return undefined;
    const previous = isWhole(bytes) ? undefined : await load(height - 1);
    const header = decodeCompactHeader(bytes, previous, proposers);
    remember(header);
    return header;
  }

  return {
    load,
    async open() {
      const stored = await store.get(proposersKey);
      if (stored !== undefined)
        for (let at = 0; at + 20 <= stored.length; at += 20) proposers.push(stored.slice(at, at + 20));
    },
    async add(header: Header) {
      if (
        !proposers.some((address) => Buffer.compare(address, header.proposerAddress) === 0) &&
        proposers.length < 256
      ) {
        proposers.push(header.proposerAddress);
        proposersChanged = true;
      }
      const previous = last?.height === header.height - 1 ? last : await load(header.height - 1);
      const bytes = encodeCompactHeader(
        header,
        header.height % WHOLE_HEADER_EVERY === 0 ? undefined : previous,
        proposers,
      );
      waiting.push({ height: header.height, bytes });
      remember(header);
      last = header;
    },
    async flush(trusted: Uint8Array) {
      if (proposersChanged) {
        await store.batch([{ type: "put", key: proposersKey, value: Buffer.concat(proposers) }], { sync: false });
        proposersChanged = false;
      }
      const headers = waiting;
      waiting = [];
      await files.save(headers, trusted);
    },
  };
}

/** Bit 15 of the bitmap, which comes first, little-endian (storage/types/compactHeader.ts). */
function isWhole(bytes: Uint8Array): boolean {
  return ((bytes[1] ?? 0) & 0x80) !== 0;
}

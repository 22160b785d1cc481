import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createNetwork, type Network } from "#node/network/network.ts";
import { peerIdOfSeed } from "#node/network/nodeKey.ts";
import {
  decodeLightBlocks,
  decodeProofRequest,
  decodeStateAnswer,
  decodeTxProofs,
  encodeLightBlocks,
  encodeStateAnswer,
  encodeTxProofs,
} from "#node/serve/messages.ts";
import { generatePrivateKey } from "#storage/crypto/keys.ts";
import { type RunningNet, startNet } from "./net.ts";
import { type LightView, lightView } from "./observe.ts";
import { prepareNet } from "./prepare.ts";

/**
 * A full node that lies, over real sockets: it passes on what the honest validator answers, changed. The light node, a process of its own,
 * asks it first.
 */
const TIMEOUT_MS = 60_000;

interface Lies {
  /** Header and commit under another app hash. */
  headers: boolean;
  /** A transaction's path with one byte changed. */
  paths: boolean;
  /** Another sequence in an account. */
  states: boolean;
}

const directory = mkdtempSync(join(tmpdir(), "energy-liar-"));
const lies: Lies = { headers: false, paths: false, states: false };
const told = { headers: 0, paths: 0, states: 0 };
let net: RunningNet;
let liar: Network;

const flip = (bytes: Uint8Array): Uint8Array => {
  const changed = Uint8Array.from(bytes);
  changed[0] = (changed[0] ?? 0) ^ 1;
  return changed;
};

/** A node key whose peer id comes before the other: light nodes ask in that order. */
async function keyBefore(peerId: string): Promise<Uint8Array> {
  for (;;) {
    const { bytes } = generatePrivateKey("ed25519");
    if ((await peerIdOfSeed(bytes)) < peerId) return bytes;
  }
}

const configOf = (home: string) => JSON.parse(readFileSync(join(home, "config.json"), "utf8")) as { seeds: string[] };

beforeAll(async () => {
  const prepared = await prepareNet({
    directory,
    validators: 1,
    full: 0,
    light: 1,
    households: 2,
    dataFile: undefined,
  });
  const { home } = prepared.nodes.find(({ role }) => role === "light") ?? { home: "" };
  const config = configOf(home);
  const [validatorAddress = ""] = config.seeds;
  const validatorId = validatorAddress.split("/").at(-1) ?? "";
  liar = await createNetwork(
    {
      nodeKey: await keyBefore(validatorId),
      role: "full",
      chainId: prepared.chainId,
      listen: ["/ip4/127.0.0.1/tcp/0"],
      agent: "liar",
      discover: false,
      seeds: [],
      persistentPeers: [validatorAddress],
    },
    {
      status: () => ({ height: 1, earliestHeight: 1 }),
      onTxs: async () => ({ decision: "ignore" }),
      onHeader: async () => "ignore",
      onConsensusMessage: () => undefined,
    },
  );
  const { light: lightProtocol, proof, submit } = liar.protocols;
  await liar.handle(lightProtocol, async (_peer, bytes) => {
    const answer = await liar.request(validatorId, lightProtocol, bytes);
    if (!lies.headers) return answer;
    told.headers += 1;
    const forged = decodeLightBlocks(answer).map((block) => {
      const { header, commit } = block.signedHeader;
      return { ...block, signedHeader: { header: { ...header, appHash: flip(header.appHash) }, commit } };
    });
    return encodeLightBlocks(forged);
  });
  await liar.handle(proof, async (_peer, bytes) => {
    const answer = await liar.request(validatorId, proof, bytes);
    if ("query" in decodeProofRequest(bytes)) {
      if (!lies.states) return answer;
      told.states += 1;
      const state = decodeStateAnswer(answer);
      return encodeStateAnswer({ ...state, value: flip(state.value) });
    }
    const proofs = decodeTxProofs(answer);
    if (!lies.paths || proofs.length === 0) return answer;
    told.paths += 1;
    const forged = proofs.map((each) => ({
      ...each,
      inclusion: { ...each.inclusion, leafHash: flip(each.inclusion.leafHash) },
    }));
    return encodeTxProofs(forged);
  });
  // Transactions that are handed to it go nowhere.
  await liar.handle(submit, async () => new Uint8Array(0));
  const seeds = [...config.seeds, ...liar.addresses];
  writeFileSync(join(home, "config.json"), JSON.stringify({ ...config, seeds, fullNodes: seeds }));
  net = startNet(prepared);
  // The light node passes over a full node that does not answer, so it starts when the liar has somebody to ask.
  const { process } = light();
  process.kill("SIGKILL", { stayDown: true });
  while (!liar.peers.some(({ role }) => role === "validator") || process.pid() !== undefined)
    await new Promise((resolve) => setTimeout(resolve, 50));
  process.start();
}, TIMEOUT_MS);

afterAll(async () => {
  await net?.stop();
  await liar?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
}, TIMEOUT_MS);

function light(): RunningNet["nodes"][number] {
  const found = net.nodes.find(({ role }) => role === "light");
  if (found === undefined) throw new Error("no light node");
  return found;
}

async function untilLight(condition: (view: LightView) => boolean): Promise<LightView> {
  for (;;) {
    const view = await lightView(light().apiUrl);
    if (view !== undefined && condition(view)) return view;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Looks at which a light node that was just started must have asked the liar; else the honest node was connected first, and it starts again. */
const LOOKS_PER_START = 40;

/** Starts the light node anew until it has been told this lie. */
async function startUntilTold(lie: keyof Lies): Promise<void> {
  while (told[lie] === 0) {
    const before = light().process.restarts();
    light().process.kill("SIGKILL");
    while (light().process.restarts() === before) await new Promise((resolve) => setTimeout(resolve, 50));
    for (let look = 0; look < LOOKS_PER_START && told[lie] === 0; look++)
      await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

for (const lie of ["headers", "paths", "states"] as const)
  test(
    `a light node believes no forged ${lie}, and goes on with the honest node`,
    async () => {
      // Honest at first: the liar is asked and believed, because what it says holds.
      const before = await untilLight(({ transactions }) => (transactions?.finalised ?? 0) >= 3);
      if (lie === "headers") expect(before.proofsFailed).toBe(0);
      Object.assign(lies, { headers: false, paths: false, states: false, [lie]: true });
      await startUntilTold(lie);
      const seen = await untilLight(({ proofsFailed }) => lie === "headers" || proofsFailed >= 1);
      const finalised = seen.transactions?.finalised ?? 0;
      const after = await untilLight(({ transactions }) => (transactions?.finalised ?? 0) >= finalised + 3);
      expect(after.transactions?.rejected).toBe(0);
      // Every header it holds is one that the validator made.
      for (let height = Math.max(1, after.headers - 20); height <= after.headers; height++) {
        const [ours, theirs] = await Promise.all(
          [light(), net.nodes[0]].map(async (node) =>
            (await fetch(`${node?.apiUrl}/ledger/v1/headers/${height}`)).json(),
          ),
        );
        expect(ours).toEqual(theirs);
      }
    },
    TIMEOUT_MS,
  );

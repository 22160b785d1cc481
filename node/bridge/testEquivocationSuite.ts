import { hexlify } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signDigest } from "#bridge/signatures.ts";
import { encodeClaim, type SignatureClaim } from "#bridge/signatureWire.ts";
import { anchorDigest, rotationDigest } from "#bridge/typedData.ts";
import { valsetHash } from "#bridge/valset.ts";
import { addressOf, publicKeyOf } from "#storage/crypto/keys.ts";
import { ethereumAddressOf } from "#storage/types/ethereum.ts";
import { FieldWriter } from "#storage/types/wire.ts";
import { VALIDATOR_KEY_NAME } from "../configurationHome.ts";
import { encodeFrame } from "../network/framing.ts";
import { protocolsOf } from "../network/protocols.ts";
import { startRawPeer } from "../network/rawPeer.ts";
import type { NodeOptions } from "../options.ts";
import { eventually } from "../testNetwork.ts";
import { setOf, startTestBridgeNetwork, type TestBridgeNetwork } from "./testBridgeNetwork.ts";

const GOSSIP = "/meshsub/1.2.0";

/**
 * What becomes of a validator that signs two things of one number, on real nodes, sockets, disks and an EVM, whatever engine orders the blocks. Five validators: two can be
 * taken out, one after the other, and those that are left are more than two thirds each time.
 */
export function equivocationSuite(options: {
  readonly engine: NodeOptions["engine"];
  /** Called once, before anything is started. */
  nodeOptions(): Promise<Partial<NodeOptions>>;
  readonly timeoutMs: number;
}): void {
  const START_MS = options.timeoutMs;
  let world: TestBridgeNetwork;

  beforeAll(async () => {
    world = await startTestBridgeNetwork(5, options.engine, await options.nodeOptions());
  }, START_MS);
  afterAll(() => world?.[Symbol.asyncDispose](), START_MS);

  /** What somebody with this validator's second key signs, from one validator's neighbour to that validator alone. */
  async function gossip(claims: readonly SignatureClaim[], punished: number): Promise<void> {
    const { net, validators } = world;
    const topic = protocolsOf(net.chainId).checkpointsTopic;
    await using peer = await startRawPeer();
    const connection = await peer.connect(validators[0]?.addresses[0] ?? "", { chainId: net.chainId });
    const frames = claims.map((claim) => {
      const message = new FieldWriter().message(2, encodeClaim(claim, 0)).message(4, Buffer.from(topic)).finish();
      return encodeFrame(new FieldWriter().message(2, message).finish());
    });
    await peer.write(connection, GOSSIP, Buffer.concat(frames));
    // The connection has to last until they were read.
    await eventually(async () => ((await exclusions()).length >= punished ? true : undefined));
  }

  async function exclusions(): Promise<readonly { readonly id: string; readonly reason: string }[]> {
    const data = Buffer.from(JSON.stringify({ limit: 10 })).toString("hex");
    const answer = (await world.get(`/state?path=/edream/exclusions&data=${data}`)) as { readonly value: string };
    return JSON.parse(Buffer.from(answer.value, "base64").toString()).entries;
  }

  function secondKeyOf(name: string): { readonly bytes: Uint8Array; readonly address: string } {
    const key = world.secondKeys.get(name);
    if (key === undefined) throw new Error(`no second key of ${name}`);
    return { bytes: key.bytes, address: hexlify(ethereumAddressOf(publicKeyOf(key).bytes)) };
  }

  /** Until the ledger has excluded it and the contract's set is the ledger's, without it. */
  async function expectPunished(name: string, rotations: bigint): Promise<void> {
    const { bridge, state, keyOf } = world;
    const address = addressOf(publicKeyOf(keyOf(name, VALIDATOR_KEY_NAME)));
    const id = Buffer.from(address).toString("hex");
    const found = await eventually(async () => (await exclusions()).find((one) => JSON.stringify(one).includes(id)));
    expect(found).toMatchObject({ reason: "bridgeEquivocation" });
    await eventually(async () => ((await bridge.head()).valsetNonce === rotations ? true : undefined));
    const { latest } = (await state("/edream/bridge-sets")) as { readonly latest: string };
    const { members } = await setOf(state, latest);
    expect(members.map((member) => member.address)).not.toContain(secondKeyOf(name).address);
    expect(members).toHaveLength(5 - Number(rotations));
    expect(await bridge.valsetHash()).toBe(valsetHash(members));
    // And anchors go on, signed by those who are left.
    const { seq } = await bridge.head();
    await eventually(async () => ((await bridge.head()).seq > seq ? true : undefined));
  }

  test("a validator that signs two rotations of one number is told of by those that see it, excluded, and not in the set that the contract gets", {
    timeout: START_MS,
  }, async () => {
    const { bytes } = secondKeyOf("validator4");
    const claims = [1, 2].map((byte): SignatureClaim => {
      const set = { totalPower: 50n, valsetHash: `0x${"00".repeat(31)}0${byte}` };
      const rotation = { nonce: 9n, effectiveHeight: 1000, ...set };
      return { kind: "rotation", rotation, signature: signDigest(bytes, rotationDigest(world.domain, rotation)) };
    });
    await gossip(claims, 1);
    await expectPunished("validator4", 1n);
  });

  test("the same for two anchors of one number, of which its own node has signed neither", {
    timeout: START_MS,
  }, async () => {
    const { bytes } = secondKeyOf("validator3");
    const claims = [1, 2].map((byte): SignatureClaim => {
      const heights = { fromHeight: 1_000_000, toHeight: 1_000_001, time: 1 };
      const hashes = { lastHeaderHash: new Uint8Array(32).fill(9), root: new Uint8Array(32).fill(byte) };
      const anchor = { seq: 1000n, valsetNonce: 1n, ...heights, ...hashes };
      return { kind: "anchor", anchor, signature: signDigest(bytes, anchorDigest(world.domain, anchor)) };
    });
    await gossip(claims, 2);
    await expectPunished("validator3", 2n);
  });
}

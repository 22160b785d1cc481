import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressOf, generatePrivateKey, type PrivateKey, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { ACCEPTED } from "#storage/error.ts";
import { makeDuplicateVoteEvidence } from "#storage/types/duplicateVote.ts";
import { encodeEvidence } from "#storage/types/evidence.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import { verifyProofFile } from "#storage/types/proofFile.ts";
import { type LedgerMessage, ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { findValidator } from "#storage/types/validatorSet.ts";
import { type Vote, voteSignBytes } from "#storage/types/vote.ts";
import { OPERATOR_KEY_NAME } from "./cli/keyNames.ts";
import { accountOf, saveKey } from "./cli/keyStore.ts";
import { homePaths, VALIDATOR_KEY_NAME } from "./configurationHome.ts";
import { createNetwork, type Network } from "./network/network.ts";
import type { NodeOptions } from "./options.ts";
import type { RunningNode } from "./runningNode.ts";
import { decodeLightBlocks, encodeHeightRange } from "./serve/messages.ts";
import { createTestNetwork, eventually, PASSPHRASE, type TestNetwork } from "./testNetwork.ts";

/** A validator more than the faults tolerated leave, a full node, a light node. */
const VALIDATORS = ["validator0", "validator1", "validator2", "validator3"] as const;

interface TxAnswer {
  readonly height: number;
  readonly index: number;
  readonly result: { readonly code: number };
}

/**
 * What every consensus driver must do, on real nodes, sockets and disks; one network lives through it, test after test. `timeoutMs` is for each.
 * The drivers differ in nothing that is looked at here.
 */
export function driverSuite(options: {
  readonly engine: NodeOptions["engine"];
  /** Called once, before anything is started. */
  nodeOptions(): Promise<Partial<NodeOptions>>;
  readonly timeoutMs: number;
  /** Of what comes before the first test; by default the same. */
  readonly prepareTimeoutMs?: number;
}): void {
  const { engine, timeoutMs, prepareTimeoutMs = timeoutMs } = options;
  let network: TestNetwork;
  let nodeOptions: Partial<NodeOptions>;
  const nodes = new Map<string, RunningNode>();
  /** Of a transaction in a block. */
  let finalised = "";
  const sequences = new Map<string, bigint>();

  const start = async (name: string) => {
    nodes.set(name, await network.start(name, { ...nodeOptions, meterSource: "none" }));
  };
  const stop = async (name: string) => {
    await nodes.get(name)?.stop();
    nodes.delete(name);
  };
  const urlOf = (name: string) => nodes.get(name)?.api?.url ?? `http://${name}.not-started`;
  const get = async <T>(name: string, path: string): Promise<T | undefined> => {
    const answer = await fetch(`${urlOf(name)}/ledger/v1${path}`);
    return answer.ok ? ((await answer.json()) as T) : undefined;
  };
  const heightOf = async (name: string) => (await get<{ height: number }>(name, "/status"))?.height ?? 0;
  const reaches = (names: Iterable<string>, height: number) =>
    Promise.all([...names].map((name) => eventually(async () => (await heightOf(name)) >= height || undefined)));
  const keyOf = (name: string, key: string) =>
    network.plan.nodes.find((node) => node.name === name)?.keys[key] as PrivateKey;
  const operatorOf = (name: string) => accountOf(publicKeyOf(keyOf(name, OPERATOR_KEY_NAME))).account;

  /** A transaction of a validator's operator. */
  async function signedBy(name: string, ...messages: readonly LedgerMessage[]): Promise<Uint8Array> {
    const account = await eventually(() => get<{ accountNumber: string }>(name, `/accounts/${operatorOf(name)}`));
    const sequence = sequences.get(name) ?? 0n;
    sequences.set(name, sequence + 1n);
    const signer = {
      privateKey: keyOf(name, OPERATOR_KEY_NAME),
      accountNumber: BigInt(account.accountNumber),
      sequence,
    };
    return signTransaction({ chainId: network.chainId, messages, signers: [signer] });
  }

  async function post(
    name: string,
    tx: Uint8Array,
  ): Promise<{ readonly status: number; readonly txId: string; readonly code: string }> {
    const answer = await fetch(`${urlOf(name)}/ledger/v1/transactions?wait=sync`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: new Uint8Array(tx),
    });
    const { txId = "", code = "" } = (await answer.json()) as { txId?: string; code?: string };
    return { status: answer.status, txId, code };
  }

  const enrolment = (authority: string) => {
    const member = accountOf(publicKeyOf(generatePrivateKey("secp256k1"))).account;
    return { member, message: ledgerMessage("MsgEnrolMember", { authority, member, role: "consumer" }) };
  };

  /** The regulators vote for a change of the validator set; resolves when it is in the set of the latest height. */
  async function vote(proposalId: bigint, { key, power }: { readonly key: PrivateKey; readonly power: bigint }) {
    const updates = [{ publicKey: publicKeyOf(key).bytes, power }];
    // More than half of the regulators: the last vote is not needed, and not taken any more.
    for (const name of VALIDATORS.slice(0, 3)) {
      const message = ledgerMessage("MsgUpdateValidators", {
        authority: operatorOf(name),
        proposalId,
        updates,
      });
      expect((await post("validator0", await signedBy(name, message))).status).toBe(202);
    }
    await eventually(async () => {
      const powers = await validatorPowers("validator0");
      return (powers.get(addressText(key)) ?? 0n) === power || undefined;
    });
  }

  async function validatorPowers(name: string): Promise<ReadonlyMap<string, bigint>> {
    const height = await heightOf(name);
    const set = await get<{ validators: { address: string; votingPower: string }[] }>(name, `/validators/${height}`);
    return new Map(set?.validators.map(({ address, votingPower }) => [address, BigInt(votingPower)]));
  }

  beforeAll(async () => {
    nodeOptions = await options.nodeOptions();
    network = await createTestNetwork({ validators: VALIDATORS.length, full: 1, light: 1, engine });
    for (const name of VALIDATORS) await start(name);
    await start("light0");
    await reaches(VALIDATORS, 2);
  }, prepareTimeoutMs);

  afterAll(async () => {
    await network?.[Symbol.asyncDispose]();
  }, timeoutMs);

  test("what any node takes, every node finalises in the same place with the same result", {
    timeout: timeoutMs,
  }, async () => {
    const ids: string[] = [];
    for (const name of [...VALIDATORS, ...VALIDATORS]) {
      const tx = await signedBy(name, enrolment(operatorOf(name)).message);
      const { status, txId } = await post(name, tx);
      expect(status).toBe(202);
      ids.push(txId);
    }
    for (const id of ids) {
      const [first, ...others] = await Promise.all(
        VALIDATORS.map((name) => eventually(() => get<TxAnswer>(name, `/transactions/${id}`))),
      );
      expect(first?.result.code).toBe(0);
      for (const other of others) expect(other).toStrictEqual(first);
    }
    finalised = ids[0] ?? "";
    // Sent once more, it is known, and stays where it is.
    const again = await signedBy("validator1", enrolment(operatorOf("validator1")).message);
    const { txId } = await post("validator1", again);
    const placed = await eventually(() => get<TxAnswer>("validator2", `/transactions/${txId}`));
    await post("validator2", again);
    await reaches(VALIDATORS, placed.height + 2);
    expect(await get<TxAnswer>("validator3", `/transactions/${txId}`)).toStrictEqual(placed);
  });

  test("what the application refuses is never in a block, and the node says why", { timeout: timeoutMs }, async () => {
    const forged = await signedBy("validator0", enrolment(operatorOf("validator0")).message);
    sequences.set("validator0", (sequences.get("validator0") ?? 1n) - 1n);
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
    const { status } = await post("validator0", forged);
    expect(status).toBe(422);
  });

  test("a node that joins late takes over the whole chain", { timeout: timeoutMs }, async () => {
    const height = await heightOf("validator0");
    await start("full0");
    await reaches(["full0"], height);
    for (let at = 1; at <= height; at++) {
      const [ours, theirs] = await Promise.all([get("full0", `/headers/${at}`), get("validator0", `/headers/${at}`)]);
      expect(ours).toStrictEqual(theirs);
      expect(ours).toBeDefined();
    }
  });

  test("a light node verifies the headers and proves a transaction", { timeout: timeoutMs }, async () => {
    const height = await heightOf("validator0");
    await reaches(["light0"], height);
    expect(await get("light0", `/headers/${height}`)).toStrictEqual(await get("validator0", `/headers/${height}`));
    const proof = await (await fetch(`${urlOf("validator1")}/ledger/v1/transactions/${finalised}/proof`)).text();
    const placed = await get<TxAnswer>("validator1", `/transactions/${finalised}`);
    type Header = { readonly lastBlockId: { readonly hash: string } };
    const next = await eventually(() => get<Header>("light0", `/headers/${(placed?.height ?? 0) + 1}`));
    const checks = verifyProofFile(proof, Buffer.from(next.lastBlockId.hash, "hex"));
    expect(checks.map(({ verdict }) => verdict)).toStrictEqual(Array.from({ length: 8 }, () => ACCEPTED));
  });

  test("a node that was away goes on where it was", { timeout: timeoutMs }, async () => {
    await stop("validator3");
    const tx = await signedBy("validator0", enrolment(operatorOf("validator0")).message);
    const { txId } = await post("validator1", tx);
    const placed = await eventually(() => get<TxAnswer>("validator0", `/transactions/${txId}`));
    await reaches(["validator0", "validator1", "validator2"], placed.height + 2);
    await start("validator3");
    expect(await eventually(() => get<TxAnswer>("validator3", `/transactions/${txId}`))).toStrictEqual(placed);
    await reaches(VALIDATORS, (await heightOf("validator0")) + 2);
  });

  test("a dead validator is voted out, comes back with a new key by vote and signs with it, the light node following", {
    timeout: timeoutMs,
  }, async () => {
    const fresh = generatePrivateKey("ed25519");
    const old = keyOf("validator3", VALIDATOR_KEY_NAME);
    await stop("validator3");
    await vote(1n, { key: old, power: 0n });
    const without = (await heightOf("validator0")) + 2;
    await reaches(["validator0", "validator1", "validator2", "light0"], without);
    await vote(2n, { key: fresh, power: 10n });
    const { keys } = homePaths(join(network.directory, "validator3"));
    rmSync(join(keys, `${VALIDATOR_KEY_NAME}.json`));
    await saveKey(keys, VALIDATOR_KEY_NAME, fresh, PASSPHRASE);
    await start("validator3");
    const signer = addressText(fresh);
    const signedAt = await eventually(async () => {
      const height = (await heightOf("validator0")) - 1;
      const block = await get<CommitAnswer>("validator0", `/commits/${height}`);
      const signature = block?.signatures.find(({ validatorAddress }) => validatorAddress === signer);
      return signature?.blockIdFlag === "commit" ? height : undefined;
    });
    await reaches(["light0"], signedAt + 1);
    expect(await get("light0", `/headers/${signedAt}`)).toStrictEqual(await get("validator0", `/headers/${signedAt}`));
  });

  test("evidence of a double vote is committed and its validator excluded", { timeout: timeoutMs }, async () => {
    const culprit = keyOf("validator2", VALIDATOR_KEY_NAME);
    const address = addressText(culprit);
    await using witness = await createWitness(network.chainId, nodes.get("validator0")?.addresses[0] ?? "");
    const block = await witness.lightBlock((await heightOf("validator0")) - 1);
    const { header } = block.signedHeader;
    const found = findValidator(block.validatorSet, addressOf(publicKeyOf(culprit)));
    expect(found).toBeDefined();
    const doubleVote = (fill: number): Vote => {
      const unsigned: Vote = {
        type: "precommit",
        height: header.height,
        round: 0,
        blockId: {
          hash: new Uint8Array(32).fill(fill),
          partSetHeader: { total: 1, hash: new Uint8Array(32).fill(fill) },
        },
        timestamp: header.time,
        validatorAddress: addressOf(publicKeyOf(culprit)),
        validatorIndex: found?.index ?? 0,
        signature: new Uint8Array(0),
      };
      return { ...unsigned, signature: sign(culprit, voteSignBytes(unsigned, network.chainId)) };
    };
    const evidence = makeDuplicateVoteEvidence(doubleVote(1), doubleVote(2), header.time, block.validatorSet);
    expect(await witness.report(encodeEvidence(evidence))).toBe("");
    await eventually(async () => {
      const answer = await get<{ exclusions: { address: string; reason: string }[] }>("validator1", "/exclusions");
      return (
        answer?.exclusions.some((each) => each.address === address && each.reason === "duplicateVote") || undefined
      );
    });
    await eventually(async () => !(await validatorPowers("validator1")).has(address) || undefined);
    const height = await heightOf("validator1");
    await reaches(["validator0", "validator1", "validator3", "full0", "light0"], height + 2);
  });
}

interface CommitAnswer {
  readonly signatures: readonly { readonly validatorAddress: string; readonly blockIdFlag: string }[];
}

function addressText(key: PrivateKey): string {
  return Buffer.from(addressOf(publicKeyOf(key))).toString("hex");
}

interface Witness extends AsyncDisposable {
  lightBlock(height: number): Promise<LightBlock>;
  /** The full node's objection to evidence; empty when it took it. */
  report(evidence: Uint8Array): Promise<string>;
}

/** A light node's place on the network, with a test in it. */
async function createWitness(chainId: string, address: string): Promise<Witness> {
  const peer = address.split("/").at(-1) ?? "";
  const network: Network = await createNetwork(
    {
      nodeKey: generatePrivateKey("ed25519").bytes,
      role: "light",
      chainId,
      listen: ["/ip4/127.0.0.1/tcp/0"],
      agent: "witness",
      discover: false,
      seeds: [],
      persistentPeers: [address],
    },
    {
      status: () => ({ height: 1, earliestHeight: 1 }),
      onTxs: async () => ({ decision: "ignore" }),
      onHeader: async () => "ignore",
      onConsensusMessage: () => undefined,
    },
  );
  await eventually(() => network.peers.length > 0 || undefined);
  return {
    async lightBlock(height) {
      const { light } = network.protocols;
      const [block] = decodeLightBlocks(
        await network.request(peer, light, encodeHeightRange({ from: height, count: 1 })),
      );
      if (block === undefined) throw new Error(`no light block ${height}`);
      return block;
    },
    report: async (evidence) =>
      Buffer.from(await network.request(peer, network.protocols.evidence, evidence)).toString("utf8"),
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

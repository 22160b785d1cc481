import { expect, test } from "vitest";
import { VALIDATOR_KEY_NAME } from "#node/configurationHome.ts";
import { commitJson, headerJson } from "#node/rpc/cometJson/headers.ts";
import { JsonFields } from "#node/rpc/cometJson/readFields.ts";
import { readCommit, readHeader } from "#node/rpc/cometJson/readHeaders.ts";
import { startTestRpc, type TestRpc } from "#node/rpc/testRpc.ts";
import { eventually } from "#node/testNetwork.ts";
import { addressOf, generatePrivateKey, type PrivateKey, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { hashHeader } from "#storage/types/header.ts";
import { txId } from "#storage/types/transaction.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { voteSignBytes } from "#storage/types/vote.ts";
import { cometbftBinary } from "./cometbft.ts";
import { type CometbftLight, startCometbftLight } from "./cometbftLight.ts";
import { startTamperingRpc } from "./tamperingRpc.ts";

// The Go program `cometbft light` of 0.38.25 with nodes of the embedded engine as its primary and its witnesses.

/** Building CometBFT takes a minute or two where it is not there yet. */
const TIMEOUT_MS = 300_000;
const BLOCKS = { createEmptyBlocks: true };

type Json = Record<string, unknown>;

interface SignedHeaderJson {
  readonly header: Json;
  readonly commit: { readonly block_id: { readonly hash: string } };
}

async function trustedFirst(rpc: TestRpc) {
  const { signed_header } = (await rpc.get("commit?height=1")) as { signed_header: SignedHeaderJson };
  return { height: 1, hash: signed_header.commit.block_id.hash };
}

/** The chain is so long that the light client has something to verify. */
async function waitForHeight(rpc: TestRpc, height: number): Promise<void> {
  await eventually(() => rpc.get(`block?height=${height}`));
}

/** What the light client says once it can: it asks for blocks that are a moment away. */
const verified = (light: CometbftLight, method: string, params: object) =>
  eventually(() => light.call(method, params).catch(notYet));

function notYet(error: Error): undefined {
  if (!/height requested is too high/.test(error.message)) throw error;
}

async function startNet(validators: number) {
  const [binary, rpc] = await Promise.all([cometbftBinary("0.38.25"), startTestRpc(BLOCKS, validators)]);
  return { binary, rpc, trusted: await trustedFirst(rpc), chainId: rpc.net.chainId };
}

test(
  "it verifies blocks, validators, results, parameters and transactions of four validators",
  async () => {
    const { binary, rpc, trusted, chainId } = await startNet(4);
    await using _net = rpc;
    const { urls, owner } = rpc;
    const [primary = "", ...witnesses] = urls;
    const member = accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")));
    const message = ledgerMessage("MsgEnrolMember", { authority: owner.account, member, role: "consumer" });
    const tx = await rpc.sign(owner, [message]);
    await using light = await startCometbftLight(binary, { chainId, primary, witnesses, trusted });

    const sent = await light.call("broadcast_tx_commit", { tx: Buffer.from(tx).toString("base64") });
    expect(sent).toMatchObject({ check_tx: { code: 0 }, tx_result: { code: 0 } });
    const height = String(sent.height);
    await waitForHeight(rpc, Number(height) + 2);

    const hash = Buffer.from(txId(tx)).toString("base64");
    expect(await verified(light, "tx", { hash, prove: true })).toMatchObject({ height, index: 0 });
    const block = await verified(light, "block", { height });
    expect(block).toMatchObject({ block: { header: (await rpc.get(`header?height=${height}`))?.header } });
    expect(await verified(light, "commit", { height })).toEqual(await rpc.get(`commit?height=${height}`));
    const set = await verified(light, "validators", { height });
    expect(set).toMatchObject({ total: "4", validators: [{ voting_power: "10" }, {}, {}, {}] });
    expect(await verified(light, "block_results", { height })).toEqual(await rpc.get(`block_results?height=${height}`));
    expect(await verified(light, "consensus_params", { height })).toEqual(
      await rpc.get(`consensus_params?height=${height}`),
    );
    expect(light.log()).not.toMatch(/\bE\[/);
  },
  TIMEOUT_MS,
);

test(
  "it passes nothing on that a primary has changed",
  async () => {
    const { binary, rpc, trusted, chainId } = await startNet(1);
    await using _net = rpc;
    await waitForHeight(rpc, 5);
    const changed = { app_hash: "00".repeat(32) };
    await using liar = await startTamperingRpc(rpc.url, (method, result) => {
      const { signed_header: signed, block } = result as { signed_header?: SignedHeaderJson; block?: { header: Json } };
      if (method === "block") return { ...result, block: { ...block, header: { ...block?.header, ...changed } } };
      if (method !== "commit" || signed?.header.height === "1") return result;
      return { ...result, signed_header: { ...signed, header: { ...signed?.header, ...changed } } };
    });
    const options = { chainId, primary: liar.url, witnesses: [rpc.url, rpc.url], trusted };
    await using light = await startCometbftLight(binary, options);
    // The header comes from a witness in the liar's place; a block comes from the primary, or not at all.
    expect(await light.call("commit", { height: "4" })).toEqual(await rpc.get("commit?height=4"));
    await expect(light.call("block", { height: "4" })).rejects.toThrow(/does not match/);
  },
  TIMEOUT_MS,
);

test(
  "a validator that signs a second chain is reported by it, and named on the ledger",
  async () => {
    const { binary, rpc, trusted, chainId } = await startNet(1);
    await using _net = rpc;
    await waitForHeight(rpc, 5);
    const key = rpc.net.plan.nodes[0]?.keys[VALIDATOR_KEY_NAME] as PrivateKey;
    await using twin = await startTamperingRpc(rpc.url, (method, result) => {
      const { signed_header: signed } = result as { signed_header?: SignedHeaderJson };
      if (method !== "commit" || signed === undefined || signed.header.height === "1") return result;
      return { ...result, signed_header: signTwin(signed, key) };
    });
    const options = { chainId, primary: rpc.url, witnesses: [twin.url], trusted };
    await using light = await startCometbftLight(binary, options);
    await expect(light.call("commit", { height: "4" })).rejects.toThrow(/[Aa]ttack|conflicting|divergent/);

    const guilty = Buffer.from(addressOf(publicKeyOf(key))).toString("hex");
    const answer = await eventually(async () => {
      const { response } = (await rpc.get('abci_query?path="/edream/exclusions"')) as { response: { value: string } };
      const { entries } = JSON.parse(Buffer.from(response.value, "base64").toString()) as { entries: Json[] };
      return entries.length > 0 ? entries : undefined;
    });
    expect(answer).toMatchObject([{ id: guilty, reason: "lightClientAttack" }]);
  },
  TIMEOUT_MS,
);

/** The validator signs another block of the same height and round, with other transactions. */
function signTwin(signed: SignedHeaderJson, key: PrivateKey): object {
  const header = { ...readHeader(new JsonFields(signed.header, "Header")), dataHash: new Uint8Array(32).fill(6) };
  const commit = readCommit(new JsonFields(signed.commit, "Commit"));
  const { height, round } = commit;
  const blockId = { hash: hashHeader(header), partSetHeader: commit.blockId.partSetHeader };
  const signatures = commit.signatures.map((signature) => {
    const vote = { type: "precommit", height, round, blockId, timestamp: signature.timestamp } as const;
    return { ...signature, signature: sign(key, voteSignBytes(vote, header.chainId)) };
  });
  return { header: headerJson(header), commit: commitJson({ ...commit, blockId, signatures }) };
}

import { expect, test } from "vitest";
import { createSigner } from "#consensus/engine/signer.ts";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { stripTimestamp } from "#storage/db/signBytes.ts";
import { createSignState, openSignState } from "#storage/db/signState.ts";
import { createSimulatedFileSystem } from "#storage/db/simulatedFileSystem.ts";
import { LedgerError } from "#storage/error.ts";
import { changedJson, changedSample } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz, fuzzAsync } from "#storage/fuzz/runs.ts";
import { encodeBlock } from "#storage/types/block.ts";
import { cometBft, fromHex } from "#storage/types/cometbftVectors.ts";
import { decodeProposal, encodeProposal } from "#storage/types/proposal.ts";
import { decodeVote, encodeVote } from "#storage/types/vote.ts";
import { FieldReader, FieldWriter } from "#storage/types/wire.ts";
import { ArgumentFault } from "../rpc/argument.ts";
import { COMETBFT_VECTORS } from "../rpc/cometbftVectors.ts";
import { JsonFields } from "../rpc/cometJson/readFields.ts";
import { readBlock } from "./readBlock.ts";
import { createPrivvalAnswers } from "./remoteSigner.ts";

const CHAIN_ID = "edream-test";
const key = generatePrivateKey("ed25519", (length) => new Uint8Array(length).fill(5));

/** tendermint.privval.Message of each kind that CometBFT sends. */
const unsigned = { signature: new Uint8Array(0) };
const votes = cometBft.votes.map(({ bytes }) => encodeVote({ ...decodeVote(fromHex(bytes)), ...unsigned }));
const proposals = cometBft.proposals.map(({ bytes }) =>
  encodeProposal({ ...decodeProposal(fromHex(bytes)), ...unsigned }),
);
const request = (field: number, content: Uint8Array) =>
  new FieldWriter().message(field, new FieldWriter().message(1, content).text(2, CHAIN_ID).finish()).finish();
const MESSAGES = [
  new FieldWriter().message(7, new Uint8Array(0)).finish(),
  new FieldWriter().message(1, new FieldWriter().text(1, CHAIN_ID).finish()).finish(),
  ...votes.map((vote) => request(3, vote)),
  ...proposals.map((proposal) => request(5, proposal)),
];

test(
  "a changed request to the signer is answered or refused, and no height, round and step is signed twice",
  async () => {
    const fileSystem = createSimulatedFileSystem({ random: () => 0.5 });
    createSignState(fileSystem, "state.json");
    const signState = openSignState({ fileSystem, path: "state.json", stripTimestamp });
    const answer = createPrivvalAnswers(createSigner(key, CHAIN_ID, signState), publicKeyOf(key), CHAIN_ID);
    const signed = new Map<string, string>();
    await fuzzAsync("signer request", changedSample(MESSAGES), 400, async (bytes) => {
      let reply: Uint8Array;
      try {
        reply = await answer(bytes);
      } catch (error) {
        // The connection ends; an error of the language would be a fault of ours.
        expect(error instanceof LedgerError || (error as Error).constructor === Error, String(error)).toBe(true);
        return;
      }
      const [field, content] = readReply(reply);
      if (content === undefined || content.length === 0) return;
      const { height, round, type, blockId } =
        field === 4 ? decodeVote(content) : { ...decodeProposal(content), type: "proposal" };
      const step = `${height} ${round} ${type}`;
      const value = Buffer.from(blockId.hash).toString("hex");
      expect(signed.get(step) ?? value).toBe(value);
      signed.set(step, value);
    });
    expect(signed.size).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT_MS,
);

/** The kind of the reply and, of a signed vote or proposal, its bytes. */
function readReply(reply: Uint8Array): readonly [number, Uint8Array | undefined] {
  const outer = new FieldReader("reply", reply);
  outer.next();
  const field = outer.number;
  const inner = new FieldReader("reply", outer.message());
  if ((field !== 4 && field !== 6) || !inner.next()) return [field, undefined];
  return [field, inner.message()];
}

test(
  "a changed block of CometBFT's RPC is read or a fault, and what is read has an encoding",
  () => {
    const { result } = JSON.parse(COMETBFT_VECTORS.responses.block ?? "") as { result: { block: object } };
    fuzz("block in JSON", changedJson([JSON.stringify(result.block)]), 150, (text) => {
      let json: unknown;
      try {
        json = JSON.parse(text);
      } catch {
        return;
      }
      try {
        expect(encodeBlock(readBlock(new JsonFields(json, "block"))).length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(ArgumentFault);
      }
    });
  },
  FUZZ_TIMEOUT_MS,
);

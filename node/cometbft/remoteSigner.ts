import { connect, type Socket } from "node:net";
import type { Logger } from "pino";
import type { SignerPort } from "#consensus/engine/ports.ts";
import type { PublicKey } from "#storage/crypto/keys.ts";
import { SignStateError } from "#storage/db/signStateError.ts";
import { StoreError } from "#storage/db/storeError.ts";
import { decodeProposal, encodeProposal } from "#storage/types/proposal.ts";
import { encodePublicKey } from "#storage/types/publicKeyCodec.ts";
import { decodeVote, encodeVote } from "#storage/types/vote.ts";
import { FieldReader, FieldWriter } from "#storage/types/wire.ts";
import { createFrameReader, encodeFrame } from "../network/framing.ts";

/** A vote, a chain id and what stands around them. */
const MAX_MESSAGE_BYTES = 1024;

/** Pause before the socket is tried again, in ms: CometBFT waits three seconds for its signer at its start. */
const REDIAL_MS = 50;

/** Fields of tendermint.privval.Message. */
const PUB_KEY_REQUEST = 1;
const PUB_KEY_RESPONSE = 2;
const SIGN_VOTE_REQUEST = 3;
const SIGNED_VOTE_RESPONSE = 4;
const SIGN_PROPOSAL_REQUEST = 5;
const SIGNED_PROPOSAL_RESPONSE = 6;
const PING_REQUEST = 7;
const PING_RESPONSE = 8;

/** A message's field number in the oneof, and its body. */
type PrivvalMessage = readonly [field: number, body: Uint8Array];

/**
 * Answers what CometBFT asks of its validator's key (privval/types.proto of 0.38; the same in 0.39 and 0.40). The key stays in this process,
 * encrypted at rest, and behind the same sign state as with the embedded engine: it signs nothing twice, whichever engine asks.
 */
export function createPrivvalAnswers(
  signer: SignerPort,
  publicKey: PublicKey,
  chainId: string,
): (bytes: Uint8Array) => Promise<Uint8Array> {
  async function answer([field, body]: PrivvalMessage): Promise<PrivvalMessage> {
    switch (field) {
      case PING_REQUEST:
        return [PING_RESPONSE, new Uint8Array(0)];
      case PUB_KEY_REQUEST:
        return [PUB_KEY_RESPONSE, new FieldWriter().message(1, encodePublicKey(publicKey)).finish()];
      case SIGN_VOTE_REQUEST:
        return [
          SIGNED_VOTE_RESPONSE,
          await signed(body, async (bytes) => {
            const vote = await signer.signVote(decodeVote(bytes));
            return vote && encodeVote(vote);
          }),
        ];
      case SIGN_PROPOSAL_REQUEST:
        return [
          SIGNED_PROPOSAL_RESPONSE,
          await signed(body, async (bytes) => {
            const proposal = await signer.signProposal(decodeProposal(bytes));
            return proposal && encodeProposal(proposal);
          }),
        ];
      default:
        throw new Error(`privval message ${field}`);
    }
  }

  /** {what to sign = 1, chain_id = 2} → {what is signed = 1, error = 2}. */
  async function signed(body: Uint8Array, sign: (bytes: Uint8Array) => Promise<Uint8Array | undefined>) {
    const { content, chain } = readSignRequest(body);
    const refuse = (reason: string) =>
      new FieldWriter()
        .message(1, new Uint8Array(0))
        .message(2, new FieldWriter().int(1, 0).text(2, reason).finish())
        .finish();
    if (chain !== chainId) return refuse(`this key signs for chain ${chainId}`);
    const bytes = await sign(content);
    return bytes === undefined
      ? refuse("refused: this height, round and step was signed already, or a later one")
      : new FieldWriter().message(1, bytes).finish();
  }

  return async (bytes) => {
    const [field, body] = await answer(readMessage(bytes));
    return new FieldWriter().message(field, body).finish();
  };
}

/** Dials the socket at `path`, and again whenever the connection is lost, and answers what is asked over it; the answer ends it. */
export function serveSigner(
  path: string,
  answer: (bytes: Uint8Array) => Promise<Uint8Array>,
  { log, onFatal }: { readonly log: Logger; onFatal(error: unknown): void },
): () => void {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  function dial(): void {
    const dialled = connect(path);
    socket = dialled;
    let turn = Promise.resolve();
    const reader = createFrameReader(MAX_MESSAGE_BYTES, (frame) => {
      turn = turn.then(async () => {
        try {
          const reply = await answer(frame);
          if (!dialled.destroyed) dialled.write(encodeFrame(reply));
        } catch (error) {
          dialled.destroy();
          // A sign state that cannot be written ends the node; a message that cannot be read ends the connection.
          if (error instanceof SignStateError || error instanceof StoreError) onFatal(error);
          else log.warn({ err: (error as Error).message }, "CometBFT asked the signer for something it does not know");
        }
      });
    });
    dialled.on("data", (chunk) => {
      try {
        reader.push(chunk);
      } catch {
        dialled.destroy();
      }
    });
    dialled.on("error", () => dialled.destroy());
    dialled.once("close", () => {
      if (!isStopped) timer = setTimeout(dial, REDIAL_MS);
    });
  }

  dial();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    socket?.destroy();
  };
}

function readMessage(bytes: Uint8Array): PrivvalMessage {
  const fields = new FieldReader("privval", bytes);
  if (!fields.next()) throw new Error("privval message without content");
  return [fields.number, fields.message()];
}

function readSignRequest(body: Uint8Array): { readonly content: Uint8Array; readonly chain: string } {
  let content: Uint8Array = new Uint8Array(0);
  let chain = "";
  const fields = new FieldReader("privval.signRequest", body);
  while (fields.next()) {
    if (fields.number === 1) content = fields.message();
    else if (fields.number === 2) chain = fields.text("privval.chainId", 64);
    else fields.refuse();
  }
  return { content, chain };
}

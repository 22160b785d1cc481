import { join } from "node:path";
import type { Logger } from "pino";
import { AnchorPlan, type PlanChain } from "#bridge/anchorPlan.ts";
import { blockLeafOf, type ExecutedBlock, succeededTxIds } from "#bridge/blockLeaf.ts";
import { type BlockProof, proveBlock, proveTx, type TxProof } from "#bridge/proofs.ts";
import { hashOfStep, nextStepAfter, type RelaySource } from "#bridge/relayer.ts";
import { SignatureLog, signingName } from "#bridge/signatureLog.ts";
import { type AnchorEquivocation, SignaturePool } from "#bridge/signaturePool.ts";
import { signDigest } from "#bridge/signatures.ts";
import { claimOf, decodeClaim, encodeClaim } from "#bridge/signatureWire.ts";
import { type AnchorStep, type BridgeStep, stepDigest, stepName } from "#bridge/steps.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { ethereumAddressOf } from "#storage/types/ethereum.ts";
import type { GossipDecision } from "../mempoolGossip.ts";
import type { LedgerBridge } from "./ledgerBridge.ts";
import { PlanFile } from "./planFile.ts";

export interface BridgeSessionParts {
  /** The node's data folder. */
  readonly data: string;
  readonly chain: PlanChain;
  /** The validator's second key; absent: this node signs nothing. */
  readonly key: PrivateKey | undefined;
  /** Whether the address, 0x and hex, is or was a second key. */
  readonly isSigner: (address: string) => boolean;
  readonly publish: (bytes: Uint8Array) => void;
  readonly onEquivocation: (evidence: AnchorEquivocation) => void;
  readonly log: Logger;
}

/** A step that the contract does not have for good yet, with the signatures this node knows. */
export interface PendingStep {
  readonly step: BridgeStep;
  readonly signatures: readonly Uint8Array[];
}

/** Steps whose signatures are sent again at once: those that the contract needs first, or, where nobody says what it has, the latest. */
const MAX_REPEATED = 64;

/** One bridge from its configuration on: what is planned, signed here and by others, and proved. */
export class BridgeSession {
  readonly bridge: LedgerBridge;
  readonly address: string | undefined;
  readonly #parts: BridgeSessionParts;
  readonly #file: PlanFile;
  readonly #plan: AnchorPlan;
  readonly #pool: SignaturePool;
  readonly #log: SignatureLog | undefined;
  /** Of the steps the contract has for good. */
  #settled: { readonly seq: bigint; readonly nonce: bigint };
  #isContractKnown = false;
  #round = 0;

  private constructor(bridge: LedgerBridge, parts: BridgeSessionParts, file: PlanFile) {
    this.bridge = bridge;
    this.#parts = parts;
    this.#file = file;
    this.#plan = new AnchorPlan(parts.chain, bridge.cadenceMs, file.position);
    this.#settled = { seq: bridge.start.seq, nonce: bridge.start.valsetNonce };
    const { isSigner, onEquivocation, key } = parts;
    const oldest = { seq: bridge.start.seq + 1n, nonce: bridge.start.valsetNonce + 1n };
    this.#pool = new SignaturePool({ domain: bridge.domain, isSigner, onEquivocation }, oldest);
    this.address = key && `0x${Buffer.from(ethereumAddressOf(publicKeyOf(key).bytes)).toString("hex")}`;
    this.#log = key && new SignatureLog(join(parts.data, "bridge-signed"));
  }

  /** @throws BridgeError BRIDGE_SIGNATURE_LOG_DAMAGED */
  static async open(bridge: LedgerBridge, parts: BridgeSessionParts): Promise<BridgeSession> {
    const { chain, data } = parts;
    const path = join(data, "bridge-plan.jsonl");
    const file = await PlanFile.open(path, bridge.name, bridge.start, (number) => chain.set(number));
    return new BridgeSession(bridge, parts, file);
  }

  get steps(): readonly BridgeStep[] {
    return this.#file.steps;
  }

  /** Plans and signs what the blocks so far allow. @throws BridgeError as AnchorPlan.next and SignatureLog.sign */
  async advance(): Promise<void> {
    for (let step = await this.#plan.next(); step !== undefined; step = await this.#plan.next()) {
      this.#file.append(step);
      this.#parts.log.info({ step: stepName(step) }, "Planned for the bridge");
      this.#sign(step, 0);
    }
  }

  /** Signatures that are in memory only, after a start and for those who came late. */
  repeat(): void {
    this.#round += 1;
    const steps = this.#unsettled();
    const due = this.#isContractKnown ? steps.slice(0, MAX_REPEATED) : steps.slice(-MAX_REPEATED);
    for (const step of due) this.#sign(step, this.#round);
  }

  receive(bytes: Uint8Array): GossipDecision {
    const decoded = decodeClaim(bytes);
    if (decoded === undefined) return "reject";
    switch (this.#pool.add(decoded.claim)) {
      case "new":
        return "accept";
      case "known":
        // Sent again for those who have not got it; this node's neighbours may be among them.
        return decoded.round > 0 ? "accept" : "ignore";
      case "outside":
        return "ignore";
      case "refused":
        // A key that was bound a moment ago may not be known here yet.
        return "ignore";
    }
  }

  pending(): readonly PendingStep[] {
    return this.#unsettled().map((step) => ({ step, signatures: this.#signatures(step) }));
  }

  /** For a relayer of this node, and for whoever watches the contract. */
  source(): RelaySource {
    return {
      after: async (state) => nextStepAfter(this.steps, state),
      anchorHash: async (seq) => hashOfStep(this.steps, seq),
      signatures: async (step) => this.#signatures(step),
      confirmed: ({ seq, valsetNonce }) => {
        this.#settled = { seq, nonce: valsetNonce };
        this.#isContractKnown = true;
        this.#pool.forget({ seq: seq + 1n, nonce: valsetNonce + 1n });
      },
    };
  }

  /** Undefined where no anchor has the height yet. @throws BridgeError BRIDGE_BLOCK_ABSENT */
  async proveBlock(height: number): Promise<BlockProof | undefined> {
    const step = this.#anchorOf(height);
    if (step === undefined) return undefined;
    const { fromHeight, toHeight } = step.anchor;
    const leaves = [];
    for (let at = fromHeight; at <= toHeight; at += 1) leaves.push(blockLeafOf(await this.#block(at)));
    return proveBlock(step.anchor, leaves, height);
  }

  /** As proveBlock. @throws BridgeError BRIDGE_TX_ABSENT for one that failed */
  async proveTx(height: number, txId: Uint8Array): Promise<TxProof | undefined> {
    const blockProof = await this.proveBlock(height);
    return blockProof && proveTx(blockProof, succeededTxIds(await this.#block(height)), txId);
  }

  close(): void {
    this.#log?.close();
  }

  #sign(step: BridgeStep, round: number): void {
    const { key, publish } = this.#parts;
    const isMember = step.set.members.some(({ address }) => address === this.address);
    if (key === undefined || this.#log === undefined || !isMember) return;
    const { domain } = this.bridge;
    const digest = stepDigest(domain, step);
    const signature = this.#log.sign(signingName(stepName(step), domain), digest, () => signDigest(key.bytes, digest));
    const claim = claimOf(domain, step, signature);
    this.#pool.add(claim);
    publish(encodeClaim(claim, round));
  }

  #signatures(step: BridgeStep): readonly Uint8Array[] {
    return this.#pool.signatures(step, stepDigest(this.bridge.domain, step));
  }

  #unsettled(): readonly BridgeStep[] {
    const { seq, nonce } = this.#settled;
    return this.steps.filter((step) => (step.kind === "anchor" ? step.anchor.seq > seq : step.nonce > nonce));
  }

  #anchorOf(height: number): AnchorStep | undefined {
    const isOf = (step: BridgeStep): step is AnchorStep =>
      step.kind === "anchor" && step.anchor.fromHeight <= height && height <= step.anchor.toHeight;
    return this.steps.find(isOf);
  }

  async #block(height: number): Promise<ExecutedBlock> {
    const block = await this.#parts.chain.block(height);
    if (block === undefined) throw new Error(`block ${height} is not kept here any more`);
    return block;
  }
}

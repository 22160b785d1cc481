import { join } from "node:path";
import type { Logger } from "pino";
import { AnchorPlan, type PlanChain, type PlanPosition } from "#bridge/anchorPlan.ts";
import { BridgeError } from "#bridge/bridgeError.ts";
import { hashOfStep, nextStepAfter, type RelaySource } from "#bridge/relayer.ts";
import { SignatureLog, signingName } from "#bridge/signatureLog.ts";
import { type Equivocation, SignaturePool } from "#bridge/signaturePool.ts";
import { signDigest } from "#bridge/signatures.ts";
import { claimOf, decodeClaim, encodeClaim } from "#bridge/signatureWire.ts";
import { type AnchorStep, type BridgeStep, stepDigest, stepName } from "#bridge/steps.ts";
import type { KeptState } from "#consensus/application/queryTypes.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { ethereumAddressOf } from "#storage/types/ethereum.ts";
import type { GossipDecision } from "../mempoolGossip.ts";
import { anchorToAdopt } from "./adoptAnchor.ts";
import { AnchorProofs } from "./anchorProofs.ts";
import type { LedgerBridge } from "./ledgerBridge.ts";
import { PlanFile } from "./planFile.ts";

export interface BridgeSessionParts {
  /** The node's data folder. */
  readonly data: string;
  readonly chain: PlanChain;
  /** The state after this block, while the application has it. */
  readonly keepState: (height: number) => KeptState | undefined;
  /** The validator's second key; absent: this node signs nothing. */
  readonly key: PrivateKey | undefined;
  /** Whether the address, 0x and hex, is or was a second key. */
  readonly isSigner: (address: string) => boolean;
  readonly publish: (bytes: Uint8Array) => void;
  readonly onEquivocation: (evidence: Equivocation) => void;
  readonly log: Logger;
}

/** A step that the contract does not have for good yet, with the signatures this node knows. */
export interface PendingStep {
  readonly step: BridgeStep;
  readonly signatures: readonly Uint8Array[];
}

/** Steps whose signatures are sent again, or shown, at once: those that the contract needs first, or, where nobody says what it has, the latest. */
const MAX_REPEATED = 64;

/** One bridge from its configuration on: what is planned, signed here and by others, and proved. */
export class BridgeSession {
  readonly bridge: LedgerBridge;
  readonly address: string | undefined;
  readonly #parts: BridgeSessionParts;
  readonly #file: PlanFile;
  #plan: AnchorPlan;
  readonly #pool: SignaturePool;
  readonly #log: SignatureLog | undefined;
  readonly proofs: AnchorProofs;
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
    this.#pool = new SignaturePool(
      { domain: bridge.domain, isSigner, onEquivocation, nowMs: () => performance.now() },
      oldest,
    );
    this.address = key && `0x${Buffer.from(ethereumAddressOf(publicKeyOf(key).bytes)).toString("hex")}`;
    this.proofs = new AnchorProofs(parts, (height) => this.#anchorOf(height));
    this.#log = key && new SignatureLog(join(parts.data, "bridge-signed"));
  }

  /** @throws BridgeError BRIDGE_SIGNATURE_LOG_DAMAGED */
  static async open(bridge: LedgerBridge, parts: BridgeSessionParts): Promise<BridgeSession> {
    const { chain, data, log } = parts;
    const path = join(data, "bridge-plan.jsonl");
    const file = await PlanFile.open(path, bridge.name, bridge.start, (number) => chain.set(number));
    if (file.damagedLine !== undefined)
      log.warn({ path, line: file.damagedLine }, "The plan of the bridge was damaged: it is planned again from there");
    return new BridgeSession(bridge, parts, file);
  }

  /** Behind the last step that was planned. */
  get position(): PlanPosition {
    return this.#file.position;
  }

  get steps(): readonly BridgeStep[] {
    return this.#file.steps;
  }

  /**
   * Plans and signs what the blocks so far allow. Where they are not kept here any more it goes on behind an anchor that more than two thirds have signed.
   * @throws BridgeError as AnchorPlan.next and SignatureLog.sign
   */
  async advance(): Promise<void> {
    try {
      await this.#advance();
    } catch (error) {
      if (!(error instanceof BridgeError) || error.code !== "BRIDGE_BLOCK_ABSENT") throw error;
      const { chain, log } = this.#parts;
      const adopted = await anchorToAdopt(chain, this.#file.position, this.#pool.signedAnchors());
      if (adopted === undefined) throw error;
      this.#file.adopt(adopted);
      log.warn(
        { seq: `${adopted.anchor.seq}` },
        "Older blocks are not kept here: the bridge is followed from this anchor on",
      );
      this.#plan = new AnchorPlan(chain, this.bridge.cadenceMs, this.#file.position);
      await this.#advance();
    }
  }

  async #advance(): Promise<void> {
    for (let step = await this.#plan.next(); step !== undefined; step = await this.#plan.next()) {
      this.#file.append(step);
      if (step.kind === "anchor") this.proofs.planned(step.anchor, this.#plan.lastLeaves);
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
      case "again":
        // Sent again for those who have not got it; this node's neighbours may be among them.
        return decoded.round > 0 ? "accept" : "ignore";
      case "known":
      case "outside":
        return "ignore";
      case "refused":
        // A key that was bound a moment ago may not be known here yet.
        return "ignore";
    }
  }

  /** How many steps the contract does not have for good. */
  get pendingCount(): number {
    return this.#unsettled().length;
  }

  /** From these numbers on, or from the first that the contract does not have for good; MAX_REPEATED at most. */
  pending(from?: { readonly seq: bigint; readonly nonce: bigint }): readonly PendingStep[] {
    const steps = from === undefined ? this.#unsettled() : this.#from(from);
    return steps.slice(0, MAX_REPEATED).map((step) => ({ step, signatures: this.#signatures(step) }));
  }

  /** For a relayer of this node, and for whoever watches the contract. */
  source(): RelaySource {
    return {
      after: async (state) => nextStepAfter(this.steps, state),
      anchorHash: async (seq) => hashOfStep(this.steps, seq),
      signatures: async (step) => this.#signatures(step),
      confirmed: ({ seq, valsetNonce }) => {
        // More than was ever planned: this node is behind, or the Ethereum node lies. What is signed here is not given up for that.
        const { position } = this.#file;
        if (seq > position.seq || valsetNonce > position.valsetNonce) return;
        this.#settled = { seq, nonce: valsetNonce };
        this.#isContractKnown = true;
        this.#pool.forget({ seq: seq + 1n, nonce: valsetNonce + 1n });
      },
    };
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
    const claim = claimOf(step, signature);
    this.#pool.add(claim);
    publish(encodeClaim(claim, round));
  }

  #signatures(step: BridgeStep): readonly Uint8Array[] {
    return this.#pool.signatures(step, stepDigest(this.bridge.domain, step));
  }

  #unsettled(): readonly BridgeStep[] {
    const { seq, nonce } = this.#settled;
    return this.#from({ seq: seq + 1n, nonce: nonce + 1n });
  }

  #from({ seq, nonce }: { readonly seq: bigint; readonly nonce: bigint }): readonly BridgeStep[] {
    return this.steps.filter((step) => (step.kind === "anchor" ? step.anchor.seq >= seq : step.nonce >= nonce));
  }

  #anchorOf(height: number): AnchorStep | undefined {
    const isOf = (step: BridgeStep): step is AnchorStep =>
      step.kind === "anchor" && step.anchor.fromHeight <= height && height <= step.anchor.toHeight;
    return this.steps.find(isOf);
  }
}

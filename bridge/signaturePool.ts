import { signerOf } from "./signatures.ts";
import type { SignatureClaim } from "./signatureWire.ts";
import { type BridgeStep, stepName } from "./steps.ts";
import { type Anchor, anchorDigest, type BridgeDomain, rotationDigest } from "./typedData.ts";

/** Two different anchors, or two different rotations, of one number by one second key. */
export interface Equivocation {
  /** 0x and hex. */
  readonly signer: string;
  readonly first: SignatureClaim;
  readonly second: SignatureClaim;
}

export interface SignaturePoolOptions {
  readonly domain: BridgeDomain;
  /** Whether the address, 0x and hex, is or was a validator's second key: others' signatures are rubbish. */
  readonly isSigner: (address: string) => boolean;
  readonly onEquivocation: (evidence: Equivocation) => void;
  readonly nowMs: () => number;
  /** Signatures kept of one key, 4096 unless told otherwise: validators are known, and may be malicious. */
  readonly maxPerSigner?: number;
}

/** Only `new` and `again` are sent on; `again`: known, and long enough since it was sent on before. */
export type PoolVerdict = "new" | "again" | "known" | "outside" | "refused";

/**
 * Between two times that one signature is sent on, in ms: less than its validator lets pass, so that each round reaches everybody; and without it one signature under
 * ever other rounds would be passed on by everybody for as long as somebody sends it.
 */
export const PASS_ON_MS = 5000;

const DEFAULT_MAX_PER_SIGNER = 4096;

interface Held {
  readonly claim: SignatureClaim;
  readonly digest: string;
  passedMs: number;
}

interface StepSignatures {
  readonly bySigner: Map<string, Held[]>;
  /** By digest and signature: what is sent again is not looked at again. */
  readonly known: Map<string, Held>;
}

/**
 * Signatures of the steps that the contract does not have yet, in memory: validators send theirs again until it has them. Of one validator and name it
 * keeps the first two that differ: they are evidence.
 */
export class SignaturePool {
  readonly #options: SignaturePoolOptions;
  /** By step. */
  readonly #held = new Map<string, StepSignatures>();
  readonly #counts = new Map<string, number>();
  #oldestSeq: bigint;
  #oldestNonce: bigint;

  constructor(options: SignaturePoolOptions, oldest: { readonly seq: bigint; readonly nonce: bigint }) {
    this.#options = options;
    this.#oldestSeq = oldest.seq;
    this.#oldestNonce = oldest.nonce;
  }

  add(claim: SignatureClaim): PoolVerdict {
    const { domain } = this.#options;
    const isAnchor = claim.kind === "anchor";
    const number = isAnchor ? claim.anchor.seq : claim.rotation.nonce;
    const oldest = isAnchor ? this.#oldestSeq : this.#oldestNonce;
    if (number < oldest) return "outside";
    const digest = isAnchor ? anchorDigest(domain, claim.anchor) : rotationDigest(domain, claim.rotation);
    const name = `${claim.kind} ${number}`;
    const key = digest + Buffer.from(claim.signature).toString("hex");
    const known = this.#held.get(name)?.known.get(key);
    if (known !== undefined) return this.#isDue(known) ? "again" : "known";
    const signer = signerOf(digest, claim.signature);
    if (signer === undefined || !this.#options.isSigner(signer)) return "refused";
    const count = this.#counts.get(signer) ?? 0;
    if (count >= (this.#options.maxPerSigner ?? DEFAULT_MAX_PER_SIGNER)) return "outside";
    const ofStep = this.#held.get(name) ?? { bySigner: new Map<string, Held[]>(), known: new Map<string, Held>() };
    this.#held.set(name, ofStep);
    const before = ofStep.bySigner.get(signer) ?? [];
    if (before.length > 1 || before.some((held) => held.digest === digest)) return "known";
    const held = { claim, digest, passedMs: this.#options.nowMs() };
    ofStep.bySigner.set(signer, [...before, held]);
    ofStep.known.set(key, held);
    this.#counts.set(signer, count + 1);
    const [first] = before;
    if (first !== undefined) this.#options.onEquivocation({ signer, first: first.claim, second: claim });
    return "new";
  }

  #isDue(held: Held): boolean {
    const now = this.#options.nowMs();
    if (now - held.passedMs < PASS_ON_MS) return false;
    held.passedMs = now;
    return true;
  }

  /** Every anchor that somebody has signed, with the addresses of those who have. */
  signedAnchors(): readonly { readonly anchor: Anchor; readonly signers: readonly string[] }[] {
    const found = new Map<string, { readonly anchor: Anchor; readonly signers: string[] }>();
    for (const { bySigner } of this.#held.values())
      for (const [signer, helds] of bySigner)
        for (const { claim, digest } of helds) {
          if (claim.kind !== "anchor") continue;
          const { signers } = found.get(digest) ?? { signers: [] };
          found.set(digest, { anchor: claim.anchor, signers: [...signers, signer] });
        }
    return [...found.values()];
  }

  /** Of this very step. */
  signatures(step: BridgeStep, digest: string): readonly Uint8Array[] {
    const ofStep = this.#held.get(stepName(step));
    if (ofStep === undefined) return [];
    return [...ofStep.bySigner.values()].flatMap((helds) =>
      helds.filter((held) => held.digest === digest).map(({ claim }) => claim.signature),
    );
  }

  /**
   * The contract has everything below for good. When an Ethereum node has said so and it was not true, or a reorganisation was deeper than the margin, the numbers go back
   * again: what was forgotten is sent again by those who signed it.
   */
  forget({ seq, nonce }: { readonly seq: bigint; readonly nonce: bigint }): void {
    this.#oldestSeq = seq;
    this.#oldestNonce = nonce;
    for (const [name, { bySigner }] of this.#held) {
      const [kind, number] = name.split(" ");
      if (BigInt(number ?? 0) >= (kind === "anchor" ? this.#oldestSeq : this.#oldestNonce)) continue;
      this.#held.delete(name);
      for (const [signer, helds] of bySigner) this.#counts.set(signer, (this.#counts.get(signer) ?? 0) - helds.length);
    }
  }

  get size(): number {
    let size = 0;
    for (const ofStep of this.#held.values()) size += ofStep.bySigner.size;
    return size;
  }
}

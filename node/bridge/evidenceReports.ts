import type { Logger } from "pino";
import type { Equivocation } from "#bridge/signaturePool.ts";
import type { BridgeVotes } from "./bridgeVotes.ts";

/**
 * What this node has seen of validators that signed two things of one number, until the ledger has punished them: one transaction may be lost, refused because
 * another was before it in its account's order, or come while the ledger stands.
 */
export class EvidenceReports {
  readonly #votes: Pick<BridgeVotes, "report"> | undefined;
  readonly #log: Logger;
  /** By signer: one is enough to exclude it. */
  readonly #waiting = new Map<string, Equivocation>();

  /** votes: of a validator; another node can only say what it has seen in its log. */
  constructor(votes: Pick<BridgeVotes, "report"> | undefined, log: Logger) {
    this.#votes = votes;
    this.#log = log;
  }

  add(evidence: Equivocation): void {
    const { signer, first } = evidence;
    const number = first.kind === "anchor" ? first.anchor.seq : first.rotation.nonce;
    this.#log.error({ signer, kind: first.kind, number: `${number}` }, "A validator has signed two of one number");
    if (this.#votes !== undefined && !this.#waiting.has(signer)) this.#waiting.set(signer, evidence);
  }

  /** Tells the ledger of each. Never rejects: what was not taken is told again the next time. */
  async send(): Promise<void> {
    for (const [signer, evidence] of this.#waiting)
      try {
        if ((await this.#votes?.report(evidence)) === "settled") this.#waiting.delete(signer);
      } catch (err) {
        this.#log.warn({ err, signer }, "The evidence was not taken");
      }
  }

  get waiting(): number {
    return this.#waiting.size;
  }
}

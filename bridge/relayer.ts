import { Bridge } from "#contracts/abi/Bridge.ts";
import type { BridgeClient, BridgeState } from "./evm/bridgeClient.ts";
import { bundleSignatures } from "./signatures.ts";
import { type BridgeStep, stepDigest, stepName } from "./steps.ts";
import { anchorHash, type BridgeDomain } from "./typedData.ts";
import { encodeValset, isQuorum, totalPower, valsetHash } from "./valset.ts";

/** What is to be relayed, as this node or the one it asks has planned it. */
export interface RelaySource {
  /** The step that follows what the contract has; undefined: there is none yet. */
  after(state: BridgeState): Promise<BridgeStep | undefined>;
  /** What the ledger says of an anchor the contract has: its hash, or undefined where that is not known here. */
  anchorHash(seq: bigint): Promise<string | undefined>;
  signatures(step: BridgeStep): Promise<readonly Uint8Array[]>;
  /** The contract has this for good: no reorganisation within the margin takes it back. */
  confirmed(state: BridgeState): void;
}

export interface RelayerOptions {
  readonly domain: BridgeDomain;
  /** Ethereum blocks above one that count it as settled. */
  readonly reorgMargin: number;
  /** Wei a unit of gas; above it nothing is sent. */
  readonly maxFeePerGas: bigint;
  /** After so long without being mined a transaction is sent again with a higher fee, in ms. */
  readonly bumpAfterMs: number;
  readonly nowMs: () => number;
}

/**
 * What the relayer does or why it does nothing:
 * idle: the contract has everything; waitingForSignatures; sent; pending: sent, not mined yet; waitingForContract: the contract does not take it yet (`detail`)
 * frozen; disagrees: the contract has what the ledger has not, or this Ethereum node lies; wrongChain; noFunds; feesTooHigh; unreachable
 */
export const RELAY_STATES = [
  "idle",
  "waitingForSignatures",
  "sent",
  "pending",
  "waitingForContract",
  "frozen",
  "disagrees",
  "wrongChain",
  "noFunds",
  "feesTooHigh",
  "unreachable",
] as const;

export interface RelayReport {
  readonly state: (typeof RELAY_STATES)[number];
  readonly detail: string;
  /** What the contract has, where it could be asked. */
  readonly head: BridgeState | undefined;
  readonly balanceWei: bigint | undefined;
  /** Of the last transaction sent. */
  readonly txHash: string | undefined;
}

interface Sent {
  readonly nonce: number;
  readonly name: string;
  readonly hash: string;
  readonly maxFeePerGas: bigint;
  readonly tip: bigint;
  readonly atMs: number;
}

/**
 * Carries signed steps to the contract, one at a time. It keeps nothing: where it stands is what the contract says, the nonce is what Ethereum says, and the contract takes a step
 * once. So it may be killed at any moment, run twice, or run by anybody; at worst a transaction is mined that is refused. When a reorganisation takes a step back, the contract's
 * head is lower and the step is sent again.
 */
export class Relayer {
  readonly #client: BridgeClient;
  readonly #source: RelaySource;
  readonly #options: RelayerOptions;
  #sent: Sent | undefined;
  #balanceWei: bigint | undefined;
  #head: BridgeState | undefined;

  constructor(client: BridgeClient, source: RelaySource, options: RelayerOptions) {
    this.#client = client;
    this.#source = source;
    this.#options = options;
  }

  /** Looks, and sends at most one transaction. Never throws for what Ethereum says or does not say. */
  async tick(): Promise<RelayReport> {
    try {
      return await this.#tick();
    } catch (error) {
      return this.#report("unreachable", messageOf(error));
    }
  }

  async #tick(): Promise<RelayReport> {
    const { domain, reorgMargin } = this.#options;
    const chainId = await this.#client.chainId();
    if (chainId !== domain.chainId) return this.#report("wrongChain", `chain ${chainId}, not ${domain.chainId}`);
    const head = await this.#client.state("latest");
    this.#head = head;
    const expected = await this.#source.anchorHash(head.seq);
    if (expected !== undefined && (await this.#client.anchorHash(head.seq)) !== expected)
      return this.#report("disagrees", `anchor ${head.seq} is not the ledger's`);
    const settled = await this.#client.state((await this.#client.blockNumber()) - reorgMargin);
    if (settled !== undefined) this.#source.confirmed(settled);
    if (head.frozen) return this.#report("frozen", "validators have stopped the bridge");

    const step = await this.#source.after(head);
    if (step === undefined) return this.#report("idle", "");
    if (valsetHash(step.set.members) !== head.valsetHash)
      return this.#report("disagrees", `the contract's validators are not bridge set ${step.set.number}`);
    const digest = stepDigest(domain, step);
    const bundle = bundleSignatures(step.set.members, digest, await this.#source.signatures(step), isQuorum);
    const total = totalPower(step.set.members);
    if (!isQuorum(bundle.power, total))
      return this.#report("waitingForSignatures", `${stepName(step)}: power ${bundle.power} of ${total}`);
    return this.#send(step, callData(step, bundle));
  }

  async #send(step: BridgeStep, data: string): Promise<RelayReport> {
    const { nowMs, bumpAfterMs, maxFeePerGas: cap } = this.#options;
    const preflight = await this.#client.preflight(data);
    const nonce = await this.#client.nonce();
    const before = this.#sent?.nonce === nonce && this.#sent.name === stepName(step) ? this.#sent : undefined;
    if ("refused" in preflight) {
      // The next block holds it: upon that it would come twice.
      if (before !== undefined) return this.#report("pending", `${before.name}: ${before.hash}`);
      return this.#report("waitingForContract", `${stepName(step)}: ${preflight.refused}`);
    }
    if (before !== undefined && nowMs() - before.atMs < bumpAfterMs)
      return this.#report("pending", `${before.name}: ${before.hash}`);

    const fees = await this.#client.fees();
    // A replacement must offer more than the one it replaces: 12.5 % is what nodes ask for.
    const raised = (fee: bigint, now: bigint) => ((fee * 5n) / 4n > now ? (fee * 5n) / 4n + 1n : now);
    let tip = raised(before?.tip ?? 0n, fees.tip);
    let maxFeePerGas = raised(before?.maxFeePerGas ?? 0n, 2n * fees.baseFee + tip);
    for (;;) {
      if (maxFeePerGas > cap) return this.#report("feesTooHigh", `${maxFeePerGas} wei a unit of gas, at most ${cap}`);
      const gasLimit = preflight.gas + preflight.gas / 5n;
      this.#balanceWei = await this.#client.balance();
      const cost = gasLimit * maxFeePerGas;
      if (this.#balanceWei < cost) return this.#report("noFunds", `${this.#balanceWei} wei, and it may cost ${cost}`);
      const outcome = await this.#client.send({ data, nonce, gasLimit, maxFeePerGas, tip });
      if ("hash" in outcome) {
        const { hash } = outcome;
        this.#sent = { nonce, name: stepName(step), hash, maxFeePerGas, tip, atMs: nowMs() };
        return this.#report("sent", `${stepName(step)}: ${hash}`);
      }
      if (outcome.refused === "known") return this.#report("pending", `${stepName(step)}: sent before`);
      if (outcome.refused === "nonceUsed") return this.#report("pending", `nonce ${nonce} was used meanwhile`);
      if (outcome.refused === "noFunds") return this.#report("noFunds", `${this.#balanceWei} wei`);
      // Whoever was killed has left one with this nonce behind, at a fee that is not known any more.
      tip = raised(tip, fees.tip);
      maxFeePerGas = raised(maxFeePerGas, fees.baseFee);
    }
  }

  #report(state: RelayReport["state"], detail: string): RelayReport {
    return { state, detail, head: this.#head, balanceWei: this.#balanceWei, txHash: this.#sent?.hash };
  }
}

function callData(step: BridgeStep, bundle: { readonly signers: bigint; readonly signatures: Uint8Array }): string {
  const { signers, signatures } = bundle;
  const valset = encodeValset(step.set.members);
  if (step.kind === "anchor")
    return Bridge.interface.encodeFunctionData("submitAnchor", [step.anchor, valset, signers, signatures]);
  const { nonce, effectiveHeight, next } = step;
  const set = encodeValset(next.members);
  return Bridge.interface.encodeFunctionData("updateValset", [
    nonce,
    effectiveHeight,
    set,
    valset,
    signers,
    signatures,
  ]);
}

/** For a relayer that holds its steps in memory: those behind the contract's head, and the hashes of the ones before. */
export function nextStepAfter(steps: readonly BridgeStep[], state: BridgeState): BridgeStep | undefined {
  return steps.find((step) =>
    step.kind === "anchor"
      ? step.anchor.seq === state.seq + 1n && step.anchor.valsetNonce === state.valsetNonce
      : step.nonce === state.valsetNonce + 1n && step.effectiveHeight === state.toHeight + 1,
  );
}

export function hashOfStep(steps: readonly BridgeStep[], seq: bigint): string | undefined {
  const found = steps.find((step) => step.kind === "anchor" && step.anchor.seq === seq);
  return found?.kind === "anchor" ? anchorHash(found.anchor) : undefined;
}

function messageOf(error: unknown): string {
  const short = (error as { readonly shortMessage?: unknown } | null)?.shortMessage;
  return String(typeof short === "string" ? short : error instanceof Error ? error.message : error).slice(0, 200);
}

import { verifyStateAnswer } from "#consensus/application/appHash.ts";
import { createLightClient, type LightProvider, type TrustRoot } from "#consensus/light/lightClient.ts";
import { addressOf } from "#storage/crypto/keys.ts";
import { LedgerError } from "#storage/error.ts";
import { MAX_VALIDATORS } from "#storage/limits.ts";
import { hashHeader } from "#storage/types/header.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import { commitFromJson, Fields, headerFromJson, invalid, ProofFieldError } from "#storage/types/proofFileJson.ts";
import type { Validator, ValidatorSet } from "#storage/types/validatorSet.ts";
import type { Proofs } from "../light/proofs.ts";

/** A full node's REST API, GET under /ledger/v1. */
export type RestGet = <T>(path: string) => Promise<T>;

export type LedgerAuditErrorDetails =
  /** A full node's answer is none, or does not hold. */
  | { readonly code: "AUDIT_NODE_MALFORMED"; readonly what: string; readonly reason: string }
  /** A full node's answer does not hold: ask another one. */
  | { readonly code: "AUDIT_NODE_LIES"; readonly what: string; readonly reason: string };

export class LedgerAuditError extends LedgerError<LedgerAuditErrorDetails> {}

/** Where trust begins: a block named from outside, or the validators of the genesis file. */
export type AuditTrust = TrustRoot | { readonly genesisValidatorsHash: Uint8Array; readonly initialHeight: number };

/**
 * State records of a full node that is not believed: a light client follows its chain from what is trusted, and every record is proved under
 * a header it verified.
 * @throws LightError from the first call; LedgerAuditError
 */
export function createRestProofs(
  get: RestGet,
  about: {
    readonly chainId: string;
    readonly trust: AuditTrust;
    readonly trustingPeriodMs: number;
    readonly nowMs: () => number;
  },
): Pick<Proofs, "state"> {
  const { chainId, trust, trustingPeriodMs, nowMs } = about;
  const provider = restProvider(get);
  const client = createLightClient(
    {
      chainId,
      rules: { trustingPeriodMs, maxClockDriftMs: 10_000, trustLevel: { numerator: 1, denominator: 3 } },
      mode: "skipping",
      minWitnesses: 0,
      maxSteps: 10_000,
    },
    {
      primary: provider,
      witnesses: [],
      loadTrusted: async () => undefined,
      saveTrusted: async () => undefined,
      loadHeader: async () => undefined,
      saveHeader: async () => undefined,
      onFaultyProvider: () => undefined,
      nowMs,
    },
  );
  let started: Promise<unknown> | undefined;

  async function start(): Promise<void> {
    if ("hash" in trust) return void (await client.initialise(trust));
    const height = trust.initialHeight;
    const { header } = (await provider.fetchLightBlock(height)).signedHeader;
    if (Buffer.compare(header.validatorsHash, trust.genesisValidatorsHash) !== 0)
      throw lie(`block ${height}`, "it is not of the validators in genesis.json");
    await client.initialise({ height, hash: hashHeader(header) });
  }

  return {
    async state(path, data, key) {
      started ??= start();
      await started;
      const { header } = (await client.update()).signedHeader;
      // The app hash after block h stands in the header of h + 1.
      const height = header.height - 1;
      if (height < 1) return undefined;
      const query = `path=${encodeURIComponent(path)}&data=${Buffer.from(data).toString("hex")}&height=${height}&prove=true`;
      const answer = await get<{ value: string; proof: string }>(`/state?${query}`);
      const bytes = (text: unknown) => new Uint8Array(Buffer.from(typeof text === "string" ? text : "", "base64"));
      const value = bytes(answer.value);
      const verdict = verifyStateAnswer(
        header.appHash,
        key,
        value.length === 0 ? undefined : value,
        bytes(answer.proof),
      );
      if (!verdict.accepted) throw lie(`state ${Buffer.from(key).toString()}`, `${verdict.code}: ${verdict.reason}`);
      return { value: value.length === 0 ? undefined : value, height };
    },
  };
}

export function lie(what: string, reason: string): LedgerAuditError {
  return new LedgerAuditError({ code: "AUDIT_NODE_LIES", what, reason });
}

function restProvider(get: RestGet): LightProvider {
  return {
    name: "full node",
    async fetchLightBlock(height) {
      const at = height === 0 ? (await get<{ height: number }>("/status")).height : height;
      return lightBlockFromJson(await get(`/light-blocks/${at}`), at);
    },
  };
}

/** As node/api/json.ts writes it. @throws LedgerAuditError AUDIT_NODE_MALFORMED */
export function lightBlockFromJson(json: unknown, height: number): LightBlock {
  try {
    const block = new Fields(json, "lightBlock");
    const signed = block.object("signedHeader");
    const header = headerFromJson(signed.object("header"));
    if (header.height !== height) throw invalid("height", String(height));
    return {
      signedHeader: { header, commit: commitFromJson(signed.object("commit")) },
      validatorSet: validatorSetFromJson(block.object("validatorSet")),
    };
  } catch (error) {
    if (!(error instanceof ProofFieldError)) throw error;
    const { field, expected } = error.details;
    const reason = `${field} must be ${expected}`;
    throw new LedgerAuditError({ code: "AUDIT_NODE_MALFORMED", what: `light block ${height}`, reason });
  }
}

function validatorSetFromJson(set: Fields): ValidatorSet {
  const validators = set.list("validators", 1, MAX_VALIDATORS).map((each): Validator => {
    const key = each.object("publicKey");
    const type = key.text("type");
    if (type !== "ed25519" && type !== "secp256k1") throw invalid("type", "ed25519 or secp256k1");
    const publicKey = { type, bytes: key.hex("bytes", type === "ed25519" ? 32 : 33) } as const;
    // No hash covers priorities, and nothing here depends on them.
    return { address: addressOf(publicKey), publicKey, votingPower: each.decimal("votingPower"), proposerPriority: 0n };
  });
  const totalVotingPower = validators.reduce((sum, { votingPower }) => sum + votingPower, 0n);
  return { validators, proposer: validators[0] as Validator, totalVotingPower };
}

import { hexlify, SigningKey, ZeroAddress } from "ethers";
import { type BaselineProof, checkBaseline } from "#bridge/baseline.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { Flexibility, type RequestOutput } from "#contracts/abi/Flexibility.ts";
import { FlexibilityPosition } from "#contracts/abi/FlexibilityPosition.ts";
import { FlexibilityToken } from "#contracts/abi/FlexibilityToken.ts";
import { LedgerReader } from "#contracts/abi/LedgerReader.ts";
import { cliError } from "../../cli/cliError.ts";
import { formatMoney } from "../../cli/money.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { action } from "../action.ts";
import { optional, ownUnlessGiven } from "../param.ts";
import { address, bytes, energy, money } from "../parsers.ts";
import { baseline, positionId, requestId, share } from "./flexibilityParams.ts";

const MWH_PER_KWH = 1_000_000n;

/** A record of the ledger's state as `/bridge/proofs/state` answers it; `proof` is for the contract's call. */
interface ProvedRecord {
  readonly value: string;
  readonly proof: never;
}

export const accept = action({
  name: "accept",
  about: "As the meter's owner: promise energy of each interval, and leave the bond",
  example: "1 --baseline meter.json --energy 300Wh",
  contract: Flexibility,
  others: [FlexibilityToken, FlexibilityPosition, LedgerReader, Bridge],
  isProved: true,
  params: {
    id: requestId,
    baseline: baseline("the meter's baseline as the requester gave it (`flexibility baseline check` reads it)"),
    energy: energy("how much less, or more, of each interval, for example 300Wh"),
    publicKey: ownUnlessGiven(
      bytes("public key of the account, compressed: the meter's owner on the ledger has the same", 33),
      ({ publicKey }) => publicKey,
    ),
    aggregator: optional(address("through whom: an aggregator's Ethereum address")),
    share: optional(share),
    bondTokens: optional(money("this much of the bond in tokens, which `flexibility allow` must have allowed")),
  },
  places: ["id"],
  async prepare(context, { id, baseline: made, energy: energyMwh, publicKey, bondTokens = 0n, ...through }) {
    const flexibility = context.at(Flexibility);
    const asked = await flexibility.requestOf(id);
    requireSameEvent(made, asked);
    const data = Buffer.from(made.meterId, "utf8").toString("hex");
    const certificate = await context.proof<ProvedRecord>(`/bridge/proofs/state?path=%2Fedream%2Fmeter&data=${data}`);
    const bond = bondOf(energyMwh, asked);
    return flexibility.accept.populateTransaction(
      {
        ...{ requestId: id, meterId: made.meterId, energyMwh, ...pointOf(publicKey) },
        ...{ aggregator: through.aggregator ?? ZeroAddress, aggregatorBps: through.share ?? 0 },
        ...{ meterRecord: certificate.value, meterProof: certificate.proof, baselines: [...made.baselinesMwh] },
        ...{
          baselineSalt: hexlify(made.salt),
          baselineIndex: made.index,
          baselinePath: made.path.map((hash) => hexlify(hash)),
        },
      },
      { value: bond > bondTokens ? bond - bondTokens : 0n },
    );
  },
  outcome({ logs }) {
    const made = Flexibility.events(logs, "Accepted")[0];
    const {
      positionId: id = 0n,
      requestId: request = 0n,
      meterId = "",
      energyMwh = 0n,
      reserved = 0n,
      bond = 0n,
    } = made ?? {};
    const json = { positionId: `${id}`, requestId: `${request}`, meterId, energyMwh: `${energyMwh}` };
    return {
      json: { ...json, incentiveWei: `${reserved}`, bondWei: `${bond}`, aggregator: made?.aggregator ?? ZeroAddress },
      text: [
        ["contract", json.positionId],
        ["meter", meterId],
        ["promised", `${formatEnergy(energyMwh)} of each interval`],
        ["incentive at most", formatMoney(reserved)],
        ["bond", formatMoney(bond)],
        ["aggregator", made === undefined || BigInt(made.aggregator) === 0n ? undefined : made.aggregator],
      ],
    };
  },
});

export const optOut = action({
  name: "opt-out",
  about:
    "As the holder: leave a contract before the cut-off, and have the bond back; of a cancelled request anybody may",
  example: "1",
  contract: Flexibility,
  params: { id: positionId },
  places: ["id"],
  prepare: ({ at }, { id }) => at(Flexibility).optOut.populateTransaction(id),
  outcome({ logs }, { id }) {
    const { holder = "", bond = 0n } = Flexibility.events(logs, "OptedOut")[0] ?? {};
    return {
      json: { positionId: `${id}`, holder, bondWei: `${bond}` },
      text: [
        ["contract", `${id}, left`],
        ["bond", `${formatMoney(bond)} in tokens to ${holder}`],
      ],
    };
  },
});

export const handOn = action({
  name: "hand-on",
  about: "Give a contract to somebody else: whoever holds it is paid and has the bond back (ERC-721)",
  example: "1 --to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: FlexibilityPosition,
  params: { id: positionId, to: address("who holds it from now on") },
  places: ["id"],
  prepare: ({ at, from }, { id, to }) => at(FlexibilityPosition).transferFrom.populateTransaction(from, to, id),
  outcome(_sent, { id, to }) {
    return {
      json: { positionId: `${id}`, holder: to },
      text: [
        ["contract", `${id}`],
        ["held by", to],
      ],
    };
  },
});

/** Said before any proof is asked for. @throws CliError BASELINE_OTHER_REQUEST */
function requireSameEvent(made: BaselineProof, { terms }: RequestOutput): void {
  const [startMs, intervalMs, intervalCount] = [terms.startMs, terms.intervalMs, terms.intervalCount].map(Number);
  const root = new Uint8Array(Buffer.from(terms.baselineRoot.slice(2), "hex"));
  const event = { startMs: startMs ?? 0, intervalMs: intervalMs ?? 0, intervalCount: intervalCount ?? 0 };
  const verdict = checkBaseline(made, { ...event, root, count: Number(terms.baselineCount) });
  if (verdict.accepted) return;
  const hint = "ask the requester for the meter's baseline of this request";
  throw cliError(
    "usage",
    "BASELINE_OTHER_REQUEST",
    `the request was not made with this baseline: ${verdict.reason}`,
    hint,
  );
}

/** As the contract rounds it: up. */
function bondOf(energyMwh: bigint, { terms }: RequestOutput): bigint {
  return (energyMwh * terms.intervalCount * terms.penaltyWeiPerKwh + MWH_PER_KWH - 1n) / MWH_PER_KWH;
}

/** @throws CliError PUBLIC_KEY_MALFORMED */
function pointOf(publicKey: string): { readonly keyX: string; readonly keyY: string } {
  let point: string;
  try {
    point = SigningKey.computePublicKey(publicKey, false);
  } catch {
    const hint = "give the 33 bytes that `energy-ledger keys show` has";
    throw cliError("usage", "PUBLIC_KEY_MALFORMED", "the public key is no point of secp256k1", hint);
  }
  return { keyX: `0x${point.slice(4, 68)}`, keyY: `0x${point.slice(68)}` };
}

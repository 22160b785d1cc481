import type {
  MsgBridgeEquivocation,
  MsgConfigureBridge,
  SignedAnchor,
  SignedRotation,
} from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { type AnchorDomain, anchorSigningDigest, rotationSigningDigest } from "#storage/types/bridgeSigning.ts";
import { ETHEREUM_ADDRESS_BYTES, ethereumAddressOf, recoverKey } from "#storage/types/ethereum.ts";
import { latestSetNumber } from "./bridgeSets.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { clearTallies } from "./ethereumEvents.ts";
import { event } from "./events.ts";
import { exclude } from "./exclusions.ts";
import type { MessageContext } from "./messageContext.ts";
import { requireRight, signerAccount } from "./messageContext.ts";
import { newRecord, SINGLE } from "./stateRecords.ts";
import { addressHex } from "./validatorIds.ts";

/** A shorter cadence than a second is no cadence; a longer one than a week leaves contracts without proofs. */
const CADENCE_MS = { min: 1000n, max: 7n * 24n * 3600n * 1000n } as const;

/**
 * Where the contracts are and where anchoring goes on. The validators' anchors follow from this record and the blocks alone, so that nothing an
 * Ethereum node says can make two of them differ. Checks in this order: the owner (ROLE_FORBIDDEN); lengths, cadence and heights make sense and
 * the set is one of the ledger's (BRIDGE_CONFIGURATION_INVALID).
 */
export function configureBridge(context: MessageContext, message: MsgConfigureBridge): Failure | undefined {
  const { state } = context;
  const forbidden = requireRight(context, signerAccount(message.authority), "configureBridge");
  if (forbidden !== undefined) return forbidden;
  const { chainId, ledgerId, bridge, outbox, cadenceMs, seq, valsetNonce, toHeight, setNumber, eventNonce } = message;
  const { deviceRegistry } = message;
  const invalid = (reason: string) => fail("BRIDGE_CONFIGURATION_INVALID", reason);
  if (chainId === 0n) return invalid("chain id");
  if (ledgerId.length !== 32) return invalid("ledger id");
  if (bridge.length !== ETHEREUM_ADDRESS_BYTES || outbox.length !== ETHEREUM_ADDRESS_BYTES)
    return invalid("address of a contract");
  if (deviceRegistry.length !== 0 && deviceRegistry.length !== ETHEREUM_ADDRESS_BYTES)
    return invalid("address of the registry of devices");
  if (cadenceMs < CADENCE_MS.min || cadenceMs > CADENCE_MS.max) return invalid("cadence");
  if (toHeight > BigInt(context.height)) return invalid("a height that is not there yet");
  if (setNumber === 0n || setNumber > latestSetNumber(state)) return invalid(`bridge set ${setNumber}`);

  const before = state.get("bridge", SINGLE);
  const isSameOutbox = before?.chainId === chainId && Buffer.compare(before.outbox, outbox) === 0;
  // Votes on another outbox's events are about something else.
  if (!isSameOutbox) clearTallies(state);
  if (!isSameOutbox || state.get("ethereum", SINGLE) === undefined)
    state.put("ethereum", SINGLE, newRecord("ethereum", { eventNonce }));
  const addresses = { bridge: new Uint8Array(bridge), outbox: new Uint8Array(outbox) };
  const start = { seq, valsetNonce, toHeight, setNumber, height: BigInt(context.height) };
  const isSameRegistry = isSameOutbox && Buffer.compare(before.deviceRegistry, deviceRegistry) === 0;
  const since = isSameRegistry ? before.deviceRegistrySince : BigInt(context.height);
  const registry = {
    deviceRegistry: new Uint8Array(deviceRegistry),
    deviceRegistrySince: deviceRegistry.length === 0 ? 0n : since,
  };
  state.put(
    "bridge",
    SINGLE,
    newRecord("bridge", {
      chainId,
      ledgerId: new Uint8Array(ledgerId),
      ...addresses,
      cadenceMs,
      ...start,
      ...registry,
    }),
  );
  context.events.push(
    event("bridge", { bridge: addressHex(bridge), outbox: addressHex(outbox), chain_id: chainId.toString() }),
  );
  return undefined;
}

/** At most one of these in a transaction: two keys are recovered for it. */
const MAX_EQUIVOCATIONS = 1;

/**
 * Two different anchors, or two different rotations, of one number, signed by one second key: the validator whose key it is, or was, is excluded as
 * after any other evidence. Checks in this order: whoever brings it may (ROLE_FORBIDDEN); there is a bridge (BRIDGE_NOT_CONFIGURED); they are two
 * anchors or two rotations, differ and have one number, both signatures are the same key's and that key is a validator's that is not excluded yet
 * (EQUIVOCATION_INVALID).
 */
export function reportEquivocation(context: MessageContext, message: MsgBridgeEquivocation): Failure | undefined {
  const { state } = context;
  const forbidden = requireRight(context, signerAccount(message.signer), "reportEquivocation");
  if (forbidden !== undefined) return forbidden;
  const bridge = state.get("bridge", SINGLE);
  if (bridge === undefined) return fail("BRIDGE_NOT_CONFIGURED", "there is no bridge");
  const invalid = (reason: string) => fail("EQUIVOCATION_INVALID", reason);
  const domain = { chainId: bridge.chainId, contract: bridge.bridge, ledgerId: bridge.ledgerId };
  const said = twoStatements(message);
  if (typeof said === "string") return invalid(said);
  const reports = context.tx.messages.filter(({ name }) => name === "MsgBridgeEquivocation").length;
  if (reports > MAX_EQUIVOCATIONS) return fail("TX_LIMIT_EXCEEDED", `${reports} reports in one transaction`);
  const [one, other] = said.map(({ digest }) => digest(domain));
  if (one === undefined || other === undefined || Buffer.compare(one, other) === 0) return invalid("the same twice");
  const key = recoverKey(one, said[0].signature);
  const otherKey = recoverKey(other, said[1].signature);
  if (key === undefined || otherKey === undefined || Buffer.compare(key, otherKey) !== 0)
    return invalid("not signed by one key");
  const owner = state.get("bridgeAddress", addressHex(ethereumAddressOf(key)));
  if (owner === undefined) return invalid("the key is no validator's");
  const facts = { reason: "bridgeEquivocation", height: context.height, timeMs: context.timeMs ?? 0 };
  const excluded = exclude(state, addressHex(owner.validator), facts, context.height);
  if (excluded === undefined) return invalid("the validator is excluded already");
  context.events.push(excluded);
  return undefined;
}

/** What somebody has signed. */
interface Statement {
  readonly digest: (domain: AnchorDomain) => Uint8Array;
  readonly signature: Uint8Array;
}

/** Of one kind and number, or why they are not. */
function twoStatements(message: MsgBridgeEquivocation): readonly [Statement, Statement] | string {
  const { first, second, firstRotation, secondRotation } = message;
  if (first !== undefined && second !== undefined && firstRotation === undefined && secondRotation === undefined) {
    if (first.seq !== second.seq) return "of two sequence numbers";
    return isWhole(first) && isWhole(second) ? [ofAnchor(first), ofAnchor(second)] : "a hash of another length";
  }
  if (firstRotation === undefined || secondRotation === undefined || first !== undefined || second !== undefined)
    return "neither two anchors nor two rotations";
  if (firstRotation.nonce !== secondRotation.nonce) return "of two numbers";
  return isWholeRotation(firstRotation) && isWholeRotation(secondRotation)
    ? [ofRotation(firstRotation), ofRotation(secondRotation)]
    : "a power or a hash of another length";
}

function ofAnchor(anchor: SignedAnchor): Statement {
  return { digest: (domain) => anchorSigningDigest(domain, anchor), signature: anchor.signature };
}

function ofRotation(rotation: SignedRotation): Statement {
  return { digest: (domain) => rotationSigningDigest(domain, rotation), signature: rotation.signature };
}

function isWhole({ lastHeaderHash, root }: SignedAnchor): boolean {
  return lastHeaderHash.length === 32 && root.length === 32;
}

function isWholeRotation({ totalPower, valsetHash }: SignedRotation): boolean {
  return totalPower.length === 16 && valsetHash.length === 32;
}

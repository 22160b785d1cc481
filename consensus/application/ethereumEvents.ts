import { create } from "@bufbuild/protobuf";
import { MAX_ETHEREUM_EVENTS, MAX_ETHEREUM_PAYLOAD_BYTES } from "#storage/limits.ts";
import {
  type EthereumEvent,
  EthereumEventSchema,
  type MsgEthereumEvents,
} from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { noteRegistryEvent } from "./deviceRegistry.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { recordTimeMs, requireRight, signerAccount } from "./messageContext.ts";
import { newRecord, SINGLE, tallyId } from "./stateRecords.ts";
import { addressHex, consensusAddressOf } from "./validatorIds.ts";
import type { WorkingState } from "./workingState.ts";

/** Events behind the latest applied one that validators may vote on: what waits is bounded, whatever happens on Ethereum. */
export const ETHEREUM_WINDOW = 64n;

/** Events that one block applies: Ethereum must not be able to fill the ledger. */
export const MAX_APPLIED_PER_BLOCK = 16;

/** Applied events that stay in the state; older ones are in their blocks. */
export const MAX_KEPT_ETHEREUM_EVENTS = 4096n;

/**
 * A validator's word of what the outbox has emitted, in its order. What was applied meanwhile is passed over, so that votes may be sent again. A
 * validator's later vote on an event replaces its earlier one: an Ethereum node may have lied to it. Checks in this order:
 *   a) the signer is a validator's second key (ROLE_FORBIDDEN), there is a bridge (BRIDGE_NOT_CONFIGURED)
 *   b) 1 to 16 events, each with an address, a kind and a payload of bounded length (ETHEREUM_EVENTS_INVALID)
 *   c) the last of them is not too far ahead of what is applied (ETHEREUM_EVENTS_AHEAD)
 */
export function voteEthereumEvents(context: MessageContext, message: MsgEthereumEvents): Failure | undefined {
  const { state } = context;
  const account = signerAccount(message.signer);
  const forbidden = requireRight(context, account, "voteEthereum");
  if (forbidden !== undefined) return forbidden;
  const lane = state.get("ethereum", SINGLE);
  const voter = state.get("bridgeSigner", account)?.validator;
  if (lane === undefined || voter === undefined) return fail("BRIDGE_NOT_CONFIGURED", "there is no outbox");
  const { fromNonce, events } = message;
  if (events.length === 0 || events.length > MAX_ETHEREUM_EVENTS || fromNonce === 0n || !events.every(isWellFormed))
    return fail("ETHEREUM_EVENTS_INVALID", `${events.length} events from ${fromNonce}`);
  const last = fromNonce + BigInt(events.length) - 1n;
  if (last > lane.eventNonce + ETHEREUM_WINDOW)
    return fail("ETHEREUM_EVENTS_AHEAD", `event ${last}, applied ${lane.eventNonce}`);
  for (const [index, one] of events.entries()) {
    const nonce = fromNonce + BigInt(index);
    if (nonce > lane.eventNonce) addVote(state, nonce, one, voter);
  }
  applyAgreed(context);
  return undefined;
}

function isWellFormed({ emitter, kind, payload }: EthereumEvent): boolean {
  return emitter.length === 20 && kind.length === 32 && payload.length <= MAX_ETHEREUM_PAYLOAD_BYTES;
}

function addVote(state: WorkingState, nonce: bigint, seen: EthereumEvent, voter: Uint8Array): void {
  const before = state.get("tally", tallyId(nonce))?.candidates ?? [];
  const isVoter = (validator: Uint8Array) => Buffer.compare(validator, voter) === 0;
  const candidates = before
    .map(({ event: candidate, validators }) => ({
      event: candidate,
      validators: validators.filter((one) => !isVoter(one)),
    }))
    .filter(({ validators }) => validators.length > 0);
  const same = candidates.find((candidate) => candidate.event !== undefined && isSame(candidate.event, seen));
  if (same === undefined) candidates.push({ event: copyOf(seen), validators: [new Uint8Array(voter)] });
  else same.validators.push(new Uint8Array(voter));
  state.put("tally", tallyId(nonce), newRecord("tally", { candidates }));
}

/** Applies what more than 2/3 of the present validators' power have seen, in order and without a gap. */
function applyAgreed(context: MessageContext): void {
  const { state } = context;
  const powers = new Map<string, bigint>();
  let total = 0n;
  for (const { publicKey, power } of state.get("validators", SINGLE)?.validators ?? []) {
    powers.set(consensusAddressOf(publicKey), power);
    total += power;
  }
  const height = BigInt(context.height);
  for (;;) {
    const lane = state.get("ethereum", SINGLE);
    const applied = lane?.height === height ? lane.applied : 0;
    if (lane === undefined || applied >= MAX_APPLIED_PER_BLOCK) return;
    const nonce = lane.eventNonce + 1n;
    const agreed = state.get("tally", tallyId(nonce))?.candidates.find(({ validators }) => {
      const power = validators.reduce((sum, one) => sum + (powers.get(addressHex(one)) ?? 0n), 0n);
      return power * 3n > total * 2n;
    })?.event;
    if (agreed === undefined) return;
    state.remove("tally", tallyId(nonce));
    state.put("ethereum", SINGLE, newRecord("ethereum", { eventNonce: nonce, height, applied: applied + 1 }));
    const record = { event: copyOf(agreed), height, timeMs: recordTimeMs(context) };
    state.put("ethereumEvent", tallyId(nonce), newRecord("ethereumEvent", record));
    if (nonce > MAX_KEPT_ETHEREUM_EVENTS) state.remove("ethereumEvent", tallyId(nonce - MAX_KEPT_ETHEREUM_EVENTS));
    const { emitter, kind } = agreed;
    context.events.push(
      event("ethereum", { nonce: nonce.toString(), emitter: addressHex(emitter), kind: addressHex(kind) }),
    );
    noteRegistryEvent(context, record.event, nonce);
  }
}

/** Forgets the votes of a lane that ends. */
export function clearTallies(state: WorkingState): void {
  const last = state.get("ethereum", SINGLE)?.eventNonce ?? 0n;
  for (let nonce = last + 1n; nonce <= last + ETHEREUM_WINDOW; nonce += 1n)
    if (state.get("tally", tallyId(nonce)) !== undefined) state.remove("tally", tallyId(nonce));
}

/** State lives longer than the block whose bytes a decoded event is a view of. */
function copyOf({ emitter, kind, payload }: EthereumEvent): EthereumEvent {
  const copies = { emitter: new Uint8Array(emitter), kind: new Uint8Array(kind), payload: new Uint8Array(payload) };
  return create(EthereumEventSchema, copies);
}

function isSame(a: EthereumEvent, b: EthereumEvent): boolean {
  return (
    Buffer.compare(a.emitter, b.emitter) === 0 &&
    Buffer.compare(a.kind, b.kind) === 0 &&
    Buffer.compare(a.payload, b.payload) === 0
  );
}

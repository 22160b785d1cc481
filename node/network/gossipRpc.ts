import { FormatError } from "#storage/types/formatError.ts";
import { FieldReader } from "#storage/types/wire.ts";
import {
  GOSSIP_MESSAGE_ID_BYTES,
  MAX_RPC_CONTROLS,
  MAX_RPC_MESSAGE_IDS,
  MAX_RPC_MESSAGES,
  MAX_RPC_OTHER_FIELDS,
} from "./limits.ts";

/** Field numbers of gossipsub's rpc.proto. Entries with message ids: the field that holds them. */
const RPC = { subscriptions: 1, messages: 2, control: 3 } as const;
const MESSAGE = { data: 2, topic: 4 } as const;
const MESSAGE_FIELDS = 6;
const CONTROL = { ihave: 1, iwant: 2, graft: 3, prune: 4, idontwant: 5 } as const;
const MESSAGE_IDS: Readonly<Record<number, number>> = {
  [CONTROL.ihave]: 2,
  [CONTROL.iwant]: 1,
  [CONTROL.idontwant]: 1,
};
const PRUNE_PEERS = 2;

/** What one RPC may still hold. */
class Budget {
  messages = MAX_RPC_MESSAGES;
  controls = MAX_RPC_CONTROLS;
  messageIds = MAX_RPC_MESSAGE_IDS;
  fields = MAX_RPC_OTHER_FIELDS;
}

/**
 * Whether bytes are a GossipSub RPC that a node of this ledger could have sent, seen before anything is built of them. GossipSub's decoder
 * limits entries list by list, and lists multiply: 8 MB of empty message ids became 850 MB in three seconds (Node 24.21). Here an id has the
 * length that ours have, a message has data and a topic, and the entries of all lists are counted together. Unknown fields are let
 * through, so that a later version may have them.
 */
export function isPlausibleRpc(bytes: Uint8Array): boolean {
  try {
    return isRpc(new Budget(), bytes);
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

function isRpc(budget: Budget, bytes: Uint8Array): boolean {
  const fields = new FieldReader("rpc", bytes);
  while (fields.next()) {
    if (fields.number === RPC.messages) {
      if (budget.messages-- === 0 || !isMessage(fields.message())) return false;
    } else if (budget.fields-- === 0) return false;
    else if (fields.number === RPC.subscriptions) {
      if (!isEntry(budget, fields.message())) return false;
    } else if (fields.number === RPC.control) {
      if (!isControl(budget, fields.message())) return false;
    } else fields.skip();
  }
  return true;
}

function isMessage(bytes: Uint8Array): boolean {
  let left = MESSAGE_FIELDS;
  let hasData = false;
  let hasTopic = false;
  const fields = new FieldReader("rpc.message", bytes);
  while (fields.next()) {
    if (left-- === 0) return false;
    if (fields.number === MESSAGE.data) hasData = fields.message().length > 0;
    else if (fields.number === MESSAGE.topic) hasTopic = fields.message().length > 0;
    else fields.skip();
  }
  return hasData && hasTopic;
}

function isControl(budget: Budget, bytes: Uint8Array): boolean {
  const fields = new FieldReader("rpc.control", bytes);
  while (fields.next()) {
    if (budget.controls-- === 0) return false;
    const idField = MESSAGE_IDS[fields.number];
    if (idField !== undefined) {
      if (!hasOurIds(budget, fields.message(), idField)) return false;
    } else if (fields.number === CONTROL.graft) {
      if (!isEntry(budget, fields.message())) return false;
    } else if (fields.number === CONTROL.prune) {
      if (!isPrune(budget, fields.message())) return false;
    } else fields.skip();
  }
  return true;
}

function hasOurIds(budget: Budget, bytes: Uint8Array, idField: number): boolean {
  const fields = new FieldReader("rpc.ids", bytes);
  while (fields.next()) {
    if (fields.number === idField) {
      if (budget.messageIds-- === 0 || fields.message().length !== GOSSIP_MESSAGE_ID_BYTES) return false;
    } else if (budget.fields-- === 0) return false;
    else fields.skip();
  }
  return true;
}

function isPrune(budget: Budget, bytes: Uint8Array): boolean {
  const fields = new FieldReader("rpc.prune", bytes);
  while (fields.next()) {
    if (budget.fields-- === 0) return false;
    if (fields.number !== PRUNE_PEERS) fields.skip();
    else if (!isEntry(budget, fields.message())) return false;
  }
  return true;
}

/** A subscription, a graft, a peer that a prune names: a few fields. */
function isEntry(budget: Budget, bytes: Uint8Array): boolean {
  const fields = new FieldReader("rpc.entry", bytes);
  while (fields.next()) {
    if (budget.fields-- === 0) return false;
    fields.skip();
  }
  return true;
}

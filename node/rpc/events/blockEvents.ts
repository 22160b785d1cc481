import type { CommittedBlock } from "#consensus/engine/ports.ts";
import type { ResultEvent, TxResult } from "#storage/db/blockResults.ts";
import { txId } from "#storage/types/block.ts";
import * as json from "../cometJson/events.ts";
import { hex } from "../cometJson/primitives.ts";
import type { EventValues } from "../query/match.ts";
import type { PublishedEvent } from "../subscriptions.ts";

/** What a committed block makes known, in CometBFT's order (state/execution.go fireEvents). */
export function blockEvents({
  block,
  blockId,
  response,
}: Pick<CommittedBlock, "block" | "blockId" | "response">): readonly PublishedEvent[] {
  const { header, txs, evidence } = block;
  const { height } = header;
  const ofBlock = attributesOf(response.events);
  const txEvents = txs.flatMap((tx, index) => {
    const result = response.txResults[index];
    return result === undefined ? [] : [txEvent({ height, index }, tx, result)];
  });
  const updates = response.validatorUpdates;
  return [
    event("NewBlock", () => json.newBlockJson(block, blockId, response), ofBlock),
    event("NewBlockHeader", () => json.newBlockHeaderJson(header)),
    event("NewBlockEvents", () => json.newBlockEventsJson(height, response.events, txs.length), ofBlock),
    ...evidence.map((found) => event("NewEvidence", () => json.newEvidenceJson(height, found))),
    ...txEvents,
    ...(updates.length === 0 ? [] : [event("ValidatorSetUpdates", () => json.validatorSetUpdatesJson(updates))]),
  ];
}

function txEvent(at: { readonly height: number; readonly index: number }, tx: Uint8Array, result: TxResult) {
  const values = attributesOf(result.events);
  add(values, "tx.hash", hex(txId(tx)));
  add(values, "tx.height", at.height.toString());
  return event("Tx", () => json.txEventJson(at, tx, result), values);
}

/** An event called `name` with its attributes, in the order of their names; CometBFT writes them in a random one. */
export function event(name: string, data: () => object, attributes = new Map<string, string[]>()): PublishedEvent {
  const values = new Map(attributes);
  values.set("tm.event", [...(attributes.get("tm.event") ?? []), name]);
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  return { values: Object.fromEntries(sorted) as EventValues, data };
}

/** All values of each `type.key`, whether indexed or not. */
function attributesOf(events: readonly ResultEvent[]): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const { type, attributes } of events) {
    if (type === "") continue;
    for (const { key, value } of attributes) if (key !== "") add(values, `${type}.${key}`, value);
  }
  return values;
}

function add(values: Map<string, string[]>, name: string, value: string): void {
  const list = values.get(name);
  if (list === undefined) values.set(name, [value]);
  else list.push(value);
}

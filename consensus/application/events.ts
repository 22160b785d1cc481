import type { AbciEvent } from "#consensus/abci.ts";

/** Attributes of every event, in order, and whether they are indexed (consensus/application/README.md, "Events"). */
export const EVENTS = {
  tx: { signer: true },
  member: { account: true, role: false, action: false },
  meter: { meter: true, account: true, device: true, action: false },
  interval: { meter: true, end_ms: true, start_ms: false, count: false },
  asset: { meter: true, account: true, amount_mwh: false },
  output_created: { output: true, account: true, amount_mwh: false },
  output_spent: { output: true },
  validators: { account: true, proposal_id: true, carried_out: false },
  amendment: { meter: true, end_ms: true, amendment: false, count: false },
  erasure: { meter: true, number: false, from_ms: false, until_ms: false, count: false },
  archive: { meter: true, cid: true, from_ms: false, until_ms: false, version: false },
  flag: { meter: true, number: false, kind: true, severity: true, action: true },
  configuration: { meter: true, device: true, version: false, priority: true, action: true },
  bigchain: { asset_id: true, transaction_id: true, operation: true },
  bridge: { bridge: true, outbox: true, chain_id: false },
  bridge_key: { validator: true, address: true, account: false },
  ethereum: { nonce: true, emitter: true, kind: true },
  registry: { device: true, issuer: true, action: true },
  exclusion: { validator: true, reason: false, height: false },
} as const;

export type EventType = keyof typeof EVENTS;

/** One event; an attribute with several values (the accounts of a lock) is there once for each. */
export function event<T extends EventType>(
  type: T,
  values: { readonly [A in keyof (typeof EVENTS)[T]]: string | readonly string[] },
): AbciEvent {
  const attributes: { key: string; value: string; index: boolean }[] = [];
  const indexed = EVENTS[type] as Record<string, boolean>;
  for (const key in indexed) {
    const value = (values as Record<string, string | readonly string[]>)[key] ?? "";
    const index = indexed[key] === true;
    if (typeof value === "string") attributes.push({ key, value, index });
    else for (const one of value) attributes.push({ key, value: one, index });
  }
  return { type, attributes };
}

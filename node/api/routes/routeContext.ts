import { createHash } from "node:crypto";
import type { CommitWaiters } from "../commitWaiters.ts";
import { apiError } from "../errors.ts";
import type { EventStream } from "../eventStream.ts";
import type { Metrics } from "../metrics.ts";
import type { ApiPorts } from "../ports.ts";

/** What all routes share. */
export interface RouteContext {
  readonly ports: ApiPorts;
  readonly metrics: Metrics;
  readonly events: EventStream;
  readonly waiters: CommitWaiters;
  /** For routes that need the token also to read; undefined where none is needed. */
  readonly isTokenValid: ((token: string) => boolean) | undefined;
}

/**
 * The named port, for routes of functions that not every role has.
 * @throws ApiError NOT_SERVED_BY_ROLE
 */
export function need<Name extends keyof ApiPorts>(ports: ApiPorts, name: Name): NonNullable<ApiPorts[Name]> {
  const port = ports[name];
  if (port === undefined) throw apiError("NOT_SERVED_BY_ROLE", `this node's role has no ${name}`);
  return port;
}

/** @throws ApiError NOT_FOUND */
export function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw apiError("NOT_FOUND", `there is no ${what} here`);
  return value;
}

export function bytesOfHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** SHA256, the transaction id of TxRaw bytes. */
export function txIdOf(tx: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(tx).digest());
}

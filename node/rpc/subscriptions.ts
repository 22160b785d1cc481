import { errorText, goJson, RawJson, type RpcId, resultText } from "./cometJson/goJson.ts";
import { MAX_QUERY_BYTES } from "./limits.ts";
import { compileQuery, type EventMatcher, type EventValues } from "./query/match.ts";
import { formatQuery, parseQuery, type Query } from "./query/parser.ts";
import { QueryError } from "./query/queryError.ts";
import { methodError, RPC_ERRORS } from "./rpcError.ts";

/** A websocket as its subscriptions see it. */
export interface RpcConnection {
  /** Never throws. */
  readonly send: (text: string) => void;
  /** The other end has left too much unread. */
  readonly isSlow: () => boolean;
}

/** Something that happened: its attributes, and what subscribers are sent. Both are made only when somebody listens. */
export interface PublishedEvent {
  readonly values: EventValues;
  readonly data: () => object;
}

export interface Subscriptions {
  /** Clients that have a subscription. */
  readonly clients: number;
  /** @throws RpcError RPC_INTERNAL_ERROR */
  subscribe(connection: RpcConnection, id: RpcId, query: string): void;
  /** @throws RpcError RPC_INTERNAL_ERROR */
  unsubscribe(connection: RpcConnection, query: string): void;
  /** @throws RpcError RPC_INTERNAL_ERROR when there was none */
  unsubscribeAll(connection: RpcConnection): void;
  /** The connection is closed. */
  forget(connection: RpcConnection): void;
  publish(event: PublishedEvent): void;
  /** Ends all subscriptions and tells why. */
  cancelAll(reason: string): void;
}

interface Subscription {
  readonly id: RpcId;
  /** As the client wrote it: every event repeats it. */
  readonly query: string;
  readonly matches: EventMatcher;
}

/**
 * Who listens to what (CometBFT libs/pubsub behind rpc/core/events.go). A client that reads too slowly loses its subscriptions and is told so: events
 * are sent in order and without gaps, or not at all.
 */
export function createSubscriptions(limits: {
  readonly maxClients: number;
  readonly maxPerClient: number;
}): Subscriptions {
  /** By the query in its one form. */
  const byConnection = new Map<RpcConnection, Map<string, Subscription>>();

  function cancel(connection: RpcConnection, reason: string): void {
    for (const { id } of byConnection.get(connection)?.values() ?? []) {
      const data = `subscription was canceled (reason: ${reason})`;
      connection.send(errorText(id, { ...RPC_ERRORS.RPC_SERVER_ERROR, data }));
    }
    byConnection.delete(connection);
  }

  return {
    get clients() {
      return byConnection.size;
    },

    subscribe(connection, id, text) {
      const own = byConnection.get(connection);
      if (byConnection.size >= limits.maxClients)
        throw methodError(`max_subscription_clients ${limits.maxClients} reached`);
      if ((own?.size ?? 0) >= limits.maxPerClient)
        throw methodError(`max_subscriptions_per_client ${limits.maxPerClient} reached`);
      if (Buffer.byteLength(text, "utf8") > MAX_QUERY_BYTES) throw methodError("maximum query length exceeded");
      const query = readQuery(text);
      const name = formatQuery(query);
      if (own?.has(name)) throw methodError("already subscribed");
      const subscription = { id, query: text, matches: compileQuery(query) };
      if (own === undefined) byConnection.set(connection, new Map([[name, subscription]]));
      else own.set(name, subscription);
    },

    unsubscribe(connection, text) {
      const name = formatQuery(readQuery(text));
      const own = byConnection.get(connection);
      if (!own?.delete(name)) throw methodError("subscription not found");
      if (own.size === 0) byConnection.delete(connection);
    },

    unsubscribeAll(connection) {
      if (!byConnection.delete(connection)) throw methodError("subscription not found");
    },

    forget: (connection) => void byConnection.delete(connection),

    publish(event) {
      if (byConnection.size === 0) return;
      let parts: readonly [data: string, events: string] | undefined;
      for (const [connection, own] of byConnection) {
        for (const { id, query, matches } of own.values()) {
          if (!matches(event.values)) continue;
          if (connection.isSlow()) {
            cancel(connection, "client is not pulling messages fast enough");
            break;
          }
          parts ??= [goJson(event.data()), goJson(event.values)];
          connection.send(eventText(id, query, parts));
        }
      }
    },

    cancelAll(reason) {
      for (const connection of byConnection.keys()) cancel(connection, reason);
    },
  };
}

function readQuery(text: string): Query {
  try {
    return parseQuery(text);
  } catch (error) {
    if (error instanceof QueryError) throw methodError(`failed to parse query: ${error.details.reason}`);
    throw error;
  }
}

/** As resultText, from parts that many subscribers share. */
function eventText(id: RpcId, query: string, [data, events]: readonly [string, string]): string {
  return resultText(id, new RawJson(`{"query":${goJson(query)},"data":${data},"events":${events}}`));
}

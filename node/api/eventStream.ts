import type { ServerResponse } from "node:http";
import { apiError } from "./errors.ts";
import { eventJson } from "./json.ts";
import type { NodeEvent } from "./ports.ts";
import { clientKey } from "./rateLimit.ts";

/** Events kept for clients that reconnect, about 300 KiB: 8 minutes of one block and one transaction a second. */
export const EVENT_RING_SIZE = 1024;

/** Bytes that may wait for one client before it is dropped; a block event is about 300 bytes. */
export const MAX_EVENT_BACKLOG_BYTES = 256 * 1024;

/** Event streams one address may hold open: a browser opens six at most. */
export const MAX_EVENT_CLIENTS_PER_ADDRESS = 32;

/** A comment line this often keeps proxies and the socket's own timeout from closing an idle stream. */
export const EVENT_KEEP_ALIVE_MS = 15_000;

export type EventType = NodeEvent["type"];

export interface EventStream {
  /**
   * Makes the response a stream of server-sent events. Events after `lastEventId` are sent first; when they are no longer all
   * kept, a `gap` event tells the client to read the current state anew.
   * @throws ApiError TOO_MANY_CLIENTS
   */
  readonly add: (response: ServerResponse, client: EventClient) => void;
  readonly publish: (event: NodeEvent) => void;
  readonly clients: () => number;
  /** Clients that were closed because they read too slowly. */
  readonly dropped: () => number;
  readonly close: () => void;
}

export interface EventClient {
  readonly address: string;
  readonly lastEventId: string | undefined;
  /** Only these types; undefined sends all. */
  readonly types: ReadonlySet<EventType> | undefined;
}

interface Connection {
  readonly response: ServerResponse;
  readonly key: string;
  readonly types: ReadonlySet<EventType> | undefined;
  /** The backlog limit, above what it was sent at once when it resumed. */
  readonly maxBacklogBytes: number;
}

interface KeptEvent {
  readonly number: number;
  readonly type: EventType;
  readonly text: string;
}

/** `epoch` tells one run of the node from the next, because event numbers start at 1 again. */
export function createEventStream(options: {
  readonly epoch: string;
  readonly maxClients: number;
  readonly ringSize?: number;
  readonly maxBacklogBytes?: number;
  readonly maxClientsPerAddress?: number;
  readonly keepAliveMs?: number;
}): EventStream {
  const { epoch, maxClients } = options;
  const ringSize = options.ringSize ?? EVENT_RING_SIZE;
  const maxBacklogBytes = options.maxBacklogBytes ?? MAX_EVENT_BACKLOG_BYTES;
  const maxClientsPerAddress = options.maxClientsPerAddress ?? MAX_EVENT_CLIENTS_PER_ADDRESS;
  const ring: KeptEvent[] = [];
  const connections = new Set<Connection>();
  const perAddress = new Map<string, number>();
  let lastNumber = 0;
  let droppedClients = 0;

  const remove = (connection: Connection) => {
    if (!connections.delete(connection)) return;
    const left = (perAddress.get(connection.key) ?? 1) - 1;
    if (left === 0) perAddress.delete(connection.key);
    else perAddress.set(connection.key, left);
  };

  const send = (connection: Connection, text: string) => {
    const { response } = connection;
    response.write(text);
    if (response.writableLength <= connection.maxBacklogBytes) return;
    droppedClients++;
    remove(connection);
    response.destroy();
  };

  const keepAlive = setInterval(() => {
    for (const connection of connections) send(connection, ": \n\n");
  }, options.keepAliveMs ?? EVENT_KEEP_ALIVE_MS);
  keepAlive.unref();

  return {
    add(response, client) {
      const key = clientKey(client.address);
      const ofAddress = perAddress.get(key) ?? 0;
      if (connections.size >= maxClients)
        throw apiError("TOO_MANY_CLIENTS", `all ${maxClients} event streams are in use`);
      if (ofAddress >= maxClientsPerAddress)
        throw apiError("TOO_MANY_CLIENTS", `${ofAddress} event streams are open from this address`);
      const first = `retry: 2000\n\n${missed(ring, epoch, lastNumber, client)}`;
      const connection = { response, key, types: client.types, maxBacklogBytes: maxBacklogBytes + first.length };
      connections.add(connection);
      perAddress.set(key, ofAddress + 1);
      response.on("close", () => remove(connection));
      response.on("error", () => remove(connection));
      response.writeHead(200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      response.socket?.setTimeout(0);
      send(connection, first);
    },
    publish(event) {
      lastNumber++;
      const text = `id: ${epoch}-${lastNumber}\nevent: ${event.type}\ndata: ${JSON.stringify(eventJson(event))}\n\n`;
      ring.push({ number: lastNumber, type: event.type, text });
      if (ring.length > ringSize) ring.shift();
      for (const connection of connections)
        if (connection.types === undefined || connection.types.has(event.type)) send(connection, text);
    },
    clients: () => connections.size,
    dropped: () => droppedClients,
    close() {
      clearInterval(keepAlive);
      for (const connection of connections) connection.response.end();
      connections.clear();
      perAddress.clear();
    },
  };
}

/** What a client with a Last-Event-ID has to be sent before it is up to date. */
function missed(ring: readonly KeptEvent[], epoch: string, lastNumber: number, client: EventClient): string {
  const { lastEventId, types } = client;
  if (lastEventId === undefined) return "";
  const known = /^([0-9a-z]+)-(\d{1,15})$/.exec(lastEventId);
  const number = known?.[1] === epoch ? Number(known[2]) : -1;
  const oldest = ring[0]?.number ?? lastNumber + 1;
  const gap =
    number < oldest - 1 || number > lastNumber
      ? `id: ${epoch}-${oldest - 1}\nevent: gap\ndata: ${JSON.stringify({ lastEventId, oldest: `${epoch}-${oldest}` })}\n\n`
      : "";
  const after = gap === "" ? number : oldest - 1;
  const texts = ring.filter((event) => event.number > after && (types === undefined || types.has(event.type)));
  return gap + texts.map((event) => event.text).join("");
}

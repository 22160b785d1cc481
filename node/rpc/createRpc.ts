import type { Server } from "node:http";
import type { Logger } from "pino";
import { serverUrl } from "../api/access.ts";
import type { NodeOptions } from "../options.ts";
import { createAccess } from "./access.ts";
import { blockEvents } from "./events/blockEvents.ts";
import { newHeightEvent, transitionEvents } from "./events/transitionEvents.ts";
import type { Happening } from "./happenings.ts";
import { createDispatcher } from "./jsonRpc.ts";
import { MAX_SUBSCRIPTION_CLIENTS, MAX_SUBSCRIPTIONS_PER_CLIENT } from "./limits.ts";
import { type ListenAddress, parseListenAddress } from "./listenAddress.ts";
import type { Methods } from "./method.ts";
import { rpcMethods } from "./methods/rpcMethods.ts";
import type { RpcPorts } from "./ports.ts";
import { RpcStartError } from "./rpcError.ts";
import { createRpcServer } from "./server.ts";
import { createSubscriptions, type PublishedEvent } from "./subscriptions.ts";
import { createTxWaiters } from "./txWaiters.ts";
import { serveWebsockets, WEBSOCKET_LIMITS, type WebsocketLimits } from "./websocket.ts";

export type RpcOptions = Pick<NodeOptions, "rpcListen" | "apiTokenFile">;

export interface Rpc {
  /** For example `http://127.0.0.1:26657`. */
  readonly url: string;
  /** Tells subscribers why, ends their connections, then the server. */
  readonly close: () => Promise<void>;
}

/**
 * Starts CometBFT's RPC on `rpcListen` (node/rpc/README.md).
 * @throws RpcStartError RPC_ADDRESS_MALFORMED, RPC_ADDRESS_UNAVAILABLE; ApiStartError API_TOKEN_REQUIRED, API_TOKEN_UNREADABLE
 */
export async function createRpc(
  options: RpcOptions,
  ports: RpcPorts,
  parts: { readonly log: Logger; readonly websocketLimits?: Partial<WebsocketLimits> },
): Promise<Rpc> {
  const { log } = parts;
  const address = parseListenAddress(options.rpcListen);
  if (address === undefined) throw new RpcStartError({ code: "RPC_ADDRESS_MALFORMED", address: options.rpcListen });
  const { host } = address;
  const isAllowed = createAccess(host, options.apiTokenFile);
  const onFault = (method: string, error: unknown) =>
    log.error({ err: error, method: method.slice(0, 100) }, "An RPC request could not be answered");

  const subscriptions = createSubscriptions({
    maxClients: MAX_SUBSCRIPTION_CLIENTS,
    maxPerClient: MAX_SUBSCRIPTIONS_PER_CLIENT,
  });
  const waiters = createTxWaiters();
  const methods: Methods = rpcMethods(ports, {
    subscriptions,
    waiters,
    rpcAddress: () => `tcp://${new URL(url).host}`,
  });
  const dispatcher = createDispatcher(methods, onFault);
  const server = createRpcServer({ methods, dispatcher, isAllowed, onFault });
  const websocketLimits = { ...WEBSOCKET_LIMITS, ...parts.websocketLimits };
  const websockets = serveWebsockets(server, websocketLimits, { dispatcher, subscriptions, isAllowed });
  await listen(server, address);
  const url = serverUrl(server, host);

  const unsubscribe = ports.subscribe((happening) => {
    waiters.note(happening);
    if (subscriptions.clients === 0) return;
    for (const event of eventsOf(happening, ports)) subscriptions.publish(event);
  });
  return {
    url,
    async close() {
      unsubscribe();
      subscriptions.cancelAll("the node is stopping");
      websockets.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function eventsOf(happening: Happening, { consensus }: RpcPorts): readonly PublishedEvent[] {
  if (happening.type === "transition") return transitionEvents(happening.transition, consensus.validators);
  const { committed } = happening;
  return [...blockEvents(committed), newHeightEvent(committed.block.header.height + 1)];
}

async function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason = error.code ?? error.message;
      reject(new RpcStartError({ code: "RPC_ADDRESS_UNAVAILABLE", host, port, reason }, { cause: error }));
    });
    server.listen({ host, port }, resolve);
  });
}

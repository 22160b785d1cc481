import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { STRING } from "./argumentKinds.ts";
import { createDispatcher } from "./jsonRpc.ts";
import { MAX_UNREAD_ANSWER_BYTES, REQUEST_TIMEOUT_MS } from "./limits.ts";
import { type Methods, method } from "./method.ts";
import { subscriptionMethods } from "./methods/subscribe.ts";
import { createRpcServer } from "./server.ts";
import { createSubscriptions, type Subscriptions } from "./subscriptions.ts";
import { serveWebsockets, WEBSOCKET_LIMITS, type WebsocketLimits } from "./websocket.ts";

/** The RPC's server with a few methods of a test's own and no node behind it. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly websocketUrl: string;
  readonly subscriptions: Subscriptions;
  /** Errors of ours that clients are not told about. */
  readonly faults: readonly unknown[];
  /** As when the node stops. */
  close(): Promise<void>;
}

export async function startTestServer(
  options: {
    readonly methods?: Methods;
    readonly limits?: Partial<WebsocketLimits>;
    readonly maxUnreadAnswerBytes?: number;
    readonly requestTimeoutMs?: number;
    readonly isAllowed?: (request: IncomingMessage) => boolean;
  } = {},
): Promise<TestServer> {
  const { limits = {}, isAllowed, maxUnreadAnswerBytes = MAX_UNREAD_ANSWER_BYTES } = options;
  const { requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  const subscriptions = createSubscriptions({ maxClients: 10, maxPerClient: 5 });
  const methods: Methods = {
    echo: method({ text: STRING }, ({ text }) => ({ text })),
    ...subscriptionMethods(subscriptions),
    ...options.methods,
  };
  const faults: unknown[] = [];
  const onFault = (_method: string, error: unknown) => void faults.push(error);
  const dispatcher = createDispatcher(methods, onFault);
  const server = createRpcServer({ methods, dispatcher, isAllowed, onFault, maxUnreadAnswerBytes, requestTimeoutMs });
  const websockets = serveWebsockets(
    server,
    { ...WEBSOCKET_LIMITS, ...limits },
    { dispatcher, subscriptions, isAllowed },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= new Promise((resolve) => {
      websockets.close();
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return closed;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    websocketUrl: `ws://127.0.0.1:${port}/websocket`,
    subscriptions,
    faults,
    close,
    [Symbol.asyncDispose]: close,
  };
}

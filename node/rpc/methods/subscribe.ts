import { STRING } from "../argumentKinds.ts";
import { type CallContext, type Methods, method } from "../method.ts";
import { rpcError } from "../rpcError.ts";
import type { RpcConnection, Subscriptions } from "../subscriptions.ts";

/** Events over a websocket (rpc/core/events.go). Every event is sent under the id of the request that subscribed. */
export function subscriptionMethods(subscriptions: Subscriptions): Methods {
  const websocketOnly = true;
  return {
    subscribe: method(
      { query: STRING },
      ({ query }, context) => {
        subscriptions.subscribe(connectionOf(context), context.id, query);
        return {};
      },
      { websocketOnly },
    ),
    unsubscribe: method(
      { query: STRING },
      ({ query }, context) => {
        subscriptions.unsubscribe(connectionOf(context), query);
        return {};
      },
      { websocketOnly },
    ),
    unsubscribe_all: method(
      {},
      (_values, context) => {
        subscriptions.unsubscribeAll(connectionOf(context));
        return {};
      },
      { websocketOnly },
    ),
  };
}

/** The dispatcher lets nobody else in. */
function connectionOf({ connection }: CallContext): RpcConnection {
  if (connection === undefined) throw rpcError("RPC_METHOD_NOT_FOUND");
  return connection;
}

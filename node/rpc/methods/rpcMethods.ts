import type { Methods } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import type { Subscriptions } from "../subscriptions.ts";
import { infoMethods } from "./info.ts";
import { subscriptionMethods } from "./subscribe.ts";
import { validatorMethods } from "./validators.ts";

/** All methods by their names (rpc/core/routes.go). */
export function rpcMethods(
  ports: RpcPorts,
  parts: {
    readonly subscriptions: Subscriptions;
    /** Where the RPC listens. */
    readonly rpcAddress: () => string;
  },
): Methods {
  return {
    ...subscriptionMethods(parts.subscriptions),
    ...infoMethods(ports, parts.rpcAddress),
    ...validatorMethods(ports),
  };
}

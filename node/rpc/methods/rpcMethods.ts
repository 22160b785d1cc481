import type { Methods } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import type { Subscriptions } from "../subscriptions.ts";
import type { TxWaiters } from "../txWaiters.ts";
import { applicationMethods } from "./application.ts";
import { blockSearchMethods } from "./blockSearch.ts";
import { blockMethods } from "./blocks.ts";
import { broadcastMethods } from "./broadcast.ts";
import { consensusMethods } from "./consensus.ts";
import { evidenceMethods } from "./evidence.ts";
import { infoMethods } from "./info.ts";
import { mempoolMethods } from "./mempool.ts";
import { createSearches } from "./searches.ts";
import { subscriptionMethods } from "./subscribe.ts";
import { transactionMethods } from "./transactions.ts";
import { validatorMethods } from "./validators.ts";

/** All methods by their names (rpc/core/routes.go). */
export function rpcMethods(
  ports: RpcPorts,
  parts: {
    readonly subscriptions: Subscriptions;
    readonly waiters: TxWaiters;
    /** Where the RPC listens. */
    readonly rpcAddress: () => string;
  },
): Methods {
  const runSearch = createSearches();
  return {
    ...subscriptionMethods(parts.subscriptions),
    ...infoMethods(ports, parts.rpcAddress),
    ...blockMethods(ports),
    ...validatorMethods(ports),
    ...transactionMethods(ports, runSearch),
    ...blockSearchMethods(ports, runSearch),
    ...consensusMethods(ports),
    ...mempoolMethods(ports),
    ...broadcastMethods(ports.mempool, parts.waiters),
    ...applicationMethods(ports),
    ...evidenceMethods(ports),
  };
}

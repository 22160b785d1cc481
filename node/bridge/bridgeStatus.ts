import type { ObserverReport } from "#bridge/outboxObserver.ts";
import type { RelayReport } from "#bridge/relayer.ts";
import type { Metrics } from "../api/metrics.ts";
import type { BridgeSession } from "./bridgeSession.ts";

const GWEI = 1_000_000_000n;

/** What operators are shown of a node's part in the bridge. */
export interface BridgeStatus {
  /** 0x and hex; undefined: the owner has not said where it is. */
  readonly contract: string | undefined;
  readonly chainId: string | undefined;
  /** Of this validator's second key. */
  readonly address: string | undefined;
  readonly planned: { readonly anchors: number; readonly toHeight: number; readonly pending: number };
  readonly relay: RelayReport | undefined;
  readonly observer: ObserverReport | undefined;
  /** Why this node plans or signs no further; empty if it does. */
  readonly fault: string;
}

/** For Prometheus. */
export function measureBridge(metrics: Metrics["bridge"], { planned, relay, observer, fault }: BridgeStatus): void {
  metrics.planned.set(planned.anchors);
  metrics.pending.set(planned.pending);
  metrics.fault.set(fault === "" ? 0 : 1);
  metrics.relayState.reset();
  metrics.observerState.reset();
  if (relay !== undefined) metrics.relayState.set({ state: relay.state }, 1);
  if (observer !== undefined) metrics.observerState.set({ state: observer.state }, 1);
  if (relay?.balanceWei !== undefined) metrics.balanceEther.set(Number(relay.balanceWei / GWEI) / 1e9);
}

export function plannedOf(session: BridgeSession | undefined): BridgeStatus["planned"] {
  const anchors = session?.steps.filter(({ kind }) => kind === "anchor").length ?? 0;
  return { anchors, toHeight: session?.position.toHeight ?? 0, pending: session?.pendingCount ?? 0 };
}

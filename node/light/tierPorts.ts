import type { Logger } from "pino";
import { apiError } from "../api/errors.ts";
import type { ApiPorts } from "../api/ports.ts";
import type { SecondTier } from "../offchain/secondTier.ts";
import type { NodeOptions } from "../options.ts";
import type { Metering } from "./metering.ts";

/** Where the options name more than the log; loaded then. @throws TierError, StoreError */
export async function openTier(options: NodeOptions, log: Logger): Promise<SecondTier | undefined> {
  if (options.readingQueue === "embedded" && options.readingStore === "log") return undefined;
  const { openSecondTier } = await import("../offchain/secondTier.ts");
  return openSecondTier(options, { log, nowMs: Date.now });
}

/** Readings for analyses: of the store, else of the log. Undefined where the node has neither. */
export function readingsPort(
  tier: SecondTier | undefined,
  meters: (() => Metering | undefined) | undefined,
): ApiPorts["readings"] {
  const store = tier?.store;
  if (store !== undefined)
    return async function* (meterId, range) {
      const { storeReadings } = await import("../analytics/readingsInput.ts");
      yield* storeReadings(store, meterId, range);
    };
  if (meters === undefined) return undefined;
  return async function* (meterId, range) {
    const metering = meters();
    if (metering === undefined) throw apiError("NOT_READY", "the meters are started anew");
    const { logReadings } = await import("../analytics/logReadings.ts");
    yield* logReadings(metering.scan, meterId, range);
  };
}

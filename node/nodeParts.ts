import type { Logger } from "pino";
import type { Metrics } from "./api/metrics.ts";

/** What every role's node is built from beside its options. */
export interface NodeParts {
  readonly log: Logger;
  readonly metrics: Metrics;
}

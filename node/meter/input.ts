import type { Logger } from "pino";
import type { DecodedFrame } from "./frame.ts";

/** A protocol's transport that listens to meters, or asks them, until it is disposed of. */
export interface MeterInput extends AsyncDisposable {
  /** Of its kind and place, for logs: "dsmr tcp 192.0.2.7:23". */
  readonly name: string;
}

/** What a transport needs of the node. */
export interface InputPorts {
  /**
   * Resolves when every reading of the frame is on disk; only then is a sender told that it was received. Waits while too much is pending, and rejects
   * (SourceEndedError) when the node stops before: the sender has to send it again.
   */
  readonly offer: (frame: DecodedFrame) => Promise<void>;
  /** Unix ms of the receiver. */
  readonly nowMs: () => number;
  readonly log: Logger;
  /** An input that cannot go on for good, as a file that is none; what may come back is tried again and is no failure. It is in the log, too. */
  readonly fail?: (error: unknown) => void;
}

/**
 * Starts a transport. Its options are plain JSON, as they stand in `meters.json`; it resolves when it listens, or has begun to connect: a meter that cannot
 * be reached yet is no error, for it is tried again.
 * @throws MeterSourceError METER_OPTION_INVALID
 */
export type StartInput<Options> = (options: Options, ports: InputPorts) => Promise<MeterInput>;

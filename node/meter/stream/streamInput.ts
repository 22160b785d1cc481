import { setTimeout as sleep } from "node:timers/promises";
import type { DecodedFrame } from "../frame.ts";
import type { InputPorts, MeterInput } from "../input.ts";
import type { Connection, Line } from "./connection.ts";
import type { Framed, Framer } from "./framer.ts";
import { LineQuality } from "./lineQuality.ts";

/** What a protocol makes of the bytes of one line. */
export interface LineDecoder {
  readonly framer: Framer;
  readonly decode: (frame: Uint8Array, receivedMs: number) => DecodedFrame;
  /** The line is silent or was opened anew: what the decoder has of a message that came in parts. */
  readonly flush?: () => DecodedFrame;
}

export interface StreamTiming {
  /** Between two attempts to connect; doubles up to the most, and begins anew with the first frame that is read. */
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** A frame ends when nothing more of it comes for as long. */
  readonly frameSilenceMs: number;
}

const TIMING: StreamTiming = { minBackoffMs: 1000, maxBackoffMs: 60_000, frameSilenceMs: 5000 };

/** Frames that are not on disk yet; beyond it the line is not read, and its sender has to wait or to drop. 17 minutes of DSMR 5. */
export const MAX_PENDING_FRAMES = 1024;

/** Reads a line for as long as it is there, and again when it comes back. Resolves at once: a line that cannot be opened yet is tried again. */
export function startStreamInput(
  protocol: string,
  connection: Connection,
  decoder: LineDecoder,
  ports: InputPorts,
  timing: StreamTiming = TIMING,
): MeterInput {
  const name = `${protocol} ${connection.name}`;
  const log = ports.log.child({ input: name });
  const stop = new AbortController();
  const { signal } = stop;
  const quality = new LineQuality();
  let pending = 0;
  let onRoom: (() => void) | undefined;

  function offer(frame: DecodedFrame): void {
    if (frame.readings.length === 0 && frame.rejected.length === 0) return;
    for (const { reason, text } of frame.rejected) log.debug({ reason, text }, "Rejected");
    const fault = quality.note(frame, ports.nowMs());
    if (fault !== undefined) log.warn(fault, "More than a tenth of the frames of a quarter of an hour came damaged");
    pending += 1;
    ports
      .offer(frame)
      // The node is stopping: nobody can be told, and the meter sends its registers again.
      .catch((error: Error) => log.debug({ error: error.message }, "Frame not taken"))
      .finally(() => {
        pending -= 1;
        if (pending < MAX_PENDING_FRAMES) onRoom?.();
      });
  }

  function take(found: readonly Framed[]): number {
    const receivedMs = ports.nowMs();
    let frames = 0;
    for (const each of found) {
      if ("rejected" in each) {
        offer({ readings: [], rejected: [each.rejected] });
        continue;
      }
      frames += 1;
      offer(decoder.decode(each.bytes, receivedMs));
    }
    return frames;
  }

  function flush(): number {
    const frames = take(decoder.framer.flush());
    if (decoder.flush !== undefined) offer(decoder.flush());
    return frames;
  }

  /** Until the line ends, is silent for too long or the input is stopped; how many frames came. */
  function read({ stream, close }: Line): Promise<{ readonly frames: number; readonly why: string }> {
    return new Promise((resolve) => {
      let frames = 0;
      let frameTimer: NodeJS.Timeout | undefined;
      let idleTimer: NodeJS.Timeout | undefined;

      const end = (why: string) => (): void => {
        clearTimeout(frameTimer);
        clearTimeout(idleTimer);
        onRoom = undefined;
        signal.removeEventListener("abort", stopped);
        stream.removeListener("data", data).removeListener("end", ended).removeListener("close", ended);
        frames += flush();
        close();
        resolve({ frames, why });
      };
      const [ended, silent, stopped] = [
        end("closed"),
        end(`silent for ${connection.idleTimeoutMs} ms`),
        end("stopped"),
      ];
      const watch = (): void => {
        clearTimeout(idleTimer);
        idleTimer = setTimeout(silent, connection.idleTimeoutMs);
      };
      const data = (bytes: Uint8Array): void => {
        watch();
        clearTimeout(frameTimer);
        frameTimer = setTimeout(() => {
          frames += flush();
        }, timing.frameSilenceMs);
        frames += take(decoder.framer.push(bytes));
        if (pending < MAX_PENDING_FRAMES) return;
        // It is the node that is slow: the line is not silent, it is not read.
        clearTimeout(idleTimer);
        stream.pause();
        onRoom = () => {
          onRoom = undefined;
          watch();
          stream.resume();
        };
      };
      // An error is followed by "close"; without a listener it would end the process.
      stream.on("error", (error) => log.debug({ error: error.message }, "Line failed"));
      stream.on("end", ended).on("close", ended).on("data", data);
      signal.addEventListener("abort", stopped, { once: true });
      watch();
      if (signal.aborted) stopped();
    });
  }

  async function run(): Promise<void> {
    let backoffMs = timing.minBackoffMs;
    while (!signal.aborted) {
      try {
        const line = await connection.open(signal);
        log.info("Reading the line");
        const { frames, why } = await read(line);
        if (frames > 0) backoffMs = timing.minBackoffMs;
        if (!signal.aborted) log.warn({ why, frames, retryMs: backoffMs }, "Lost the line");
      } catch (error) {
        if (!signal.aborted) log.warn({ error: (error as Error).message, retryMs: backoffMs }, "Cannot open the line");
      }
      await sleep(backoffMs, undefined, { signal }).catch(() => undefined);
      backoffMs = Math.min(backoffMs * 2, timing.maxBackoffMs);
    }
  }

  const running = run();
  return {
    name,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

import type { Stream } from "@libp2p/interface";
import { createFrameReader, encodeFrame } from "./framing.ts";
import { NetworkError } from "./networkError.ts";

export interface FrameSender {
  /** Bytes accepted and not yet handed to the stream. */
  readonly queuedBytes: number;
  /** Sends a payload as a frame. False if it had to be dropped, or others for it: see FrameSenderOptions. */
  send(payload: Uint8Array): boolean;
  /** Sends bytes that are a frame already: a broadcast frames its message once. */
  sendFrame(frame: Uint8Array): boolean;
}

export interface FrameSenderOptions {
  /** Bytes that may wait; a frame beyond it pushes out the oldest ones that wait, or is dropped if it is larger itself. */
  readonly maxQueuedBytes: number;
  /** Told about every frame dropped. */
  onDrop?(bytes: number): void;
}

/**
 * Writes frames to a stream as fast as its reader takes them. What the stream does not accept waits here, where it is
 * bounded, and not in the stream's own buffer, which is not.
 *
 * It continues on the stream's `drain` event. `stream.onDrain()` would not do: in @libp2p/utils 7.4 its promise is never
 * renewed, so that it resolves at once from the second use on (research/limits.md §6).
 */
export function createFrameSender(stream: Stream, { maxQueuedBytes, onDrop }: FrameSenderOptions): FrameSender {
  const queue: Uint8Array[] = [];
  let queuedBytes = 0;

  const drop = (frame: Uint8Array) => onDrop?.(frame.length);

  const pump = () => {
    while (queue.length > 0 && stream.writeStatus === "writable" && !stream.writableNeedsDrain) {
      const frame = queue.shift() as Uint8Array;
      queuedBytes -= frame.length;
      try {
        stream.send(frame);
      } catch {
        // The connection broke between two events; the stream has aborted itself and its `close` event empties the queue.
        return drop(frame);
      }
    }
  };

  const discard = () => {
    for (const frame of queue.splice(0)) drop(frame);
    queuedBytes = 0;
  };

  stream.addEventListener("drain", pump);
  stream.addEventListener("close", discard);

  const sendFrame = (frame: Uint8Array): boolean => {
    if (stream.writeStatus !== "writable" || frame.length > maxQueuedBytes) {
      drop(frame);
      return false;
    }
    let complete = true;
    while (queuedBytes + frame.length > maxQueuedBytes) {
      const oldest = queue.shift() as Uint8Array;
      queuedBytes -= oldest.length;
      drop(oldest);
      complete = false;
    }
    queue.push(frame);
    queuedBytes += frame.length;
    pump();
    return complete;
  };

  return {
    get queuedBytes() {
      return queuedBytes;
    },
    send: (payload) => sendFrame(encodeFrame(payload)),
    sendFrame,
  };
}

export interface FrameReceiverOptions {
  readonly maxFrameBytes: number;
  /** A promise pauses the stream until it settles, so that a slow consumer slows the sender down and not this process. */
  onFrame(frame: Uint8Array): void | Promise<void>;
  /** The stream broke the framing, once, before it is aborted. */
  onViolation?(error: NetworkError): void;
}

/**
 * Reads frames off a stream until it ends. Bytes that are no frames abort the stream. An end inside a frame is no violation:
 * it is what a lost connection looks like.
 */
export function receiveFrames(stream: Stream, { maxFrameBytes, onFrame, onViolation }: FrameReceiverOptions): void {
  let unfinished = 0;
  const resume = () => {
    unfinished -= 1;
    if (unfinished === 0 && stream.readStatus === "paused") stream.resume();
  };
  const reader = createFrameReader(maxFrameBytes, (frame) => {
    const done = onFrame(frame);
    if (done === undefined) return;
    unfinished += 1;
    if (stream.readStatus === "readable") stream.pause();
    done.then(resume, resume);
  });
  const onMessage = ({ data }: { data: Uint8Array | { subarray(): Uint8Array } }) => {
    try {
      reader.push(data instanceof Uint8Array ? data : data.subarray());
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      stream.removeEventListener("message", onMessage);
      onViolation?.(error);
      stream.abort(error);
    }
  };
  stream.addEventListener("message", onMessage);
}

/**
 * The one frame that a stream carries in this direction.
 * @throws NetworkError FRAME_TOO_LARGE, FRAME_LENGTH_MALFORMED, FRAME_TRUNCATED; the signal's reason; the stream's error
 */
export async function receiveOneFrame(stream: Stream, maxFrameBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const onAbort = () => reject(signal.reason);
  // An orderly end without a frame must fail too, but only after the bytes that came before it have been read.
  const onEnd = () => setImmediate(() => reject(new NetworkError({ code: "FRAME_TRUNCATED", have: 0, need: 1 })));
  const onClose = (event: Event & { error?: Error | undefined }) =>
    event.error === undefined ? onEnd() : reject(event.error);
  signal.addEventListener("abort", onAbort, { once: true });
  stream.addEventListener("close", onClose, { once: true });
  stream.addEventListener("end", onEnd, { once: true });
  receiveFrames(stream, { maxFrameBytes, onFrame: resolve, onViolation: reject });
  // A refusal may have come and its stream have ended before anybody listened.
  if (stream.readableEnded || stream.status !== "open") onEnd();
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    stream.removeEventListener("close", onClose);
    stream.removeEventListener("end", onEnd);
  }
}

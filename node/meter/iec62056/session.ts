import { pause } from "../pause.ts";
import type { Line } from "../stream/connection.ts";
import { hasEvenParity, withEvenParity } from "../stream/sevenBits.ts";
import type { Readout } from "./decoder.ts";
import {
  baudRateOf,
  INITIAL_BAUD,
  MAX_IDENTIFICATION_BYTES,
  MAX_READOUT_BYTES,
  readDataMessage,
  readIdentification,
} from "./readoutMessage.ts";

export interface SessionTiming {
  /** For the first byte of an answer: 1.5 s in the standard, and what a converter adds. */
  readonly answerMs: number;
  /** For each further byte. */
  readonly silenceMs: number;
  /** Before an acknowledgement and a change of the rate: 200 ms in the standard. */
  readonly reactionMs: number;
  /** Of the NULs that wake a meter with a battery, and of the rest behind them. */
  readonly wakeUpMs: number;
  /** Before a readout that failed is asked for again: a meter that is still sending has to come to its end. */
  readonly retryMs: number;
  /** Of one readout as a whole. */
  readonly totalMs: number;
}

export const TIMING: SessionTiming = {
  answerMs: 5000,
  silenceMs: 3000,
  reactionMs: 300,
  wakeUpMs: 1600,
  retryMs: 3000,
  totalMs: 20 * 60_000,
};

export interface SessionOptions {
  /** "": whatever meter is there; with several on the line all would answer at once. */
  readonly address: string;
  /** Rate character of the acknowledgement; undefined: the meter's own. */
  readonly acknowledge: string | undefined;
  /** The line carries eight bits, the highest of them an even parity: a converter set to 8N1. */
  readonly parityBit: boolean;
  readonly wakeUp: boolean;
}

export type SessionFault =
  | "no-answer"
  | "unknown-format"
  | "truncated"
  | "crc-wrong"
  | "too-long"
  | "closed"
  | "stopped";

export class SessionError extends Error {
  readonly fault: SessionFault;
  /** What came, Latin-1. */
  readonly text: string;

  constructor(fault: SessionFault, text: string) {
    super(fault);
    this.fault = fault;
    this.text = text;
  }
}

const ACK = 0x06;
/** As many as pass in 2.2 s at 300 baud. */
const WAKE_UP_NULS = 66;
const LINE_END = 0x0a;

/**
 * One data readout: request, identification, in mode C the acknowledgement, data message. Echoes of what was sent, as optical heads have them, are
 * skipped. @throws SessionError
 */
export async function readOut(
  line: Line,
  options: SessionOptions,
  parts: { readonly nowMs: () => number; readonly signal: AbortSignal },
  timing: SessionTiming = TIMING,
): Promise<Readout> {
  const { address, acknowledge, parityBit, wakeUp } = options;
  const { signal } = parts;
  using incoming = new Incoming(line, parityBit, signal, timing.totalMs);
  const send = (bytes: Uint8Array) => line.write(parityBit ? withEvenParity(bytes) : bytes);

  await line.setBaudRate?.(INITIAL_BAUD);
  if (wakeUp) {
    await send(new Uint8Array(WAKE_UP_NULS));
    await pause(timing.wakeUpMs, signal);
  }
  incoming.clear();
  await send(Buffer.from(`/?${address}!\r\n`, "latin1"));
  const identificationLine = await readLine(incoming, timing);
  const identification = readIdentification(identificationLine);
  if (identification === undefined) throw new SessionError("unknown-format", identificationLine);

  const { mode, baudRate, baudCharacter } = identification;
  if (mode === "B") await line.setBaudRate?.(baudRate);
  if (mode === "C") {
    const character = acknowledge ?? (line.setBaudRate === undefined ? "0" : baudCharacter);
    await pause(timing.reactionMs, signal);
    // Normal protocol, the rate, data readout.
    await send(Buffer.from(`${String.fromCharCode(ACK)}0${character}0\r\n`, "latin1"));
    await line.setBaudRate?.(baudRateOf(character) ?? INITIAL_BAUD);
  }
  const first = Buffer.from(`${identificationLine}\r\n`, "latin1");
  const { block, message } = await readMessage(incoming, timing);
  return { identification, block, raw: Buffer.concat([first, message]), receivedMs: parts.nowMs() };
}

/** The first line that begins like an identification and is no echo of a request. */
async function readLine(incoming: Incoming, timing: SessionTiming): Promise<string> {
  let waitMs = timing.answerMs;
  for (;;) {
    const bytes = incoming.bytes;
    const start = bytes.indexOf("/");
    const end = start < 0 ? -1 : bytes.indexOf(LINE_END, start);
    if (end >= 0) {
      const text = bytes.toString("latin1", start, end).replace(/\r$/, "");
      incoming.drop(end + 1);
      if (!text.startsWith("/?")) return text;
      continue;
    }
    if (bytes.length > 2 * MAX_IDENTIFICATION_BYTES) throw new SessionError("unknown-format", incoming.shown());
    const why = await incoming.more(waitMs);
    if (why !== undefined) throw incoming.fault(why === "silent" && bytes.length === 0 ? "no-answer" : why);
    waitMs = timing.silenceMs;
  }
}

async function readMessage(
  incoming: Incoming,
  timing: SessionTiming,
): Promise<{ readonly block: string; readonly message: Buffer }> {
  let waitMs = timing.answerMs;
  for (;;) {
    // Before STX: the echo of the acknowledgement, and what a change of the rate made of the line.
    const start = incoming.bytes.indexOf(0x02);
    if (start > 0) incoming.drop(start);
    const isStarted = start >= 0;
    if (!isStarted && incoming.bytes.length > MAX_READOUT_BYTES) throw incoming.fault("too-long");
    const result = isStarted ? readDataMessage(incoming.bytes) : { wait: true as const };
    if ("fault" in result) throw incoming.fault(result.fault);
    if ("block" in result) return { block: result.block, message: Buffer.from(incoming.bytes) };
    const why = await incoming.more(waitMs);
    if (why !== undefined) throw incoming.fault(why === "silent" ? "truncated" : why);
    waitMs = timing.silenceMs;
  }
}

/** What a line has sent and nobody has taken yet, of seven bits a byte. */
class Incoming implements Disposable {
  readonly #line: Line;
  readonly #hasParity: boolean;
  readonly #signal: AbortSignal;
  readonly #deadline: AbortSignal;
  #bytes: Buffer = Buffer.alloc(0);
  #isClosed: boolean;
  #hasParityFault = false;
  #wake: () => void = () => undefined;

  constructor(line: Line, hasParity: boolean, signal: AbortSignal, totalMs: number) {
    this.#line = line;
    this.#hasParity = hasParity;
    this.#signal = signal;
    this.#deadline = AbortSignal.timeout(totalMs);
    this.#isClosed = line.stream.destroyed || line.stream.readableEnded;
    line.stream.on("data", this.#onData).on("end", this.#onEnd).on("close", this.#onEnd);
    signal.addEventListener("abort", this.#onWake);
    this.#deadline.addEventListener("abort", this.#onWake);
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  drop(count: number): void {
    this.#bytes = this.#bytes.subarray(count);
  }

  clear(): void {
    this.#bytes = Buffer.alloc(0);
  }

  shown(): string {
    return this.#bytes.toString("latin1", 0, 120);
  }

  fault(why: SessionFault | "silent"): SessionError {
    if (why === "silent") return new SessionError("truncated", this.shown());
    // A wrong parity is what made the rest wrong.
    return new SessionError(why === "truncated" && this.#hasParityFault ? "crc-wrong" : why, this.shown());
  }

  /** Waits for at least one byte more. undefined: it has come. */
  async more(waitMs: number): Promise<"silent" | "closed" | "stopped" | undefined> {
    const before = this.#bytes.length;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, waitMs);
    if (!this.#isClosed && !this.#signal.aborted && !this.#deadline.aborted) await promise;
    clearTimeout(timer);
    if (this.#bytes.length > before) return undefined;
    if (this.#signal.aborted) return "stopped";
    return this.#isClosed ? "closed" : "silent";
  }

  [Symbol.dispose](): void {
    const { stream } = this.#line;
    stream.removeListener("data", this.#onData).removeListener("end", this.#onEnd).removeListener("close", this.#onEnd);
    this.#signal.removeEventListener("abort", this.#onWake);
    this.#deadline.removeEventListener("abort", this.#onWake);
  }

  readonly #onWake = (): void => this.#wake();
  readonly #onEnd = (): void => {
    this.#isClosed = true;
    this.#wake();
  };
  readonly #onData = (bytes: Uint8Array): void => {
    if (this.#hasParity && !bytes.every(hasEvenParity)) this.#hasParityFault = true;
    // Converters that check the parity themselves leave the highest bit 0; of those that do not it is stripped here.
    this.#bytes = Buffer.concat([this.#bytes, bytes.map((byte) => byte & 0x7f)]);
    this.#wake();
  };
}

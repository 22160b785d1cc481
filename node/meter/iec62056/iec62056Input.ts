import { rejectedFrame } from "../frame.ts";
import type { InputPorts, MeterInput, StartInput } from "../input.ts";
import { OptionReader } from "../inputOptions.ts";
import { INPUT_PERIODS } from "../inputPeriods.ts";
import { LINE_METER_OPTIONS, type LineMeterOptions, readLineMeter } from "../lineOptions.ts";
import { pause } from "../pause.ts";
import { type ConnectionOptions, type Line, readConnection, type SerialDefaults } from "../stream/connection.ts";
import { decodeReadout, type ReadoutMeter } from "./decoder.ts";
import { INITIAL_BAUD } from "./readoutMessage.ts";
import { readOut, SessionError, type SessionFault, type SessionTiming, TIMING } from "./session.ts";

export interface Iec62056Options extends Omit<LineMeterOptions, "meterId"> {
  readonly connection: ConnectionOptions;
  /** Meters on this line, read one after the other. Default: one, without an address. */
  readonly meters?: readonly { readonly address?: string; readonly meterId?: string }[];
  /** Between the beginnings of two rounds, ms. Default one minute. */
  readonly everyMs?: number;
  /** Rate character of the acknowledgement in mode C. Default: by a serial line the meter's own, by TCP "0", which leaves the rate as it is. */
  readonly acknowledge?: (typeof RATES)[number];
  /** By TCP: the converter is set to 8N1 and passes the parity on as the eighth bit. Default false: it is set to 7E1. */
  readonly parityBit?: boolean;
  /** Meters with a battery sleep until NULs wake them. */
  readonly wakeUp?: boolean;
}

const RATES = ["0", "1", "2", "3", "4", "5", "6"] as const;
/** RS-485 has room for 32 devices. */
const MAX_METERS = 32;
/** A readout that came damaged or not at all is asked for again. */
const ATTEMPTS = 3;
const SERIAL: SerialDefaults = { baudRate: INITIAL_BAUD, dataBits: 7, parity: "even", stopBits: 1 };
const ADDRESS = { pattern: /^[0-9A-Za-z ]{0,32}$/, form: "up to 32 digits, letters or spaces" };

const ADVICE: Readonly<Record<SessionFault, string>> = {
  "no-answer":
    "No meter answers: check address, cable and optical head, that the line is set to 300 baud 7E1, and whether the meter has to be woken (wakeUp)",
  "unknown-format":
    "What answers is no identification of IEC 62056-21: check that the line is set to 300 baud 7E1; a converter that is set to 8N1 needs parityBit",
  truncated:
    "The readout ends in its middle: a meter of mode B, or an acknowledge other than 0, changes the rate, which a converter by TCP cannot follow",
  "crc-wrong": "The readout is damaged: check cable and optical head, and that the line is set to 7E1",
  "too-long": "The readout does not end",
  closed: "The line was closed while the meter was being read",
  stopped: "Stopped",
};

/** Meters that have to be asked: IEC 62056-21 modes A, B and C, by serial line or TCP. @throws MeterSourceError METER_OPTION_INVALID */
export const startIec62056Input: StartInput<Iec62056Options> = (options, ports) => startReadouts(options, ports);

export async function startReadouts(
  options: Iec62056Options,
  ports: InputPorts,
  timing: SessionTiming = TIMING,
): Promise<MeterInput> {
  const shared = LINE_METER_OPTIONS.filter((name) => name !== "meterId");
  const names = ["connection", "meters", "everyMs", "acknowledge", "parityBit", "wakeUp"];
  const reader = new OptionReader(options, "iec62056", [...shared, ...names]);
  const common = readLineMeter(reader, "iec", "Europe/Berlin");
  const listed = reader.list("meters", { min: 0, max: MAX_METERS }, (item, path): ReadoutMeter => {
    const one = new OptionReader(item, path, ["address", "meterId"]);
    const { meterId } = readLineMeter(one, "iec", "Europe/Berlin");
    return { ...common, meterId, address: one.text("address", { ...ADDRESS, fallback: "" }) };
  });
  const meters = listed.length === 0 ? [{ ...common, address: "" }] : listed;
  // Without an address all meters of a line answer at once.
  if (meters.length > 1 && new Set(meters.map(({ address }) => address)).size < meters.length)
    throw reader.fault("meters", "must have an address of its own for each of them");
  if (meters.length > 1 && meters.some(({ address }) => address === ""))
    throw reader.fault("meters", "must have an address for each when there are several");
  const everyMs = reader.integer("everyMs", { ...INPUT_PERIODS.iec62056, fallback: 60_000 });
  const session = {
    acknowledge: reader.has("acknowledge") ? reader.choice("acknowledge", RATES) : undefined,
    parityBit: reader.boolean("parityBit", false),
    wakeUp: reader.boolean("wakeUp", false),
  };
  const connection = await readConnection(reader.raw("connection"), "iec62056.connection", SERIAL);
  const name = `iec62056 ${connection.name}`;
  const log = ports.log.child({ input: name });
  const stop = new AbortController();
  const { signal } = stop;

  async function readMeter(line: Line, meter: ReadoutMeter): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const readout = await readOut(
          line,
          { ...session, address: meter.address },
          { nowMs: ports.nowMs, signal },
          timing,
        );
        const frame = decodeReadout(meter, readout);
        for (const { reason, text } of frame.rejected) log.debug({ reason, text }, "Rejected");
        await ports.offer(frame);
        return;
      } catch (error) {
        if (!(error instanceof SessionError)) throw error;
        const { fault, text } = error;
        if (fault === "stopped") return;
        log.warn({ meter: meter.address, fault, text, attempt }, ADVICE[fault]);
        if (fault !== "no-answer" && fault !== "closed") await ports.offer(rejectedFrame(fault, text));
        if (fault === "closed" || attempt === ATTEMPTS) return;
        await pause(timing.retryMs, signal);
      }
    }
  }

  async function round(): Promise<void> {
    let line: Line | undefined;
    try {
      line = await connection.open(signal);
      line.stream.on("error", (error) => log.debug({ error: error.message }, "Line failed"));
      for (const meter of meters) if (!signal.aborted && !line.stream.destroyed) await readMeter(line, meter);
    } catch (error) {
      if (!signal.aborted) log.warn({ error: (error as Error).message, retryMs: everyMs }, "Cannot read the line");
    } finally {
      line?.close();
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const startedMs = performance.now();
      await round();
      await pause(Math.max(0, everyMs - (performance.now() - startedMs)), signal);
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

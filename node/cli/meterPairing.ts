import { pino } from "pino";
import type { Reading } from "#storage/types/reading.ts";
import { SourceEndedError } from "../meter/liveSource.ts";
import { startInput } from "../meter/meterInputs.ts";
import type { InputEntry } from "../meter/metersFile.ts";
import { MeterSourceError, type RejectionReason } from "../meter/source.ts";
import { cliError } from "./cliError.ts";

/** What was heard of an input. */
export interface Heard {
  readonly readings: readonly Reading[];
  readonly rejected: Readonly<Partial<Record<RejectionReason, number>>>;
}

const ADVICE: Readonly<Record<string, string>> = {
  dsmr: "check the cable, that the port is switched on at the meter (some grid operators do it on request), and the baud rate",
  dlms: "check the cable, that the HAN port is open (the grid operator opens it), and the baud rate",
  iec62056:
    "check cable and optical head, that the converter is set to 300 baud 7E1, and the meter's address (--set meters.0.address=NUMBER)",
  mqtt: "look with `mosquitto_sub -v -t '#'` whether the device publishes, and under which topic",
  lorawan: "look at the network server whether uplinks arrive, and whether its MQTT integration publishes them",
  modbus: "check address, port and unit id, and that no other program asks the meter",
  ngsi: "check that the context broker has a subscription to this address, and that a firewall lets it in",
  ocpp: "check the address of the central system in the charger",
  csv: "the file has no row that is a reading",
};

/**
 * Listens to an input until the first frame with readings. Nothing is acknowledged: what was heard here will be sent to the node again by whoever keeps it.
 * @throws CliError METER_NOT_HEARD, METER_NOT_UNDERSTOOD, METER_OPTION_WRONG
 */
export async function listenTo(entry: InputEntry, waitMs: number, nowMs: () => number): Promise<Heard> {
  const rejected: Partial<Record<RejectionReason, number>> = {};
  const first = Promise.withResolvers<readonly Reading[] | undefined>();
  const waiting: ((error: Error) => void)[] = [];
  const timer = setTimeout(() => first.resolve(undefined), waitMs);
  try {
    await using _input = await startInput(entry, {
      offer(frame) {
        for (const { reason } of frame.rejected) rejected[reason] = (rejected[reason] ?? 0) + 1;
        if (frame.readings.length > 0) first.resolve(frame.readings);
        const { promise, reject } = Promise.withResolvers<void>();
        waiting.push(reject);
        return promise;
      },
      nowMs,
      log: pino({ level: "silent" }),
    });
    const readings = await first.promise;
    for (const reject of waiting.splice(0)) reject(new SourceEndedError("only listened"));
    if (readings !== undefined) return { readings, rejected };
  } catch (error) {
    if (!(error instanceof MeterSourceError) || error.details.code !== "METER_OPTION_INVALID") throw error;
    const { option, reason, value } = error.details;
    const message = `${option} ${reason}${value === undefined ? "" : ` (it is ${JSON.stringify(value)})`}`;
    throw cliError(
      "usage",
      "METER_OPTION_WRONG",
      message,
      "give it again with --set PATH=VALUE; the input's README has all options",
    );
  } finally {
    clearTimeout(timer);
    for (const reject of waiting.splice(0)) reject(new SourceEndedError("only listened"));
  }
  const advice = ADVICE[entry.type] ?? "check the input's options";
  const reasons = Object.entries(rejected).map(([reason, count]) => `${reason} ${count}×`);
  if (reasons.length > 0)
    throw cliError(
      "failure",
      "METER_NOT_UNDERSTOOD",
      `something was heard, and it has no reading: ${reasons.join(", ")}`,
      `node/meter/README.md says what each means; ${advice}`,
    );
  const seconds = waitMs / 1000;
  throw cliError(
    "failure",
    "METER_NOT_HEARD",
    `nothing was heard for ${seconds} s`,
    `${advice}; --wait listens longer`,
  );
}

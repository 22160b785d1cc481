import { type Logger, pino } from "pino";
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
    "check cable and optical head, that the converter is set to 300 baud 7E1, and the meter's address (--set meters.0.address=NUMBER); a long readout takes minutes at 300 baud (--wait 10m)",
  mqtt: "look with `mosquitto_sub -v -t '#'` whether the device publishes, and under which topic",
  lorawan: "look at the network server whether uplinks arrive, and whether its MQTT integration publishes them",
  modbus: "check address, port and unit id, and that no other program asks the meter",
  ngsi: "check that the context broker has a subscription to this address, and that a firewall lets it in",
  ocpp: "check the address of the central system in the charger",
  csv: "the file has no row that is a reading",
};

/**
 * Listens to an input until the first frame with readings. Nothing is acknowledged: what was heard here will be sent to the node again by whoever keeps it.
 * @throws CliError METER_NOT_HEARD, METER_NOT_UNDERSTOOD, METER_OPTION_WRONG; MeterSourceError of a file that cannot be read
 */
export async function listenTo(entry: InputEntry, waitMs: number, nowMs: () => number): Promise<Heard> {
  const rejected: Partial<Record<RejectionReason, number>> = {};
  const first = Promise.withResolvers<readonly Reading[] | undefined>();
  const waiting: ((error: Error) => void)[] = [];
  const timer = setTimeout(() => first.resolve(undefined), waitMs);
  const { log, latest } = listeningLog();
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
      log,
      fail: first.reject,
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
      `give it again with --set PATH=VALUE; ${README_OF[entry.type] ?? "node/meter/README.md"} has all options`,
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
  const said = latest();
  const why = CAUSES.find(([pattern]) => said !== undefined && pattern.test(said))?.[1];
  throw cliError(
    "failure",
    "METER_NOT_HEARD",
    `nothing was heard for ${waitMs / 1000} s${said === undefined ? "" : `; the input says: ${said}`}`,
    `${why ?? advice}; --wait listens longer`,
  );
}

/** Where the options of a type are explained. */
const README_OF: Readonly<Record<string, string>> = {
  dsmr: "node/meter/dsmr/README.md",
  iec62056: "node/meter/iec62056/README.md",
  dlms: "node/meter/dlms/README.md",
  mqtt: "node/meter/mqtt/README.md",
  modbus: "node/meter/modbus/README.md",
  lorawan: "node/meter/lorawan/README.md",
  ngsi: "node/meter/ngsi/README.md",
  ocpp: "node/meter/ev/README.md",
  telemetry: "node/meter/ev/README.md",
  sessions: "node/meter/ev/README.md",
};

/** What an input could not do, by the system's word for it, and what to look at then. */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, "nothing listens at this address and port: check both, and that the device is on"],
  [/ENOTFOUND|EAI_AGAIN/, "no computer has this name: check it, or give its IP address"],
  [
    /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|no answer in/,
    "it cannot be reached: check the address, the network and firewalls",
  ],
  [/ENOENT|No such file/i, "there is no such serial device: plug it in, and look with `ls /dev/tty*` what its name is"],
  [
    /EACCES|Permission denied/i,
    "this user may not open it: add the user to its group, mostly dialout, and log in again",
  ],
  [/EADDRINUSE/, "another program listens at this port: stop it, or choose another port"],
  [
    /Not authorized|Bad user name|Connection refused: /i,
    "the broker does not let this node in: check username and password",
  ],
];

/** A log that keeps the latest warning, which is why nothing is heard. */
function listeningLog(): { readonly log: Logger; readonly latest: () => string | undefined } {
  let latest: string | undefined;
  const write = (line: string): void => {
    const { msg, error, err, why } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const cause = error ?? (err as { readonly message?: unknown } | undefined)?.message ?? why;
    latest = cause === undefined || cause === "" ? String(msg) : `${String(msg)} (${String(cause)})`;
  };
  return { log: pino({ level: "warn" }, { write }), latest: () => latest };
}

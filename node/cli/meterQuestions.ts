import { cliError } from "./cliError.ts";
import type { Prompts } from "./io.ts";

/** What a type of input has to be told. `path`: where the answer stands in its options, as in `--set connection.host=…`. */
export interface Question {
  readonly path: string;
  readonly ask: string;
  readonly choices?: readonly string[];
  /** Taken without a terminal; with one it is offered. */
  readonly fallback?: string;
  /** Asked only when the option at this path has this value. */
  readonly when?: readonly [path: string, value: string];
}

const TCP_OR_SERIAL: readonly Question[] = [
  { path: "connection.type", ask: "How is the meter connected?", choices: ["tcp", "serial"] },
  { path: "connection.host", ask: "Address of the converter", when: ["connection.type", "tcp"] },
  { path: "connection.port", ask: "Its TCP port", fallback: "23", when: ["connection.type", "tcp"] },
  { path: "connection.path", ask: "Serial device", fallback: "/dev/ttyUSB0", when: ["connection.type", "serial"] },
];

const BROKER: readonly Question[] = [
  { path: "url", ask: "MQTT broker", fallback: "mqtt://127.0.0.1:1883" },
  { path: "clientId", ask: "Name of this node at the broker, of it alone", fallback: "energy-ledger" },
];

const QUESTIONS: Readonly<Record<string, readonly Question[]>> = {
  dsmr: [
    ...TCP_OR_SERIAL,
    {
      path: "profile",
      ask: "Country of the meter (D0: German optical port)",
      choices: ["NL", "BE", "LU", "SE", "FI", "AT", "HU", "IE", "D0"],
      fallback: "NL",
    },
  ],
  dlms: TCP_OR_SERIAL,
  iec62056: TCP_OR_SERIAL,
  mqtt: [
    ...BROKER,
    {
      path: "subscriptions.0.format",
      ask: "What sends",
      choices: ["tasmota", "shelly", "homewizard", "dsmr"],
    },
    { path: "subscriptions.0.topic", ask: "Topic, with + and #: tele/+/SENSOR" },
  ],
  lorawan: [
    ...BROKER,
    { path: "topics.0", ask: "Topic of the uplinks", fallback: "application/+/device/+/event/+" },
    { path: "codecs.0.codec", ask: "Codec of the devices", fallback: "minutes" },
    { path: "codecs.0.devEui", ask: "Their DevEUI, or its beginning and *" },
  ],
  modbus: [
    { path: "host", ask: "Address of the meter or gateway" },
    { path: "port", ask: "Its TCP port", fallback: "502" },
    { path: "framing", ask: "Framing", choices: ["tcp", "rtu"], fallback: "tcp" },
    { path: "site", ask: "A name of the site, part of the meter's id", fallback: "home" },
    { path: "devices.0.unit", ask: "Unit id of the meter", fallback: "1" },
    { path: "devices.0.map", ask: "Register map: a built-in name like eastron-sdm630, or a file" },
  ],
  ngsi: [{ path: "port", ask: "Port at which notifications arrive", fallback: "1028" }],
  ocpp: [
    { path: "port", ask: "Port at which chargers connect", fallback: "8887" },
    { path: "chargers.0.id", ask: "Identity of the charger" },
  ],
  telemetry: [
    { path: "port", ask: "Port at which the cars' server posts", fallback: "1029" },
    { path: "idSecret", ask: "A secret from which the ids of cars are made: keep it, other ids are other meters" },
  ],
  sessions: [
    { path: "path", ask: "File" },
    { path: "format", ask: "Its form", choices: ["acn", "workplace"] },
  ],
  csv: [{ path: "path", ask: "File" }],
  simulator: [],
};

type Options = Record<string, unknown>;

/** `--set path=value` flags as options. @throws CliError SETTING_MALFORMED */
export function optionsOfSettings(settings: readonly string[], given: unknown): Options {
  const options = structuredClone(given ?? {}) as Options;
  for (const setting of settings) {
    const at = setting.indexOf("=");
    const path = setting.slice(0, Math.max(at, 0));
    if (
      !/^[A-Za-z0-9*_-]+(\.[A-Za-z0-9*_-]+)*$/.test(path) ||
      /(^|\.)(__proto__|constructor|prototype)(\.|$)/.test(path)
    )
      throw cliError("usage", "SETTING_MALFORMED", `--set ${setting}`, "write --set connection.host=192.168.1.20");
    setAt(options, path.split("."), parsedAnswer(setting.slice(at + 1)));
  }
  return options;
}

/**
 * Asks for what is missing; without a terminal takes what has a default.
 * @throws CliError METER_OPTION_MISSING, which names the flags
 */
export async function completeOptions(type: string, options: Options, prompts: Prompts | undefined): Promise<Options> {
  const missing: string[] = [];
  for (const { path, ask, choices, fallback, when } of QUESTIONS[type] ?? []) {
    const steps = path.split(".");
    if (getAt(options, steps) !== undefined) continue;
    if (when !== undefined && getAt(options, when[0].split(".")) !== when[1]) continue;
    if (prompts !== undefined) {
      const sorted = choices?.toSorted((a, b) => Number(b === fallback) - Number(a === fallback));
      const answer =
        sorted === undefined
          ? await prompts.text(ask, fallback)
          : await prompts.choose(
              ask,
              sorted.map((value) => ({ value })),
            );
      setAt(options, steps, parsedAnswer(answer));
    } else if (fallback !== undefined) setAt(options, steps, parsedAnswer(fallback));
    else missing.push(`--set ${path}=${choices?.join("|") ?? `… (${ask})`}`);
  }
  if (missing.length > 0)
    throw cliError(
      "usage",
      "METER_OPTION_MISSING",
      `an input of type ${type} needs more`,
      `add ${missing.join(", ")}, or run the command on a terminal, which asks`,
    );
  return options;
}

/** Numbers, true, false and JSON as what they are, everything else as text. */
function parsedAnswer(text: string): unknown {
  if (!/^(-?\d+(\.\d+)?|true|false|null|[[{"].*)$/s.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function getAt(options: unknown, steps: readonly string[]): unknown {
  return steps.reduce<unknown>((value, step) => (value as Options | undefined)?.[step], options);
}

/** Steps that are numbers are positions in lists. */
function setAt(options: Options, steps: readonly string[], value: unknown): void {
  let at = options;
  for (const [index, step] of steps.entries()) {
    if (index === steps.length - 1) {
      at[step] = value;
      return;
    }
    const isList = /^\d+$/.test(steps[index + 1] ?? "");
    at[step] = at[step] ?? (isList ? [] : {});
    at = at[step] as Options;
  }
}

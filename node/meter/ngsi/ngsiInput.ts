import {
  HTTP_RECEIVER_OPTIONS,
  type HttpReceiver,
  readHttpReceiverOptions,
  startHttpReceiver,
} from "../httpReceiver.ts";
import type { InputPorts, MeterInput } from "../input.ts";
import { OptionReader, SECRET } from "../inputOptions.ts";
import { INPUT_PERIODS } from "../inputPeriods.ts";
import { pause } from "../pause.ts";
import { DEFAULT_MAX_POWER_W, MAX_POWER_W } from "../readingCollector.ts";
import { type AttributeTable, readAttributes } from "./attributes.ts";
import { type Broker, type BrokerOptions, createBroker } from "./broker.ts";
import { decodeNgsi } from "./decode.ts";
import { LastHeard } from "./lastHeard.ts";

/** As it stands in `meters.json`; README.md has the meaning of each. */
export interface NgsiInputOptions {
  readonly host?: string;
  readonly port: number;
  readonly path?: string;
  readonly token?: string;
  readonly maxBodyBytes?: number;
  readonly maxPending?: number;
  readonly maxPowerW?: number;
  readonly attributes?: Readonly<
    Record<string, { readonly quantity: string; readonly unit: string; readonly phase?: number }>
  >;
  readonly broker?: {
    readonly url: string;
    readonly api?: "v2" | "ld";
    readonly service?: string;
    readonly servicePath?: string;
    readonly token?: string;
    readonly entityType: string;
    readonly idPattern?: string;
    readonly notifyUrl: string;
    readonly context?: string;
    readonly expiresS?: number;
    readonly cadenceMs?: number;
  };
}

export interface NgsiInput extends MeterInput {
  /** Where it listens. */
  readonly port: number;
}

/** Notifications missing before the broker is asked what they would have said. */
const MISSED_NOTIFICATIONS = 3;
const MIN_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 60_000;

/**
 * An endpoint for the notifications of a context broker; with `broker` also the subscription that makes it send them, prolonged at half its life, and queries while
 * none come. @throws MeterSourceError METER_OPTION_INVALID
 */
export async function startNgsiInput(options: NgsiInputOptions, ports: InputPorts): Promise<NgsiInput> {
  const names = [...HTTP_RECEIVER_OPTIONS, "maxPowerW", "attributes", "broker"];
  const reader = new OptionReader(options, "ngsi", names);
  const receiver = readHttpReceiverOptions(reader, "/ngsi/notify");
  const maxPowerW = reader.integer("maxPowerW", { min: 1, max: MAX_POWER_W, fallback: DEFAULT_MAX_POWER_W });
  const attributes = readAttributes(reader.raw("attributes"), "ngsi.attributes");
  const brokerOptions = reader.has("broker") ? readBroker(reader.raw("broker"), receiver.token, attributes) : undefined;
  const { nowMs, log, offer } = ports;
  const stopped = new AbortController();
  const { signal } = stopped;
  const heard = new LastHeard();

  const http: HttpReceiver = await startHttpReceiver(receiver, ports, (body, headers) => {
    const receivedMs = nowMs();
    const format = headers["ngsiv2-attrsformat"];
    const attrsFormat = typeof format === "string" ? format : undefined;
    const frame = decodeNgsi(body, { attributes, receivedMs, attrsFormat, maxPowerW });
    for (const { meterId } of frame.readings) heard.note(meterId, receivedMs);
    return frame;
  });
  const name = `ngsi http ${receiver.host}:${http.port}${receiver.path}`;

  async function keepSubscribed(broker: Broker, expiresS: number): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await broker.subscribe(nowMs());
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        log.warn({ err: error, input: name, failures }, "NGSI subscription failed");
      }
      await pause(failures === 0 ? expiresS * 500 : backoffMs(failures), signal);
    }
  }

  /** What was missed is asked for: at the start, and whenever those of a meter stay away. What was known already is a duplicate downstream. */
  async function fillGaps(broker: Broker, cadenceMs: number): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        for await (const body of broker.query()) {
          await offer(decodeNgsi(body, { attributes, receivedMs: nowMs(), maxPowerW, isQuery: true }));
        }
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        log.warn({ err: error, input: name, failures }, "NGSI query failed");
      }
      await pause(failures === 0 ? MISSED_NOTIFICATIONS * cadenceMs : backoffMs(failures), signal);
      // Asked again only when a meter has been silent since.
      for (;;) {
        const leftMs = heard.silentSinceMs(nowMs()) + MISSED_NOTIFICATIONS * cadenceMs - nowMs();
        if (signal.aborted || leftMs <= 0) break;
        await pause(leftMs, signal);
      }
    }
  }

  const running: Promise<void>[] = [];
  if (brokerOptions !== undefined) {
    const broker = createBroker(brokerOptions, signal);
    running.push(keepSubscribed(broker, brokerOptions.expiresS), fillGaps(broker, brokerOptions.cadenceMs));
  }
  return {
    name,
    port: http.port,
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await Promise.all([...running, http[Symbol.asyncDispose]()]);
    },
  };
}

function backoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(failures - 1, 10));
}

const BROKER_NAMES = [
  "url",
  "api",
  "service",
  "servicePath",
  "token",
  "entityType",
  "idPattern",
  "notifyUrl",
  "context",
  "expiresS",
  "cadenceMs",
];
const URL_FORM = {
  pattern: /^https?:\/\/[^\s/?#]+(\/[^\s?#]*[^\s/?#])?$/,
  form: "an http or https URL without a slash at its end",
};
const NAME_FORM = { pattern: /^[0-9A-Za-z_.:/#-]{1,256}$/, form: "a name or URI" };

function readBroker(
  json: unknown,
  notifyToken: string | undefined,
  attributes: AttributeTable,
): BrokerOptions & { readonly cadenceMs: number } {
  const reader = new OptionReader(json, "ngsi.broker", BROKER_NAMES);
  return {
    url: reader.text("url", URL_FORM),
    api: reader.choice("api", ["v2", "ld"], "v2"),
    service: reader.optionalText("service", {
      pattern: /^[0-9a-z_]{1,50}$/,
      form: "1 to 50 lower-case letters, digits or underscores",
    }),
    servicePath: reader.optionalText("servicePath", {
      pattern: /^\/[0-9A-Za-z_/]{0,100}$/,
      form: "a path like /terni",
    }),
    token: reader.optionalText("token", SECRET),
    entityType: reader.text("entityType", NAME_FORM),
    idPattern: reader.text("idPattern", {
      pattern: /^[\x21-\x7e]{1,256}$/,
      form: "a regular expression",
      fallback: ".*",
    }),
    attributes: [...attributes.keys()],
    notifyUrl: reader.text("notifyUrl", URL_FORM),
    notifyToken,
    context: reader.optionalText("context", URL_FORM),
    expiresS: reader.integer("expiresS", { min: 2, max: 31_536_000, fallback: 86_400 }),
    cadenceMs: reader.integer("cadenceMs", { ...INPUT_PERIODS.ngsi, fallback: 5000 }),
  };
}

import { readFileSync } from "node:fs";
import { type OptionReader, SECRET } from "../inputOptions.ts";

/** How a broker is reached, as plain JSON. Passwords and keys are in files: arguments and `meters.json` are read by others. */
export interface ConnectionOptions {
  /** mqtt://host:port, or mqtts:// with TLS. Default ports 1883 and 8883. */
  readonly url: string;
  /** Name of the session, which the broker keeps while the home is away: of one client only, and always the same. */
  readonly clientId: string;
  /** 4 = MQTT 3.1.1, which every broker speaks; 5 tells the broker its limits. Default 4. */
  readonly protocolVersion?: number;
  readonly username?: string;
  readonly passwordFile?: string;
  /** PEM; without it the certificate authorities of Node. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Seconds without a word after which broker and client ask for each other. Default 60. */
  readonly keepaliveS?: number;
  /** Messages on their way to the disk; the broker waits beyond it. Default 100. */
  readonly maxInFlight?: number;
  /** A longer message is not decoded. Default 65 536 bytes. */
  readonly maxMessageBytes?: number;
  /** Messages of one topic for the same second. Default 10. */
  readonly maxPerSecond?: number;
  /** The longest pause between two attempts to connect, ms. Default 60 000. */
  readonly maxReconnectMs?: number;
}

export const CONNECTION_OPTIONS = [
  "url",
  "clientId",
  "protocolVersion",
  "username",
  "passwordFile",
  "caFile",
  "certFile",
  "keyFile",
  "keepaliveS",
  "maxInFlight",
  "maxMessageBytes",
  "maxPerSecond",
  "maxReconnectMs",
] as const;

export interface Connection {
  readonly url: string;
  readonly clientId: string;
  readonly protocolVersion: 4 | 5;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly keepaliveS: number;
  readonly maxInFlight: number;
  readonly maxMessageBytes: number;
  readonly maxPerSecond: number;
  readonly maxReconnectMs: number;
}

const URL_FORM = {
  pattern: /^mqtts?:\/\/(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]{1,253})(?::\d{1,5})?$/,
  form: "mqtt://host:port or mqtts://host:port, without a user",
};
/** MQTT 3.1.1 §3.1.3.1: 23 characters of these every broker takes; the ones in use take more. */
const CLIENT_ID = { pattern: /^[0-9A-Za-z_.-]{1,64}$/, form: "1 to 64 letters, digits, dots, dashes or underscores" };
const PATH = { pattern: /^[^\0]{1,4096}$/, form: "the path of a file" };

/** @throws MeterSourceError METER_OPTION_INVALID */
export function readConnection(reader: OptionReader): Connection {
  const url = reader.text("url", URL_FORM);
  const port = /:(\d+)$/.exec(url)?.[1];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw reader.fault("url", "has no such port");
  const isSecure = url.startsWith("mqtts:");
  for (const name of ["caFile", "certFile", "keyFile"])
    if (reader.has(name) && !isSecure) throw reader.fault(name, "needs mqtts://");
  if (reader.has("certFile") !== reader.has("keyFile"))
    throw reader.fault("certFile", "and keyFile are given together, or neither");
  if (reader.has("passwordFile") && !reader.has("username")) throw reader.fault("passwordFile", "needs a username");
  return {
    url,
    clientId: reader.text("clientId", CLIENT_ID),
    protocolVersion: reader.integer("protocolVersion", { min: 4, max: 5, fallback: 4 }) as 4 | 5,
    username: reader.optionalText("username", SECRET),
    password: fileOf(reader, "passwordFile", (bytes) => Buffer.from(bytes.toString("utf8").replace(/\r?\n$/, ""))),
    ca: fileOf(reader, "caFile"),
    cert: fileOf(reader, "certFile"),
    key: fileOf(reader, "keyFile"),
    keepaliveS: reader.integer("keepaliveS", { min: 1, max: 3600, fallback: 60 }),
    maxInFlight: reader.integer("maxInFlight", { min: 1, max: 65_535, fallback: 100 }),
    maxMessageBytes: reader.integer("maxMessageBytes", { min: 256, max: 1_048_576, fallback: 65_536 }),
    maxPerSecond: reader.integer("maxPerSecond", { min: 1, max: 100_000, fallback: 10 }),
    maxReconnectMs: reader.integer("maxReconnectMs", { min: 10, max: 3_600_000, fallback: 60_000 }),
  };
}

function fileOf(
  reader: OptionReader,
  name: string,
  change: (bytes: Buffer) => Buffer = (bytes) => bytes,
): Buffer | undefined {
  const path = reader.optionalText(name, PATH);
  if (path === undefined) return undefined;
  try {
    return change(readFileSync(path));
  } catch (error) {
    throw reader.fault(name, `cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown"}`);
  }
}

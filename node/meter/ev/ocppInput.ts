import { type KeyObject, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { sha256 } from "#storage/crypto/hash.ts";
import { MAX_HEADER_BYTES } from "../../api/serverLimits.ts";
import { rejectedFrame } from "../frame.ts";
import type { InputPorts, MeterInput } from "../input.ts";
import { HOST, OptionReader } from "../inputOptions.ts";
import { MAX_POWER_W } from "../readingCollector.ts";
import { parsePublicKey } from "./ocmf.ts";
import { callError, callResult, OCPP_VERSIONS, type OcppVersion, parseOcppMessage } from "./ocppMessage.ts";
import { OcppSession } from "./ocppSession.ts";

/** As it stands in `meters.json`; README.md has the meaning of each. */
export interface OcppInputOptions {
  readonly host?: string;
  readonly port: number;
  readonly path?: string;
  readonly chargers?: readonly {
    readonly id: string;
    readonly password?: string;
    readonly ocmfKey?: string;
    readonly maxPowerW?: number;
  }[];
  readonly acceptUnknown?: boolean;
  readonly idTags?: readonly string[];
  readonly heartbeatS?: number;
  readonly pingMs?: number;
  readonly maxPowerW?: number;
}

export interface OcppInput extends MeterInput {
  /** Where it listens. */
  readonly port: number;
  /** Chargers that are connected. */
  readonly connections: number;
}

interface Charger {
  readonly id: string;
  readonly password: string | undefined;
  readonly publicKey: KeyObject | undefined;
  readonly maxPowerW: number;
}

/** Three phases of 63 A are 43 kW; the largest direct-current chargers in the field have 400. */
const DEFAULT_CHARGER_POWER_W = 400_000;
const CHARGER_ID = {
  pattern: /^[0-9A-Za-z._:-]{1,48}$/,
  form: "1 to 48 letters, digits, dots, colons, dashes or underscores",
};
/** One message: a transaction's signed values are some 10 KiB. */
const MAX_MESSAGE_BYTES = 256 * 1024;
const MAX_CHARGERS = 4096;
/** Messages of one charger that wait; OCPP-J 1.6 §4.1.1 allows one call at a time. */
const MAX_WAITING = 64;
/** Transaction numbers are seconds since then, so that no run gives one that an earlier run has given. */
const TRANSACTIONS_SINCE_MS = Date.UTC(2020, 0, 1);

/**
 * The central system that chargers of OCPP 1.6 and 2.0.1 (JSON) report to at `ws://host:port/path/<charger id>`: it says yes to what they announce, so that they go on,
 * and keeps their meter values. A message with values is answered when they are on disk. @throws MeterSourceError METER_OPTION_INVALID
 */
export async function startOcppInput(options: OcppInputOptions, { offer, nowMs, log }: InputPorts): Promise<OcppInput> {
  const settings = readOcppOptions(options);
  const sockets = new Map<string, WebSocket>();
  /** Sessions outlive their connections: chargers reconnect in the middle of a transaction. */
  const sessions = new Map<string, OcppSession>();
  const alive = new WeakSet<WebSocket>();
  let lastTransactionId = 0;

  const http = createServer({ maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 10_000 }, (_request, response) => {
    response.writeHead(426, { connection: "close" }).end();
  });
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => OCPP_VERSIONS.find((version) => offered.has(version)) ?? false,
  });

  function nextTransactionId(): number {
    lastTransactionId = Math.max(lastTransactionId + 1, Math.floor((nowMs() - TRANSACTIONS_SINCE_MS) / 1000));
    return lastTransactionId;
  }

  http.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {});
    const admitted = admit(request);
    if (typeof admitted === "string") return refuse(socket, admitted);
    server.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, admitted));
  });

  function admit(request: IncomingMessage): Charger | string {
    const [path = ""] = (request.url ?? "").split("?");
    const id = path.startsWith(settings.prefix) ? decode(path.slice(settings.prefix.length)) : "";
    if (!CHARGER_ID.pattern.test(id)) return "404 Not Found";
    const known = settings.chargers.get(id);
    if (known === undefined && !settings.acceptUnknown) return "404 Not Found";
    if (known?.password !== undefined && !isAuthorized(request, id, known.password)) return "401 Unauthorized";
    if (sockets.size >= MAX_CHARGERS && !sockets.has(id)) return "503 Service Unavailable";
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (!OCPP_VERSIONS.some((version) => offered.includes(version))) return "400 Bad Request";
    return known ?? { id, password: undefined, publicKey: undefined, maxPowerW: settings.maxPowerW };
  }

  function serve(webSocket: WebSocket, charger: Charger): void {
    const version = webSocket.protocol as OcppVersion;
    // The one before is a connection that the charger has lost, and we have not noticed yet.
    sockets.get(charger.id)?.terminate();
    sockets.set(charger.id, webSocket);
    alive.add(webSocket);
    const key = `${charger.id} ${version}`;
    const session =
      sessions.get(key) ??
      new OcppSession({ ...settings, ...charger, version, chargerId: charger.id, nextTransactionId });
    if (sessions.size < 2 * MAX_CHARGERS) sessions.set(key, session);
    log.info({ charger: charger.id, version }, "Charger connected");
    let waiting = 0;
    let before: Promise<void> = Promise.resolve();
    webSocket.on("pong", () => alive.add(webSocket));
    webSocket.on("error", (error) => log.warn({ err: error, charger: charger.id }, "Charger connection failed"));
    webSocket.on("close", () => {
      if (sockets.get(charger.id) === webSocket) sockets.delete(charger.id);
    });
    webSocket.on("message", (data: RawData, isBinary) => {
      waiting += 1;
      // Without a farewell: whoever floods does not read it, and while nothing is read of him his answer would not come either.
      if (waiting > MAX_WAITING || isBinary) return webSocket.terminate();
      // Nothing more is read while this one waits to be on disk.
      webSocket.pause();
      before = before.then(async () => {
        const answer = await answerTo(session, version, bytesOf(data)).catch((error: unknown) => {
          log.error({ err: error, charger: charger.id }, "Charger message failed");
          return undefined;
        });
        waiting -= 1;
        if (answer !== undefined && webSocket.readyState === webSocket.OPEN) webSocket.send(answer);
        if (waiting === 0) webSocket.resume();
      });
    });
  }

  async function answerTo(session: OcppSession, version: OcppVersion, bytes: Buffer): Promise<string | undefined> {
    const message = parseOcppMessage(bytes.toString("utf8"));
    if (message.type === "answer") return undefined;
    if (message.type === "malformed") {
      await offer(rejectedFrame("unknown-format", bytes.toString("utf8"))).catch(() => {});
      return callError(message.id, version === "ocpp1.6" ? "FormationViolation" : "FormatViolation", "not a call");
    }
    const { answer, frame } = session.handle(message.action, message.payload, bytes, nowMs());
    if (answer === undefined) return callError(message.id, "NotImplemented", "not known here");
    try {
      if (frame !== undefined) await offer(frame);
    } catch (error) {
      // An error makes the charger send what belongs to a transaction again.
      log.warn({ err: error }, "Meter values were not stored");
      return callError(message.id, "InternalError", "not stored, send it again");
    }
    return callResult(message.id, answer);
  }

  // A charger that has not answered the ping before has gone without saying so.
  const pings = setInterval(() => {
    for (const webSocket of sockets.values()) {
      if (!alive.delete(webSocket)) webSocket.terminate();
      else webSocket.ping();
    }
  }, settings.pingMs);

  http.listen({ host: settings.host, port: settings.port });
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  return {
    name: `ocpp ws ${settings.host}:${port}${settings.prefix}`,
    port,
    get connections() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(pings);
      const closed = once(http, "close");
      http.close();
      for (const webSocket of server.clients) webSocket.terminate();
      http.closeAllConnections();
      await closed;
    },
  };
}

/** OCPP security profile 1: the charger's id and a password. */
function isAuthorized(request: IncomingMessage, id: string, password: string): boolean {
  const [, encoded = ""] = /^Basic (\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
  return timingSafeEqual(sha256(Buffer.from(encoded, "base64")), sha256(Buffer.from(`${id}:${password}`)));
}

function refuse(socket: Duplex, status: string): void {
  const challenge = status.startsWith("401") ? 'www-authenticate: Basic realm="ocpp"\r\n' : "";
  socket.end(`HTTP/1.1 ${status}\r\n${challenge}connection: close\r\ncontent-length: 0\r\n\r\n`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}

function readOcppOptions(options: unknown) {
  const names = ["host", "port", "path", "chargers", "acceptUnknown", "idTags", "heartbeatS", "pingMs", "maxPowerW"];
  const reader = new OptionReader(options, "ocpp", names);
  const maxPowerW = readPower(reader, DEFAULT_CHARGER_POWER_W);
  const chargers = reader.list("chargers", { min: 0, max: MAX_CHARGERS }, (item, path) =>
    readCharger(item, path, maxPowerW),
  );
  const tags = reader.has("idTags") ? reader.list("idTags", { min: 0, max: 100_000 }, (item) => item) : undefined;
  if (tags?.some((tag) => typeof tag !== "string" || tag.length > 64))
    throw reader.fault("idTags", "must be texts of at most 64 characters");
  const path = reader.text("path", {
    pattern: /^(\/[0-9A-Za-z._~-]+)+$/,
    form: "a path like /ocpp",
    fallback: "/ocpp",
  });
  return {
    host: reader.text("host", { ...HOST, fallback: "127.0.0.1" }),
    port: reader.integer("port", { min: 0, max: 65_535 }),
    prefix: `${path}/`,
    chargers: new Map(chargers.map((charger) => [charger.id, charger])),
    acceptUnknown: reader.boolean("acceptUnknown", false),
    idTags: tags === undefined ? undefined : new Set(tags as string[]),
    pingMs: reader.integer("pingMs", { min: 10, max: 3_600_000, fallback: 60_000 }),
    heartbeatS: reader.integer("heartbeatS", { min: 1, max: 86_400, fallback: 300 }),
    maxPowerW,
  };
}

function readCharger(json: unknown, path: string, maxPowerW: number): Charger {
  const reader = new OptionReader(json, path, ["id", "password", "ocmfKey", "maxPowerW"]);
  const keyText = reader.optionalText("ocmfKey", {
    pattern: /^[0-9A-Za-z+/=]{40,512}$/,
    form: "a public key in hex or base64",
  });
  const publicKey = keyText === undefined ? undefined : parsePublicKey(keyText);
  if (keyText !== undefined && publicKey === undefined)
    throw reader.fault("ocmfKey", "is no SubjectPublicKeyInfo on secp256r1 or secp256k1");
  return {
    id: reader.text("id", CHARGER_ID),
    password: reader.optionalText("password", {
      pattern: /^[\x20-\x7e]{1,128}$/,
      form: "1 to 128 printable characters",
    }),
    publicKey,
    maxPowerW: readPower(reader, maxPowerW),
  };
}

function readPower(reader: OptionReader, fallback: number): number {
  return reader.integer("maxPowerW", { min: 1, max: MAX_POWER_W, fallback });
}

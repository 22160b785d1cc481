import { countOf, type ExactJson, isList, isObject, JsonNumber, member, parseExactJson, textOf } from "../exactJson.ts";
import { isMeterTime, parseIsoTime } from "../isoTime.ts";
import type { RejectionReason } from "../source.ts";

/** What a network server says of one uplink of a device. */
export interface Uplink {
  /** 16 hex digits, lower case. */
  readonly devEui: string;
  /** What is new after a join: the frame counter starts anew with it. */
  readonly session: string;
  /** 8 hex digits; undefined where the body has none. */
  readonly devAddr: string | undefined;
  readonly fCnt: number;
  readonly fPort: number;
  /** As the device sent it, deciphered by the network server. */
  readonly payload: Uint8Array;
  /** The network server's clock, Unix ms; undefined when the body has none that is a time. */
  readonly networkMs: number | undefined;
  /** The network server says that it could not read the payload. */
  readonly isCiphered?: boolean;
  /** Names under which a codec can be registered: of the device profile, or "brand/model". */
  readonly profiles: readonly string[];
}

export type UplinkResult =
  | { readonly type: "uplink"; readonly uplink: Uplink }
  /** The device has joined: its frame counter starts anew. */
  | { readonly type: "join"; readonly devEui: string }
  /** An event without values: status, ack, txack, log, an uplink of commands only. */
  | { readonly type: "other" }
  | { readonly type: "rejected"; readonly reason: RejectionReason; readonly text: string };

/** No LoRaWAN frame carries more (data rate 4 and up in Europe: 222 to 242 bytes). */
export const MAX_PAYLOAD_BYTES = 255;
const DEV_EUI = /^[0-9a-f]{16}$/;
/** A gateway's clock further away than this from the network server's is not believed. */
const MAX_GATEWAY_SKEW_MS = 60_000;

const OTHER: UplinkResult = { type: "other" };

/** Reads the body of ChirpStack v4, The Things Stack v3, LORIOT or Actility ThingPark; which one is seen from its members. Never throws. */
export function readUplink(text: string, topic: string): UplinkResult {
  const body = parseExactJson(text);
  if (!isObject(body)) return rejected("unknown-format", text);
  if (isObject(member(body, "deviceInfo"))) return readChirpStack(body, topic, text);
  if (isObject(member(body, "end_device_ids"))) return readThingsStack(body, topic, text);
  if (isObject(member(body, "DevEUI_uplink"))) return readActility(member(body, "DevEUI_uplink"), text);
  if (textOf(body, "EUI") !== undefined) return readLoriot(body, text);
  // ChirpStack's log and gateway events, The Things Stack's service events.
  if (/\/event\/(?!up$)[a-z]+$/.test(topic)) return OTHER;
  return rejected("unknown-format", text);
}

/** Members that hold their protobuf default (fCnt 0, confirmed false) are left out. */
function readChirpStack(body: ExactJson, topic: string, text: string): UplinkResult {
  const info = member(body, "deviceInfo");
  const devEui = textOf(info, "devEui") ?? "";
  const event = /\/event\/([a-z]+)$/.exec(topic)?.[1];
  const receptions = member(body, "rxInfo");
  if (event === undefined ? !isList(receptions) : event !== "up") {
    const isJoin = event === undefined ? isJoinBody(body) : event === "join";
    return isJoin && DEV_EUI.test(devEui.toLowerCase()) ? { type: "join", devEui: devEui.toLowerCase() } : OTHER;
  }
  const data = member(body, "data");
  if (data === undefined || data === "") return OTHER;
  return uplinkOf(text, {
    devEui,
    session: textOf(body, "devAddr"),
    devAddr: textOf(body, "devAddr"),
    fCnt: countOr(member(body, "fCnt"), 0),
    fPort: countOr(member(body, "fPort"), 0),
    payload: base64(data),
    networkMs: chirpStackTime(body, receptions),
    profiles: [textOf(info, "deviceProfileName"), textOf(info, "deviceProfileId")],
  });
}

/** Of the events without a topic a join is the one with nothing but an address. */
function isJoinBody(body: ExactJson): boolean {
  const names = isObject(body) ? Object.keys(body) : [];
  const known = [
    "deduplicationId",
    "time",
    "deviceInfo",
    "devAddr",
    "regionConfigId",
    "relayRxInfo",
    "joinServerContext",
  ];
  return names.includes("devAddr") && names.every((name) => known.includes(name));
}

/** ChirpStack puts a gateway's time into `time` where there is one; `nsTime` is its own. */
function chirpStackTime(body: ExactJson, receptions: ExactJson | undefined): number | undefined {
  const time = instant(textOf(body, "time"));
  const own = (isList(receptions) ? receptions : [])
    .map((each) => instant(textOf(each, "nsTime")))
    .find((ms) => ms !== undefined);
  if (own === undefined || time === undefined) return time ?? own;
  return Math.abs(time - own) > MAX_GATEWAY_SKEW_MS ? own : time;
}

/** `uplink_message.received_at` is the network server's; those in rx_metadata are the gateways'. */
function readThingsStack(body: ExactJson, topic: string, text: string): UplinkResult {
  const ids = member(body, "end_device_ids");
  const devEui = textOf(ids, "dev_eui") ?? "";
  const message = member(body, "uplink_message");
  if (!isObject(message)) {
    const isJoin = isObject(member(body, "join_accept")) || topic.endsWith("/join");
    return isJoin && DEV_EUI.test(devEui.toLowerCase()) ? { type: "join", devEui: devEui.toLowerCase() } : OTHER;
  }
  const data = member(message, "frm_payload");
  if (data === undefined || data === "") return OTHER;
  const version = member(message, "version_ids");
  const [brand, model] = [textOf(version, "brand_id"), textOf(version, "model_id")];
  return uplinkOf(text, {
    devEui,
    session: textOf(message, "session_key_id") ?? textOf(ids, "dev_addr"),
    devAddr: textOf(ids, "dev_addr"),
    fCnt: countOr(member(message, "f_cnt"), 0),
    fPort: countOr(member(message, "f_port"), 0),
    payload: base64(data),
    networkMs: instant(textOf(message, "received_at")),
    profiles: [brand === undefined || model === undefined ? undefined : `${brand}/${model}`, model],
  });
}

/** Numbers may be texts, and the time has the offset of a zone. */
function readActility(body: ExactJson | undefined, text: string): UplinkResult {
  const data = member(body, "payload_hex");
  if (data === undefined || data === "") return OTHER;
  const driver = member(member(body, "DriverCfg"), "mod");
  const [brand, model] = [textOf(driver, "pId"), textOf(driver, "mId")];
  return uplinkOf(text, {
    devEui: textOf(body, "DevEUI") ?? "",
    session: textOf(body, "DevAddr"),
    devAddr: textOf(body, "DevAddr"),
    fCnt: countOr(member(body, "FCntUp")),
    fPort: countOr(member(body, "FPort")),
    payload: hex(data),
    networkMs: instant(textOf(body, "Time")),
    profiles: [
      brand === undefined || model === undefined ? undefined : `${brand}/${model}`,
      textOf(member(member(body, "CustomerData"), "alr"), "pro"),
    ],
    isCiphered: countOr(member(body, "PayloadEncryption"), 0) === 1,
  });
}

/** "rx" and, with the gateways that heard it, "gw": the same uplink twice. `encdata` is for those who keep their keys to themselves. */
function readLoriot(body: ExactJson, text: string): UplinkResult {
  const command = textOf(body, "cmd");
  if (command !== "rx" && command !== "gw") return OTHER;
  const data = member(body, "data");
  if (data === undefined || data === "")
    return member(body, "encdata") === undefined ? OTHER : rejected("undecryptable", text);
  const ms = countOf(body, "ts");
  return uplinkOf(text, {
    devEui: textOf(body, "EUI") ?? "",
    // No address: after a join the counter falls, which is seen from the payload of the same counter.
    session: "",
    devAddr: undefined,
    fCnt: countOr(member(body, "fcnt")),
    fPort: countOr(member(body, "port")),
    payload: hex(data),
    networkMs: ms !== undefined && isMeterTime(ms) ? ms : undefined,
    profiles: [],
  });
}

interface UplinkParts extends Omit<Uplink, "session" | "fCnt" | "fPort" | "payload" | "profiles"> {
  readonly session: string | undefined;
  readonly fCnt: number | undefined;
  readonly fPort: number | undefined;
  readonly payload: Uint8Array | undefined;
  readonly profiles: readonly (string | undefined)[];
}

function uplinkOf(text: string, parts: UplinkParts): UplinkResult {
  const { session, fCnt, fPort, payload } = parts;
  const devEui = parts.devEui.toLowerCase().replaceAll("-", "");
  if (!DEV_EUI.test(devEui)) return rejected("bad-meter-id", text);
  if (/^0+$/.test(devEui)) return rejected("sentinel", text);
  if (fCnt === undefined || fCnt > 0xffff_ffff || fPort === undefined || fPort > 255 || payload === undefined)
    return rejected("unknown-format", text);
  if (payload.length > MAX_PAYLOAD_BYTES) return rejected("too-long", text);
  // Port 0 carries commands of the network.
  if (fPort === 0 || payload.length === 0) return OTHER;
  const profiles = parts.profiles.filter((name) => name !== undefined);
  const devAddr = /^[0-9a-fA-F]{8}$/.test(parts.devAddr ?? "") ? parts.devAddr : undefined;
  return {
    type: "uplink",
    uplink: {
      devEui,
      session: (session ?? "").slice(0, 64),
      devAddr,
      fCnt,
      fPort,
      payload,
      networkMs: parts.networkMs,
      ...(parts.isCiphered === true ? { isCiphered: true } : {}),
      profiles,
    },
  };
}

function rejected(reason: RejectionReason, text: string): UplinkResult {
  return { type: "rejected", reason, text };
}

/** A count as a number or as a text of one; `fallback` when it is not there. */
function countOr(value: ExactJson | undefined, fallback?: number): number | undefined {
  if (value === undefined) return fallback;
  const text = value instanceof JsonNumber ? value.text : typeof value === "string" ? value : "";
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function instant(text: string | undefined): number | undefined {
  const time = text === undefined ? undefined : parseIsoTime(text);
  return time?.hasZone === true ? time.ms : undefined;
}

function base64(value: ExactJson): Uint8Array | undefined {
  if (typeof value !== "string" || value.length > 2 * MAX_PAYLOAD_BYTES) return undefined;
  if (!/^(?:[0-9A-Za-z+/]{4})*(?:[0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?$/.test(value)) return undefined;
  return Buffer.from(value, "base64");
}

function hex(value: ExactJson): Uint8Array | undefined {
  if (typeof value !== "string" || value.length > 4 * MAX_PAYLOAD_BYTES) return undefined;
  return /^(?:[0-9a-fA-F]{2})*$/.test(value) ? Buffer.from(value, "hex") : undefined;
}

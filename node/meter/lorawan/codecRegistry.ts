import { readFileSync } from "node:fs";
import { OptionReader } from "../inputOptions.ts";
import { createZone, type Zone } from "../zoneTime.ts";
import type { LoraCodec } from "./codec.ts";
import { decodeDraginoModbus } from "./draginoModbus.ts";
import { decodeFludiaMinute } from "./fludia.ts";
import { decodeMilesightCt } from "./milesightCt.ts";
import { decodeMinutes } from "./minutes.ts";
import type { Uplink } from "./uplink.ts";
import { decodeYobiiqDsmr } from "./yobiiqDsmr.ts";
import { decodeYobiiqEm4301 } from "./yobiiqEm4301.ts";

export const LORA_CODECS = {
  minutes: decodeMinutes,
  "milesight-ct101": decodeMilesightCt,
  "fludia-fm432e-1min": decodeFludiaMinute,
  "yobiiq-em4301": decodeYobiiqEm4301,
  "yobiiq-iq-dsmr": decodeYobiiqDsmr,
  "dragino-rs485-kwh": decodeDraginoModbus,
} as const satisfies Readonly<Record<string, LoraCodec>>;

export type LoraCodecName = keyof typeof LORA_CODECS;

/** Which devices a codec is for. All that is given must fit. */
export interface CodecRule {
  readonly codec: LoraCodecName;
  /** Name or id of the device profile, or "brand/model"; `*` at the end stands for anything. */
  readonly profile?: string;
  /** 16 hex digits, or their beginning before a `*`. */
  readonly devEui?: string;
  readonly fPort?: number;
  /** IANA zone of the meter's clock, for codecs that carry local time. */
  readonly zone?: string;
  /** 32 hex digits, of one device activated by personalisation whose payload the network server cannot read. */
  readonly appSKeyFile?: string;
}

export interface ReadCodecRule {
  readonly decode: LoraCodec;
  readonly fits: (uplink: Uplink) => boolean;
  readonly zone: Zone | undefined;
  readonly appSKey: Uint8Array | undefined;
}

const PROFILE = { pattern: /^[^\0]{1,128}$/, form: "a name of 1 to 128 characters" };
const DEV_EUI = { pattern: /^(?:[0-9a-fA-F]{16}|[0-9a-fA-F]{0,15}\*)$/, form: "16 hex digits, or fewer and a *" };

/** @throws MeterSourceError METER_OPTION_INVALID */
export function readCodecRule(item: unknown, path: string): ReadCodecRule {
  const reader = new OptionReader(item, path, ["codec", "profile", "devEui", "fPort", "zone", "appSKeyFile"]);
  const codec = reader.choice("codec", Object.keys(LORA_CODECS) as LoraCodecName[]);
  const profile = reader.optionalText("profile", PROFILE);
  const devEui = reader.optionalText("devEui", DEV_EUI)?.toLowerCase();
  const fPort = reader.has("fPort") ? reader.integer("fPort", { min: 1, max: 255 }) : undefined;
  if (profile === undefined && devEui === undefined)
    throw reader.fault("codec", "needs a profile or a devEui: ports alone are used by all");
  const zoneName = reader.optionalText("zone", { pattern: /^[\w+/-]{1,64}$/, form: "a time zone" });
  const zone = zoneName === undefined ? undefined : createZone(zoneName);
  if (zoneName !== undefined && zone === undefined)
    throw reader.fault("zone", 'must be a time zone of the IANA database, as "Europe/Amsterdam"');
  return {
    decode: LORA_CODECS[codec],
    zone,
    appSKey: readAppSKey(reader, devEui),
    fits: (uplink) =>
      (fPort === undefined || fPort === uplink.fPort) &&
      (devEui === undefined || fitsPattern(devEui, uplink.devEui)) &&
      (profile === undefined || uplink.profiles.some((name) => fitsPattern(profile, name))),
  };
}

function readAppSKey(reader: OptionReader, devEui: string | undefined): Uint8Array | undefined {
  const path = reader.optionalText("appSKeyFile", { pattern: /^[^\0]{1,4096}$/, form: "the path of a file" });
  if (path === undefined) return undefined;
  if (devEui === undefined || devEui.endsWith("*")) throw reader.fault("appSKeyFile", "needs the devEui of one device");
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw reader.fault("appSKeyFile", `cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown"}`);
  }
  if (!/^[0-9a-fA-F]{32}$/.test(text)) throw reader.fault("appSKeyFile", "must hold 32 hex digits");
  return Buffer.from(text, "hex");
}

function fitsPattern(pattern: string, text: string): boolean {
  return pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : pattern === text;
}

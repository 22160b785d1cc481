import type { CipherKeys } from "../dlms/ciphering.ts";
import type { OptionReader } from "../inputOptions.ts";
import { LINE_METER_OPTIONS, type LineMeter, type LineMeterOptions, readKey, readLineMeter } from "../lineOptions.ts";
import { DSMR_PROFILES, type DsmrProfile, type DsmrProfileName } from "./profiles.ts";

export interface DsmrDecoderOptions extends LineMeterOptions {
  /** Default NL. */
  readonly profile?: DsmrProfileName;
  /** AES-128 key, 32 hex digits: the telegrams are ciphered (Luxembourg, Austria). */
  readonly encryptionKey?: string;
  /** 32 hex digits. Default: the one that all meters of Luxembourg and Austria have in common. */
  readonly authenticationKey?: string;
}

export const DSMR_DECODER_OPTIONS = [...LINE_METER_OPTIONS, "profile", "encryptionKey", "authenticationKey"] as const;

export interface DsmrMeter extends LineMeter {
  readonly profile: DsmrProfile;
  readonly keys: CipherKeys | undefined;
}

/** Published by the grid operators; it says that the telegram is whole, not who sent it. */
const COMMON_AUTHENTICATION_KEY = Buffer.from("00112233445566778899aabbccddeeff", "hex");

/** @throws MeterSourceError METER_OPTION_INVALID */
export function readDsmrMeter(reader: OptionReader): DsmrMeter {
  const names = Object.keys(DSMR_PROFILES) as DsmrProfileName[];
  const profile = DSMR_PROFILES[reader.choice("profile", names, "NL")];
  const encryptionKey = readKey(reader, "encryptionKey");
  const authenticationKey = readKey(reader, "authenticationKey") ?? COMMON_AUTHENTICATION_KEY;
  return {
    ...readLineMeter(reader, "dsmr", profile.zone),
    profile,
    keys: encryptionKey === undefined ? undefined : { encryptionKey, authenticationKey },
  };
}

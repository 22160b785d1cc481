import { OptionReader } from "../inputOptions.ts";
import { LINE_METER_OPTIONS, type LineMeter, type LineMeterOptions, readKey, readLineMeter } from "../lineOptions.ts";
import { isUnit } from "../units.ts";
import type { CipherKeys } from "./ciphering.ts";
import { DEVIATIONS, type Deviation } from "./cosemTime.ts";
import { DLMS_PROFILES, type DlmsProfile, type DlmsProfileName, type Scale } from "./profiles.ts";

export const DLMS_LINKS = ["hdlc", "mbus"] as const;

export interface DlmsDecoderOptions extends LineMeterOptions {
  /** What the messages are framed in. Default HDLC; the wired M-Bus in Austria. */
  readonly link?: (typeof DLMS_LINKS)[number];
  /** Maker; default: the one that the frames name. */
  readonly profile?: DlmsProfileName;
  /** By C.D of the OBIS code, before those of the profile: {"31.7": {"scaler": -2, "unit": "A"}}. */
  readonly scales?: Readonly<Record<string, Scale>>;
  /** What the deviation of the meter's clock means: as COSEM says (default), with the other sign, or nothing. */
  readonly deviation?: Deviation;
  /** AES-128 keys, 32 hex digits each, of meters that cipher. */
  readonly encryptionKey?: string;
  readonly authenticationKey?: string;
}

export const DLMS_DECODER_OPTIONS = [...LINE_METER_OPTIONS, "link", "profile", "scales", "deviation"].concat([
  "encryptionKey",
  "authenticationKey",
]);

export interface DlmsMeter extends LineMeter {
  readonly link: (typeof DLMS_LINKS)[number];
  readonly profile: DlmsProfile | undefined;
  readonly scales: Readonly<Record<string, Scale>>;
  readonly deviation: Deviation;
  readonly keys: CipherKeys | undefined;
}

const MAX_SCALES = 64;
const MAX_SCALER = 9;

/** @throws MeterSourceError METER_OPTION_INVALID */
export function readDlmsMeter(reader: OptionReader): DlmsMeter {
  const names = Object.keys(DLMS_PROFILES) as DlmsProfileName[];
  const encryptionKey = readKey(reader, "encryptionKey");
  const authenticationKey = readKey(reader, "authenticationKey");
  const link = reader.choice("link", DLMS_LINKS, "hdlc");
  return {
    ...readLineMeter(reader, "dlms", link === "mbus" ? "Europe/Vienna" : "Europe/Oslo"),
    link,
    profile: reader.has("profile") ? DLMS_PROFILES[reader.choice("profile", names)] : undefined,
    scales: readScales(reader),
    deviation: reader.choice("deviation", DEVIATIONS, "cosem"),
    keys:
      encryptionKey === undefined
        ? undefined
        : { encryptionKey, ...(authenticationKey === undefined ? {} : { authenticationKey }) },
  };
}

function readScales(reader: OptionReader): Record<string, Scale> {
  const value = reader.raw("scales") ?? {};
  if (typeof value !== "object" || value === null || Array.isArray(value) || Object.keys(value).length > MAX_SCALES)
    throw reader.fault("scales", `must be an object of at most ${MAX_SCALES} scales`);
  const scales = Object.entries(value).map(([code, each]): [string, Scale] => {
    if (!/^\d{1,3}\.\d{1,3}$/.test(code))
      throw reader.fault("scales", `has ${code.slice(0, 20)}, which is no C.D of an OBIS code`);
    const scale = new OptionReader(each, `dlms.scales.${code}`, ["scaler", "unit"]);
    const scaler = scale.integer("scaler", { min: -MAX_SCALER, max: MAX_SCALER });
    const unit = scale.text("unit", { pattern: /^\w{1,8}$/, form: "a unit, as Wh" });
    if (!isUnit(unit)) throw scale.fault("unit", "must be a unit, as Wh, W, V, A, varh or Hz");
    return [code, { scaler, unit }];
  });
  return Object.fromEntries(scales);
}

import { isMeterId } from "#storage/types/reading.ts";
import type { OptionReader } from "./inputOptions.ts";
import { DEFAULT_MAX_CLOCK_SKEW_MS, MAX_CLOCK_SKEW_MS } from "./meterClock.ts";
import { DEFAULT_MAX_POWER_W, MAX_POWER_W } from "./readingCollector.ts";
import { createZone, type Zone } from "./zoneTime.ts";

/** What the decoders of meters on a line have in common, as plain JSON. */
export interface LineMeterOptions {
  /** Id of the device behind its scheme, for meters whose frames do not say it. A frame that does goes by its own. */
  readonly meterId?: string;
  /** IANA zone that the meter's clock follows. */
  readonly zone?: string;
  /** Above it a power is refused as over-limit, W. Default 69 kW: three phases of 100 A. */
  readonly maxPowerW?: number;
  /** Beyond it nothing that the meter's clock stamped is taken. Default one hour; longer for gateways that deliver a backlog, at most 31 days. */
  readonly maxClockSkewMs?: number;
}

export const LINE_METER_OPTIONS = ["meterId", "zone", "maxPowerW", "maxClockSkewMs"] as const;

export interface LineMeter {
  readonly meterId: string | undefined;
  readonly zone: Zone;
  readonly maxPowerW: number;
  readonly maxClockSkewMs: number;
}

/** scheme: of the meter id, "dsmr". zone: where none is named. @throws MeterSourceError METER_OPTION_INVALID */
export function readLineMeter(reader: OptionReader, scheme: string, zone: string): LineMeter {
  const meterId = reader.optionalText("meterId", { pattern: /^[\x21-\x7e]+$/, form: "printable ASCII without spaces" });
  if (meterId !== undefined && !isMeterId(`${scheme}:${meterId}`)) throw reader.fault("meterId", "is too long");
  const named = reader.text("zone", { pattern: /^[\w+/-]{1,64}$/, form: "a time zone", fallback: zone });
  const known = createZone(named);
  if (known === undefined)
    throw reader.fault("zone", 'must be a time zone of the IANA database, as "Europe/Amsterdam"');
  return {
    meterId,
    zone: known,
    maxPowerW: reader.integer("maxPowerW", { min: 1, max: MAX_POWER_W, fallback: DEFAULT_MAX_POWER_W }),
    maxClockSkewMs: reader.integer("maxClockSkewMs", {
      min: 1,
      max: MAX_CLOCK_SKEW_MS,
      fallback: DEFAULT_MAX_CLOCK_SKEW_MS,
    }),
  };
}

const KEY = { pattern: /^[0-9a-fA-F]{32}$/, form: "a key of 16 bytes as 32 hex digits" };

/** AES-128 keys of the meter, as its grid operator hands them out. @throws MeterSourceError METER_OPTION_INVALID */
export function readKey(reader: OptionReader, name: string): Uint8Array | undefined {
  const text = reader.optionalText(name, KEY);
  return text === undefined ? undefined : Buffer.from(text, "hex");
}

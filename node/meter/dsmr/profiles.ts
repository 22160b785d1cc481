/** What the telegrams of a country do not say themselves. */
export interface DsmrProfile {
  /** Whose clocks the meter follows. Times with a flag are this zone's summer or winter time; those without are its wall clock. */
  readonly zone: string;
  /** Telegrams without a checksum are taken, and marked; those that carry a time always have to have one. */
  readonly mayLackCrc: boolean;
}

/** Units, sub-meters and codes are read as they stand in the telegram: they are the same everywhere. */
export const DSMR_PROFILES = {
  /** Netherlands, DSMR 2.2 to 5.0.2. Before 4.0 there is no CRC. Tariff 1 is the low one. */
  NL: { zone: "Europe/Amsterdam", mayLackCrc: true },
  /** Belgium, e-MUCS P1. Tariff 1 is the high one. */
  BE: { zone: "Europe/Brussels", mayLackCrc: false },
  /** Luxembourg, Smarty: ciphered. */
  LU: { zone: "Europe/Luxembourg", mayLackCrc: false },
  /** Sweden: winter time all year, and the flag says so (a telegram of October has W). */
  SE: { zone: "Etc/GMT-1", mayLackCrc: false },
  FI: { zone: "Europe/Helsinki", mayLackCrc: false },
  AT: { zone: "Europe/Vienna", mayLackCrc: false },
  HU: { zone: "Europe/Budapest", mayLackCrc: false },
  /** Ireland: summer time is what its law calls standard time; the flag is what it is elsewhere. */
  IE: { zone: "Europe/Dublin", mayLackCrc: false },
  /** IEC 62056-21 mode D, German meters. */
  D0: { zone: "Europe/Berlin", mayLackCrc: true },
} as const satisfies Record<string, DsmrProfile>;

export type DsmrProfileName = keyof typeof DSMR_PROFILES;

/** M-Bus device types (EN 13757-3) behind 0-n:24.1.0, by what their main register counts. */
export const MBUS_QUANTITIES: Readonly<Record<number, "activeEnergyImport" | "gasVolume" | "waterVolume" | "heat">> = {
  2: "activeEnergyImport",
  3: "gasVolume",
  4: "heat", // outlet
  6: "waterVolume", // warm
  7: "waterVolume",
  12: "heat", // inlet
  13: "heat", // and cooling
  21: "waterVolume", // hot
  22: "waterVolume", // cold
  23: "waterVolume", // dual
  40: "waterVolume", // waste
};

/** Objects with a unit that are settings or logs and no measurements, as C.D. */
export const SETTINGS: ReadonlySet<string> = new Set([
  "17.0", // threshold of the breaker, kW or A
  "31.4", // fuse threshold
  "99.97", // log of power failures, seconds
  "96.7", // counters of power failures
]);

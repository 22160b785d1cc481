import type { Quantity, Reading } from "#storage/types/reading.ts";

/** How a device's series are called behind its id: "dsmr:4530…/import.t1". */
const SUFFIX: Readonly<Record<Quantity, string>> = {
  activeEnergyImport: "import",
  activeEnergyExport: "export",
  activePower: "power",
  reactiveEnergyImport: "reactive-import",
  reactiveEnergyExport: "reactive-export",
  voltage: "voltage",
  current: "current",
  frequency: "frequency",
  stateOfCharge: "soc",
  gasVolume: "gas",
  waterVolume: "water",
  heat: "heat",
};

/** Quantities that flow and are counted: what an interval can be sealed of. The others are momentary. */
const COUNTED: ReadonlySet<Quantity> = new Set<Quantity>([
  "activeEnergyImport",
  "activeEnergyExport",
  "reactiveEnergyImport",
  "reactiveEnergyExport",
  "gasVolume",
  "waterVolume",
  "heat",
]);

/** Sealed unless meters.json says otherwise: what flows through the connection, all phases and tariffs together. */
const SEALED_BY_DEFAULT: ReadonlySet<string> = new Set(["import", "export", "gas", "water", "heat"]);

const SUFFIX_FORM = /^[a-z]+(-[a-z]+)?(\.l[1-3])?(\.t[1-4])?(\.[a-z]+)?$/;

/** Whether a text is the suffix of some series. */
export function isSuffix(text: string): boolean {
  return SUFFIX_FORM.test(text) && Object.values(SUFFIX).includes(text.split(".")[0] as string);
}

/** Whether the suffix is of a quantity that can be sealed, as registers or intervals. */
export function isCountedSuffix(suffix: string): boolean {
  const [base = "", ...rest] = suffix.split(".");
  const quantity = (Object.keys(SUFFIX) as Quantity[]).find((each) => SUFFIX[each] === base);
  return quantity !== undefined && COUNTED.has(quantity) && rest.every((part) => /^[lt]\d$/.test(part));
}

export function isSealedByDefault(suffix: string): boolean {
  return SEALED_BY_DEFAULT.has(suffix);
}

/** A register, or the energy of a period: of a quantity that is counted. */
export function isCounted({ quantity, kind }: Reading): boolean {
  return COUNTED.has(quantity) && (kind === "register" || kind === "interval");
}

/**
 * Quantity, phase, tariff and, where it is not the usual one of the quantity, the kind: "import", "power.l1", "import.t1", "power.max". Registers and
 * interval values of a quantity have the same: which of them feeds the meter is decided behind it.
 */
export function suffixOf(reading: Reading): string {
  const { quantity, phase, tariff, kind } = reading;
  const isUsual = COUNTED.has(quantity) ? isCounted(reading) : kind === "instant";
  return `${SUFFIX[quantity]}${phase === 0 ? "" : `.l${phase}`}${tariff === 0 ? "" : `.t${tariff}`}${isUsual ? "" : `.${kind}`}`;
}

/** The device of a series, and its suffix: device ids may have slashes, suffixes have none. */
export function splitMeterId(meterId: string): { readonly device: string; readonly suffix: string } {
  const slash = meterId.lastIndexOf("/");
  return slash < 0
    ? { device: meterId, suffix: "" }
    : { device: meterId.slice(0, slash), suffix: meterId.slice(slash + 1) };
}

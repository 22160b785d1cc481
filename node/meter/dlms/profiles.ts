/** What the frames of a maker do not say themselves. */
export interface DlmsProfile {
  /** By C.D of the OBIS code: value × 10^scaler is in `unit`. What is missing here is refused as unknown-unit. */
  readonly scales: Readonly<Record<string, Scale>>;
  /** How the list of a meter of this maker begins: the version of its list, its logical device name or its system title. */
  readonly beginnings: readonly RegExp[];
}

export interface Scale {
  readonly scaler: number;
  readonly unit: string;
}

const POWER = scalesOf(["1.7", "2.7", "21.7", "22.7", "41.7", "42.7", "61.7", "62.7"], 0, "W");

function energy(scaler: number): Record<string, Scale> {
  return {
    ...scalesOf(["1.8", "2.8"], scaler, "Wh"),
    ...scalesOf(["3.8", "4.8", "5.8", "6.8", "7.8", "8.8"], scaler, "varh"),
  };
}

function volts(scaler: number): Record<string, Scale> {
  return scalesOf(["32.7", "52.7", "72.7"], scaler, "V");
}

function amperes(scaler: number): Record<string, Scale> {
  return scalesOf(["31.7", "51.7", "71.7"], scaler, "A");
}

/** Makers whose scales are known from frames and their users (research/data.md §2.2). */
export const DLMS_PROFILES = {
  /** MA304, MA105 of Norway and Sweden. */
  kaifa: { scales: { ...POWER, ...energy(0), ...volts(-1), ...amperes(-3) }, beginnings: [/^KFM_/] },
  /** Omnipower of Norway: energy in 10 Wh. */
  kamstrup: { scales: { ...POWER, ...energy(1), ...volts(0), ...amperes(-2) }, beginnings: [/^Kamstrup_/] },
  /** Omnipower behind current transformers; only by its name in the options. */
  "kamstrup-ct": { scales: { ...POWER, ...energy(1), ...volts(0), ...amperes(-3) }, beginnings: [] },
  /** Frames say their scales. */
  aidon: { scales: {}, beginnings: [/^AIDON_/] },
  /** AM550 of Switzerland. Its scale of current is not known here. */
  iskra: { scales: { ...POWER, ...energy(0), ...volts(-1) }, beginnings: [/^ISK/] },
  /** E450 and E570 of Switzerland. Their scale of current is not known here. */
  landisgyr: { scales: { ...POWER, ...energy(0), ...volts(0) }, beginnings: [/^LGZ/] },
} as const satisfies Record<string, DlmsProfile>;

export type DlmsProfileName = keyof typeof DLMS_PROFILES;

/** The maker by the texts of a frame that may name it. */
export function profileOf(texts: readonly string[]): DlmsProfile | undefined {
  return Object.values<DlmsProfile>(DLMS_PROFILES).find(({ beginnings }) =>
    texts.some((text) => beginnings.some((beginning) => beginning.test(text))),
  );
}

function scalesOf(codes: readonly string[], scaler: number, unit: string): Record<string, Scale> {
  return Object.fromEntries(codes.map((code) => [code, { scaler, unit }]));
}

/** How often an input asks its meters, or expects to hear of them. */
export interface InputPeriod {
  /** Where it stands in the input's options. */
  readonly path: readonly string[];
  /** Without this part of its options the input asks nobody; undefined: it always asks. */
  readonly needs?: string;
  /** ms; limits of the option. */
  readonly min: number;
  readonly max: number;
}

const HOUR_MS = 3_600_000;

/**
 * By the type of the input. All others are sent to: their meters, chargers, brokers and network servers have periods of their own, which cannot be
 * changed from here.
 */
export const INPUT_PERIODS = {
  iec62056: { path: ["everyMs"], min: 1000, max: 24 * HOUR_MS },
  modbus: { path: ["periodMs"], min: 10, max: HOUR_MS },
  /** A broker is asked when it has been silent for three of these. */
  ngsi: { path: ["broker", "cadenceMs"], needs: "broker", min: 10, max: HOUR_MS },
  simulator: { path: ["readingMs"], min: 100, max: 24 * HOUR_MS },
} as const satisfies Readonly<Record<string, InputPeriod>>;

/** The period of an input; undefined where it is sent to. */
export function periodOf(type: string, options: unknown): InputPeriod | undefined {
  if (!Object.hasOwn(INPUT_PERIODS, type)) return undefined;
  const period: InputPeriod = INPUT_PERIODS[type as keyof typeof INPUT_PERIODS];
  const has = (name: string) => typeof options === "object" && options !== null && Object.hasOwn(options, name);
  return period.needs === undefined || has(period.needs) ? period : undefined;
}

/** The options with another period; they themselves stay. */
export function withPeriod(options: unknown, { path }: Pick<InputPeriod, "path">, periodMs: number): object {
  const [name = "", ...rest] = path;
  const own = options as Readonly<Record<string, unknown>>;
  return { ...own, [name]: rest.length === 0 ? periodMs : withPeriod(own[name], { path: rest }, periodMs) };
}

import type { CertificateRecord } from "#consensus/application/deviceRecords.ts";
import { ruleOf } from "../meter/deviceRules.ts";
import { periodOf, withPeriod } from "../meter/inputPeriods.ts";
import { type DeviceEntry, formatMetersFile, type MetersFile, parseMetersFile } from "../meter/metersFile.ts";
import type { Rejection } from "./rejections.ts";

/** A document of schema edream-device-settings 1: what is left out is as meters.json and the options say. */
export interface DeviceSettings {
  /** A reading of each series is kept this often, ms; 0 keeps all. */
  readonly reportingIntervalMs?: number;
  /** T_i. */
  readonly intervalMs?: number;
  readonly latenessMs?: number;
  readonly clearSums?: boolean;
  /** Hex. */
  readonly tariffTableHash?: string;
  /** By the name of a connection. */
  readonly inputs?: Readonly<Record<string, { readonly periodMs: number }>>;
}

/** Of each meter, by meter id. */
export type SettingsByMeter = ReadonlyMap<string, DeviceSettings>;

/** Ledger meters are called `<device>/<suffix>`. */
export function deviceOfMeter(meterId: string): string {
  const at = meterId.lastIndexOf("/");
  return at <= 0 ? meterId : meterId.slice(0, at);
}

/** What this node has to be able to apply settings. */
export interface SettingsSite {
  readonly metersFile: MetersFile;
  /** Whether readings come through the connections of meters.json. */
  readonly hasInputs: boolean;
  /** T_i in force, and the one of the options, which holds where no settings say another. */
  readonly intervalMs: number;
  readonly defaultIntervalMs: number;
  /** Whether this node has closed an interval of any meter. */
  readonly hasClosed: boolean;
}

/** A setting that a node cannot follow: what the ledger hears, and what the node's own log has beside it. */
export interface Impossible {
  readonly rejection: Rejection;
  readonly reason: string;
}

/** Why this node cannot do what the settings say; undefined where it can. Whatever it does not follow is refused here: nothing is taken in part. */
export function whyImpossible(
  settings: DeviceSettings,
  {
    meterId,
    certificate,
    others,
  }: {
    readonly meterId: string;
    readonly certificate: CertificateRecord;
    /** Settings of the node's other meters. */
    readonly others: SettingsByMeter;
  },
  site: SettingsSite,
): Impossible | undefined {
  const no = (rejection: Rejection, reason: string): Impossible => ({ rejection, reason });
  const { reportingIntervalMs, intervalMs, latenessMs, clearSums, inputs = {} } = settings;
  if (clearSums === true && certificate.administrator !== "" && certificate.administrator !== certificate.owner)
    return no("SETTING_IMPOSSIBLE", "only the meter's owner may have its sums in the clear");
  if (
    !site.hasInputs &&
    (reportingIntervalMs !== undefined || latenessMs !== undefined || settings.inputs !== undefined)
  )
    return no("CONNECTION_UNKNOWN", "this node reads no connections");
  // Leaving it out changes it too, where it was set before.
  const nextMs = intervalMs ?? intervalMsOf(site.defaultIntervalMs, others);
  if (nextMs !== site.intervalMs && site.hasClosed)
    return no("INTERVAL_FIXED", `intervals of ${site.intervalMs} ms are closed already`);
  if (intervalMs !== undefined && intervalMs !== site.intervalMs) {
    if (certificate.intervalMs === 0 || intervalMs % certificate.intervalMs !== 0)
      return no("SETTING_IMPOSSIBLE", `the certificate is for intervals of ${certificate.intervalMs} ms`);
    if (86_400_000 % intervalMs !== 0) return no("SETTING_IMPOSSIBLE", "a day is no multiple of the interval");
  }
  for (const [other, { intervalMs: otherMs }] of others)
    if (intervalMs !== undefined && otherMs !== undefined && intervalMs !== otherMs)
      return no("SETTINGS_CONFLICT", `${other} has intervals of ${otherMs} ms, and a node has one length`);
  for (const [other, theirs] of others)
    if (deviceOfMeter(other) === deviceOfMeter(meterId)) {
      for (const name of ["reportingIntervalMs", "latenessMs"] as const)
        if (settings[name] !== undefined && theirs[name] !== undefined && settings[name] !== theirs[name])
          return no("SETTINGS_CONFLICT", `${other} is of the same device and has ${name} ${theirs[name]}`);
    }
  for (const [name, { periodMs }] of Object.entries(inputs)) {
    const input = site.metersFile.inputs.find((each) => each.name === name);
    if (input === undefined) return no("CONNECTION_UNKNOWN", `there is no connection ${name}`);
    const period = periodOf(input.type, input.options);
    if (period === undefined) return no("PERIOD_UNCHANGEABLE", `connection ${name} (${input.type}) asks nobody`);
    if (periodMs < period.min || periodMs > period.max)
      return no("PERIOD_OUT_OF_RANGE", `connection ${name} asks every ${period.min} to ${period.max} ms`);
    for (const [other, theirs] of others) {
      const theirMs = theirs.inputs?.[name]?.periodMs;
      if (theirMs !== undefined && theirMs !== periodMs)
        return no("SETTINGS_CONFLICT", `${other} has connection ${name} at ${theirMs} ms`);
    }
  }
  return undefined;
}

/** meters.json with the settings in force laid over it. The file itself stays the operator's. @throws MeterSourceError */
export function withSettings(file: MetersFile, all: SettingsByMeter): MetersFile {
  const devices = new Map<string, DeviceEntry>(file.devices.map((rule) => [rule.device, rule]));
  const periods = new Map<string, number>();
  for (const [meterId, { reportingIntervalMs, latenessMs, inputs = {} }] of all) {
    const device = deviceOfMeter(meterId);
    if (reportingIntervalMs !== undefined || latenessMs !== undefined)
      devices.set(device, {
        ...(devices.get(device) ?? ruleOf(file.devices, device)),
        device,
        ...(reportingIntervalMs === undefined ? {} : { everyMs: reportingIntervalMs }),
        ...(latenessMs === undefined ? {} : { latenessMs }),
      });
    for (const [name, { periodMs }] of Object.entries(inputs)) periods.set(name, periodMs);
  }
  const inputs = file.inputs.map((input) => {
    const periodMs = periods.get(input.name);
    const period = periodOf(input.type, input.options);
    if (periodMs === undefined || period === undefined) return input;
    return { ...input, options: withPeriod(input.options, period, periodMs) };
  });
  const { homeAssistant } = file;
  // Through the file's own reader, so that nothing else than what may stand in the file comes out.
  return parseMetersFile(formatMetersFile({ inputs, devices: [...devices.values()], homeAssistant }), "meters.json");
}

/** T_i in force: all settings agree on it. */
export function intervalMsOf(otherwise: number, all: SettingsByMeter): number {
  for (const { intervalMs } of all.values()) if (intervalMs !== undefined) return intervalMs;
  return otherwise;
}

/** Whether the meters have to be started anew for the change. */
export function isMeteringChanged(before: SettingsByMeter, after: SettingsByMeter): boolean {
  const relevant = (all: SettingsByMeter) =>
    [...all].flatMap(([meterId, { reportingIntervalMs, intervalMs, latenessMs, inputs }]) => {
      const settings = JSON.stringify({ reportingIntervalMs, intervalMs, latenessMs, inputs });
      return settings === "{}" ? [] : [`${meterId} ${settings}`];
    });
  return relevant(before).sort().join() !== relevant(after).sort().join();
}

import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "#storage/offchain/readingLogRecovery.ts";
import { DEFAULT_FUSE_W, DEFAULT_LATENESS_MS, type DeviceRule, TREATMENTS, type Treatment } from "./deviceRules.ts";
import { OptionReader } from "./inputOptions.ts";
import { INPUT_TYPES } from "./inputTypes.ts";
import type { RegisterRules } from "./registerDeltas.ts";
import { isCountedSuffix, isSuffix } from "./series.ts";
import { MeterSourceError } from "./source.ts";

/** One connection to meters. */
export interface InputEntry {
  /** Of the operator's choice, unique. */
  readonly name: string;
  readonly type: string;
  /** As the type wants them; it checks them when it starts. */
  readonly options: unknown;
}

/** meters.json of a home. */
export interface MetersFile {
  readonly inputs: readonly InputEntry[];
  readonly devices: readonly DeviceRule[];
  /** Options of mqtt/homeAssistant.ts, which checks them when it starts; none: Home Assistant is told nothing. */
  readonly homeAssistant?: unknown;
}

/** A device as it stands in the file: what is left out has its default. */
export type DeviceEntry = { readonly device: string } & Partial<DeviceRule>;

export const NO_METERS: MetersFile = { inputs: [], devices: [] };

const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_INPUTS = 256;
const MAX_RULES = 20_000;
const MAX_EVERY_MS = 86_400_000;
const MAX_LATENESS_MS = 7 * 86_400_000;
export const MAX_FUSE_W = 1_000_000_000;
const RETENTIONS = ["billing", "raw"] as const;
/** Of a connection. */
export const INPUT_NAME = {
  pattern: /^[a-z0-9][a-z0-9_-]{0,39}$/,
  form: "1 to 40 small letters, digits, - and _",
} as const;
/** Of a device's entry. */
export const DEVICE_NAME = {
  pattern: /^[\x21-\x29\x2b-\x7e]{0,90}\*?$/,
  form: "a device id, or the beginning of ids and *",
} as const;

/** The file's meters; none when it does not exist. @throws MeterSourceError METER_FILE_MALFORMED, METER_OPTION_INVALID */
export async function loadMetersFile(path: string): Promise<MetersFile> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return NO_METERS;
    throw new MeterSourceError({ code: "METER_FILE_MALFORMED", path, reason: (error as Error).message });
  }
  return parseMetersFile(text, path);
}

/** @throws MeterSourceError METER_FILE_MALFORMED, METER_OPTION_INVALID: with the place of the mistake, as "devices[2].fuseW" */
export function parseMetersFile(text: string, path: string): MetersFile {
  if (text.length > MAX_FILE_BYTES)
    throw new MeterSourceError({ code: "METER_FILE_MALFORMED", path, reason: `more than ${MAX_FILE_BYTES} bytes` });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new MeterSourceError({ code: "METER_FILE_MALFORMED", path, reason: (error as Error).message });
  }
  const reader = new OptionReader(json, "meters.json", ["version", "inputs", "devices", "homeAssistant"]);
  reader.integer("version", { min: 1, max: 1 });
  const inputs = reader.list("inputs", { min: 0, max: MAX_INPUTS }, readInput);
  const devices = reader.list("devices", { min: 0, max: MAX_RULES }, readDevice);
  const repeated = firstRepeated(inputs.map(({ name }) => name)) ?? firstRepeated(devices.map(({ device }) => device));
  if (repeated !== undefined)
    throw new MeterSourceError({ code: "METER_FILE_MALFORMED", path, reason: `${repeated} is there twice` });
  return reader.has("homeAssistant")
    ? { inputs, devices, homeAssistant: reader.raw("homeAssistant") }
    : { inputs, devices };
}

function readInput(item: unknown, path: string): InputEntry {
  const reader = new OptionReader(item, path, ["name", "type", "options"]);
  const type = reader.choice("type", Object.keys(INPUT_TYPES));
  return { name: reader.text("name", INPUT_NAME), type, options: reader.raw("options") ?? {} };
}

function readDevice(item: unknown, path: string): DeviceRule {
  const names = ["device", "zone", "fuseW", "everyMs", "latenessMs", "channels", "registers", "retention"];
  const reader = new OptionReader(item, path, names);
  const zone = reader.optionalText("zone", { pattern: /^[A-Za-z0-9_+/-]{1,64}$/, form: "a zone like Europe/Rome" });
  if (zone !== undefined && !isZone(zone)) throw reader.fault("zone", "is no zone of the IANA database");
  return {
    device: reader.text("device", DEVICE_NAME),
    zone,
    fuseW: reader.integer("fuseW", { min: 1, max: MAX_FUSE_W, fallback: DEFAULT_FUSE_W }),
    everyMs: reader.integer("everyMs", { min: 0, max: MAX_EVERY_MS, fallback: 0 }),
    latenessMs: reader.integer("latenessMs", { min: 0, max: MAX_LATENESS_MS, fallback: DEFAULT_LATENESS_MS }),
    channels: readChannels(reader.raw("channels") ?? {}, `${path}.channels`),
    registers: readRegisters(reader.raw("registers") ?? {}, `${path}.registers`),
    retention: reader.has("retention") ? reader.choice("retention", RETENTIONS) : undefined,
  };
}

function readChannels(value: unknown, path: string): Readonly<Record<string, Treatment>> {
  const names = suffixesOf(value, path, ["*"]);
  const reader = new OptionReader(value, path, names);
  return Object.fromEntries(
    names.map((suffix) => {
      const treatment = reader.choice(suffix, TREATMENTS);
      if (treatment === "sealed" && !isCountedSuffix(suffix))
        throw reader.fault(suffix, "cannot be sealed: it is nothing that is counted");
      return [suffix, treatment];
    }),
  );
}

function readRegisters(value: unknown, path: string): Readonly<Record<string, Partial<RegisterRules>>> {
  const names = suffixesOf(value, path, []);
  const all = new OptionReader(value, path, names);
  return Object.fromEntries(
    names.map((suffix) => {
      const fields = ["limitPerHour", "resolution", "modulus"] as const;
      const reader = new OptionReader(all.raw(suffix), `${path}.${suffix}`, fields);
      const given = fields.filter((field) => reader.has(field));
      const limits = { min: 1, max: Number.MAX_SAFE_INTEGER };
      return [suffix, Object.fromEntries(given.map((field) => [field, reader.integer(field, limits)]))];
    }),
  );
}

/** The object's names, which must be suffixes of series. */
function suffixesOf(value: unknown, path: string, others: readonly string[]): readonly string[] {
  const names = typeof value === "object" && value !== null ? Object.keys(value) : [];
  for (const name of names)
    if (!others.includes(name) && !isSuffix(name))
      throw new MeterSourceError({
        code: "METER_OPTION_INVALID",
        option: path,
        value: name,
        reason: "is no channel: they are called like import, export.t1, power.l2",
      });
  return names;
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function firstRepeated(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}

/** In the form of the file, without what is default. */
export function formatMetersFile({
  inputs,
  devices,
  homeAssistant,
}: {
  readonly inputs: readonly InputEntry[];
  readonly devices: readonly DeviceEntry[];
  readonly homeAssistant?: unknown;
}): string {
  const entries = devices.map(
    ({ device, zone, fuseW, everyMs, latenessMs, channels = {}, registers = {}, retention }) => ({
      ...{ device, zone, retention },
      fuseW: fuseW === DEFAULT_FUSE_W ? undefined : fuseW,
      everyMs: everyMs === 0 ? undefined : everyMs,
      latenessMs: latenessMs === DEFAULT_LATENESS_MS ? undefined : latenessMs,
      channels: Object.keys(channels).length === 0 ? undefined : channels,
      registers: Object.keys(registers).length === 0 ? undefined : registers,
    }),
  );
  return `${JSON.stringify({ version: 1, inputs, devices: entries, homeAssistant }, null, 2)}\n`;
}

/** Replaces the file as a whole, so that a node that starts meanwhile, or after a power cut, reads the old or the new one. */
export async function saveMetersFile(path: string, file: Parameters<typeof formatMetersFile>[0]): Promise<MetersFile> {
  const text = formatMetersFile(file);
  const parsed = parseMetersFile(text, path);
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
  return parsed;
}

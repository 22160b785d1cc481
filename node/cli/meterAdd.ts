import type { Reading } from "#storage/types/reading.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { DEFAULT_FUSE_W } from "../meter/deviceRules.ts";
import { INPUT_TYPES } from "../meter/inputTypes.ts";
import { DEVICE_NAME, type DeviceEntry, INPUT_NAME, type InputEntry, MAX_FUSE_W } from "../meter/metersFile.ts";
import { suffixOf } from "../meter/series.ts";
import { createZone } from "../meter/zoneTime.ts";
import { cliError } from "./cliError.ts";
import type { CommandContext } from "./context.ts";
import type { CliIo } from "./io.ts";
import { channelsToSeal, type Enrolment } from "./meterEnrolment.ts";
import type { Heard } from "./meterPairing.ts";
import { completeOptions, optionsOfSettings } from "./meterQuestions.ts";
import { parseDuration, parseHex } from "./quantities.ts";
import { signAndSubmit, signingAccount } from "./submit.ts";

export interface AddFlags {
  readonly type?: string;
  readonly name?: string;
  readonly options?: string;
  readonly set: readonly string[];
  readonly device?: string;
  readonly zone?: string;
  readonly fuseW?: string;
  readonly every?: string;
  readonly wait: string;
  readonly listen: boolean;
  readonly owner?: string;
  readonly enrolWith?: string;
}

/** Listening takes a minute: what is wrong with the flags is said before. @throws CliError METER_NAME_MALFORMED, METER_DEVICE_MALFORMED, METER_ZONE_UNKNOWN, METER_FUSE_MALFORMED, DURATION_MALFORMED */
export function checkFlags({ name, device, zone, fuseW, every, wait }: AddFlags): void {
  if (name !== undefined && !INPUT_NAME.pattern.test(name))
    throw cliError("usage", "METER_NAME_MALFORMED", `${name} is no name of a connection`, `write ${INPUT_NAME.form}`);
  if (device !== undefined && (device === "" || !DEVICE_NAME.pattern.test(device)))
    throw cliError(
      "usage",
      "METER_DEVICE_MALFORMED",
      `${device} names no device`,
      `write ${DEVICE_NAME.form}: --device "dsmr:*"`,
    );
  if (zone !== undefined) checkZone(zone);
  if (fuseW !== undefined) parseFuse(fuseW);
  if (every !== undefined) parseDuration(every);
  parseWait(wait);
}

/** Beyond it a timer of the system would end at once. */
const MAX_WAIT_MS = 24 * 3_600_000;

/** @throws CliError DURATION_MALFORMED */
export function parseWait(text: string): number {
  const waitMs = parseDuration(text);
  if (waitMs <= MAX_WAIT_MS) return waitMs;
  throw cliError("usage", "DURATION_MALFORMED", `${text} is longer than a day`, "write --wait 10m, at most 24h");
}

function checkZone(zone: string): string {
  if (createZone(zone) !== undefined) return zone;
  const hint = "write a zone of the IANA database, as --zone Europe/Rome";
  throw cliError("usage", "METER_ZONE_UNKNOWN", `there is no time zone ${zone}`, hint);
}

function parseFuse(text: string): number {
  const fuseW = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (fuseW > 0 && fuseW <= MAX_FUSE_W) return fuseW;
  throw cliError(
    "usage",
    "METER_FUSE_MALFORMED",
    `${text} is no power in W`,
    `write --fuse-w 17250, at most ${MAX_FUSE_W}`,
  );
}

/** The new connection, as flags say or the terminal answers. @throws CliError METER_TYPE_MISSING, METER_INPUT_EXISTS, METER_OPTION_MISSING, METER_OPTIONS_MALFORMED */
export async function newEntry(io: CliIo, flags: AddFlags, inputs: readonly InputEntry[]): Promise<InputEntry> {
  const types = Object.entries(INPUT_TYPES).map(([value, { about }]) => ({ value, about }));
  const type = flags.type ?? (await io.prompts?.choose("How is the meter connected?", types));
  if (type === undefined) {
    const hint = `choose one with --type: ${Object.keys(INPUT_TYPES).join(", ")}`;
    throw cliError("usage", "METER_TYPE_MISSING", "how is the meter connected?", hint);
  }
  const name = flags.name ?? freeName(type, inputs);
  if (inputs.some((each) => each.name === name)) {
    const hint = `choose another with --name, or \`energy-ledger meter remove ${name}\` first`;
    throw cliError("failure", "METER_INPUT_EXISTS", `there is a connection ${name} already`, hint);
  }
  const settings = optionsOfSettings(flags.set, flags.options === undefined ? {} : parseJson(flags.options));
  return { name, type, options: await completeOptions(type, settings, io.prompts) };
}

function freeName(type: string, inputs: readonly InputEntry[]): string {
  const taken = new Set(inputs.map(({ name }) => name));
  for (let number = 2; taken.has(type); number++) if (!taken.has(`${type}-${number}`)) return `${type}-${number}`;
  return type;
}

function parseJson(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw cliError("usage", "METER_OPTIONS_MALFORMED", "--options is no JSON object", `write --options '{"port": 502}'`);
}

/** A rule for each device that was heard, or for the one that was named. @throws CliError METER_FUSE_MALFORMED */
export async function newDevices(
  io: CliIo,
  flags: AddFlags,
  { readings }: Heard,
  known: readonly DeviceEntry[],
): Promise<readonly DeviceEntry[]> {
  const heard = [...new Set(readings.map(({ meterId }) => meterId))];
  const names = flags.device === undefined ? heard : [flags.device];
  const { prompts } = io;
  const zone = flags.zone ?? (await prompts?.text("Time zone of the connection", systemZone())) ?? systemZone();
  const fuse =
    flags.fuseW ??
    (await prompts?.text("Power of the connection's fuse, W (3 × 25 A at 230 V: 17250)", String(DEFAULT_FUSE_W))) ??
    String(DEFAULT_FUSE_W);
  const fuseW = parseFuse(fuse);
  checkZone(zone);
  const everyMs = flags.every === undefined ? 0 : parseDuration(flags.every);
  return names.map((device) => {
    const suffixes = readings.filter(({ meterId }) => isNamed(device, meterId)).map(suffixOf);
    const parts = channelsToSeal(suffixes).filter((suffix) => suffix.includes("."));
    const channels = Object.fromEntries(parts.map((suffix) => [suffix, "sealed" as const]));
    const before = known.find((each) => each.device === device) ?? {};
    return { ...before, device, zone, fuseW, everyMs, channels };
  });
}

function isNamed(device: string, meterId: string): boolean {
  return device.endsWith("*") ? meterId.startsWith(device.slice(0, -1)) : meterId === device;
}

/** What of the heard will be sealed. */
export function ledgerMeters(readings: readonly Reading[], devices: readonly DeviceEntry[]): readonly string[] {
  const heard = new Set(readings.map(({ meterId }) => meterId));
  return [...heard]
    .filter((meterId) => devices.some(({ device }) => isNamed(device, meterId)))
    .flatMap((meterId) =>
      channelsToSeal([...new Set(readings.filter((each) => each.meterId === meterId).map(suffixOf))]).map(
        (suffix) => `${meterId}/${suffix}`,
      ),
    );
}

/** One transaction for all of them; gives its id. */
export async function enrol(
  context: CommandContext,
  enrolments: readonly Enrolment[],
  keyName: string,
): Promise<unknown> {
  if (enrolments.length === 0) return [];
  const { name, account: authority } = signingAccount(context, keyName);
  const messages = enrolments.map((each) =>
    ledgerMessage("MsgEnrolMeter", {
      authority,
      meterId: each.meterId,
      deviceKey: { type: "ed25519", key: parseHex(each.deviceKey, 32, "device key") },
      owner: each.owner,
      quantity: each.quantity,
      direction: each.direction,
      seedCommitment: parseHex(each.seedCommitment, 32, "seed commitment"),
      intervalMs: BigInt(each.intervalMs),
    }),
  );
  let answer = "";
  const out = (text: string) => {
    answer += text;
  };
  await signAndSubmit({ ...context, json: true, io: { ...context.io, out } }, messages, [name], { wait: true });
  return JSON.parse(answer);
}

function systemZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

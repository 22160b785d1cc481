import { readFileSync } from "node:fs";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import type { DecodedFrame } from "../frame.ts";
import type { MeterInput, StartInput } from "../input.ts";
import { HOST, ID_PART, OptionReader } from "../inputOptions.ts";
import { INPUT_PERIODS } from "../inputPeriods.ts";
import { pause } from "../pause.ts";
import { type EnergySample, Plausibility } from "../plausibility.ts";
import { type Block, planBlocks } from "./blocks.ts";
import { FRAMINGS, type ModbusConnection, type ModbusEndpoint, openModbusConnection } from "./connection.ts";
import { type BlockAnswer, decodeModbusPoll, rejectPoll } from "./decode.ts";
import { readIdentity } from "./identity.ts";
import { BUILT_IN_MAPS, loadBuiltInMap, parseRegisterMap, type RegisterMap } from "./registerMap.ts";
import { nextSlot } from "./schedule.ts";

/** As it stands in `meters.json`; README.md has the meaning of each. */
export interface ModbusInputOptions {
  readonly host: string;
  readonly port?: number;
  readonly framing?: "tcp" | "rtu";
  readonly site: string;
  readonly bus?: string;
  readonly periodMs?: number;
  readonly timeoutMs?: number;
  readonly devices: readonly {
    readonly unit: number;
    /** The name of a built-in map, the path of a file (ending in .json), or the map itself. */
    readonly map: string | object;
    readonly serial?: string;
    readonly fuseLimitW?: number;
  }[];
}

/** Three phases of 100 A (research/data.md §4). */
const DEFAULT_FUSE_LIMIT_W = 69_000;
const MAX_FUSE_LIMIT_W = 100_000_000;
const MIN_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 30_000;

interface Device {
  readonly unit: number;
  readonly meterId: string;
  readonly map: RegisterMap;
  readonly blocks: readonly Block[];
  readonly fuseLimitMw: number;
  readonly plausibility: Plausibility;
  /** What identifies the meter: by the options, or as it answered first. */
  serial: string | undefined;
  /** Polls without an answer, one after the other. */
  failures: number;
  /** Not asked before, so that a dead meter does not hold up the others of its bus. */
  retryAtMs: number;
}

/** Polls meters over one connection, one request at a time. @throws MeterSourceError METER_OPTION_INVALID */
export const startModbusInput: StartInput<ModbusInputOptions> = async (options, { offer, nowMs, log }) => {
  const { endpoint, devices, periodMs } = readModbusOptions(options);
  const name = `modbus ${endpoint.framing} ${endpoint.host}:${endpoint.port}`;
  const stopped = new AbortController();
  const { signal } = stopped;

  async function poll(device: Device, connection: ModbusConnection): Promise<DecodedFrame> {
    const answers: BlockAnswer[] = [];
    for (const block of device.blocks) {
      const sentMs = nowMs();
      const { words, raw } = await connection.read(device.unit, block.function, block.address, block.words);
      answers.push({ block, words, raw, sentMs, receivedMs: nowMs() });
    }
    return decodeModbusPoll(answers, device);
  }

  /** Once per connection: whether behind it still is the meter that it was. */
  async function identify(device: Device, connection: ModbusConnection): Promise<boolean> {
    const { identity } = device.map;
    if (identity === undefined) return true;
    const answer = await connection.read(device.unit, identity.function, identity.address, identity.words);
    const found = readIdentity(answer, identity);
    if (found !== undefined) device.serial ??= found;
    if (device.serial === found) return true;
    log.warn({ meterId: device.meterId, expected: device.serial, found }, "Another Modbus meter answers");
    return false;
  }

  async function visit(device: Device, connection: ModbusConnection, known: Set<Device>): Promise<void> {
    if (!known.has(device) && (await identify(device, connection))) known.add(device);
    const frame = await poll(device, connection);
    device.failures = 0;
    const told = known.has(device) ? judged(device, frame) : rejectPoll(frame, "wrong-device");
    await offer(told).catch((error: unknown) => log.warn({ err: error, input: name }, "Modbus poll was not stored"));
  }

  async function run(): Promise<void> {
    let connection: ModbusConnection | undefined;
    let known = new Set<Device>();
    let refusals = 0;
    while (!signal.aborted) {
      await nextSlot(periodMs, nowMs, signal);
      for (const device of devices) {
        if (signal.aborted) break;
        if (nowMs() < device.retryAtMs) continue;
        if (connection === undefined || !connection.isOpen) {
          known = new Set();
          try {
            connection = await openModbusConnection(endpoint, signal);
            refusals = 0;
          } catch (error) {
            if (signal.aborted) break;
            refusals += 1;
            log.warn({ err: error, input: name, refusals }, "Modbus connection failed");
            await pause(backoffMs(refusals), signal);
            break;
          }
        }
        try {
          await visit(device, connection, known);
        } catch (error) {
          if (signal.aborted) break;
          device.failures += 1;
          device.retryAtMs = nowMs() + backoffMs(device.failures);
          log.warn({ err: error, meterId: device.meterId, failures: device.failures }, "Modbus meter does not answer");
        }
      }
    }
    connection?.close();
  }

  const running = run();
  return {
    name,
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await running;
    },
  } satisfies MeterInput;
};

function backoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(failures - 1, 10));
}

/** The poll as it is believed (plausibility.ts). */
function judged(device: Device, frame: DecodedFrame): DecodedFrame {
  const total = (quantity: Reading["quantity"]): number | undefined =>
    frame.readings.find((reading) => reading.quantity === quantity && reading.phase === 0 && reading.tariff === 0)
      ?.value;
  const [first] = frame.readings;
  if (first === undefined) return frame;
  const [importMwh, exportMwh] = [total("activeEnergyImport"), total("activeEnergyExport")];
  const resolutionMwh = stepMwh(device.map, Math.max(importMwh ?? 0, exportMwh ?? 0));
  const { timestampMs } = first;
  const sample: EnergySample = { timestampMs, importMwh, exportMwh, powerMw: total("activePower"), resolutionMwh };
  const verdict = device.plausibility.judge(sample);
  if (verdict.verdict === "implausible") return rejectPoll(frame, "implausible");
  if (verdict.verdict === "accepted") return frame;
  const quality = verdict.isLower ? QUALITY.RESET : QUALITY.SUSPECT;
  return { ...frame, readings: frame.readings.map((reading) => ({ ...reading, quality })) };
}

/** One unit of an integer register; of a float32 the last of its 24 bits. */
function stepMwh(map: RegisterMap, valueMwh: number): number {
  const register = map.registers.find(({ quantity, phase }) => quantity === "activeEnergyImport" && phase === 0);
  if (register === undefined) return 0;
  if (register.type.startsWith("float")) return Math.max(1, Math.ceil(valueMwh / 2 ** 23));
  return Math.max(1, Number(register.factor < 0n ? -register.factor : register.factor) * 10 ** register.exponent);
}

function readModbusOptions(options: unknown): { endpoint: ModbusEndpoint; devices: Device[]; periodMs: number } {
  const names = ["host", "port", "framing", "site", "bus", "periodMs", "timeoutMs", "devices"];
  const reader = new OptionReader(options, "modbus", names);
  const place = `${reader.text("site", ID_PART)}/${reader.text("bus", { ...ID_PART, fallback: "0" })}`;
  const devices = reader.list("devices", { min: 1, max: 247 }, (item, path) => readDevice(item, path, place));
  for (const [index, { unit }] of devices.entries())
    if (devices.findIndex((other) => other.unit === unit) < index)
      throw reader.fault("devices", `has unit ${unit} twice`);
  return {
    endpoint: {
      host: reader.text("host", HOST),
      port: reader.integer("port", { min: 1, max: 65_535, fallback: 502 }),
      framing: reader.choice("framing", FRAMINGS, "tcp"),
      timeoutMs: reader.integer("timeoutMs", { min: 20, max: 60_000, fallback: 2000 }),
    },
    devices,
    periodMs: reader.integer("periodMs", { ...INPUT_PERIODS.modbus, fallback: 10_000 }),
  };
}

function readDevice(json: unknown, path: string, place: string): Device {
  const reader = new OptionReader(json, path, ["unit", "map", "serial", "fuseLimitW"]);
  // 0 is for all meters of a bus; 248 to 255 are reserved, but 255 is what a Modbus TCP meter without a bus is asked for.
  const unit = reader.integer("unit", { min: 1, max: 255 });
  const map = readMap(reader, `${path}.map`);
  const fuseLimitMw =
    reader.integer("fuseLimitW", { min: 1, max: MAX_FUSE_LIMIT_W, fallback: DEFAULT_FUSE_LIMIT_W }) * 1000;
  const serial = reader.optionalText("serial", {
    pattern: /^[\x20-\x7e]{1,40}$/,
    form: "1 to 40 printable characters",
  });
  if (serial !== undefined && map.identity === undefined) throw reader.fault("serial", "needs a map with an identity");
  const plausibility = new Plausibility(fuseLimitMw);
  const meterId = `modbus:${place}/${unit}`;
  return { unit, meterId, map, blocks: planBlocks(map), fuseLimitMw, plausibility, serial, failures: 0, retryAtMs: 0 };
}

function readMap(reader: OptionReader, path: string): RegisterMap {
  const map = reader.raw("map");
  if (typeof map !== "string") return parseRegisterMap(map, path);
  if (!map.endsWith(".json")) return loadBuiltInMap(reader.choice("map", BUILT_IN_MAPS));
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(map, "utf8"));
  } catch (error) {
    throw reader.fault("map", `cannot be read: ${(error as Error).message}`);
  }
  return parseRegisterMap(json, path);
}

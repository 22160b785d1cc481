import { readFile } from "node:fs/promises";
import { writeFileDurably } from "../archive/durableFile.ts";
import { hasGoodChecksum, withChecksum } from "../checkedJson.ts";
import { DeviceError } from "./deviceError.ts";
import type { DeviceSettings, SettingsByMeter } from "./deviceSettings.ts";

/** What a device did with the configurations it was sent. */
export interface DeviceState {
  /** In force. */
  readonly applied?: { readonly version: number; readonly settings: DeviceSettings; readonly atMs: number };
  /** The latest one that it has decided about. */
  readonly answer: {
    readonly version: number;
    readonly outcome: "applied" | "rejected";
    readonly code: number;
    readonly atMs: number;
    /** Whether the ledger has the answer. */
    readonly acknowledged: boolean;
  };
}

/** data/devices.json of a home: by meter id. What is applied and that it is applied are one file, replaced as a whole. */
export interface DeviceStates {
  get(meterId: string): DeviceState | undefined;
  entries(): readonly (readonly [meterId: string, state: DeviceState])[];
  /** Resolves when it is on disk. */
  put(meterId: string, state: DeviceState): Promise<void>;
  /** The ledger has the answer about this version, if it still is the latest one. Resolves when that is on disk. */
  acknowledged(meterId: string, version: number): Promise<void>;
}

const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** @throws DeviceError DEVICE_STATES_MALFORMED: what was applied cannot be guessed */
export async function openDeviceStates(path: string): Promise<DeviceStates> {
  const states = new Map<string, DeviceState>(await load(path));
  /** Changes come one after another, each on what the one before has made. */
  let last: Promise<void> = Promise.resolve();
  function change(meterId: string, next: (state: DeviceState | undefined) => DeviceState | undefined): Promise<void> {
    const changed = last.then(async () => {
      const state = next(states.get(meterId));
      if (state === undefined) return;
      const devices = Object.fromEntries(new Map(states).set(meterId, state));
      const text = JSON.stringify(withChecksum({ version: 1, devices }), null, 1);
      await writeFileDurably(path, Buffer.from(`${text}\n`), 0o600);
      states.set(meterId, state);
    });
    last = changed.catch(() => undefined);
    return changed;
  }
  return {
    get: (meterId) => states.get(meterId),
    entries: () => [...states],
    put: (meterId, state) => change(meterId, () => state),
    acknowledged: (meterId, version) =>
      change(meterId, (state) =>
        state?.answer.version === version ? { ...state, answer: { ...state.answer, acknowledged: true } } : undefined,
      ),
  };
}

export function settingsOf(states: DeviceStates): SettingsByMeter {
  return new Map(
    states.entries().flatMap(([meterId, { applied }]) => (applied === undefined ? [] : [[meterId, applied.settings]])),
  );
}

async function load(path: string): Promise<readonly (readonly [string, DeviceState])[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw malformed(path, (error as Error).message);
  }
  let file: { version?: unknown; devices?: Readonly<Record<string, DeviceState>> } | null;
  try {
    if (text.length > MAX_FILE_BYTES) throw new Error(`more than ${MAX_FILE_BYTES} bytes`);
    file = JSON.parse(text) as typeof file;
  } catch (error) {
    throw malformed(path, (error as Error).message);
  }
  if (file?.version !== 1 || typeof file.devices !== "object" || file.devices === null)
    throw malformed(path, "not of version 1");
  const isDamaged = "checksum" in file && !hasGoodChecksum({ ...file });
  if (isDamaged) throw malformed(path, "it does not have its checksum");
  const entries = Object.entries(file.devices);
  for (const [meterId, state] of entries) if (!isState(state)) throw malformed(path, `state of ${meterId}`);
  return entries;
}

/** Written by this program only, so its form is checked as far as it is relied on. */
function isState(state: unknown): state is DeviceState {
  if (typeof state !== "object" || state === null) return false;
  const { applied, answer } = state as Partial<DeviceState>;
  if (!Number.isSafeInteger(answer?.version) || typeof answer?.acknowledged !== "boolean") return false;
  if (answer.outcome !== "applied" && answer.outcome !== "rejected") return false;
  if (!Number.isSafeInteger(answer.code) || !Number.isSafeInteger(answer.atMs)) return false;
  return applied === undefined || (Number.isSafeInteger(applied.version) && typeof applied.settings === "object");
}

function malformed(path: string, reason: string): DeviceError {
  return new DeviceError({ code: "DEVICE_STATES_MALFORMED", path, reason });
}

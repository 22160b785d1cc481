import { join } from "node:path";
import type { Logger } from "pino";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import type { UnsignedMessage } from "#storage/types/signEncoded.ts";
import { homePaths } from "../configurationHome.ts";
import { type ChainTip, createDeviceAgent } from "../devices/deviceAgent.ts";
import {
  type DeviceSettings,
  intervalMsOf,
  isMeteringChanged,
  type SettingsByMeter,
  whyImpossible,
  withSettings,
} from "../devices/deviceSettings.ts";
import { type DeviceState, openDeviceStates, settingsOf } from "../devices/deviceStates.ts";
import type { MetersFile } from "../meter/metersFile.ts";
import type { NodeOptions } from "../options.ts";
import type { Metering } from "./metering.ts";
import { deviceKeyOf } from "./meterKeys.ts";
import type { Outbox } from "./outbox.ts";
import type { Proofs } from "./proofs.ts";

/** Meters that a light node asks others about with one header: all of a home's. */
export const METERS_PER_HEADER = 4;
/** Meters that a full node looks up in its own state with one block, in about a millisecond. */
export const METERS_PER_BLOCK = 256;

/** The devices of a node: its meters as they are configured now, and the agent that follows what the ledger says of them. */
export interface LightDevices extends AsyncDisposable {
  /** Undefined while they are started anew. */
  meters(): Metering | undefined;
  /** Undefined where nothing is configured. */
  clearSums(meterId: string): boolean | undefined;
  /** As the agent's. */
  onHeader(header: ChainTip): void;
  /** What the devices decided, for who looks at the node: without the settings, which are encrypted on the ledger. */
  view(): readonly (Omit<DeviceState["answer"], "atMs"> & {
    readonly meterId: string;
    readonly appliedVersion: number;
    readonly atMs: number;
  })[];
  /** The meters take no further readings, and are not started anew. */
  readonly stop: () => void;
}

/** @throws DeviceError DEVICE_STATES_MALFORMED, and as startMetering */
export async function startLightDevices(
  options: NodeOptions,
  owner: { readonly chainId: string; readonly meterKey: PrivateKey; readonly metersFile: MetersFile },
  ports: {
    readonly outbox: Outbox;
    readonly proofs: Pick<Proofs, "state">;
    readonly metersPerHeader: number;
    readonly notice: (meterId: string, message: UnsignedMessage) => Promise<number>;
    readonly startMeters: (options: NodeOptions, file: MetersFile) => Promise<Metering>;
    /** Hears of what stops the node. */
    readonly fail: (error: unknown) => void;
    readonly log: Logger;
  },
): Promise<LightDevices> {
  const { chainId: ledgerId, meterKey, metersFile } = owner;
  const { outbox } = ports;
  const states = await openDeviceStates(join(homePaths(options.home).data, "devices.json"));
  let inForce: SettingsByMeter = settingsOf(states);
  let meters: Metering | undefined = await start(inForce);
  let isStopped = false;

  function start(all: SettingsByMeter): Promise<Metering> {
    const meterIntervalMs = intervalMsOf(options.meterIntervalMs, all);
    return ports.startMeters({ ...options, meterIntervalMs }, withSettings(metersFile, all));
  }

  async function apply(all: SettingsByMeter): Promise<void> {
    if (isStopped) throw new Error("the node is stopping");
    if (!isMeteringChanged(inForce, all) && meters !== undefined) {
      inForce = all;
      return;
    }
    // Checked before anything is stopped.
    withSettings(metersFile, all);
    const before = meters;
    meters = undefined;
    await before?.[Symbol.asyncDispose]();
    try {
      const isNewLength = intervalMsOf(options.meterIntervalMs, all) !== intervalMsOf(options.meterIntervalMs, inForce);
      if (isNewLength && outbox.closedMeters().length > 0) throw new Error("an interval was closed meanwhile");
      meters = await start(all);
    } catch (error) {
      // Without what held before there is nothing to go back to.
      if (!isMeteringChanged(inForce, all)) ports.fail(error);
      throw error;
    }
    if (isStopped) meters.stop();
    inForce = all;
  }

  const agent = createDeviceAgent(
    { ledgerId, pollMs: options.deviceConfigurationPollMs, metersPerHeader: ports.metersPerHeader },
    {
      meterIds: () => [...new Set([...options.deviceMeters, ...outbox.closedMeters()])],
      keyOf: (meterId) => deviceKeyOf(meterKey, meterId),
      proofs: ports.proofs,
      states,
      whyImpossible: (settings: DeviceSettings, about) =>
        whyImpossible(settings, about, {
          metersFile,
          hasInputs: options.meterSource === "inputs",
          intervalMs: intervalMsOf(options.meterIntervalMs, inForce),
          defaultIntervalMs: options.meterIntervalMs,
          hasClosed: outbox.closedMeters().length > 0,
        }),
      apply,
      send: ports.notice,
      nowMs: Date.now,
      log: ports.log.child({ part: "devices" }),
    },
  );

  const stop = () => {
    isStopped = true;
    meters?.stop();
  };
  return {
    meters: () => meters,
    clearSums: (meterId) => inForce.get(meterId)?.clearSums,
    onHeader: (header) => agent.onHeader(header),
    view: () =>
      states
        .entries()
        .map(([meterId, { applied, answer }]) => ({ meterId, appliedVersion: applied?.version ?? 0, ...answer })),
    stop,
    async [Symbol.asyncDispose]() {
      stop();
      await agent[Symbol.asyncDispose]();
      await meters?.[Symbol.asyncDispose]();
    },
  };
}

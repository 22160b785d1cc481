import { sha256 } from "#storage/crypto/hash.ts";
import type { Uplink } from "./uplink.ts";

/** Frame counters of a device that are remembered: three weeks at one uplink an hour. */
const KEPT_UPLINKS = 512;
/** Devices at once; the one heard of longest ago is forgotten. */
const MAX_DEVICES = 10_000;

interface Seen {
  readonly payloadHash: Uint8Array;
  /** Settles when the uplink is on disk, or could not be put there. */
  readonly stored: Promise<void>;
}

interface Device {
  session: string;
  readonly uplinks: Map<number, Seen>;
}

/**
 * Uplinks by (DevEUI, session, frame counter): what gateways heard twice, or what a network server sends again with another time, counts once. A session ends
 * with a join, with another device address, and with the same counter over other bytes, which is a join that was not told.
 */
export class UplinkDedupe {
  readonly #devices = new Map<string, Device>();
  #duplicates = 0;

  get duplicates(): number {
    return this.#duplicates;
  }

  joined(devEui: string): void {
    this.#devices.delete(devEui);
  }

  /**
   * Stores the uplink once. A duplicate waits for the first one and shares its fate: acknowledged earlier it could be lost with it. What could not be stored
   * is new when it comes again.
   */
  async once(uplink: Uplink, store: () => Promise<void>): Promise<void> {
    const device = this.#deviceOf(uplink);
    const payloadHash = sha256(uplink.payload);
    const before = device.uplinks.get(uplink.fCnt);
    if (before !== undefined) {
      if (Buffer.compare(before.payloadHash, payloadHash) === 0) {
        this.#duplicates += 1;
        return before.stored;
      }
      device.uplinks.clear();
    }
    const stored = store();
    const seen = { payloadHash, stored };
    device.uplinks.set(uplink.fCnt, seen);
    if (device.uplinks.size > KEPT_UPLINKS) device.uplinks.delete(firstOf(device.uplinks));
    try {
      await stored;
    } catch (error) {
      if (device.uplinks.get(uplink.fCnt) === seen) device.uplinks.delete(uplink.fCnt);
      throw error;
    }
  }

  #deviceOf({ devEui, session }: Uplink): Device {
    let device = this.#devices.get(devEui);
    this.#devices.delete(devEui);
    if (device === undefined || device.session !== session) device = { session, uplinks: new Map() };
    this.#devices.set(devEui, device);
    if (this.#devices.size > MAX_DEVICES) this.#devices.delete(firstOf(this.#devices));
    return device;
  }
}

function firstOf<K>(map: ReadonlyMap<K, unknown>): K {
  return map.keys().next().value as K;
}

import type { Quantity } from "#storage/types/reading.ts";
import type { Anomaly } from "./anomaly.ts";
import { type ClockShift, ClockShiftView } from "./clockShift.ts";
import { findOutages, type Outage } from "./outage.ts";
import { type Completeness, Presence } from "./presence.ts";
import type { Slot } from "./slots.ts";
import type { Zone } from "./zone.ts";

export interface FleetView {
  readonly completeness: readonly Completeness[];
  readonly outages: readonly Outage[];
  readonly clockShifts: readonly ClockShift[];
}

/** Looks at meters of one quantity together: slots that many miss, hours by which all moved. Keeps about 4.5 KB per meter and 6 bytes per meter and day. */
export class FleetDetector {
  readonly #quantity: Quantity;
  readonly #presence: Presence;
  readonly #clocks: ClockShiftView;

  /** zone: in whose time habits repeat; periodMs: the length of the slots that are compared. */
  constructor(quantity: Quantity, periodMs: number, zone: Zone) {
    this.#quantity = quantity;
    this.#presence = new Presence(periodMs);
    this.#clocks = new ClockShiftView(periodMs, zone);
  }

  put(slot: Slot): void {
    if (slot.quantity !== this.#quantity || slot.tariff !== 0) return;
    this.#presence.put(slot);
    this.#clocks.put(slot);
  }

  end(): FleetView {
    return {
      completeness: this.#presence.completeness(),
      outages: findOutages(this.#presence),
      clockShifts: this.#clocks.end(),
    };
  }
}

/** The events of a fleet; `meterIds` in the details says which meters a flag is for. */
export function fleetAnomalies(quantity: Quantity, { outages, clockShifts }: FleetView): readonly Anomaly[] {
  const about = { meterId: undefined, quantity, severity: "warning" as const };
  return [
    ...outages.map(
      ({ fromMs, untilMs, missing, active, meterIds }): Anomaly => ({
        ...about,
        kind: "outage",
        fromMs,
        untilMs,
        score: Math.floor((missing * 1000) / active),
        detector: "head-end-outage/1",
        details: { missing, active, meterIds },
      }),
    ),
    ...clockShifts.map(
      ({ atMs, shiftMs, shifted, compared }): Anomaly => ({
        ...about,
        kind: "clock",
        fromMs: atMs,
        untilMs: atMs + 86_400_000,
        score: Math.floor((shifted * 1000) / compared),
        detector: "clock-shift/1",
        details: { shiftMs, shifted, compared },
      }),
    ),
  ];
}

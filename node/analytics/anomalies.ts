import type { Anomaly } from "./anomaly.ts";
import { SeriesDetectors } from "./seriesDetectors.ts";
import type { Slot } from "./slots.ts";
import { UTC, type Zone } from "./zone.ts";

/** 100 A at 230 V, what a single-phase connection lets through: 11.5 kWh in half an hour (research/data.md §4). */
export const SINGLE_PHASE_MILLIWATTS = 23_000_000;

export interface AnomalyOptions {
  /**
   * Whose clock says which half hour of the day and which day of the week a slot is. Default UTC, as research/data.md §6 measured; a local
   * zone keeps habits apart from changes of the clock.
   */
  readonly zone?: Zone;
  /** mW. Default SINGLE_PHASE_MILLIWATTS. */
  readonly fuseMilliwatts?: number;
}

/**
 * What the detectors of single series find, in the order in which it becomes certain. Slots of one series come by time, series one after the
 * other or mixed. A meter's tariff registers are parts of its total and are not looked at beside it.
 */
export async function* detectAnomalies(
  slots: AsyncIterable<Slot>,
  options: AnomalyOptions = {},
): AsyncGenerator<Anomaly> {
  const detectors = createAnomalyDetectors(options);
  for await (const slot of slots) yield* detectors.put(slot);
  yield* detectors.end();
}

/** The same for those who have the slots one by one. */
export function createAnomalyDetectors({ zone = UTC, fuseMilliwatts = SINGLE_PHASE_MILLIWATTS }: AnomalyOptions): {
  put(slot: Slot): readonly Anomaly[];
  end(): readonly Anomaly[];
} {
  const series = new Map<string, SeriesDetectors>();
  return {
    put(slot) {
      if (slot.tariff !== 0) return [];
      const name = `${slot.meterId} ${slot.quantity}`;
      let detectors = series.get(name);
      if (detectors === undefined) {
        detectors = new SeriesDetectors(slot, { zone, fuseMilliwatts });
        series.set(name, detectors);
      }
      return detectors.put(slot);
    },
    end() {
      const last = [...series.values()].flatMap((detectors) => detectors.end());
      series.clear();
      return last;
    },
  };
}

import type { Quantity } from "#storage/types/reading.ts";
import type { Anomaly } from "./anomaly.ts";
import { BaseLoadDetector, type BaseLoadStep } from "./baseLoad.ts";
import { LEAK_NIGHTS, type Leak, LeakDetector } from "./leak.ts";
import { type Night, NightFlow } from "./nightFlow.ts";
import { scaledRatio } from "./ratio.ts";
import type { Slot } from "./slots.ts";
import { hasSpikes, MAX_SCORE, type Spike, SpikeDetector } from "./spikes.ts";
import { type ZeroRun, ZeroRunDetector } from "./zeroRun.ts";
import type { Zone } from "./zone.ts";

const HOUR_MS = 3_600_000;

export interface DetectorOptions {
  readonly zone: Zone;
  /** Most power that the connection lets through, mW; electricity only. */
  readonly fuseMilliwatts: number;
}

/** All detectors that look at one series of slots alone. */
export class SeriesDetectors {
  readonly #meterId: string;
  readonly #quantity: Quantity;
  readonly #fuseMilliwatts: number;
  readonly #spikes: SpikeDetector | undefined;
  readonly #zeroRuns = new ZeroRunDetector();
  readonly #nights: NightFlow;
  readonly #leaks: LeakDetector | undefined;
  readonly #baseLoad: BaseLoadDetector | undefined;

  constructor({ meterId, quantity }: Pick<Slot, "meterId" | "quantity">, { zone, fuseMilliwatts }: DetectorOptions) {
    this.#meterId = meterId;
    this.#quantity = quantity;
    this.#fuseMilliwatts = quantity.startsWith("activeEnergy") ? fuseMilliwatts : Number.POSITIVE_INFINITY;
    this.#spikes = hasSpikes(quantity) ? new SpikeDetector(zone) : undefined;
    this.#nights = new NightFlow(zone);
    this.#leaks = LEAK_NIGHTS[quantity] === undefined ? undefined : new LeakDetector(quantity);
    this.#baseLoad = quantity === "activeEnergyImport" ? new BaseLoadDetector() : undefined;
  }

  /** What is certain with this slot; slots come by time. A slot over the limit is told and otherwise not looked at. */
  put(slot: Slot): readonly Anomaly[] {
    const found: Anomaly[] = [];
    if (slot.value * HOUR_MS > this.#fuseMilliwatts * slot.periodMs) return [this.#overLimit(slot)];
    this.#addSpike(found, this.#spikes?.put(slot));
    // A meter of produced energy is still every night.
    if (this.#quantity !== "activeEnergyExport") this.#addZeroRun(found, this.#zeroRuns.put(slot));
    this.#addNight(found, this.#nights.put(slot));
    return found;
  }

  end(): readonly Anomaly[] {
    const found: Anomaly[] = [];
    this.#addSpike(found, this.#spikes?.end());
    this.#addZeroRun(found, this.#zeroRuns.end());
    this.#addNight(found, this.#nights.end());
    this.#addLeak(found, this.#leaks?.end());
    return found;
  }

  #addNight(found: Anomaly[], night: Night | undefined): void {
    if (night === undefined) return;
    this.#addLeak(found, this.#leaks?.put(night));
    this.#addBaseLoad(found, this.#baseLoad?.put(night));
  }

  #addSpike(found: Anomaly[], spike: Spike | undefined): void {
    if (spike === undefined) return;
    const { slot, score, usual, before, after, type } = spike;
    found.push({
      ...this.#about(slot.endMs - slot.periodMs, slot.endMs),
      kind: type === "isolated" ? "spike" : type,
      severity: type === "isolated" ? "warning" : "info",
      score,
      detector: "spike/1",
      details: {
        value: slot.value,
        usual,
        ...(before === undefined ? {} : { before }),
        ...(after === undefined ? {} : { after }),
      },
    });
  }

  #addZeroRun(found: Anomaly[], run: ZeroRun | undefined): void {
    if (run === undefined) return;
    found.push({
      ...this.#about(run.fromMs, run.untilMs),
      kind: "zero-run",
      severity: "warning",
      score: scaledRatio(run.zeroMs, 1000, HOUR_MS, MAX_SCORE),
      detector: "zero-run/1",
      details: { zeroMs: run.zeroMs },
    });
  }

  #addLeak(found: Anomaly[], leak: Leak | undefined): void {
    if (leak === undefined) return;
    found.push({
      ...this.#about(leak.fromMs, leak.untilMs),
      kind: "leak",
      severity: "warning",
      score: leak.nights * 1000,
      detector: "night-flow/1",
      details: { nights: leak.nights, leastPerHour: leak.leastPerHour },
    });
  }

  #addBaseLoad(found: Anomaly[], step: BaseLoadStep | undefined): void {
    if (step === undefined) return;
    const { fromMs, untilMs, beforeMilliwatts, afterMilliwatts } = step;
    found.push({
      ...this.#about(fromMs, untilMs),
      kind: "base-load",
      severity: "info",
      // Watts.
      score: Math.min(MAX_SCORE, afterMilliwatts - beforeMilliwatts),
      detector: "base-load/1",
      details: { beforeMilliwatts, afterMilliwatts },
    });
  }

  #overLimit({ endMs, periodMs, value }: Slot): Anomaly {
    return {
      ...this.#about(endMs - periodMs, endMs),
      kind: "over-limit",
      severity: "critical",
      score: scaledRatio(value, 1000, Math.max(1, Math.floor((this.#fuseMilliwatts * periodMs) / HOUR_MS)), MAX_SCORE),
      detector: "fuse/1",
      details: { value, fuseMilliwatts: this.#fuseMilliwatts },
    };
  }

  #about(fromMs: number, untilMs: number): Pick<Anomaly, "meterId" | "quantity" | "fromMs" | "untilMs"> {
    return { meterId: this.#meterId, quantity: this.#quantity, fromMs, untilMs };
  }
}

import type { Plot } from "./prosumerPlot.ts";

const PROSUMERS = [100, 500, 1_000, 2_000, 5_000, 10_000];

/** What D5.1 §4.2.2 says in its text of Fig. 26 and Fig. 27: one point each, for 2000 prosumers. */
export const PAPER = { prosumers: 2_000, sampleSeconds: 0.2, intervalSeconds: 9 * 60 };

export interface Capacity {
  /** Acknowledged on disk. */
  readonly readingsPerSecond: number;
  /** Finalised, each interval a transaction of its device. */
  readonly deviceSealsPerSecond: number;
  /** Finalised, those of a concentrator's meters in one transaction. */
  readonly concentratorSealsPerSecond: number;
}

export interface FigureRow {
  readonly prosumers: number;
  /** Fig. 26: seconds between two samples of each prosumer that the queue takes. */
  readonly sampleSeconds: number;
  readonly paperSampleSeconds?: number;
  /** Fig. 27: shortest T_i at which the ledger finalises as much as comes. */
  readonly deviceIntervalSeconds: number;
  readonly concentratorIntervalSeconds: number;
  readonly paperIntervalSeconds?: number;
}

/** prosumers / rate: what is measured is the rate; a prosumer is a sample, or an interval, every so many seconds. Three significant digits. */
export function figureRows(capacity: Capacity): readonly FigureRow[] {
  return PROSUMERS.map((prosumers) => ({
    prosumers,
    sampleSeconds: seconds(prosumers / capacity.readingsPerSecond),
    deviceIntervalSeconds: seconds(prosumers / capacity.deviceSealsPerSecond),
    concentratorIntervalSeconds: seconds(prosumers / capacity.concentratorSealsPerSecond),
    ...(prosumers === PAPER.prosumers && {
      paperSampleSeconds: PAPER.sampleSeconds,
      paperIntervalSeconds: PAPER.intervalSeconds,
    }),
  }));
}

export function figures(rows: readonly FigureRow[]): readonly Plot[] {
  const line = (name: string, colour: string, of: (row: FigureRow) => number | undefined) => ({
    name,
    colour,
    points: rows.flatMap((row) => {
      const y = of(row);
      return y === undefined ? [] : [{ x: row.prosumers, y }];
    }),
  });
  return [
    {
      title: "Fig. 26: sampling, by number of prosumers",
      xLabel: "prosumers",
      yLabel: "seconds between samples",
      series: [
        line("embedded queue, acknowledged on disk", "#0b6", (row) => row.sampleSeconds),
        line("D5.1", "#c30", (row) => row.paperSampleSeconds),
      ],
    },
    {
      title: "Fig. 27: shortest T_i, by number of prosumers",
      xLabel: "prosumers",
      yLabel: "T_i, seconds",
      series: [
        line("four validators, a device a transaction", "#06c", (row) => row.deviceIntervalSeconds),
        line("four validators, 100 devices a transaction", "#0b6", (row) => row.concentratorIntervalSeconds),
        line("D5.1", "#c30", (row) => row.paperIntervalSeconds),
      ],
    },
  ];
}

function seconds(value: number): number {
  return Number(value.toPrecision(3));
}

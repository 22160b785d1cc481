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

/** `held`: prosumers and T_i of the run in an open loop, if they held. */
export function figures(
  rows: readonly FigureRow[],
  held?: { readonly prosumers: number; readonly intervalSeconds: number },
): readonly Plot[] {
  const line = (name: string, colour: string, of: (row: FigureRow) => number | undefined) => ({
    name,
    colour,
    points: rows.flatMap((row) => {
      const y = of(row);
      return y === undefined ? [] : [{ x: row.prosumers, y }];
    }),
  });
  const inProportion = (paperSeconds: number) => ({
    name: "the same rate for other numbers of prosumers",
    colour: RED,
    isDerived: true,
    points: rows.map(({ prosumers }) => ({ x: prosumers, y: (paperSeconds * prosumers) / PAPER.prosumers })),
  });
  const paper = `D5.1, the point that its text names: ${people(PAPER.prosumers)}, `;
  return [
    {
      title: "Fig. 26: sampling rate",
      subtitle: "shortest at which every reading is acknowledged",
      xLabel: "prosumers",
      yLabel: "between two samples of a prosumer, s",
      series: [
        line("embedded queue, acknowledged when on disk", GREEN, (row) => row.sampleSeconds),
        line(`${paper}0.2 s`, RED, (row) => row.paperSampleSeconds),
        inProportion(PAPER.sampleSeconds),
      ],
    },
    {
      title: "Fig. 27: shortest interval T_i",
      subtitle: "shortest at which every prosumer's interval is sealed",
      xLabel: "prosumers",
      yLabel: "T_i, s",
      series: [
        line("four validators, a transaction a device", BLUE, (row) => row.deviceIntervalSeconds),
        line("four validators, a transaction for 100 devices", GREEN, (row) => row.concentratorIntervalSeconds),
        ...(held === undefined
          ? []
          : [
              {
                name: `held, a transaction a device: ${people(held.prosumers)}, ${held.intervalSeconds} s`,
                colour: BLACK,
                points: [{ x: held.prosumers, y: held.intervalSeconds }],
              },
            ]),
        line(`${paper}9 min`, RED, (row) => row.paperIntervalSeconds),
        inProportion(PAPER.intervalSeconds),
      ],
    },
  ];
}

function people(prosumers: number): string {
  return `${prosumers.toLocaleString("en").replaceAll(",", " ")} prosumers`;
}

const [RED, GREEN, BLUE, BLACK] = ["#c30", "#0a6b4f", "#06c", "#222"];

function seconds(value: number): number {
  return Number(value.toPrecision(3));
}

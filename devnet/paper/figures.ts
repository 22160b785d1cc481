import type { Plot, Point, Series } from "../bench/ingest/prosumerPlot.ts";
import { PAPER } from "../bench/ingest/prosumerRows.ts";
import { DESIGN_TEXTS, DESIGNS, type Design } from "./designs.ts";
import { SERIES_MS } from "./offerUpdates.ts";
import { BEP23, type PaperData } from "./paperTables.ts";
import { estimateOf } from "./statistics.ts";
import { type Group, ratesOf } from "./summary.ts";

export interface Figure {
  /** Name of its files. */
  readonly id: string;
  readonly plot: Plot;
}

/** Told apart by people who do not see red and green as two (Okabe and Ito). */
const COLOURS: Readonly<Record<Design, string>> = {
  raw: "#d55e00",
  bigchaindb: "#0072b2",
  fingerprint: "#e69f00",
  root: "#009e73",
};
const PAPER_COLOUR = "#555";

const RANGE = [100, 10_000];

export function paperFigures(data: PaperData): readonly Figure[] {
  return [
    { id: "fig12", plot: writesOverTime(data) },
    { id: "fig26", plot: samplingRate(data) },
    { id: "fig27", plot: shortestInterval(data) },
    { id: "finality", plot: finality(data) },
  ];
}

/** Of the shortest run; its last part is not whole. */
function writesOverTime({ base }: PaperData): Plot {
  const series = DESIGNS.map((design, i): Series => {
    const runs = base.cells.map(({ designs }) => designs[design]?.series ?? []);
    const parts = Math.max(0, Math.min(...runs.map(({ length }) => length)) - 1);
    const perSecond = 1000 / SERIES_MS;
    const points = Array.from({ length: parts }, (_, part) =>
      pointOf(
        (part + beside(0.5, i)) / perSecond,
        runs.map((run) => (run[part] ?? 0) * perSecond),
      ),
    );
    return { name: DESIGN_TEXTS[design].name, colour: COLOURS[design], points };
  });
  const last = Math.max(1, ...series.flatMap(({ points }) => points.map(({ x }) => x)));
  return {
    title: "Fig. 12: writes over time",
    subtitle: "final in each half second, from the first one offered; mean of the repetitions, 95 %",
    xLabel: "time, s",
    yLabel: "updates/s",
    scale: "linear",
    series: [
      ...series,
      {
        name: `BigchainDB, average of BEP-23: ${BEP23.finalisedPerSecond}/s on 4 × 32 cores`,
        colour: PAPER_COLOUR,
        isDerived: true,
        points: [0, last].map((x) => ({ x, y: BEP23.finalisedPerSecond })),
      },
    ],
  };
}

function samplingRate(data: PaperData): Plot {
  const onDisk = byProsumers(data, (group) => ratesOf(group, "root")?.durable);
  const finalised = (design: Design) => byProsumers(data, (group) => ratesOf(group, design)?.finalised);
  return {
    title: "Fig. 26: sampling rate",
    subtitle: "prosumers ÷ readings a second; dashed: the same rate",
    xLabel: "prosumers",
    yLabel: "between two samples of a prosumer, s",
    series: [
      ...line("hybrid: the queue has it on disk", COLOURS.root, onDisk),
      ...line("raw readings: each final on the ledger", COLOURS.raw, finalised("raw")),
      ...paperLine(PAPER.sampleSeconds, "0.2 s"),
    ],
  };
}

function shortestInterval(data: PaperData): Plot {
  return {
    title: "Fig. 27: shortest interval T_i",
    subtitle: "prosumers ÷ updates a second; dashed: the same rate",
    xLabel: "prosumers",
    yLabel: "T_i, s",
    series: [
      ...(["bigchaindb", "fingerprint", "root"] as const).flatMap((design) =>
        line(
          DESIGN_TEXTS[design].name,
          COLOURS[design],
          byProsumers(data, ({ cells }) =>
            estimateOf(cells.map(({ designs }) => designs[design]?.finalisedPerSecond ?? Number.NaN)),
          ),
        ),
      ),
      ...paperLine(PAPER.intervalSeconds, "9 min"),
    ],
  };
}

/** Which share of updates is final within how long: one, two and three standard deviations of a normal distribution, as BEP-23 has them. */
function finality({ base }: PaperData): Plot {
  const shares = ["p68", "p95", "p997"] as const;
  const placeOf = (share: number, design: number): number => beside(share + 1, design);
  return {
    title: "Finality under load",
    subtitle: "68, 95 and 99.7 % of updates are final within",
    xLabel: "1: 68 %, 2: 95 %, 3: 99.7 % of updates",
    yLabel: "s",
    scale: "linear",
    series: [
      ...DESIGNS.map((design, i) => ({
        name: DESIGN_TEXTS[design].name,
        colour: COLOURS[design],
        points: shares.map((name, share) =>
          pointOf(
            placeOf(share, i),
            base.cells.map(({ designs }) => designs[design]?.finalitySeconds[name] ?? Number.NaN),
          ),
        ),
      })),
      {
        name: "BigchainDB on 4 × 32 cores (BEP-23)",
        colour: PAPER_COLOUR,
        points: shares.map((name, share) => ({ x: placeOf(share, 1.5), y: BEP23.finalitySeconds[name] })),
      },
    ],
  };
}

/** Designs stand beside one another, so that the bars of one do not hide another's. */
function beside(x: number, design: number): number {
  return x + 0.06 * (design - 1.5);
}

/** Of the configurations that differ from the base in their prosumers alone: seconds between two of each prosumer's. */
function byProsumers(
  { base, groups }: PaperData,
  rate: (group: Group) => { readonly mean: number; readonly halfWidth: number } | undefined,
): readonly Point[] {
  const { intervalMs, sampleMs } = base.configuration;
  return groups
    .filter(({ configuration: of }) => of.intervalMs === intervalMs && of.sampleMs === sampleMs)
    .flatMap((group) => {
      const estimate = rate(group);
      if (estimate === undefined) return [];
      const { mean, halfWidth } = estimate;
      const x = group.configuration.prosumers;
      // An interval that reaches down to no rate at all has no end upwards.
      const bars = halfWidth < mean ? { low: x / (mean + halfWidth), high: x / (mean - halfWidth) } : {};
      return [{ x, y: x / mean, ...bars }];
    });
}

/** What was measured; of a single point its rate for other numbers too. */
function line(name: string, colour: string, points: readonly Point[]): readonly Series[] {
  const [middle] = points.slice(Math.floor(points.length / 2));
  if (middle === undefined) return [];
  return [
    { name, colour, points },
    ...(points.length > 1
      ? []
      : [{ name: "", colour, isDerived: true, points: RANGE.map((x) => ({ x, y: (middle.y * x) / middle.x })) }]),
  ];
}

function paperLine(seconds: number, text: string): readonly Series[] {
  return [
    {
      name: `D5.1: ${PAPER.prosumers} prosumers, ${text}`,
      colour: PAPER_COLOUR,
      points: [{ x: PAPER.prosumers, y: seconds }],
    },
    {
      name: "",
      colour: PAPER_COLOUR,
      isDerived: true,
      points: RANGE.map((x) => ({ x, y: (seconds * x) / PAPER.prosumers })),
    },
  ];
}

function pointOf(x: number, values: readonly number[]): Point {
  const { mean, halfWidth } = estimateOf(values);
  return Number.isNaN(halfWidth)
    ? { x, y: mean }
    : { x, y: mean, low: Math.max(0, mean - halfWidth), high: mean + halfWidth };
}

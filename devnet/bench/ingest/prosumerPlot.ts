export interface Point {
  readonly x: number;
  readonly y: number;
  /** Ends of an error bar. */
  readonly low?: number;
  readonly high?: number;
}

/** A line of one figure, or single points. */
export interface Series {
  /** Empty: it stands in no legend. */
  readonly name: string;
  readonly colour: string;
  readonly points: readonly Point[];
  /** Dashed and without a mark at each point: not measured. */
  readonly isDerived?: boolean;
}

export interface Plot {
  readonly title: string;
  /** What the title leaves open, under it. */
  readonly subtitle?: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Of both axes; default: logarithmic. */
  readonly scale?: "linear";
  readonly series: readonly Series[];
}

const PANEL = { width: 520, plotHeight: 240, left: 84, right: 36, top: 58, belowPlot: 62 };
const LEGEND_LINE = 18;
/** Lines of legend for which there is always place. */
const LEGEND_LINES = 5;

/** Plots side by side, as one SVG document. Points on logarithmic axes must be above 0. */
export function plotSvg(plots: readonly Plot[]): string {
  const width = PANEL.width * plots.length;
  const lines = Math.max(LEGEND_LINES, ...plots.map(({ series }) => series.length));
  const height = PANEL.top + PANEL.plotHeight + PANEL.belowPlot + LEGEND_LINE * lines;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12">`,
    `<title>${escaped(plots.map(({ title }) => title).join("; "))}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...plots.map((plot, i) => `<g transform="translate(${i * PANEL.width},0)">${panel(plot)}</g>`),
    "</svg>",
    "",
  ].join("\n");
}

/** Powers of ten that hold all values between them. */
export function decades(values: readonly number[]): { readonly from: number; readonly to: number } {
  const logs = values.map((value) => Math.log10(value));
  const from = Math.floor(Math.min(...logs));
  return { from, to: Math.max(from + 1, Math.ceil(Math.max(...logs))) };
}

/** A way of placing values, and where its lines are. */
interface Axis {
  /** Between 0 and 1. */
  readonly shareOf: (value: number) => number;
  readonly major: readonly number[];
  readonly minor: readonly number[];
}

function logAxis(values: readonly number[]): Axis {
  const range = decades(values);
  return {
    shareOf: (value) => (Math.log10(value) - range.from) / (range.to - range.from),
    major: [...ticks(range, true)],
    minor: [...ticks(range, false)],
  };
}

/** From 0; about five lines at multiples of 1, 2 or 5 times a power of ten. */
function linearAxis(values: readonly number[]): Axis {
  const most = Math.max(...values, Number.MIN_VALUE);
  const power = 10 ** Math.floor(Math.log10(most / 5));
  const step = power * (([1, 2, 5].find((times) => most / (times * power) <= 6) ?? 10) as number);
  const count = Math.ceil(most / step);
  return {
    shareOf: (value) => value / (count * step),
    major: Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12))),
    minor: [],
  };
}

function panel({ title, subtitle, xLabel, yLabel, scale, series }: Plot): string {
  const points = series.flatMap((each) => each.points);
  const axisOf = scale === "linear" ? linearAxis : logAxis;
  const xs = axisOf(points.map(({ x }) => x));
  const ys = axisOf(points.flatMap(({ y, low = y, high = y }) => [y, low, high]));
  const right = PANEL.width - PANEL.right;
  const bottom = PANEL.top + PANEL.plotHeight;
  const xOf = (x: number): number => place(xs.shareOf(x), PANEL.left, right);
  const yOf = (y: number): number => place(ys.shareOf(y), bottom, PANEL.top);
  const middle = (PANEL.left + right) / 2;
  const line = (x1: number, x2: number, y1: number, y2: number, isMajor: boolean): string =>
    `<line x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}" stroke="${isMajor ? "#ccc" : "#eee"}"/>`;
  const grid = [false, true].flatMap((isMajor) => [
    ...xs[isMajor ? "major" : "minor"].map((x) => line(xOf(x), xOf(x), PANEL.top, bottom, isMajor)),
    ...ys[isMajor ? "major" : "minor"].map((y) => line(PANEL.left, right, yOf(y), yOf(y), isMajor)),
  ]);
  const labels = [
    ...xs.major.map((x) => text(xOf(x), bottom + 18, shown(x), "middle")),
    ...ys.major.map((y) => text(PANEL.left - 8, yOf(y) + 4, shown(y), "end")),
  ];
  const named = series.filter(({ name }) => name !== "");
  const lines = series.map((each) => {
    const { name, colour, points: own, isDerived = false } = each;
    const path = own.map(({ x, y }) => `${xOf(x)},${yOf(y)}`).join(" ");
    const stroke = `fill="none" stroke="${colour}" stroke-width="2"${isDerived ? ' stroke-dasharray="5 4"' : ""}`;
    const dot = (x: number, y: number): string =>
      isDerived ? "" : `<circle cx="${x}" cy="${y}" r="4" fill="${colour}" stroke="white"/>`;
    const legendY = bottom + PANEL.belowPlot + LEGEND_LINE * named.indexOf(each);
    const sample = own.length > 1 ? `<path d="M${PANEL.left},${legendY - 4}h26" ${stroke}/>` : "";
    const legend = sample + dot(PANEL.left + 13, legendY - 4) + text(PANEL.left + 36, legendY, name, "start");
    return [
      `<polyline points="${path}" ${stroke}/>`,
      ...own.map(({ x, low, high }) =>
        low === undefined || high === undefined ? "" : errorBar(xOf(x), yOf(low), yOf(high), colour),
      ),
      ...own.map(({ x, y }) => dot(xOf(x), yOf(y))),
      name === "" ? "" : legend,
    ].join("");
  });
  return [
    `<g font-size="15" font-weight="bold">${text(middle, 24, title, "middle")}</g>`,
    ...(subtitle === undefined ? [] : [`<g fill="#555">${text(middle, 44, subtitle, "middle")}</g>`]),
    ...grid,
    ...labels,
    `<rect x="${PANEL.left}" y="${PANEL.top}" width="${right - PANEL.left}" height="${bottom - PANEL.top}" fill="none" stroke="#333"/>`,
    ...lines,
    text(middle, bottom + 38, xLabel, "middle"),
    `<g transform="translate(20,${(PANEL.top + bottom) / 2}) rotate(-90)">${text(0, 0, yLabel, "middle")}</g>`,
  ].join("\n");
}

function place(share: number, low: number, high: number): number {
  return Math.round((low + share * (high - low)) * 10) / 10;
}

function errorBar(x: number, low: number, high: number, colour: string): string {
  return `<path d="M${x - 4},${low}h8M${x - 4},${high}h8M${x},${low}V${high}" stroke="${colour}" fill="none"/>`;
}

/** Powers of ten, or what stands between them: 2 to 9 times a power. */
function* ticks({ from, to }: { from: number; to: number }, isMajor: boolean): Generator<number> {
  for (let power = from; power <= to; power++) {
    if (isMajor) yield 10 ** power;
    else if (power < to) for (let times = 2; times < 10; times++) yield times * 10 ** power;
  }
}

/** 10000 as "10 000", 0.1 as it is. */
function shown(value: number): string {
  return String(Number(value.toPrecision(6))).replace(/(?<=^\d+)(?=(\d{3})+$)/g, "\u2009");
}

function text(x: number, y: number, content: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A line of one figure, or single points. */
export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Dashed and without a mark at each point: not measured. */
  readonly isDerived?: boolean;
}

export interface Plot {
  readonly title: string;
  /** What the title leaves open, under it. */
  readonly subtitle?: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
}

const PANEL = { width: 520, height: 450, left: 84, right: 36, top: 58, bottom: 152 };
const LEGEND_LINE = 18;

/** Plots side by side with logarithmic axes, as one SVG document. Points must be above 0. */
export function plotSvg(plots: readonly Plot[]): string {
  const width = PANEL.width * plots.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${PANEL.height}" viewBox="0 0 ${width} ${PANEL.height}" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12">`,
    `<title>${escaped(plots.map(({ title }) => title).join("; "))}</title>`,
    `<rect width="${width}" height="${PANEL.height}" fill="white"/>`,
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

function panel({ title, subtitle, xLabel, yLabel, series }: Plot): string {
  const points = series.flatMap((each) => each.points);
  const [xs, ys] = [decades(points.map(({ x }) => x)), decades(points.map(({ y }) => y))];
  const right = PANEL.width - PANEL.right;
  const bottom = PANEL.height - PANEL.bottom;
  const xOf = (x: number): number => place(x, xs, PANEL.left, right);
  const yOf = (y: number): number => place(y, ys, bottom, PANEL.top);
  const middle = (PANEL.left + right) / 2;
  const line = (x1: number, x2: number, y1: number, y2: number, isMajor: boolean): string =>
    `<line x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}" stroke="${isMajor ? "#ccc" : "#eee"}"/>`;
  const grid = [false, true].flatMap((isMajor) => [
    ...[...ticks(xs, isMajor)].map((x) => line(xOf(x), xOf(x), PANEL.top, bottom, isMajor)),
    ...[...ticks(ys, isMajor)].map((y) => line(PANEL.left, right, yOf(y), yOf(y), isMajor)),
  ]);
  const labels = [
    ...[...ticks(xs, true)].map((x) => text(xOf(x), bottom + 18, shown(x), "middle")),
    ...[...ticks(ys, true)].map((y) => text(PANEL.left - 8, yOf(y) + 4, shown(y), "end")),
  ];
  const lines = series.map(({ name, colour, points: own, isDerived = false }, i) => {
    const path = own.map(({ x, y }) => `${xOf(x)},${yOf(y)}`).join(" ");
    const stroke = `fill="none" stroke="${colour}" stroke-width="2"${isDerived ? ' stroke-dasharray="5 4"' : ""}`;
    const dot = (x: number, y: number): string =>
      isDerived ? "" : `<circle cx="${x}" cy="${y}" r="4" fill="${colour}" stroke="white"/>`;
    const legendY = bottom + 62 + LEGEND_LINE * i;
    const sample = own.length > 1 ? `<path d="M${PANEL.left},${legendY - 4}h26" ${stroke}/>` : "";
    return [
      `<polyline points="${path}" ${stroke}/>`,
      ...own.map(({ x, y }) => dot(xOf(x), yOf(y))),
      sample + dot(PANEL.left + 13, legendY - 4) + text(PANEL.left + 36, legendY, name, "start"),
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

function place(value: number, { from, to }: { from: number; to: number }, low: number, high: number): number {
  const share = (Math.log10(value) - from) / (to - from);
  return Math.round((low + share * (high - low)) * 10) / 10;
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
  return String(Number(value.toPrecision(1))).replace(/(?<=^\d+)(?=(\d{3})+$)/g, "\u2009");
}

function text(x: number, y: number, content: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

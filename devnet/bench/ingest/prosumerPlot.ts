/** A line of one figure, or single points. */
export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
}

const PANEL = { width: 460, height: 320, left: 70, right: 20, top: 40, bottom: 90 };

/** Plots side by side with logarithmic axes, as one SVG document. Points must be above 0. */
export function plotSvg(plots: readonly Plot[]): string {
  const width = PANEL.width * plots.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${PANEL.height}" viewBox="0 0 ${width} ${PANEL.height}" font-family="sans-serif" font-size="12">`,
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

function panel({ title, xLabel, yLabel, series }: Plot): string {
  const points = series.flatMap((each) => each.points);
  const [xs, ys] = [decades(points.map(({ x }) => x)), decades(points.map(({ y }) => y))];
  const right = PANEL.width - PANEL.right;
  const bottom = PANEL.height - PANEL.bottom;
  const xOf = (x: number): number => place(x, xs, PANEL.left, right);
  const yOf = (y: number): number => place(y, ys, bottom, PANEL.top);
  const axes = [...ticks(xs)].map(
    (x) =>
      `<line x1="${xOf(x)}" x2="${xOf(x)}" y1="${PANEL.top}" y2="${bottom}" stroke="#ddd"/>` +
      text(xOf(x), bottom + 16, shown(x), "middle"),
  );
  for (const y of ticks(ys))
    axes.push(
      `<line x1="${PANEL.left}" x2="${right}" y1="${yOf(y)}" y2="${yOf(y)}" stroke="#ddd"/>` +
        text(PANEL.left - 6, yOf(y) + 4, shown(y), "end"),
    );
  const lines = series.map(({ name, colour, points: own }, i) => {
    const path = own.map(({ x, y }) => `${xOf(x)},${yOf(y)}`).join(" ");
    const dots = own.map(({ x, y }) => `<circle cx="${xOf(x)}" cy="${yOf(y)}" r="3.5" fill="${colour}"/>`).join("");
    const legendY = PANEL.height - 40 + 14 * i;
    return (
      `<polyline points="${path}" fill="none" stroke="${colour}"/>${dots}` +
      `<circle cx="${PANEL.left + 4}" cy="${legendY - 4}" r="3.5" fill="${colour}"/>${text(PANEL.left + 14, legendY, name, "start")}`
    );
  });
  return [
    text(PANEL.width / 2, 20, title, "middle"),
    ...axes,
    `<rect x="${PANEL.left}" y="${PANEL.top}" width="${right - PANEL.left}" height="${bottom - PANEL.top}" fill="none" stroke="#333"/>`,
    ...lines,
    text((PANEL.left + right) / 2, bottom + 33, xLabel, "middle"),
    `<g transform="translate(16,${(PANEL.top + bottom) / 2}) rotate(-90)">${text(0, 0, yLabel, "middle")}</g>`,
  ].join("\n");
}

function place(value: number, { from, to }: { from: number; to: number }, low: number, high: number): number {
  const share = (Math.log10(value) - from) / (to - from);
  return Math.round((low + share * (high - low)) * 10) / 10;
}

function* ticks({ from, to }: { from: number; to: number }): Generator<number> {
  for (let power = from; power <= to; power++) yield 10 ** power;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(1)));
}

function text(x: number, y: number, content: string, anchor: "start" | "middle" | "end"): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped}</text>`;
}

const BLOCKS = [..."▁▂▃▄▅▆▇█"];

/** One character per value, the largest a full block; 0 and less the lowest. A value that is undefined is a space. */
export function sparkline(values: readonly (number | undefined)[]): string {
  const largest = values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
  return values
    .map((value) => {
      if (value === undefined) return " ";
      const level = largest === 0 ? 0 : Math.ceil((value / largest) * BLOCKS.length) - 1;
      return BLOCKS[Math.max(0, level)];
    })
    .join("");
}

export interface SvgLine {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** An area between two lines, such as of percentiles. */
export interface SvgBand {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly { readonly x: number; readonly low: number; readonly high: number }[];
}

export interface SvgPlot {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly SvgLine[];
  readonly bands: readonly SvgBand[];
  /** Marks on the x axis. */
  readonly ticks: readonly { readonly x: number; readonly label: string }[];
}

const [WIDTH, HEIGHT] = [800, 360];
const MARGIN = { left: 60, right: 16, top: 36, bottom: 40 };

/** A line chart as a file of its own: no script, no outside reference. */
export function svgPlot({ title, unit, lines, bands, ticks }: SvgPlot): string {
  const xs = [...lines.flatMap(({ points }) => points), ...bands.flatMap(({ points }) => points)].map(({ x }) => x);
  const ys = [
    ...lines.flatMap(({ points }) => points.map(({ y }) => y)),
    ...bands.flatMap(({ points }) => points.map(({ high }) => high)),
  ];
  const [minX, maxX] = [Math.min(...xs, ...ticks.map(({ x }) => x)), Math.max(...xs, ...ticks.map(({ x }) => x))];
  const step = niceStep(Math.max(...ys, 0) / 4);
  const top = step * Math.max(1, Math.ceil(Math.max(...ys, 0) / step));
  const px = (x: number) =>
    (MARGIN.left + ((x - minX) / (maxX - minX || 1)) * (WIDTH - MARGIN.left - MARGIN.right)).toFixed(1);
  const py = (y: number) => (HEIGHT - MARGIN.bottom - (y / top) * (HEIGHT - MARGIN.top - MARGIN.bottom)).toFixed(1);

  const grid = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step).map(
    (y) =>
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${py(y)}" y2="${py(y)}" stroke="#ddd"/>` +
      `<text x="${MARGIN.left - 6}" y="${py(y)}" dy="4" text-anchor="end">${Number(y.toPrecision(6))}</text>`,
  );
  const marks = ticks.map(
    ({ x, label }) =>
      `<text x="${px(x)}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${escapeXml(label)}</text>`,
  );
  const areas = bands.map(({ colour, points }) => {
    const upper = points.map(({ x, high }) => `${px(x)},${py(high)}`);
    const lower = points.toReversed().map(({ x, low }) => `${px(x)},${py(low)}`);
    return `<polygon points="${[...upper, ...lower].join(" ")}" fill="${colour}" fill-opacity="0.2"/>`;
  });
  const strokes = lines.map(
    ({ colour, points }) =>
      `<polyline points="${points.map(({ x, y }) => `${px(x)},${py(y)}`).join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
  );
  const legend = [...lines, ...bands].map(
    ({ name, colour }, i) =>
      `<rect x="${MARGIN.left + i * 150}" y="${HEIGHT - 14}" width="10" height="10" fill="${colour}"/>` +
      `<text x="${MARGIN.left + 14 + i * 150}" y="${HEIGHT - 5}">${escapeXml(name)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="20" font-size="14">${escapeXml(title)}, ${escapeXml(unit)}</text>`,
    ...grid,
    ...marks,
    ...areas,
    ...strokes,
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}

/** 1, 2 or 5 times a power of ten, at least `rough`. */
function niceStep(rough: number): number {
  if (rough <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * (rough <= power ? 1 : rough <= 2 * power ? 2 : rough <= 5 * power ? 5 : 10);
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

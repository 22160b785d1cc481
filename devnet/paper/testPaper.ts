import { d51Prices } from "../bench/gasReport.ts";
import { type Point, plotSvg } from "../bench/ingest/prosumerPlot.ts";
import { DESIGNS, type Design } from "./designs.ts";
import type { PaperData } from "./paperTables.ts";
import type { CellResult, DesignResult } from "./runCell.ts";
import { groupsOf } from "./summary.ts";
import { ATTACKS } from "./tamper.ts";

/** Two repetitions of one configuration, in which every design does 1000 updates of 400 bytes a second. */
export function testData(): PaperData {
  const groups = groupsOf([1, 2].map(cellOf));
  const [base] = groups as [(typeof groups)[number]];
  const measured = { anchor: 80_000, register: 150_000, register2019: 135_000, kilobyteStored: 740_000 };
  return { base, groups, ethereum: { formula: d51Prices(), measured } };
}

export function linearPlot(points: readonly Point[]): string {
  const series = [{ name: "a", colour: "#000", points }];
  return plotSvg([{ title: "T", xLabel: "x", yLabel: "y", scale: "linear", series }]);
}

const PERCENTILES = { p68: 0.1, p95: 0.2, p997: 0.3 };

const DESIGN: DesignResult = {
  seconds: 3.5,
  finalised: 3_500,
  finalisedPerSecond: 1_000,
  acceptedPerSecond: 1_100,
  refused: 0,
  finalInAll: 5_000,
  lost: 0,
  acceptanceSeconds: PERCENTILES,
  finalitySeconds: PERCENTILES,
  series: [1_000, 1_000, 1_000, 500],
  cpuPerUpdate: { validators: 0.001, generator: 0.0001 },
  ranOut: false,
  chain: { bytesPerUpdate: 400, bytesPerBlock: 1_500, blocks: 10 },
};

function cellOf(repetition: number): CellResult {
  const attack = { trials: 10, detected: 10, located: 10, inDoubt: 1, auditMilliseconds: 1 };
  const attacks = Object.fromEntries(ATTACKS.map((name) => [name, attack]));
  const check = { verifyMicroseconds: 20, proofBytes: 700, attacks };
  const ofDesigns = <T>(value: T) => Object.fromEntries(DESIGNS.map((design) => [design, value])) as Record<Design, T>;
  return {
    name: `test-r${repetition}`,
    repetition,
    prosumers: 600,
    intervalMs: 900_000,
    sampleMs: 5_000,
    seed: 1,
    startedAt: "2026-11-21T12:00:00.000Z",
    loadAverage: [1, 2],
    order: DESIGNS,
    designs: ofDesigns(DESIGN),
    createBytes: 765,
    tier: {
      queuedPerSecond: 300_000,
      durablePerSecond: 290_000,
      acknowledgementSeconds: PERCENTILES,
      storedPerSecond: 80_000,
      fingerprintedPerSecond: 3_000_000,
      rootedPerSecond: 250_000,
      storeBytesPerReading: 60,
      cpuPerReading: 10,
    },
    checks: ofDesigns(check) as CellResult["checks"],
    agreement: true,
    rejectedInBlocks: 0,
  };
}

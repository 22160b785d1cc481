import {
  DESIGN_TEXTS,
  DESIGNS,
  type Design,
  type MeasuredDesign,
  readingsPerUpdate,
  updatesPerYear,
  YEAR_MS,
} from "./designs.ts";
import { type EthereumCosts, EUR_PER_GAS, minimumMinutes2019 } from "./ethereumCosts.ts";
import type { CellResult } from "./runCell.ts";
import { estimate, estimateDesign, type Group, plain, ratesOf, shown } from "./summary.ts";
import type { Table } from "./tables.ts";
import { ATTACKS } from "./tamper.ts";

/** What BEP-23 measured of BigchainDB 2.0 with the default settings: four machines of 32 cores, a million CREATEs of 765 bytes. */
export const BEP23 = {
  finalisedPerSecond: 298,
  acceptanceSeconds: { p68: 0.112, p95: 0.294, p997: 0.73 },
  finalitySeconds: { p68: 2.855, p95: 5.143, p997: 9.392 },
};

/** D5.1's Table 3: response time and throughput of its second tier. */
const D51_TIER = { responseSeconds: 0.002, perSecond: 50_000 };

const MEGABYTE = 1e6;

export interface PaperData {
  readonly base: Group;
  readonly groups: readonly Group[];
  readonly ethereum: EthereumCosts;
}

export function paperTables(data: PaperData): readonly Table[] {
  return [
    storageSolutions(data),
    throughput(data),
    besideBigchaindb(data),
    costs(data),
    rootCost(data),
    tampering(data),
    axes(data),
    ethereumTable(data),
  ];
}

export function measuredDesigns({ cells }: Group): readonly MeasuredDesign[] {
  return [...DESIGNS, "remote" as const].filter((design) => cells.some(({ designs }) => designs[design] !== undefined));
}

const nameOf = (design: MeasuredDesign): string => DESIGN_TEXTS[design].name;

/** D5.1's Table 1, its words beside what was found here. */
function storageSolutions({ base }: PaperData): Table {
  const found = (design: Design, attack: (typeof ATTACKS)[number]): string => {
    const results = base.cells.map(({ checks }) => checks[design].attacks[attack]);
    const sum = (of: (result: (typeof results)[number]) => number): number =>
      results.reduce((total, each) => total + of(each), 0);
    return `${sum(({ detected }) => detected)} of ${sum(({ trials }) => trials)}`;
  };
  const row = (property: string, database: string, of: (design: Design) => string): string[] => [
    property,
    database,
    ...DESIGNS.map(of),
  ];
  return {
    id: "table1",
    title: "Data storage solutions (Table 1 of D5.1, remade)",
    columns: ["", "distributed database (D5.1)", ...DESIGNS.map(nameOf)],
    rows: [
      row("record changed on one validator: detected", "no", (design) => found(design, "record")),
      row("stored reading changed: detected", "no", (design) => found(design, "reading")),
      row("two readings changed, same sum: detected", "no", (design) => found(design, "pair")),
      row("changed reading narrowed down to, readings", "–", (design) =>
        String(Math.max(...base.cells.map(({ checks }) => checks[design].attacks.reading.inDoubt))),
      ),
      row("decentralised control", "yes", () => "4 validators"),
      row("Byzantine tolerant", "no", () => "1 of 4"),
      row("finalised, readings/s", "–", (design) => shown(ratesOf(base, design)?.finalised)),
      row("on chain, MB a prosumer-year", "0", (design) => plain(chainBytesPerYear(base, design) / MEGABYTE)),
      row("a reading is shown with, bytes", "–", (design) =>
        plain(Math.max(...base.cells.map(({ checks }) => checks[design].proofBytes))),
      ),
      row("smart contract", "no", (design) =>
        design === "bigchaindb" ? "of the transaction, by the bridge's proof" : "by the bridge's proof",
      ),
    ],
    note: "A raw reading is its record; of the BigchainDB model the stored readings are those that the aggregate was made of",
  };
}

function throughput({ base }: PaperData): Table {
  const rows = measuredDesigns(base).flatMap((design) => {
    const rates = ratesOf(base, design);
    if (rates === undefined) return [];
    const isTier = design === "fingerprint" || design === "root";
    const acceptance = isTier
      ? estimate(base, ({ tier }) => tier.acknowledgementSeconds.p95)
      : estimateDesign(base, design, ({ acceptanceSeconds }) => acceptanceSeconds.p95);
    return [
      [
        nameOf(design),
        shown(rates.queued),
        shown(rates.durable),
        shown(rates.fingerprinted),
        shown(rates.finalised),
        shown(acceptance, "s"),
        shown(
          estimateDesign(base, design, ({ finalitySeconds }) => finalitySeconds.p95),
          "s",
        ),
      ],
    ];
  });
  const { responseSeconds, perSecond } = D51_TIER;
  return {
    id: "throughput",
    title: "Throughput in readings a second and response times (throughput table of D5.1, remade)",
    columns: ["design", "queued", "durable", "fingerprinted", "finalised", "accepted within, p95", "final within, p95"],
    rows: [...rows, ["D5.1, second tier", plain(perSecond), "–", "–", "–", `${responseSeconds} s`, "–"]],
    note: "Queued: taken by the queue, or by a validator's mempool. Durable: on disk, which without a queue is when a block has it. Finalised: updates in blocks times the readings of each. Accepted: by whoever took it; D5.1 does not say which percentile",
  };
}

function besideBigchaindb({ base }: PaperData): Table {
  const row = (design: MeasuredDesign): string[] => {
    const of = (pick: Parameters<typeof estimateDesign>[2], unit = ""): string =>
      shown(estimateDesign(base, design, pick), unit);
    return [
      nameOf(design),
      of(({ finalisedPerSecond }) => finalisedPerSecond),
      of(({ acceptanceSeconds }) => acceptanceSeconds.p68),
      of(({ acceptanceSeconds }) => acceptanceSeconds.p95),
      of(({ acceptanceSeconds }) => acceptanceSeconds.p997),
      of(({ finalitySeconds }) => finalitySeconds.p68),
      of(({ finalitySeconds }) => finalitySeconds.p95),
      of(({ finalitySeconds }) => finalitySeconds.p997),
    ];
  };
  const { finalisedPerSecond, acceptanceSeconds: a, finalitySeconds: f } = BEP23;
  return {
    id: "bigchaindb",
    title: "Transactions a second, and seconds until they are accepted and final, beside BEP-23",
    columns: ["design", "finalised/s", "accepted p68", "p95", "p99.7", "final p68", "p95", "p99.7"],
    rows: [
      ...measuredDesigns(base).map(row),
      [
        "BigchainDB 2.0, 4 machines of 32 cores (BEP-23)",
        finalisedPerSecond,
        a.p68,
        a.p95,
        a.p997,
        f.p68,
        f.p95,
        f.p997,
      ].map(String),
    ],
    note: "Percentiles are of all transactions of a run; ± is over runs. BEP-23: CREATEs of 765 bytes; here: TRANSFERs, each resting on the meter's last one",
  };
}

export function chainBytesPerYear(group: Group, design: Design): number {
  const bytes = estimateDesign(group, design, ({ chain }) => chain?.bytesPerUpdate ?? 0)?.mean ?? 0;
  return bytes * updatesPerYear(design, group.configuration);
}

/** Of the readings kept beside the ledger. */
function offChainBytesPerYear({ configuration, cells }: Group, design: Design): number {
  if (design === "raw") return 0;
  const perReading = estimate({ configuration, cells }, ({ tier }) => tier.storeBytesPerReading).mean;
  const leaf = design === "root" ? 32 : 0;
  return (YEAR_MS / configuration.sampleMs) * (perReading + leaf);
}

function costs({ base }: PaperData): Table {
  const perBlock = estimate(base, ({ designs }) => designs.root?.chain?.bytesPerBlock ?? 0).mean;
  const microseconds = (design: Design, of: "validators" | "generator"): string => {
    const readings = readingsPerUpdate(design, base.configuration);
    return shown(estimateDesign(base, design, ({ cpuPerUpdate }) => (cpuPerUpdate[of] * 1e6) / readings));
  };
  const { prosumers } = base.configuration;
  return {
    id: "costs",
    title: "Bytes and processor time",
    columns: [
      "design",
      "on chain, bytes an update",
      "bytes a reading",
      "on chain, MB a prosumer-year",
      "off chain, MB a prosumer-year",
      "processor of all validators, µs a reading",
      "a reading verified, µs",
      "proof, bytes",
    ],
    rows: DESIGNS.map((design) => {
      const bytes = estimateDesign(base, design, ({ chain }) => chain?.bytesPerUpdate ?? 0);
      return [
        nameOf(design),
        shown(bytes),
        plain((bytes?.mean ?? 0) / readingsPerUpdate(design, base.configuration)),
        plain(chainBytesPerYear(base, design) / MEGABYTE),
        plain(offChainBytesPerYear(base, design) / MEGABYTE),
        microseconds(design, "validators"),
        shown(estimate(base, ({ checks }) => checks[design].verifyMicroseconds)),
        plain(estimate(base, ({ checks }) => checks[design].proofBytes).mean),
      ];
    }),
    note: `A prosumer-year on chain: bytes an update × updates in 365 days; off chain: bytes a reading in the store (and a leaf of 32 with a readings root) × readings in 365 days. Blocks come beside: ${plain(perBlock)} bytes each, shared by everybody: at one a second ${plain((perBlock * YEAR_MS) / 1000 / prosumers / MEGABYTE)} MB a prosumer-year of ${prosumers}. Verified: path in the block and what the design needs beside it, with the header at hand`,
  };
}

function rootCost({ base }: PaperData): Table {
  const pick = (
    name: string,
    of: (cell: CellResult, design: "fingerprint" | "root") => number,
    unit: string,
  ): string[] => {
    const [without, withRoot] = (["fingerprint", "root"] as const).map((design) =>
      estimate(base, (cell) => of(cell, design)),
    );
    return [name, shown(without, unit), shown(withRoot, unit)];
  };
  return {
    id: "readings-root",
    title: "What the readings root costs and gives",
    columns: ["", nameOf("fingerprint"), nameOf("root")],
    rows: [
      pick("on chain, an update", ({ designs }, design) => designs[design]?.chain?.bytesPerUpdate ?? 0, "B"),
      pick(
        "device, a reading hashed",
        ({ tier }, design) => 1e6 / (design === "root" ? tier.rootedPerSecond : tier.fingerprintedPerSecond),
        "µs",
      ),
      pick("one reading verified", ({ checks }, design) => checks[design].verifyMicroseconds, "µs"),
      pick("one reading shown with", ({ checks }, design) => checks[design].proofBytes, "B"),
      pick(
        "… of which other readings",
        (cell, design) => (design === "root" ? 0 : readingsPerUpdate(design, cell) - 1),
        "",
      ),
      pick(
        "a changed reading narrowed down to",
        ({ checks }, design) => checks[design].attacks.reading.inDoubt,
        "readings",
      ),
      pick(
        "an interval audited, one reading changed",
        ({ checks }, design) => checks[design].attacks.reading.auditMilliseconds,
        "ms",
      ),
    ],
    note: "Without the root its field is 32 zero bytes, so that the difference on chain is that of a sum in the clear and a commitment to it; without the field an update would be 34 bytes less",
  };
}

function tampering({ base }: PaperData): Table {
  const words: Readonly<Record<(typeof ATTACKS)[number], string>> = {
    record: "a bit of a record in one validator's block",
    reading: "a bit of a stored reading",
    pair: "two stored readings, same sum",
  };
  return {
    id: "tampering",
    title: "Changed bytes: detected and located",
    columns: ["design", "what was changed", "trials", "detected", "exactly located", "in doubt, at most", "audit, ms"],
    rows: DESIGNS.flatMap((design) =>
      ATTACKS.map((attack) => {
        const results = base.cells.map(({ checks }) => checks[design].attacks[attack]);
        const sum = (of: (result: (typeof results)[number]) => number): string =>
          String(results.reduce((total, each) => total + of(each), 0));
        return [
          nameOf(design),
          words[attack],
          sum(({ trials }) => trials),
          sum(({ detected }) => detected),
          sum(({ located }) => located),
          String(Math.max(...results.map(({ inDoubt }) => inDoubt))),
          shown(estimate(base, ({ checks }) => checks[design].attacks[attack].auditMilliseconds)),
        ];
      }),
    ),
    note: "In doubt: records of the block, or readings of the interval. Readings are changed in the LevelDB of the store itself and read through the store; an audit is of one interval, or of one block",
  };
}

function axes({ groups }: PaperData): Table {
  return {
    id: "axes",
    title: "Prosumers, T_i and sampling rate",
    columns: [
      "prosumers",
      "T_i, s",
      "sample every, s",
      "design",
      "updates/s",
      "readings/s",
      "final p95, s",
      "shortest T_i, s",
    ],
    rows: groups.flatMap((group) =>
      measuredDesigns(group).map((design) => {
        const { prosumers, intervalMs, sampleMs } = group.configuration;
        return [
          String(prosumers),
          String(intervalMs / 1000),
          String(sampleMs / 1000),
          nameOf(design),
          shown(estimateDesign(group, design, ({ finalisedPerSecond }) => finalisedPerSecond)),
          shown(ratesOf(group, design)?.finalised),
          shown(estimateDesign(group, design, ({ finalitySeconds }) => finalitySeconds.p95)),
          shown(estimateDesign(group, design, ({ finalisedPerSecond }) => prosumers / finalisedPerSecond)),
        ];
      }),
    ),
    note: "Shortest T_i: prosumers ÷ updates/s, for raw readings the shortest time between two samples",
  };
}

function ethereumTable({ base, ethereum: { formula, measured } }: PaperData): Table {
  const { prosumers, intervalMs } = base.configuration;
  const perYear = YEAR_MS / intervalMs;
  const stored = DESIGNS.map((design) => {
    const kilobytes = chainBytesPerYear(base, design) / 1024;
    const eur = kilobytes * formula.eurPerKb;
    return [
      `${nameOf(design)}: its bytes stored in a contract`,
      plain(kilobytes * formula.gasPerKb),
      plain(eur),
      "formula",
    ];
  });
  const gas = "reason" in measured ? [] : gasRows(measured);
  function gasRows(known: Exclude<typeof measured, { reason: string }>): string[][] {
    const rowOf = (name: string, perUpdate: number): string[] => [
      name,
      plain(perUpdate * perYear),
      plain(perUpdate * perYear * EUR_PER_GAS),
      "measured gas",
    ];
    return [
      rowOf("D5.1's contract, a registration a T_i", known.register),
      rowOf(`this ledger's bridge, an anchor a T_i for all ${prosumers}`, known.anchor / prosumers),
    ];
  }
  const note = `D5.1 §2.3.3: 32 words × 20 000 gas = ${plain(formula.gasPerKb)} gas/KB, at 10 gwei and 122.43 €: ${formula.eurPerKb.toFixed(2)} €/KB, ${plain(formula.eurPerGb)} €/GB`;
  return {
    id: "ethereum",
    title: "On Ethereum, a prosumer-year",
    columns: ["", "gas", "€", "by"],
    rows: [...stored, ...gas],
    note:
      "reason" in measured
        ? `${note}. No gas was measured: ${measured.reason.split("\n")[0]}`
        : `${note}; a kilobyte really stored costs ${plain(measured.kilobyteStored)} gas. Shortest T_i of 2000 prosumers on all of Ethereum in 2019: ${minimumMinutes2019(measured).toFixed(1)} min (D5.1: 9)`,
  };
}

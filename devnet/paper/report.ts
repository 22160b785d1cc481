import { DESIGN_TEXTS } from "./designs.ts";
import type { Machine } from "./machine.ts";
import { measuredDesigns, type PaperData } from "./paperTables.ts";
import { VALIDATORS } from "./runCell.ts";
import { markdownOf, type Table } from "./tables.ts";

export interface RunFacts {
  readonly machine: Machine;
  readonly seed: number;
  readonly isQuick: boolean;
  readonly seconds: number;
  readonly window: number;
  readonly cells: { readonly planned: number; readonly measured: number };
  /** When the first and the last cell began, RFC 3339. */
  readonly from: string;
  readonly to: string;
}

export function reportMarkdown(
  facts: RunFacts,
  data: PaperData,
  tables: readonly Table[],
  figures: readonly string[],
): string {
  const { machine, seed, isQuick, seconds, window, cells, from, to } = facts;
  const loads = data.groups.flatMap(({ cells: own }) => own.flatMap(({ loadAverage }) => loadAverage));
  const { prosumers, intervalMs, sampleMs } = data.base.configuration;
  const parts = [
    "# Ways to keep meters' readings, on the same validators",
    `${cells.measured} of ${cells.planned} cells${isQuick ? ", `--quick`" : ""}, ${from} to ${to}. Base: ${prosumers} prosumers, T_i = ${intervalMs / 60_000} min, a reading every ${sampleMs / 1000} s. ± is the half width of a 95 % confidence interval (Student's t) over ${data.base.cells.length} repetitions.`,
    "## Designs",
    markdownOf({
      columns: ["design", "an update is"],
      rows: measuredDesigns(data.base).map((design) => [DESIGN_TEXTS[design].name, DESIGN_TEXTS[design].update]),
    }),
    ...tables.flatMap(({ title, note, ...table }) => [
      `## ${title}`,
      markdownOf(table),
      ...(note === undefined ? [] : [`${note}.`]),
    ]),
    "## Figures",
    ...figures.map((id) => `![${id}](figures/${id}.svg)`),
    "## How it was measured",
    markdownOf({
      columns: ["", ""],
      rows: [
        ["processor", `${machine.processor}, ${machine.cores} cores`],
        ["memory", `${machine.memoryGib} GiB`],
        ["system", `${machine.system}, Node ${machine.node}`],
        ["commit", machine.commit],
        ["seed", String(seed)],
        [
          "load average before and after cells",
          `${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}, with this program's own`,
        ],
        ["validators", `${VALIDATORS} processes on this machine`],
        ["window", `${seconds} s a design, at most ${window} updates under way, one of each prosumer`],
        [
          "all validators of every cell agree",
          data.groups.every(({ cells: own }) => own.every(({ agreement }) => agreement)) ? "yes" : "NO",
        ],
      ],
    }),
    THREATS,
  ];
  return `${parts.join("\n\n")}\n`;
}

const THREATS = `## Threats to validity

- **One machine.** Validators, the load and its meter share the cores; there is no network between them. Rates are lower than on machines of their own, and latencies lack the network's. What can be
  compared is the designs with one another; BEP-23's figures come from other, larger machines and from another consensus engine.
- **Other work on the machine** is in the figures. The load average stands above; cells come in an order drawn by the seed, repetition by repetition, so that a change in it meets all configurations.
- **Few, short repetitions.** Student's t takes them for independent and normal; with two or three the intervals are wide, and rare pauses are not in a window of seconds. Long runs grow: state, index, compaction.
- **A closed loop.** A meter hands over its next update when the last one is final, so that latencies are those of the rate that the loop settles at. An open loop at a higher rate would have worse ones.
- **Ways in.** The ledger's own transactions go to a validator in batches over libp2p, as its light nodes send them; BigchainDB's one by one over HTTP, because its interface has no batches. Whoever offers them is one process,
  whose processor time is not in the figures of the validators, but is on the same cores.
- **Transfers rest on one another**, so that a meter can have one update a block; that is the model of D5.1 §4.1, not a limit of the engine. BEP-23 measured CREATEs.
- **The server is ours.** It answers as BigchainDB 2.2.2, but engine, store and index are this ledger's: this compares data models, not programs. \`--bigchaindb URL\` measures a real server beside it, over its own network and engine.
- **Raw readings** are sealed as intervals of one reading, because the ledger has no message for less; a message made for them would be some 70 bytes smaller (fingerprint and readings root).
- **Readings** are drawn by the seed, evenly up to 3 kW. Cost does not depend on their values but for the digits of BigchainDB's JSON. Of at most 40 prosumers the interval is computed from all readings, the others say the same of theirs; its
  times are in the past, and T_i is not waited for.
- **Yearly figures** are products of a measured size and a count; pruning, compression, replicas and backups are not in them. Off-chain bytes are those of a fresh LevelDB.
- **Tampering** is of a few kinds, each ten times a cell. What is not detected there is not detected by construction; what is detected rests on SHA-256, not on the number of trials.
- **Ethereum's prices** are D5.1's of 2019, to make its figures comparable; they move by orders of magnitude.`;

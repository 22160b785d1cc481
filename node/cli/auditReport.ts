import type { Finding } from "#storage/audit/auditInterval.ts";
import type { Measured } from "#storage/audit/recover.ts";
import type { CollectedSeals } from "../audit/collectSeals.ts";
import type { ItemAudit, ItemVerdict, MeterAudit } from "../audit/meterAudit.ts";
import type { CliIo } from "./io.ts";
import { facts, paint, printable, table } from "./output.ts";

export interface AuditView extends MeterAudit {
  readonly ledgerId: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly verdict: "intact" | "tampered" | "unproved";
  readonly pending: CollectedSeals["pending"];
  readonly unproved: CollectedSeals["unproved"];
}

/** Findings shown to people; `--json` has all. */
const MAX_SHOWN = 40;

const BAD: ReadonlySet<ItemVerdict> = new Set<ItemVerdict>(["tampered", "other-key", "unrecorded"]);

export function isBad({ verdict }: ItemAudit): boolean {
  return BAD.has(verdict);
}

/** The report for people: runs of intervals with one verdict, then every finding. */
export function formatAudit(
  io: CliIo,
  view: AuditView,
  where: { readonly node: string; readonly keys: string; readonly ledger: string | undefined },
): string {
  const { items, gaps, waiting, lateUnsealed, faults, pending, unproved } = view;
  const readings = items.reduce((sum, { count }) => sum + count, 0);
  const amendments = items.filter(({ amendment }) => amendment > 0).length;
  const sealed = `${number(readings)} in ${number(items.length - amendments)} intervals, ${number(amendments)} amendments`;
  const head = facts([
    ["meter", printable(view.meterId)],
    ["ledger", printable(view.ledgerId)],
    ["time", `${timeOf(view.fromMs)} to ${timeOf(view.toMs)}`],
    ["readings of", printable(where.node)],
    ["sealed by", where.ledger === undefined ? undefined : `${printable(where.ledger)}, proved`],
    ["keys of", printable(where.keys)],
    ["sealed", sealed],
    ["not sealed yet", pending.length === 0 ? undefined : `${number(pending.length)} closed intervals`],
    ["without a seal", waiting === 0 ? undefined : `${number(waiting)} readings behind the last sealed interval`],
    ["late, unsealed", lateUnsealed === 0 ? undefined : `${number(lateUnsealed)} readings`],
    ["erasures", view.erasuresChecked ? undefined : "not compared with the ledger: no full node could be asked"],
  ]);
  const runs = table(
    ["FROM", "TO", "INTERVALS", "READINGS", "ERASED", "VERDICT"],
    runsOf(items).map((run) => run.cells),
  );
  const findings = items.flatMap((item) => item.findings.map((finding) => findingRow(item, finding)));
  return [
    head,
    `\n${runs}`,
    section(
      "GAPS",
      ["FROM", "TO", "READINGS IN IT"],
      gaps.map((gap) => [timeOf(gap.fromMs), timeOf(gap.toMs), number(gap.readings)]),
    ),
    section(
      "NOT PROVED",
      ["INTERVAL UP TO", "WHY"],
      unproved.map(({ endMs, amendment, reason }) => [placeOf({ endMs, amendment }), printable(reason)]),
    ),
    section(
      "DAMAGE",
      ["FILE", "OFFSET", "BYTES", "WHAT"],
      faults.map((fault) => [fault.segment, fault.offset, fault.bytes, fault.reason]),
    ),
    section("FINDINGS", ["INTERVAL UP TO", "READING", "TIME", "WHAT", "FOUND", "SHOULD BE"], findings),
    `\n${verdictLine(io, view)}\n`,
  ].join("");
}

function verdictLine(io: CliIo, { verdict, items, unproved, faults }: AuditView): string {
  const all = number(items.length);
  if (verdict === "intact") {
    const readings = items.reduce((sum, { count, erased }) => sum + count - erased, 0);
    return paint(
      io,
      "green",
      `intact: all ${number(readings)} readings of ${all} sealed intervals are what was sealed`,
    );
  }
  const bad = items.filter(isBad).length;
  const damaged = faults.length === 0 ? "" : `, ${number(faults.length)} damaged places in the log`;
  if (verdict === "tampered") return paint(io, "red", `tampered: ${number(bad)} of ${all} intervals${damaged}`);
  const keyless = items.filter((item) => item.verdict === "no-key").length;
  const open = [`${number(unproved.length)} intervals are not proved`, `of ${number(keyless)} the keys are missing`];
  return paint(io, "yellow", `not checked: ${open.join(", ")}; the other ${number(items.length - keyless)} are intact`);
}

interface Run {
  readonly cells: readonly (string | number)[];
}

/** Intervals one behind the other with the same verdict are one line. */
function runsOf(items: readonly ItemAudit[]): readonly Run[] {
  const runs: ItemAudit[][] = [];
  for (const item of items) {
    const last = runs.at(-1)?.at(-1);
    const goesOn =
      last !== undefined && last.verdict === item.verdict && item.startMs <= last.endMs && last.findings.length === 0;
    if (goesOn && item.findings.length === 0) runs.at(-1)?.push(item);
    else runs.push([item]);
  }
  return runs.map((run) => {
    const [first, last] = [run[0] as ItemAudit, run.at(-1) as ItemAudit];
    const sum = (of: (item: ItemAudit) => number) => number(run.reduce((total, item) => total + of(item), 0));
    const name =
      first.amendment > 0 && run.length === 1 ? `${first.verdict} (amendment ${first.amendment})` : first.verdict;
    const intervals = number(run.length);
    return {
      cells: [
        timeOf(first.startMs),
        timeOf(last.endMs),
        intervals,
        sum((item) => item.count),
        sum((item) => item.erased),
        name,
      ],
    };
  });
}

function findingRow(item: ItemAudit, finding: ItemAudit["findings"][number]): readonly (string | number)[] {
  const place = placeOf(item);
  const row = (index: string | number, time: number | undefined, what: string, found: string, shouldBe: string) => [
    ...[place, index, time === undefined ? "-" : timeOf(time), what, found, shouldBe],
  ];
  if (finding.type === "chain-broken") return row("-", undefined, "does not follow from its interval", "-", "-");
  const { found, shouldBe, index } = placesOf(finding);
  const timeMs =
    shouldBe?.timestampMs ?? found?.timestampMs ?? ("timestampMs" in finding ? finding.timestampMs : undefined);
  return row(index ?? "-", timeMs, WHAT[finding.type], shownOf(found, timeMs), shownOf(shouldBe, timeMs, finding.type));
}

const WHAT: Readonly<Record<Finding["type"], string>> = {
  changed: "changed",
  missing: "missing",
  added: "added",
  "tombstone-changed": "erased, and its leaf changed",
  "leaf-damaged": "its kept leaf changed",
  unlocated: "changed, and not located without leaves",
};

function placesOf(finding: Finding) {
  return {
    index: "index" in finding ? finding.index : undefined,
    found: "found" in finding ? finding.found : undefined,
    shouldBe: "shouldBe" in finding ? finding.shouldBe : undefined,
  };
}

function shownOf(measured: Measured | undefined, timeMs: number | undefined, type?: Finding["type"]): string {
  if (measured === undefined) return type === "changed" || type === "missing" ? "unknown" : "-";
  const value = number(measured.value);
  return measured.timestampMs === timeMs ? value : `${value} at ${timeOf(measured.timestampMs)}`;
}

function placeOf({ endMs, amendment }: { readonly endMs: number; readonly amendment: number }): string {
  return amendment === 0 ? timeOf(endMs) : `${timeOf(endMs)} amendment ${amendment}`;
}

function section(title: string, columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length === 0) return "";
  const more = rows.length > MAX_SHOWN ? `and ${number(rows.length - MAX_SHOWN)} more: see --json\n` : "";
  return `\n${title}\n${table(columns, rows.slice(0, MAX_SHOWN))}${more}`;
}

export function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

export function number(value: number): string {
  return value.toLocaleString("en");
}

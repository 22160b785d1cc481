import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { makeAuditKeyFile } from "../../audit/auditKeys.ts";
import type { AuditItem } from "../../audit/auditRows.ts";
import { collectSeals } from "../../audit/collectSeals.ts";
import { auditMeter } from "../../audit/meterAudit.ts";
import { gatherRows } from "../../audit/rowSet.ts";
import { SEED_PERIOD_MS } from "../../light/meterKeys.ts";
import { openLedger } from "../auditLedger.ts";
import { type AuditView, formatAudit, isBad, number, timeOf } from "../auditReport.ts";
import { type AuditedNode, meterKeysOf, openAuditedNode, ownerOf, rowsOfStore } from "../auditSources.ts";
import { cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { facts, show } from "../output.ts";
import { createProgress } from "../progress.ts";
import { parseTimeMs } from "../quantities.ts";
import { type StoreFlags, withStoreFlags } from "../storeFlag.ts";
import { drillCommand } from "./auditDrill.ts";

export interface RangeFlags {
  readonly meter?: string;
  readonly from?: string;
  readonly to?: string;
  readonly offline?: boolean;
}

interface AuditFlags extends RangeFlags, StoreFlags {
  readonly keyFile?: string;
  readonly ledger?: string;
  readonly trustedHeight?: string;
  readonly trustedHash?: string;
}

export function auditCommand(program: Command, io: CliIo): void {
  const about = "Compare a meter's stored readings with what the ledger has of them, down to the reading";
  const audit = withStoreFlags(
    withRangeFlags(program.command("audit").description(about)),
    "audit the readings of this store, with the light node's log as the copy",
  )
    .option("--key-file <file>", "keys that the meter's owner gave for an audit (default: the meter key of this home)")
    .option("--ledger <url>", "ask this full node what is sealed, believe nothing of it, and take no light node's word")
    .option(
      "--trusted-height <height>",
      "with --ledger: a block to begin with (default: the validators in genesis.json)",
    )
    .option("--trusted-hash <hex>", "with --ledger: its hash, from a source you trust")
    .addHelpText(
      "after",
      example("audit --meter lcl:MAC000002/import --from 2026-06-01T00:00:00Z --to 2026-07-01T00:00:00Z"),
    )
    .action(async (flags: AuditFlags, command: Command) => {
      const context = commandContext(io, command);
      const { fromMs, toMs, meterId } = rangeOf(io, flags);
      const progress = createProgress(io, context.json);
      if (flags.ledger !== undefined && flags.from === undefined)
        throw cliError(
          "usage",
          "RANGE_MISSING",
          "--ledger needs --from",
          "each period is proved by itself: say since when",
        );
      const onItems = (count: number) => progress.show(`${number(count)} intervals proved`);
      const isApart = flags.ledger !== undefined && flags.store !== undefined;
      await using node = isApart ? undefined : await openNode(context, command, flags);
      const range = { meterId, fromMs, toMs };
      const ledger = flags.ledger === undefined ? undefined : openLedger(context, flags, flags.ledger);
      const { items, pending, unproved, ledgerId } =
        ledger === undefined
          ? await collectSeals((node as AuditedNode).audit, range, onItems)
          : await ledger.seals(range, node?.audit, onItems);
      const where = flags.store ?? node?.name ?? "";
      if (items.length + pending.length + unproved.length === 0) throw nothingSealed(meterId, flags.ledger ?? where);
      const keys = await meterKeysOf(context, { meterId, ledgerId, keyFile: flags.keyFile });
      const request = { meterId, afterMs: items[0]?.startMs ?? fromMs, untilMs: toMs };
      const own = node?.audit.rows(request);
      const [audited, copies] =
        flags.store === undefined ? [own, undefined] : [rowsOfStore(flags.store, flags, request), own];
      const rows = await gatherRows(audited as AsyncIterable<AuditItem>, copies, (count) => {
        if (count % 10_000 === 0) progress.show(`${number(count)} readings read`);
      });
      const erasures = await (ledger ?? (node as AuditedNode).audit).erasures(meterId);
      const result = auditMeter({ meterId, fromMs, toMs, items, rows, keys, erasures }, (done) =>
        progress.bar(done, items.length, "intervals"),
      );
      progress.end();
      const isTampered = result.items.some(isBad) || result.faults.some(({ isTail }) => !isTail);
      const isOpen = unproved.length > 0 || result.items.some((item) => item.verdict === "no-key");
      const verdict = isTampered ? "tampered" : isOpen ? "unproved" : "intact";
      const view: AuditView = { ...result, ledgerId, fromMs, toMs, verdict, pending, unproved };
      const shown = {
        node: where,
        keys: flags.keyFile ?? `${context.options.meterKey} in ${context.paths.keys}`,
        ledger: flags.ledger,
      };
      show(io, context.json, jsonOf(view), () => formatAudit(io, view, shown));
      if (verdict === "tampered")
        throw cliError(
          "tampered",
          "AUDIT_TAMPERED",
          "stored readings are not what was sealed",
          "keep the folder as it is, and see the findings above",
        );
      if (verdict === "unproved")
        throw cliError(
          "verificationFailed",
          "AUDIT_UNPROVED",
          "not every interval could be checked",
          "see above: some are not proved to be on the ledger, or their keys were not given",
        );
    });

  withRangeFlags(
    audit.command("key").description("Write the keys an auditor needs for one meter and range, and no others"),
  )
    .requiredOption("-o, --output <file>", "where to write them; whoever has the file can check and guess the readings")
    .addHelpText(
      "after",
      example("audit key --meter lcl:MAC000002/import --from 2026-06-01T00:00:00Z -o june.key.json"),
    )
    .action(async (_flags: object, command: Command) => {
      // `audit` itself takes what both have.
      const flags = command.optsWithGlobals<RangeFlags & { readonly output: string }>();
      const context = commandContext(io, command);
      const { fromMs, toMs, meterId } = rangeOf(io, flags);
      await using node = await openNode(context, command, flags);
      const { items, pending, unproved, ledgerId } = await collectSeals(node.audit, { meterId, fromMs, toMs });
      const all = [...items, ...pending, ...unproved].toSorted(
        (a, b) => a.endMs - b.endMs || a.amendment - b.amendment,
      );
      if (all.length === 0) throw nothingSealed(meterId, node.name);
      const owner = await ownerOf(context, meterId, ledgerId);
      const file = makeAuditKeyFile(owner, { fromMs, toMs, periodMs: SEED_PERIOD_MS }, all);
      writeFileSync(flags.output, `${JSON.stringify(file, null, 1)}\n`, { mode: 0o600, flag: "wx" });
      const view = { file: flags.output, meterId, fromMs, toMs, intervals: all.length, seeds: file.seeds.length };
      show(io, context.json, view, () =>
        facts([
          ["file", view.file],
          ["intervals", number(view.intervals)],
          ["time", `${timeOf(fromMs)} to ${timeOf(toMs)}`],
          ["next", `audit --meter ${meterId} --key-file ${flags.output}, by whoever has the readings`],
        ]),
      );
    });
  drillCommand(audit, io);
}

export function withRangeFlags(command: Command): Command {
  return command
    .option("--meter <id>", "meter id")
    .option("--from <time>", "intervals that end after this time: RFC 3339 with zone, or Unix ms (default: all)")
    .option("--to <time>", "intervals that end up to this time (default: now)")
    .option("--offline", "read the data of this home, whose node is stopped");
}

/** @throws CliError METER_MISSING, TIME_MALFORMED, RANGE_EMPTY */
export function rangeOf(io: CliIo, { meter, from, to }: RangeFlags) {
  // Not a required option: those of a command are asked of its subcommands too.
  if (meter === undefined) throw cliError("usage", "METER_MISSING", "which meter?", "name it with --meter");
  const fromMs = from === undefined ? 0 : parseTimeMs(from);
  const toMs = to === undefined ? io.nowMs() : parseTimeMs(to);
  if (fromMs >= toMs) throw cliError("usage", "RANGE_EMPTY", "--from is not before --to", "exchange them");
  return { meterId: meter, fromMs, toMs };
}

export function openNode(context: ReturnType<typeof commandContext>, command: Command, flags: RangeFlags) {
  const isNodeNamed = command.optsWithGlobals<{ node?: string }>().node !== undefined;
  return openAuditedNode(context, { offline: flags.offline === true, isNodeNamed });
}

export function nothingSealed(meterId: string, where: string) {
  const hint = "name the meter's own light node or home, and a time in which it sealed";
  return cliError("notFound", "AUDIT_NOTHING_SEALED", `${where} has no closed interval of meter ${meterId} then`, hint);
}

/** Bytes in hex, times as Unix ms. */
function jsonOf(view: AuditView): unknown {
  return JSON.parse(
    JSON.stringify(view, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
    ),
  );
}

import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { AnalyticsError } from "../../analytics/analyticsError.ts";
import { type Bill, CostTally } from "../../analytics/cost.ts";
import { readLclTariff } from "../../analytics/lclTariff.ts";
import { formatMoney, LCL_RATES, type Rates, readRates } from "../../analytics/rates.ts";
import { thousandths } from "../../analytics/ratio.ts";
import { ShiftTally } from "../../analytics/shift.ts";
import { type TariffSchedule, usualBand } from "../../analytics/tariff.ts";
import { billJson, responseJson, shiftJson, tariffJson } from "../../analytics/views.ts";
import { readWeeklyTariff } from "../../analytics/weeklyTariff.ts";
import type { Zone } from "../../analytics/zone.ts";
import { cliError } from "../cliError.ts";
import { example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { facts, printable, show, table } from "../output.ts";
import { formatEnergy } from "../quantities.ts";
import { type InputFlags, openInput, withInputFlags } from "./analyticsInput.ts";

/** Larger tariff files are refused before they are read into memory: 200 000 rows take 5 MB. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

interface CostFlags extends InputFlags {
  readonly tariff?: string;
  readonly rates?: string;
  readonly period: string;
  readonly json?: boolean;
}

export function costCommand(analytics: Command, io: CliIo): void {
  withInputFlags(analytics.command("cost"), "Europe/London")
    .description("Energy, cost and bills by time of use, and what each home shifts against its own past")
    .option("--tariff <file>", "local schedule: TariffDateTime,Tariff as CSV, or a weekly one as JSON")
    .option("--rates <file>", "prices per band as JSON (default: those of Low Carbon London)")
    .option("--period <name>", "what bills are cut into: day, month or all", "all")
    .addHelpText("after", example("analytics cost readings.csv.gz --tariff tariffs-2013.csv --zone Europe/London"))
    .action(async (files: readonly string[], _flags: object, command: Command) => {
      const flags = command.optsWithGlobals<CostFlags>();
      const period = (["day", "month", "all"] as const).find((name) => name === flags.period);
      if (period === undefined)
        throw cliError("usage", "PERIOD_UNKNOWN", `${flags.period} is no period`, "day, month or all");
      const input = openInput(io, files, flags, flags.json === true);
      const rates = flags.rates === undefined ? LCL_RATES : readRates(readJson(flags.rates), flags.rates);
      const schedule = flags.tariff === undefined ? undefined : readTariff(flags.tariff, input.zone);
      const { zone, quantity } = input;
      const tally = new CostTally({ rates, zone, period, quantity, ...(schedule === undefined ? {} : { schedule }) });
      const shifts = schedule === undefined ? undefined : new ShiftTally(zone, usualBand(schedule));
      for await (const slot of input.slots) {
        const band = tally.put(slot);
        if (band !== undefined && slot.tariff === 0) shifts?.put(slot, band);
      }
      const bills = tally.bills();
      const view = {
        counts: input.counts,
        currency: rates.currency,
        tariff: schedule === undefined ? null : tariffJson(schedule),
        bills: bills.map(billJson),
        shifts: shifts?.shifts().map(shiftJson) ?? [],
        shift: shifts?.total().map(responseJson) ?? [],
      };
      show(io, flags.json === true, view, () => costText(bills, rates, schedule, shifts));
    });
}

function costText(
  bills: readonly Bill[],
  rates: Rates,
  schedule: TariffSchedule | undefined,
  shifts: ShiftTally | undefined,
): string {
  const names = [...new Set(bills.flatMap(({ bands }) => bands.map(({ band }) => band)))].sort();
  const rows = bills.map((bill) => [
    printable(bill.meterId),
    bill.period,
    ...names.map((name) => kwh(bill.bands.find(({ band }) => band === name)?.energyMwh ?? 0n)),
    kwh(bill.energyMwh),
    formatMoney(bill.costNano),
    bill.flatCostNano === undefined ? "" : formatMoney(bill.flatCostNano),
  ]);
  const columns = ["METER", "PERIOD", ...names.map((name) => `${name} kWh`), "kWh", rates.currency, "FLAT"];
  const energyMwh = bills.reduce((sum, bill) => sum + bill.energyMwh, 0n);
  const costNano = bills.reduce((sum, bill) => sum + bill.costNano, 0n);
  const flatNano = bills.reduce((sum, bill) => sum + (bill.flatCostNano ?? 0n), 0n);
  const count = BigInt(Math.max(1, bills.length));
  const gaining = bills.filter(({ costNano: cost, flatCostNano }) => flatCostNano !== undefined && cost < flatCostNano);
  const unbanded = bills.reduce((sum, bill) => sum + bill.unbanded.slots, 0);
  const head = facts([
    ["bills", bills.length],
    ["energy", formatEnergy(energyMwh)],
    ["mean cost", `${rates.currency} ${formatMoney(costNano / count)}`],
    ["mean flat", rates.flat === undefined ? undefined : `${rates.currency} ${formatMoney(flatNano / count)}`],
    ["cheaper", rates.flat === undefined ? undefined : `${gaining.length} of ${bills.length} than flat`],
    ["no band", unbanded === 0 ? undefined : `${unbanded} readings, in no sum`],
    ["tariff", schedule === undefined ? undefined : `${Buffer.from(schedule.hash).toString("hex")}`],
    ["", schedule === undefined ? undefined : `${schedule.zone}, tzdata ${schedule.tzdataVersion}`],
  ]);
  const responses = new Map(shifts?.total().map((band) => [band.band, band]));
  const shares = names.map((name) => {
    const energy = bills.reduce(
      (sum, bill) => sum + (bill.bands.find(({ band }) => band === name)?.energyMwh ?? 0n),
      0n,
    );
    const response = responses.get(name)?.response;
    return [name, percent(thousandths(energy, energyMwh)), response === undefined ? "" : percent(response, true)];
  });
  return `${head}\n${table(["BAND", "SHARE", "AGAINST OWN 28 DAYS"], shares)}\n${table(columns, rows)}`;
}

/** Rounded half to even to 1 Wh would be too wide for a table: whole kWh with one decimal, cut off. */
function kwh(mwh: bigint): string {
  const tenths = mwh / 100_000n;
  return `${tenths / 10n}.${tenths % 10n}`;
}

function percent(value: number | undefined, isSigned = false): string {
  if (value === undefined) return "";
  return `${isSigned && value > 0 ? "+" : ""}${(value / 10).toFixed(1)} %`;
}

function readTariff(file: string, zone: Zone): TariffSchedule {
  const text = readText(file);
  return text.trimStart().startsWith("{")
    ? readWeeklyTariff(parseJson(text, file), zone, file)
    : readLclTariff(text, zone, file).schedule;
}

function readJson(file: string): unknown {
  return parseJson(readText(file), file);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AnalyticsError({ code: "TARIFF_MALFORMED", file, row: 0, reason: "not JSON" }, { cause: error });
  }
}

function readText(file: string): string {
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= MAX_FILE_BYTES) return bytes.toString("utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw cliError("notFound", "FILE_NOT_FOUND", `cannot read ${file} (${reason})`, "name an existing file");
  }
  throw new AnalyticsError({ code: "TARIFF_MALFORMED", file, row: 0, reason: `more than ${MAX_FILE_BYTES} bytes` });
}

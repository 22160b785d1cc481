import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { sparkline, svgPlot } from "../../analytics/plot.ts";
import { compareTypicalDays, type Profile, type ProfileSlot, ProfileTally } from "../../analytics/profile.ts";
import { clockText, differenceJson, profileJson } from "../../analytics/views.ts";
import { cliError } from "../cliError.ts";
import { example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { facts, printable, show, table } from "../output.ts";
import { type InputFlags, openInput, withInputFlags } from "./analyticsInput.ts";

interface ProfileFlags extends InputFlags {
  readonly compare?: string;
  readonly days?: boolean;
  readonly svg?: string;
  readonly json?: boolean;
}

/** Factor from the stored unit to the one shown. */
const SHOWN_UNITS: Readonly<Record<string, readonly [unit: string, divisor: number]>> = {
  gasVolume: ["L", 1000],
  waterVolume: ["L", 1000],
  heat: ["kJ", 1],
};

export function profileCommand(analytics: Command, io: CliIo): void {
  withInputFlags(analytics.command("profile"), "Europe/London")
    .description("The typical weekday and weekend of meters, with percentiles and completeness, in local time")
    .option("--compare <meter>", "also this meter's own typical day beside that of all")
    .option("--days", "also every day's total and completeness")
    .option("--svg <file>", "write the profile as a picture")
    .addHelpText("after", example("analytics profile readings.csv.gz --compare lcl:MAC000178 --svg profile.svg"))
    .action(async (files: readonly string[], _flags: object, command: Command) => {
      const flags = command.optsWithGlobals<ProfileFlags>();
      const { slots, zone, quantity, counts } = openInput(io, files, flags, flags.json === true);
      const all = new ProfileTally(quantity, zone);
      const one = flags.compare === undefined ? undefined : new ProfileTally(quantity, zone);
      const meters = new Set<string>();
      for await (const slot of slots) {
        meters.add(slot.meterId);
        all.put(slot);
        if (slot.meterId === flags.compare) one?.put(slot);
      }
      const profile = all.profile();
      const own = one?.profile();
      if (own?.present === 0)
        throw cliError(
          "notFound",
          "METER_NOT_FOUND",
          `there are no readings of ${flags.compare}`,
          "write lcl:MAC000178",
        );
      // Each meter is expected at every slot of the days of all.
      const expected = profile.expected * meters.size;
      const [unit, divisor] = SHOWN_UNITS[quantity] ?? ["Wh", 1000];
      if (flags.svg !== undefined) writeFileSync(flags.svg, svgOf(profile, own, unit, divisor, flags.compare));
      const view = {
        counts,
        zone: zone.id,
        tzdataVersion: zone.tzdataVersion,
        meters: meters.size,
        profile: { ...profileJson(profile), expected },
        ...(own === undefined
          ? {}
          : {
              compared: {
                meterId: flags.compare,
                profile: profileJson(own),
                weekday: compareTypicalDays(own.weekday, profile.weekday).map(differenceJson),
                weekend: compareTypicalDays(own.weekend, profile.weekend).map(differenceJson),
              },
            }),
      };
      show(io, flags.json === true, view, () => {
        const head = facts([
          ["meters", meters.size],
          ["days", profile.days.length],
          ["readings", `${profile.present} of ${expected}`],
          ["zone", `${zone.id}, tzdata ${zone.tzdataVersion}`],
          ["weekday", sparkline(profile.weekday.map(({ mean }) => mean))],
          ["weekend", sparkline(profile.weekend.map(({ mean }) => mean))],
          [printable(flags.compare ?? ""), own && sparkline(own.weekday.map(({ mean }) => mean))],
        ]);
        const days = profile.days.map((day) => [
          day.date,
          ...[day.total / BigInt(divisor), day.present, day.expected * meters.size].map(String),
        ]);
        const text = `${head}\n${profileTable(profile, own, unit, divisor)}`;
        return flags.days === true ? `${text}\n${table(["DAY", unit, "READINGS", "EXPECTED"], days)}` : text;
      });
    });
}

function profileTable(profile: Profile, own: Profile | undefined, unit: string, divisor: number): string {
  const weekend = new Map(profile.weekend.map((slot) => [slot.timeMs, slot]));
  const weekday = new Map(profile.weekday.map((slot) => [slot.timeMs, slot]));
  const times = [...new Set([...weekday.keys(), ...weekend.keys()])].sort((a, b) => a - b);
  const shown = (value: number | undefined) => (value === undefined ? "" : (value / divisor).toFixed(0));
  const differences = new Map(
    own && compareTypicalDays(own.weekday, profile.weekday).map(({ timeMs, difference }) => [timeMs, difference]),
  );
  const rows = times.map((timeMs) => {
    const slot = weekday.get(timeMs);
    const difference = differences.get(timeMs);
    return [
      clockText(timeMs),
      shown(slot?.mean),
      ...(slot?.percentiles ?? []).map(shown),
      shown(weekend.get(timeMs)?.mean),
      ...(own === undefined ? [] : [difference === undefined ? "" : `${(difference / 10).toFixed(0)} %`]),
    ];
  });
  const columns = ["TIME", `MEAN ${unit}`, "5 %", "25 %", "50 %", "75 %", "95 %", "WEEKEND"];
  return table(own === undefined ? columns : [...columns, "METER"], rows);
}

function svgOf(profile: Profile, own: Profile | undefined, unit: string, divisor: number, meter = ""): string {
  const line = (slots: readonly ProfileSlot[]) => slots.map(({ timeMs, mean }) => ({ x: timeMs, y: mean / divisor }));
  return svgPlot({
    title: "Typical day",
    unit,
    lines: [
      { name: "weekday", colour: "#0b62a4", points: line(profile.weekday) },
      { name: "weekend", colour: "#d1651c", points: line(profile.weekend) },
      ...(own === undefined ? [] : [{ name: meter, colour: "#3a7d34", points: line(own.weekday) }]),
    ],
    bands: [
      {
        name: "25–75 %, weekday",
        colour: "#0b62a4",
        points: profile.weekday.map(({ timeMs, percentiles }) => ({
          x: timeMs,
          low: (percentiles[1] ?? 0) / divisor,
          high: (percentiles[3] ?? 0) / divisor,
        })),
      },
    ],
    ticks: [0, 4, 8, 12, 16, 20, 24].map((hour) => ({ x: hour * 3_600_000, label: `${hour}:00` })),
  });
}

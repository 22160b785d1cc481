import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { AnalyticsError } from "./analyticsError.ts";
import { readLclTariff } from "./lclTariff.ts";
import { readRates } from "./rates.ts";
import { isBand, MAX_BANDS, type TariffSchedule } from "./tariff.ts";
import { readWeeklyTariff } from "./weeklyTariff.ts";
import { createZone } from "./zone.ts";

const LONDON = createZone("Europe/London");

/** Half hours around both clock changes. */
const TARIFF = `TariffDateTime,Tariff\n${[
  "2013-03-31 00",
  "2013-03-31 01",
  "2013-03-31 02",
  "2013-10-27 00",
  "2013-10-27 01",
]
  .flatMap((hour, i) => [`${hour}:00:00,${i % 2 === 0 ? "High" : "Low"}`, `${hour}:30:00,Normal`])
  .join("\n")}\n`;

const TOKENS = [
  ",",
  "\n",
  "\r\n",
  "TariffDateTime,Tariff",
  "2013-02-30 00:00:00",
  "0012-01-01 00:00:00",
  "9999-12-31 23:30:00",
].concat(["2013-03-31 01:30:00", "13", "-1", "NaN", "\ufeff", "\u0000", "x".repeat(400), " ", "24:00", "00:60"]);

const edit = fc.record({ at: fc.nat(), cut: fc.nat(12), token: fc.constantFrom("", ...TOKENS) });
const changedTariff = fc.array(edit, { maxLength: 4 }).map((edits) =>
  edits.reduce((text, { at, cut, token }) => {
    const offset = at % (text.length + 1);
    return text.slice(0, offset) + token + text.slice(offset + cut);
  }, TARIFF),
);

const WEEKLY = JSON.stringify({
  from: "2013-03-25",
  until: "2013-04-08",
  default: "Day",
  windows: [
    { band: "Night", from: "23:30", until: "06:30" },
    { band: "Weekend", days: ["sat", "sun"], from: "06:30", until: "24:00" },
  ],
});
const RATES = JSON.stringify({ currency: "GBP", bands: { High: "67.20", Low: "3.99" }, flat: "14.228" });

/** The value, or undefined where the input is refused as the docstring says. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(AnalyticsError);
    expect((error as AnalyticsError).code).toBe("TARIFF_MALFORMED");
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checkSchedule({ entries, untilMs, hash }: TariffSchedule): void {
  expect(hash).toHaveLength(32);
  expect(new Set(entries.map(({ band }) => band)).size).toBeLessThanOrEqual(70);
  for (const [i, { fromMs, band }] of entries.entries()) {
    expect(band === "" || isBand(band)).toBe(true);
    expect(fromMs).toBeLessThan(entries[i + 1]?.fromMs ?? untilMs);
    expect(band).not.toBe(entries[i + 1]?.band);
  }
}

test(
  "a changed tariff file is a schedule in order, or refused with its row",
  () => {
    let [read, refused] = [0, 0];
    fuzz("tariff file", changedTariff, 300, (text) => {
      const tariff = attempt(() => readLclTariff(text, LONDON, "tariff"));
      if (tariff === undefined) {
        refused += 1;
        return;
      }
      read += 1;
      checkSchedule(tariff.schedule);
      expect(tariff.schedule.entries.filter(({ band }) => band !== "").length).toBeLessThanOrEqual(2 * tariff.rows);
    });
    expect(Math.min(read, refused)).toBeGreaterThan(10);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed weekly tariff is a schedule in order, or refused",
  () => {
    fuzz("weekly tariff", changedJson([WEEKLY]), 150, (text) => {
      const schedule = attempt(() => readWeeklyTariff(parsed(text), LONDON, "weekly"));
      if (schedule !== undefined) checkSchedule(schedule);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "changed rates are whole numbers within their limits, or refused",
  () => {
    fuzz("rates", changedJson([RATES]), 500, (text) => {
      const rates = attempt(() => readRates(parsed(text), "rates"));
      if (rates === undefined) return;
      expect(rates.bands.size).toBeLessThanOrEqual(MAX_BANDS);
      for (const rate of [...rates.bands.values(), rates.flat ?? 0]) {
        expect(Number.isSafeInteger(rate)).toBe(true);
        expect(rate).toBeGreaterThanOrEqual(0);
        expect(rate).toBeLessThanOrEqual(10_000_000);
      }
    });
  },
  FUZZ_TIMEOUT_MS,
);

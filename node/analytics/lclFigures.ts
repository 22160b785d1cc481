import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createAnomalyDetectors } from "./anomalies.ts";
import { CostTally } from "./cost.ts";
import { FleetDetector } from "./fleet.ts";
import { InjectionTrials } from "./injectionTrials.ts";
import { readLclTariff } from "./lclTariff.ts";
import { formatMoney, LCL_RATES } from "./rates.ts";
import { divideHalfEven, thousandths } from "./ratio.ts";
import { csvReadings } from "./readingsInput.ts";
import { ShiftTally } from "./shift.ts";
import { DEFAULT_SLOT_MS, slotsOf } from "./slots.ts";
import { createZone, UTC } from "./zone.ts";

// npm run node -- node/analytics/lclFigures.ts FOLDER
// FOLDER holds the half-hourly files of 2013, the tariff and the list of households of the Low Carbon London trial; prints every figure of
// README.md that was measured on them, as JSON.

/** Households with less are left out of the trials with injected spikes, as in research/data.md §6. */
const FULL_YEAR_ROWS = 17_000;
/** 07:00 of a Wednesday in every season but the first, whose baselines are not there yet. */
const TRIAL_MOMENTS = [
  Date.UTC(2013, 3, 17, 7),
  Date.UTC(2013, 5, 12, 7),
  Date.UTC(2013, 8, 25, 7),
  Date.UTC(2013, 10, 20, 7),
];
const INJECTED_MWH = [2_000_000, 3_000_000, 5_000_000, 8_000_000];

const [folder = ""] = process.argv.slice(2);
const files = readdirSync(join(folder, "halfhourly-2013")).map((name) => join(folder, "halfhourly-2013", name));
const touHomes = new Set(
  readFileSync(join(folder, "households.csv"), "utf8")
    .split(/\r?\n/)
    .map((line) => line.split(","))
    .filter(([, group]) => group === "ToU")
    .map(([household]) => `lcl:${household}`),
);
const london = createZone("Europe/London");
const tariffText = readFileSync(join(folder, "tariffs", "tariffs-2013.csv"), "utf8");
const { schedule } = readLclTariff(tariffText, london, "tariffs-2013.csv");

const detectors = createAnomalyDetectors({});
const fleet = {
  utc: new FleetDetector("activeEnergyImport", DEFAULT_SLOT_MS, UTC),
  london: new FleetDetector("activeEnergyImport", DEFAULT_SLOT_MS, london),
};
const cost = new CostTally({ schedule, rates: LCL_RATES, zone: london });
const shifts = { tou: new ShiftTally(london, "Normal"), std: new ShiftTally(london, "Normal") };
const found = new Map<string, number>();
const perHome = new Map<string, number>();
const morning = { isolated: 0 };
const injected = new InjectionTrials({ moments: TRIAL_MOMENTS, addedMwh: INJECTED_MWH, minSlots: FULL_YEAR_ROWS });

const began = performance.now();
const signal = new AbortController().signal;
for await (const slot of slotsOf(csvReadings(files, { signal, nowMs: Date.now }))) {
  note(detectors.put(slot));
  fleet.utc.put(slot);
  fleet.london.put(slot);
  const band = cost.put(slot) ?? "";
  (touHomes.has(slot.meterId) ? shifts.tou : shifts.std).put(slot, band);
  injected.put(slot);
}
note(detectors.end());
const seconds = Math.round((performance.now() - began) / 100) / 10;

const [utc, local] = [fleet.utc.end(), fleet.london.end()];
const readings = utc.completeness.reduce((sum, { present }) => sum + present, 0);
const counts = utc.completeness.map(({ meterId }) => perHome.get(meterId) ?? 0).sort((a, b) => a - b);
const bills = cost.bills().filter(({ meterId }) => touHomes.has(meterId));
const sumOf = (value: (bill: (typeof bills)[number]) => bigint) => bills.reduce((sum, bill) => sum + value(bill), 0n);
const mean = (sum: bigint) => formatMoney(divideHalfEven(sum, BigInt(bills.length)));
const isolated = (found.get("spike") ?? 0) + (found.get("known-load") ?? 0);

console.log(
  JSON.stringify(
    {
      seconds,
      readings,
      households: utc.completeness.length,
      anomalies: {
        aboveZ8: isolated + (found.get("suspect") ?? 0),
        aboveZ8PerMille: Math.round(((1000 * (isolated + (found.get("suspect") ?? 0))) / readings) * 10) / 10,
        medianPerHousehold: ((counts[(counts.length - 1) >> 1] ?? 0) + (counts[counts.length >> 1] ?? 0)) / 2,
        isolated,
        isolatedFrom6To8: morning.isolated,
        ...Object.fromEntries(found),
      },
      injectedAt7: injected.recall(),
      outages: utc.outages.map(({ untilMs, missing, active }) => ({
        until: new Date(untilMs).toISOString(),
        missing,
        active,
      })),
      clockShifts: {
        utc: utc.clockShifts.map(({ atMs, shiftMs, shifted, compared }) => ({
          at: new Date(atMs).toISOString(),
          shiftMs,
          shifted,
          compared,
        })),
        london: local.clockShifts,
      },
      timeOfUse: {
        homes: bills.length,
        meanBill: mean(sumOf(({ costNano }) => costNano)),
        meanFlat: mean(sumOf(({ flatCostNano }) => flatCostNano ?? 0n)),
        meanFlatWithUnbanded: mean(
          sumOf(
            ({ flatCostNano, unbanded }) => (flatCostNano ?? 0n) + unbanded.energyMwh * BigInt(LCL_RATES.flat ?? 0),
          ),
        ),
        cheaper: bills.filter(({ costNano, flatCostNano }) => costNano < (flatCostNano ?? 0n)).length,
        sharesThousandths: Object.fromEntries(
          ["High", "Normal", "Low"].map((name) => [
            name,
            thousandths(
              sumOf(({ bands }) => bands.find(({ band }) => band === name)?.energyMwh ?? 0n),
              sumOf(({ energyMwh }) => energyMwh),
            ),
          ]),
        ),
        againstOwnPastThousandths: Object.fromEntries(
          Object.entries(shifts).map(([name, tally]) => [
            name,
            Object.fromEntries(tally.total().map(({ band, response }) => [band, response])),
          ]),
        ),
      },
    },
    undefined,
    1,
  ),
);

function note(anomalies: ReturnType<typeof detectors.end>): void {
  for (const { kind, meterId = "", untilMs } of anomalies) {
    found.set(kind, (found.get(kind) ?? 0) + 1);
    if (!["suspect", "spike", "known-load"].includes(kind)) continue;
    perHome.set(meterId, (perHome.get(meterId) ?? 0) + 1);
    const hour = new Date(untilMs).getUTCHours();
    if (kind !== "suspect" && hour >= 6 && hour < 8) morning.isolated += 1;
  }
}

import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { printable, table } from "../../cli/output.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { query } from "../action.ts";
import { optional } from "../param.ts";
import { integer } from "../parsers.ts";
import { type Duty, readDuties } from "./duties.ts";

export const fromEvent = optional(integer("only events of the outbox from this number on", 1, 999_999_999_999));

export const duties = query({
  name: "duties",
  about: "What the market has told the ledger, and which of it the microgrid has given already",
  example: "",
  contract: EnergyMarket,
  params: { from: fromEvent },
  async ask({ ledger, file }, { from = 1 }) {
    const { duties: found } = await readDuties(ledger, addressOfContract(file, EnergyMarket.name), from);
    return { answer: { duties: found.map(dutyJson) }, text: dutyTable(found) };
  },
});

export function dutyJson({ event, kind, number, backing, energyMwh, to, meterId, doneBy }: Duty) {
  const of = kind === "transfer" ? { saleId: number, meterId } : { advertId: number };
  return { event, kind, ...of, backing, energyMwh: `${energyMwh}`, to: to ?? null, doneBy: doneBy ?? null };
}

export function dutyTable(found: readonly Duty[]): string {
  const rows = found.map(({ event, kind, number, energyMwh, to, doneBy }) => [
    `${event}`,
    kind === "transfer" ? `sale ${number}` : `rest of advert ${number}`,
    formatEnergy(energyMwh),
    printable(to ?? "the meter has no owner"),
    doneBy ?? "not yet",
  ]);
  return table(["EVENT", "FOR", "ENERGY", "TO", "GIVEN BY"], rows);
}

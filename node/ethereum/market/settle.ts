import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { cliError } from "../../cli/cliError.ts";
import { decodeOpenings, type Opening } from "../../cli/openings.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { type ActionContext, action } from "../action.ts";
import { LIGHT_NODE_FLAG, openingsAtHome } from "../openingsAtHome.ts";
import { file, list, optional } from "../param.ts";
import { intervalKey, type SealedInterval, sealedIn } from "../sealedIntervals.ts";
import { PROVING } from "./advertActions.ts";
import { type OutputPointer, pointer, saleId } from "./marketParams.ts";
import { marketOf } from "./marketReads.ts";
import { openingOf, proveInterval, sealedSince } from "./proofs.ts";
import { paidJson, paidText } from "./saleActions.ts";

const MAX_SALES = 32;
/** About 1000 openings. */
const MAX_OPENINGS_CHARS = 250_000;

const SALES = { ...list(saleId, MAX_SALES), about: "numbers of sales to one meter, with commas between" };

export const settle = action({
  name: "settle",
  about:
    "As anybody: deliver sales by an interval that the buyer's meter has sealed; the proof is fetched from the node",
  example: "1 --openings openings.json --wait 10m",
  contract: EnergyMarket,
  others: PROVING,
  isProved: true,
  params: {
    sales: SALES,
    openings: optional(
      file("file of `meters openings`, where the meter commits to its sums", MAX_OPENINGS_CHARS, (text) =>
        decodeOpenings(text, "openings"),
      ),
    ),
    interval: optional(
      pointer("txid:index", "transaction that sealed it, and its place there (default: the next one with energy left)"),
    ),
  },
  places: ["sales"],
  atHome: {
    flags: [LIGHT_NODE_FLAG],
    async texts(home, context, { texts, flags }) {
      if (texts.openings !== undefined) return {};
      const { meter, boughtMs } = await deliveryOf(context, SALES.parse(texts.sales ?? ""));
      return openingsAtHome(home, flags.lightNode as string | undefined, { meterId: meter, fromMs: boughtMs });
    },
  },
  async prepare(context, { sales, openings = [], interval: given }) {
    const { meter, boughtMs } = await deliveryOf(context, sales);
    const inOrder = [...new Set(sales)].sort((a, b) => (a < b ? -1 : 1));
    const interval =
      given === undefined ? await nextInterval(context, meter, boughtMs, openings) : await named(context, given);
    const opening = openingOf(interval, openings);
    if (interval.sumMwh === undefined && opening === undefined) throw unopened(meter);
    const proof = await proveInterval(context, interval, interval.sumMwh === undefined ? opening : undefined);
    return marketOf(context).settle.populateTransaction(inOrder, proof);
  },
  outcome({ logs }) {
    const paid = EnergyMarket.events(logs, "Paid");
    const delivered = EnergyMarket.events(logs, "Delivered").map(({ saleId: id, energyMwh }) => ({
      ...{ saleId: `${id}`, energyMwh: `${energyMwh}` },
      paid: paid.find((each) => each.saleId === id),
    }));
    return {
      json: {
        sales: delivered.map(({ paid: one, ...sale }) => ({
          ...sale,
          status: one === undefined ? "open" : "paid",
          ...(one === undefined ? {} : paidJson(one)),
        })),
      },
      text: delivered.flatMap(({ saleId: id, energyMwh, paid: one }) => [
        ["sale", `${id}, ${one === undefined ? "open: a further interval is needed" : "paid"}`] as const,
        ["delivered by it", formatEnergy(BigInt(energyMwh))] as const,
        ...(one === undefined ? [] : paidText(one)),
      ]),
    };
  },
});

/** Whose intervals deliver these sales, and when the last of them was made. */
async function deliveryOf(context: ActionContext, sales: readonly bigint[]) {
  const market = marketOf(context);
  const read = await Promise.all(sales.map((id) => market.saleOf(id)));
  const meter = await market.meterId(read[0]?.meter ?? 0n);
  return { meter, boughtMs: Math.max(...read.map(({ createdAt }) => Number(createdAt))) * 1000 };
}

/** The first interval behind the sale that shows energy which has delivered nothing yet. @throws CliError INTERVAL_MISSING, OPENING_MISSING */
async function nextInterval(
  context: ActionContext,
  meter: string,
  fromMs: number,
  openings: readonly Opening[],
): Promise<SealedInterval> {
  const sealed = await sealedSince(context, meter, fromMs);
  let isUnopened = false;
  for (const interval of sealed) {
    const sum = interval.sumMwh ?? openingOf(interval, openings)?.sumMwh;
    if (sum === undefined) isUnopened = true;
    else if (sum > 0n && (await marketOf(context).deliveredBy(intervalKey(interval))) < sum) return interval;
  }
  if (isUnopened) throw unopened(meter);
  const message = `no interval of ${meter} that began after the sale shows energy which is not used yet`;
  throw cliError("notFound", "INTERVAL_MISSING", message, "try again when the meter has sealed its next interval");
}

async function named(context: ActionContext, { txId, index }: OutputPointer): Promise<SealedInterval> {
  const found = (await sealedIn(context.ledger, txId)).find(({ messageIndex }) => messageIndex === index);
  if (found !== undefined) return found;
  const hint = "`query tx TXID` shows its messages; they are counted from 0";
  throw cliError("notFound", "INTERVAL_MISSING", `message ${index} of ${txId} seals no interval`, hint);
}

function unopened(meter: string) {
  const hint = `give --light-node URL of the meter's own node, or a file of \`meters openings ${meter}\` with --openings FILE`;
  return cliError("usage", "OPENING_MISSING", `${meter} commits to its sums, and nothing opens them`, hint);
}

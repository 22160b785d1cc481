import { marketPrice } from "#bridge/market.ts";
import { formatMoney } from "#node/cli/money.ts";
import { formatEnergy } from "#node/cli/quantities.ts";
import { cost } from "./cost.ts";
import {
  ADVERTISED,
  type Answer,
  at,
  type Backing,
  BIDDER,
  BOUGHT,
  BOUGHT_WH,
  BUYER,
  MWH_PER_WH,
  meterOf,
  OPERATOR,
  type Paid,
  PRICE_WEI_PER_KWH,
  PRODUCER,
  type Purchase,
  REGULATOR_KEY,
  TAX_BPS,
} from "./p2pCast.ts";
import type { Story } from "./story.ts";
import type { World } from "./world.ts";

/** An advert, a purchase, a bid that is too low, and an order. */
export async function trade(world: World, story: Story, { pointer }: Backing): Promise<readonly Purchase[]> {
  const price = `${PRICE_WEI_PER_KWH}wei`;
  const offered = await world.run(
    PRODUCER,
    ...["market", "advertise", ADVERTISED, "--price", price, "--backing", pointer, "--wait", "5m", ...at(world)],
  );
  const advertId = String(offered.advertId);
  story.tell(
    "The producer",
    "advertises; the market verifies under an anchor that the energy is in the microgrid, unspent and the producer's",
    {
      advert: advertId,
      energy: ADVERTISED,
      "least price of a kWh": formatMoney(PRICE_WEI_PER_KWH),
      ...cost(offered),
    },
  );
  const { adverts } = (await world.run(BUYER, "market", "adverts")) as { adverts: readonly Answer[] };
  const rule = marketPrice({
    minPriceWeiPerKwh: PRICE_WEI_PER_KWH,
    energyWh: BOUGHT_WH,
    ageSeconds: 0,
    taxBps: TAX_BPS,
  });
  const bought = await world.run(BUYER, "market", "buy", advertId, "--energy", BOUGHT);
  const total = BigInt(String(bought.totalWei));
  story.tell("The first consumer", "sees the advert and buys in its first hour, at the minimum price", {
    sale: String(bought.saleId),
    energy: BOUGHT,
    total: formatMoney(total),
    ...cost(bought),
  });
  story.claim(
    "the price is the minimum one, rounded up to the wei: 10 % more for each hour, none has passed",
    adverts[0]?.priceWeiPerKwh === `${PRICE_WEI_PER_KWH}` && total === rule?.total,
  );

  const bid = ["market", "buy", advertId, "--energy", BOUGHT, "--max", `${total - 1n}wei`];
  const refusal = await world.run(BIDDER, ...bid).then(() => "", String);
  story.tell("The second consumer", "offers a wei less, and is told why that is not enough", {
    words: wordsOf(refusal),
  });
  story.claim(
    "what the contract refuses is said in words, and costs nothing",
    refusal.includes("costs more now than the highest total") && world.feesOf(BIDDER) === 0n,
  );
  const ordered = await world.run(BIDDER, "market", "order", BOUGHT, "--max-price", price, "--for", "1h");
  story.tell("The second consumer", "leaves a bid with its money instead", {
    order: String(ordered.orderId),
    escrow: formatMoney(BigInt(String(ordered.escrowWei))),
    ...cost(ordered),
  });
  const matched = await world.run(OPERATOR, "market", "match", "--key", REGULATOR_KEY);
  const [match] = matched.sales as readonly Answer[];
  story.tell("Somebody", "has orders and adverts matched, without naming any", {
    sale: `${match?.saleId}, of order ${match?.orderId} with advert ${match?.advertId}`,
    total: formatMoney(BigInt(String(match?.totalWei))),
    ...cost(matched),
  });
  story.claim("the order costs what buying would have cost", match?.totalWei === `${total}`);
  const meter = (household: number) => meterOf(household, "import");
  return [
    { who: "The first consumer", name: BUYER, meterId: meter(1), saleId: String(bought.saleId), total },
    { who: "The second consumer", name: BIDDER, meterId: meter(2), saleId: String(match?.saleId), total },
  ];
}

/** What a person reads of a command that has failed. */
function wordsOf(refusal: string): string {
  const json = refusal.slice(refusal.indexOf("{"));
  const { message, hint } = JSON.parse(json) as { readonly message: string; readonly hint: string };
  return `${message}; ${hint}`;
}

/** Each consumer shows, interval after interval, what its meter has sealed since it bought. */
export async function deliver(world: World, story: Story, sales: readonly Purchase[]): Promise<Paid> {
  const settled = await Promise.all(sales.map((sale) => deliverOne(world, sale)));
  let [total, share, tax] = [0n, 0n, 0n];
  for (const [i, { intervals, last }] of settled.entries()) {
    const sale = sales[i] as Purchase;
    const paid = { share: BigInt(String(last.shareWei)), tax: BigInt(String(last.taxWei)) };
    story.tell(sale.who, "has been delivered: its meter's sealed intervals show it, and the sale is paid", {
      sale: sale.saleId,
      meter: sale.meterId,
      "by intervals": intervals.map(({ energyMwh }) => formatEnergy(BigInt(String(energyMwh)))).join(" + "),
      "to the producer": formatMoney(paid.share),
      "to the treasury": formatMoney(paid.tax),
      ...cost(last),
    });
    const shown = intervals.reduce((sum, { energyMwh }) => sum + BigInt(String(energyMwh)), 0n);
    story.claim(
      "the intervals have delivered what was bought, and not a milliwatt hour more",
      shown === BOUGHT_WH * MWH_PER_WH,
    );
    const rule = marketPrice({
      minPriceWeiPerKwh: PRICE_WEI_PER_KWH,
      energyWh: BOUGHT_WH,
      ageSeconds: 0,
      taxBps: TAX_BPS,
    });
    story.claim("share and tax are as the rule says, to the wei", rule?.share === paid.share && rule.tax === paid.tax);
    [total, share, tax] = [total + sale.total, share + paid.share, tax + paid.tax];
  }
  return { total, share, tax };
}

/** Until the sale is paid: what opens the sums is the consumer's own light node's, the proofs are from the ledger's. */
async function deliverOne(world: World, { name, saleId }: Purchase) {
  const intervals: Answer[] = [];
  const command = ["market", "settle", saleId, "--wait", "5m", ...at(world)];
  const last = await world.until(async () => {
    const answer = await world.run(name, ...command).catch(ifNotYet);
    const [sale] = (answer?.sales ?? []) as readonly Answer[];
    if (answer === undefined || sale === undefined) return undefined;
    intervals.push(sale);
    return sale.status === "paid" ? { ...answer, ...sale } : undefined;
  });
  return { intervals, last: last as Answer };
}

/** The meter has not sealed its next interval yet. */
function ifNotYet(error: unknown): undefined {
  if (/INTERVAL_MISSING|OPENING_MISSING/.test(String(error))) return undefined;
  throw error;
}

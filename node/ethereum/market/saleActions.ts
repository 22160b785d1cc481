import { marketPrice } from "#bridge/market.ts";
import { EnergyMarket, type EnergyMarketEvents } from "#contracts/abi/EnergyMarket.ts";
import { formatMoney } from "../../cli/money.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { action, type Outcome } from "../action.ts";
import { optional } from "../param.ts";
import { address, money } from "../parsers.ts";
import { advertId, choice, pricePerKwh, saleId, unixSeconds, wh } from "./marketParams.ts";
import { chainSeconds, marketOf } from "./marketReads.ts";

type Logs = Parameters<Parameters<typeof action>[0]["outcome"]>[0];

export const buy = action({
  name: "buy",
  about: "As a consumer: buy from an advert at its present price; what is sent beyond it is credited",
  example: "1 --energy 2.5kWh --max 0.006ETH",
  contract: EnergyMarket,
  params: {
    id: advertId,
    energy: wh("at most what the advert has left"),
    max: optional(money("pay at most this in all (default: the price now)")),
  },
  places: ["id"],
  async prepare(context, { id, energy, max }) {
    const market = marketOf(context);
    const [now, { minPriceWeiPerKwh }] = await Promise.all([market.quote(id, energy), market.advertOf(id)]);
    const most = max ?? now;
    // While the transaction waits an hour may end, and the price rise once.
    const risen = now + (minPriceWeiPerKwh * energy + 9999n) / 10_000n;
    const value = most < risen ? most : risen;
    return requestById(context).populateTransaction(id, energy, most, { value });
  },
  outcome: bought,
});

const requestById = (context: Parameters<typeof marketOf>[0]) =>
  marketOf(context)["requestForEnergy(uint32,uint32,uint256)"];

export const request = action({
  name: "request",
  about: "As a consumer: buy in seed 004's own form, by the advert's time and least price and its producer",
  example:
    "2.5kWh --advert-time 2026-11-21T12:00:00Z --price 0.002ETH --producer 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: EnergyMarket,
  params: {
    energy: wh("at most what the advert has left"),
    advertTime: unixSeconds("when it was placed: `market adverts` has it"),
    price: pricePerKwh("the advert's least price of a kWh"),
    producer: address("the producer's Ethereum address"),
    max: optional(money("ether to send along, which bounds the price (default: the price now)")),
  },
  places: ["energy"],
  async prepare(context, { energy, advertTime, price, producer, max }) {
    const ageSeconds = Number((await chainSeconds(context)) - advertTime);
    const now = marketPrice({ minPriceWeiPerKwh: price, energyWh: energy, ageSeconds, taxBps: 0n })?.total;
    const value = max ?? now ?? 0n;
    const form = marketOf(context)["requestForEnergy(uint32,uint256,uint256,address)"];
    return form.populateTransaction(energy, advertTime, price, producer, { value });
  },
  outcome: bought,
});

function bought({ logs }: Logs): Outcome {
  const {
    saleId: id = 0n,
    producer = "",
    buyer = "",
    advertId: from = 0n,
    energyWh = 0n,
    total = 0n,
  } = EnergyMarket.events(logs, "Sold")[0] ?? {};
  return {
    json: {
      ...{ saleId: `${id}`, advertId: `${from}`, producer, buyer },
      ...{ energyWh: Number(energyWh), totalWei: `${total}` },
    },
    text: [
      ["sale", `${id}`],
      ["energy", `${formatEnergy(energyWh * 1000n)} of advert ${from}`],
      ["total", formatMoney(total)],
      ["producer", producer],
      ["next", "it is paid once an interval of the meter shows the energy: `market settle`"],
    ],
  };
}

export const dispute = action({
  name: "dispute",
  about: "As the buyer, before the delivery period is over: say that the energy did not come; a regulator decides",
  example: "1",
  contract: EnergyMarket,
  params: { id: saleId },
  places: ["id"],
  prepare: (context, { id }) => marketOf(context).dispute.populateTransaction(id),
  outcome: (_sent, { id }) => ({
    json: { saleId: `${id}`, status: "disputed" },
    text: [
      ["sale", `${id}`],
      ["status", "disputed; a regulator decides"],
    ],
  }),
});

export const decide = action({
  name: "decide",
  about: "As a regulator: decide a dispute",
  example: "1 --for buyer",
  contract: EnergyMarket,
  params: { id: saleId, for: choice(["producer", "buyer"], "who gets the money") },
  places: ["id"],
  prepare: (context, { id, for: who }) => marketOf(context).resolve.populateTransaction(id, who === "producer"),
  outcome: ({ logs }, { id }) => closedSale(logs, id),
});

export const collect = action({
  name: "collect",
  about: "As anybody: have a sale paid that nobody has disputed in its delivery period",
  example: "1",
  contract: EnergyMarket,
  params: { id: saleId },
  places: ["id"],
  prepare: (context, { id }) => marketOf(context).collect.populateTransaction(id),
  outcome: ({ logs }, { id }) => closedSale(logs, id),
});

export const refund = action({
  name: "refund",
  about: "As anybody: refund a disputed sale that no regulator has decided in 30 days",
  example: "1",
  contract: EnergyMarket,
  params: { id: saleId },
  places: ["id"],
  prepare: (context, { id }) => marketOf(context).refundUndecided.populateTransaction(id),
  outcome: ({ logs }, { id }) => closedSale(logs, id),
});

function closedSale(logs: Logs["logs"], id: bigint): Outcome {
  const paid = EnergyMarket.events(logs, "Paid")[0];
  if (paid !== undefined)
    return {
      json: { saleId: `${id}`, status: "paid", ...paidJson(paid) },
      text: [["sale", `${id}, paid`], ...paidText(paid)],
    };
  const { buyer = "", total = 0n } = EnergyMarket.events(logs, "Refunded")[0] ?? {};
  return {
    json: { saleId: `${id}`, status: "refunded", buyer, totalWei: `${total}` },
    text: [
      ["sale", `${id}, refunded`],
      ["credited to the buyer", formatMoney(total)],
    ],
  };
}

type Paid = EnergyMarketEvents["Paid"];

export const paidJson = ({ producer, share, tax }: Paid) => ({ producer, shareWei: `${share}`, taxWei: `${tax}` });

export const paidText = ({ share, tax }: Paid) =>
  [
    ["credited to the producer", formatMoney(share)],
    ["credited to the treasury", formatMoney(tax)],
  ] as const;

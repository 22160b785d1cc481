import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { timeOf } from "../../cli/channelView.ts";
import { formatMoney } from "../../cli/money.ts";
import { printable, table } from "../../cli/output.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { type ActionContext, query } from "../action.ts";
import { flag, optional } from "../param.ts";
import { address } from "../parsers.ts";
import {
  ADVERT_LIFE_SECONDS,
  type Advert,
  MAX_LISTED,
  marketOf,
  type Order,
  readAdverts,
  readOrders,
  readSales,
  SALE_STATES,
  type Sale,
} from "./marketReads.ts";

const energyText = (wh: bigint) => formatEnergy(wh * 1000n);
const andMore = (more: boolean) => (more ? `(the newest ${MAX_LISTED})\n` : "");

export const adverts = query({
  name: "adverts",
  about: "Energy that can be bought now, with its present price, newest first",
  example: "",
  contract: EnergyMarket,
  params: {
    producer: optional(address("only this producer's")),
    all: flag("those that are sold out or over too"),
  },
  async ask(context, wanted) {
    const { items, more } = await readAdverts(context, wanted);
    const rows = items.map((advert) => [
      `${advert.advertId}`,
      energyText(advert.remainingWh),
      advert.priceWeiPerKwh === undefined ? "over" : formatMoney(advert.priceWeiPerKwh),
      formatMoney(advert.minPriceWeiPerKwh),
      timeOf(advert.createdAt + ADVERT_LIFE_SECONDS),
      advert.producer,
    ]);
    return {
      answer: { adverts: items.map(advertJson), more },
      text: `${table(["ADVERT", "LEFT", "PRICE OF A KWH", "AT LEAST", "UNTIL", "PRODUCER"], rows)}${andMore(more)}`,
    };
  },
});

function advertJson(advert: Advert) {
  const { advertId, producer, createdAt, energyWh, remainingWh, minPriceWeiPerKwh, priceWeiPerKwh } = advert;
  return {
    ...{ advertId: `${advertId}`, producer, energyWh: Number(energyWh), remainingWh: Number(remainingWh) },
    ...{ minPriceWeiPerKwh: `${minPriceWeiPerKwh}`, priceWeiPerKwh: priceWeiPerKwh?.toString() ?? null },
    ...{ placed: timeOf(createdAt), until: timeOf(createdAt + ADVERT_LIFE_SECONDS) },
    backing: `${advert.txId.slice(2)}:${advert.outputIndex}`,
  };
}

export const sales = query({
  name: "sales",
  about: "What was sold, newest first",
  example: "--open",
  contract: EnergyMarket,
  params: {
    buyer: optional(address("only this consumer's")),
    open: flag("only those that are neither paid nor refunded"),
  },
  async ask(context, { buyer, open }) {
    const { items, more } = await readSales(context, { buyer, undecided: open });
    const meters = await metersOf(context, items);
    const rows = items.map((sale) => [
      `${sale.saleId}`,
      SALE_STATES[Number(sale.status)] ?? "",
      `${sale.advertId}`,
      energyText(sale.energyWh),
      formatEnergy(sale.deliveredMwh),
      formatMoney(sale.total),
      timeOf(sale.due),
      printable(meters.get(sale.meter) ?? ""),
    ]);
    return {
      answer: { sales: items.map((sale) => saleJson(sale, meters.get(sale.meter) ?? "")), more },
      text: `${table(["SALE", "STATE", "ADVERT", "ENERGY", "DELIVERED", "TOTAL", "DUE", "METER"], rows)}${andMore(more)}`,
    };
  },
});

async function metersOf(context: ActionContext, items: readonly Sale[]): Promise<ReadonlyMap<bigint, string>> {
  const numbers = [...new Set(items.map(({ meter }) => meter))];
  const ids = await Promise.all(numbers.map((number) => marketOf(context).meterId(number)));
  return new Map(numbers.map((number, i) => [number, ids[i] ?? ""]));
}

function saleJson(sale: Sale, meterId: string) {
  return {
    ...{ saleId: `${sale.saleId}`, status: SALE_STATES[Number(sale.status)], advertId: `${sale.advertId}` },
    ...{ buyer: sale.buyer, meterId, energyWh: Number(sale.energyWh), deliveredMwh: `${sale.deliveredMwh}` },
    ...{ totalWei: `${sale.total}`, taxBps: Number(sale.taxBps), sold: timeOf(sale.createdAt), due: timeOf(sale.due) },
  };
}

export const orders = query({
  name: "orders",
  about: "Bids that wait for an advert, newest first",
  example: "",
  contract: EnergyMarket,
  params: { consumer: optional(address("only this consumer's")) },
  async ask(context, { consumer }) {
    const { items, more } = await readOrders(context, consumer);
    const rows = items.map((order) => [
      `${order.orderId}`,
      energyText(order.energyWh),
      formatMoney(order.maxPriceWeiPerKwh),
      formatMoney(order.escrow),
      timeOf(order.expires),
      order.consumer,
    ]);
    return {
      answer: { orders: items.map(orderJson), more },
      text: `${table(["ORDER", "WANTED", "AT MOST FOR A KWH", "ESCROW", "EXPIRES", "CONSUMER"], rows)}${andMore(more)}`,
    };
  },
});

function orderJson({ orderId, consumer, energyWh, maxPriceWeiPerKwh, escrow, expires }: Order) {
  return {
    ...{ orderId: `${orderId}`, consumer, energyWh: Number(energyWh) },
    ...{ maxPriceWeiPerKwh: `${maxPriceWeiPerKwh}`, escrowWei: `${escrow}`, expires: timeOf(expires) },
  };
}

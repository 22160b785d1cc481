import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { timeOf } from "../../cli/channelView.ts";
import { cliError } from "../../cli/cliError.ts";
import { formatMoney } from "../../cli/money.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { action } from "../action.ts";
import { list, optional } from "../param.ts";
import { advertId, expiry, expiryFrom, orderId, pricePerKwh, wh } from "./marketParams.ts";
import { marketOf, readAdverts, readOrders } from "./marketReads.ts";
import { pairUp } from "./matching.ts";

/** Pairs of one call. */
const MAX_MATCHES = 32;
/** Each part of an order is rounded up to the wei; what is left of this comes back. */
const ROUNDING_WEI = BigInt(MAX_MATCHES);

export const order = action({
  name: "order",
  about: "As a consumer: place a bid with its money, which anybody may match with adverts that are not dearer",
  example: "5kWh --max-price 0.0025ETH --for 2h",
  contract: EnergyMarket,
  params: {
    energy: wh("1 Wh to 1000 kWh"),
    maxPrice: pricePerKwh("pay at most this for a kWh"),
    ...expiry,
  },
  places: ["energy"],
  prepare(context, { energy, maxPrice, ...when }) {
    const value = (10n * maxPrice * energy + 9999n) / 10_000n + ROUNDING_WEI;
    const expires = expiryFrom(when, context.nowMs());
    return marketOf(context).placeOrder.populateTransaction(energy, maxPrice, expires, { value });
  },
  outcome({ logs }) {
    const placed = EnergyMarket.events(logs, "Ordered")[0];
    const { orderId: id = 0n, energyWh = 0n, maxPriceWeiPerKwh = 0n, escrow = 0n, expires = 0n } = placed ?? {};
    return {
      json: {
        ...{ orderId: `${id}`, energyWh: Number(energyWh), maxPriceWeiPerKwh: `${maxPriceWeiPerKwh}` },
        ...{ escrowWei: `${escrow}`, expires: timeOf(expires) },
      },
      text: [
        ["order", `${id}`],
        ["energy", formatEnergy(energyWh * 1000n)],
        ["price of a kWh", `at most ${formatMoney(maxPriceWeiPerKwh)}`],
        ["expires", timeOf(expires)],
      ],
    };
  },
});

export const cancelOrder = action({
  name: "cancel-order",
  about: "End an order: its consumer at any time, anybody once it has expired; its money is credited",
  example: "1",
  contract: EnergyMarket,
  params: { id: orderId },
  places: ["id"],
  prepare: (context, { id }) => marketOf(context).cancelOrder.populateTransaction(id),
  outcome({ logs }, { id }) {
    const returned = EnergyMarket.events(logs, "OrderClosed")[0]?.returned ?? 0n;
    return {
      json: { orderId: `${id}`, returnedWei: `${returned}` },
      text: [
        ["order", `${id}, ended`],
        ["credited to the consumer", formatMoney(returned)],
      ],
    };
  },
});

export const match = action({
  name: "match",
  about:
    "As anybody: bring orders and adverts together; without numbers all that fit, the oldest order and the cheapest advert first",
  example: "",
  contract: EnergyMarket,
  params: {
    orders: optional({ ...list(orderId, MAX_MATCHES), about: "numbers of orders, with commas between" }),
    adverts: optional({ ...list(advertId, MAX_MATCHES), about: "an advert for each of them" }),
  },
  async prepare(context, { orders, adverts }) {
    if (orders !== undefined || adverts !== undefined)
      return marketOf(context).matchOrders.populateTransaction([...(orders ?? [])], [...(adverts ?? [])]);
    const [waiting, offered] = await Promise.all([readOrders(context), readAdverts(context, { all: false })]);
    const pairs = pairUp(waiting.items, offered.items, MAX_MATCHES);
    if (pairs.length === 0) {
      const hint = "`market orders` and `market adverts` have what there is";
      throw cliError("notFound", "NOTHING_TO_MATCH", "no order meets an advert that it can pay", hint);
    }
    return marketOf(context).matchOrders.populateTransaction(
      pairs.map((pair) => pair.orderId),
      pairs.map((pair) => pair.advertId),
    );
  },
  outcome({ logs }) {
    const sold = EnergyMarket.events(logs, "Sold");
    const sales = EnergyMarket.events(logs, "Matched").map(({ orderId: id, saleId, advertId: from }) => {
      const { energyWh = 0n, total = 0n, buyer = "" } = sold.find((sale) => sale.saleId === saleId) ?? {};
      return {
        ...{ orderId: `${id}`, advertId: `${from}`, saleId: `${saleId}`, buyer },
        ...{ energyWh: Number(energyWh), totalWei: `${total}` },
      };
    });
    return {
      json: { sales },
      text: sales.map(({ orderId: id, advertId: from, saleId, energyWh, totalWei }) => [
        `sale ${saleId}`,
        `order ${id} with advert ${from}: ${formatEnergy(BigInt(energyWh) * 1000n)} for ${formatMoney(BigInt(totalWei))}`,
      ]),
    };
  },
});

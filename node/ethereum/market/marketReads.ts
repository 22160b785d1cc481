import { ZeroAddress } from "ethers";
import { marketPrice } from "#bridge/market.ts";
import {
  type AdvertOutput,
  EnergyMarket,
  type EnergyMarketContract,
  type OrderOutput,
  type SaleOutput,
} from "#contracts/abi/EnergyMarket.ts";
import type { ActionContext } from "../action.ts";

/** What a list shows at most, the newest ones. */
export const MAX_LISTED = 200;
/** Calls to an Ethereum node at once. */
const AT_ONCE = 16;
export const ADVERT_LIFE_SECONDS = 3n * 3600n;

export interface Advert extends AdvertOutput {
  readonly advertId: bigint;
  /** Wei for a kWh now; undefined once it is over. */
  readonly priceWeiPerKwh: bigint | undefined;
}

export interface Sale extends SaleOutput {
  readonly saleId: bigint;
}

export interface Order extends OrderOutput {
  readonly orderId: bigint;
}

/** Of the enumeration in contracts/src/market/Sales.sol. */
export const SALE_STATES = ["none", "open", "disputed", "paid", "refunded"] as const;

export const marketOf = ({ at }: ActionContext): EnergyMarketContract => at(EnergyMarket);

/** Unix seconds of the latest block: what contracts take for now. */
export async function chainSeconds({ connection }: ActionContext): Promise<bigint> {
  return BigInt((await connection.provider.getBlock("latest"))?.timestamp ?? 0);
}

/** Numbers from `last` down to 1, some asked for together; until one says that all before it are over, or a list is full. */
async function newestFirst<T>(
  last: bigint,
  read: (number: bigint) => Promise<T>,
  wanted: { readonly isWanted: (item: T) => boolean; readonly isOver?: (item: T) => boolean },
): Promise<{ readonly items: readonly T[]; readonly more: boolean }> {
  const items: T[] = [];
  for (let next = last; next > 0n; next -= BigInt(AT_ONCE)) {
    const numbers = Array.from({ length: AT_ONCE }, (_, i) => next - BigInt(i)).filter((number) => number > 0n);
    for (const item of await Promise.all(numbers.map(read))) {
      if (wanted.isOver?.(item) === true) return { items, more: false };
      if (!wanted.isWanted(item)) continue;
      if (items.length === MAX_LISTED) return { items, more: true };
      items.push(item);
    }
  }
  return { items, more: false };
}

/** Newest first; those that can be bought from now, or all. */
export async function readAdverts(
  context: ActionContext,
  wanted: { readonly all: boolean; readonly producer?: string | undefined },
) {
  const market = marketOf(context);
  const [last, now] = await Promise.all([market.lastAdvertId(), chainSeconds(context)]);
  const removals = removalsOf(market);
  return newestFirst(
    last,
    async (advertId): Promise<Advert> => {
      const advert = await market.advertOf(advertId);
      const isLive = advert.removals === (await removals(advert.producer));
      const price = isLive ? priceAt(advert, now) : undefined;
      return { ...plainAdvert(advert), advertId, priceWeiPerKwh: price };
    },
    {
      isWanted: ({ producer, priceWeiPerKwh, remainingWh }) =>
        (wanted.all || (priceWeiPerKwh !== undefined && remainingWh > 0n)) &&
        (wanted.producer === undefined || wanted.producer === producer),
      // They are numbered as time goes by: everything before one that is too old is too old.
      isOver: ({ createdAt }) => !wanted.all && now >= createdAt + ADVERT_LIFE_SECONDS,
    },
  );
}

/** Each producer is asked for once. */
function removalsOf(market: EnergyMarketContract): (producer: string) => Promise<bigint> {
  const known = new Map<string, Promise<bigint>>();
  return (producer) => {
    const found = known.get(producer) ?? market.removals(producer);
    known.set(producer, found);
    return found;
  };
}

function priceAt({ minPriceWeiPerKwh, createdAt }: AdvertOutput, now: bigint): bigint | undefined {
  const ageSeconds = Number(now - createdAt);
  return marketPrice({ minPriceWeiPerKwh, energyWh: 1000n, ageSeconds, taxBps: 0n })?.total;
}

/** Newest first; with `undecided` only those that are open or disputed. */
export async function readSales(
  context: ActionContext,
  wanted: { readonly undecided: boolean; readonly buyer?: string | undefined },
) {
  const market = marketOf(context);
  return newestFirst(
    await market.lastSaleId(),
    async (saleId): Promise<Sale> => ({ ...plainSale(await market.saleOf(saleId)), saleId }),
    {
      isWanted: ({ status, buyer }) =>
        (!wanted.undecided || isUndecided(status)) && (wanted.buyer === undefined || wanted.buyer === buyer),
    },
  );
}

export const isUndecided = (status: bigint) => ["open", "disputed"].includes(SALE_STATES[Number(status)] ?? "");

/** Newest first; those that wait for an advert, or all of which something is kept. */
export async function readOrders(context: ActionContext, consumer?: string) {
  const market = marketOf(context);
  const now = await chainSeconds(context);
  return newestFirst(
    await market.lastOrderId(),
    async (orderId): Promise<Order> => ({ ...plainOrder(await market.orderOf(orderId)), orderId }),
    {
      isWanted: (order) =>
        order.escrow > 0n && order.expires > now && (consumer === undefined || order.consumer === consumer),
    },
  );
}

/** Of an account: one role at most. */
export async function roleOf(context: ActionContext, account: string): Promise<RoleName | undefined> {
  const market = marketOf(context);
  const names = Object.keys(ROLES) as RoleName[];
  const has = await Promise.all(names.map(async (name) => market.hasRole(await market[ROLES[name]](), account)));
  return names.find((_, i) => has[i]);
}

export const ROLES = {
  owner: "DEFAULT_ADMIN_ROLE",
  regulator: "REGULATOR_ROLE",
  producer: "PRODUCER_ROLE",
  consumer: "CONSUMER_ROLE",
} as const;

export type RoleName = keyof typeof ROLES;

/** Meter ids of consumers; undefined for an account that is none. */
export async function meterOf(context: ActionContext, account: string): Promise<string | undefined> {
  const market = marketOf(context);
  const meter = await market.meterOf(account);
  return meter === 0n ? undefined : market.meterId(meter);
}

export const isNobody = (account: string) => account === ZeroAddress;

/** Answers of ethers are arrays with names beside: only the names are kept. */
function plainAdvert(advert: AdvertOutput): AdvertOutput {
  const { producer, createdAt, energyWh, remainingWh, removals, outputIndex, minPriceWeiPerKwh, txId } = advert;
  return { producer, createdAt, energyWh, remainingWh, removals, outputIndex, minPriceWeiPerKwh, txId };
}

function plainSale(sale: SaleOutput): SaleOutput {
  const { buyer, createdAt, energyWh, status, total, advertId, meter, deliveredMwh, taxBps, due } = sale;
  return { buyer, createdAt, energyWh, status, total, advertId, meter, deliveredMwh, taxBps, due };
}

function plainOrder({ consumer, expires, energyWh, maxPriceWeiPerKwh, escrow }: OrderOutput): OrderOutput {
  return { consumer, expires, energyWh, maxPriceWeiPerKwh, escrow };
}

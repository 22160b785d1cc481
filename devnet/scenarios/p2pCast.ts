import { parseEther } from "ethers";
import { householdMeters } from "#node/meter/householdSource.ts";
import type { Funded } from "./fund.ts";
import type { World } from "./world.ts";

/** Owner of ledger and market, whose account on the ledger is the microgrid's. */
export const OPERATOR = "validator0";
export const REGULATOR_KEY = "regulator";
/** Has panels. */
export const PRODUCER = "light0";
export const BUYER = "light1";
export const BIDDER = "light2";

export const REGISTERED = "1.2kWh";
export const ADVERTISED = "1kWh";
/** What meters that measure now can deliver while one looks on: a household takes as much in 5 to 30 seconds. */
export const BOUGHT = "1Wh";
export const BOUGHT_WH = 1n;
export const MWH_PER_WH = 1000n;
/** A price at which nothing comes out even. */
export const PRICE_WEI_PER_KWH = parseEther("0.002") + 7n;
export const TAX_BPS = 500n;

export type Answer = Readonly<Record<string, unknown>>;

export interface Actors {
  readonly producer: Funded;
  readonly buyer: Funded;
  readonly bidder: Funded;
  readonly regulator: string;
}

/** A purchase that waits for its energy. */
export interface Purchase {
  readonly who: string;
  readonly name: string;
  readonly meterId: string;
  readonly saleId: string;
  readonly total: bigint;
}

/** The output on the ledger that will stand behind the advert. */
export interface Backing {
  readonly pointer: string;
  readonly registration: string;
  readonly microgrid: string;
  readonly meterId: string;
  readonly amountMwh: bigint;
}

export interface Paid {
  readonly total: bigint;
  readonly share: bigint;
  readonly tax: bigint;
}

/** The ledger's node that everybody asks: a light node has no proofs for contracts. */
export const at = (world: World) => ["--node", world.node(OPERATOR).apiUrl];

export const meterOf = (household: number, direction: "import" | "export") =>
  householdMeters({ households: 1, firstHousehold: household }).find((meter) => meter.direction === direction)
    ?.meterId ?? "";

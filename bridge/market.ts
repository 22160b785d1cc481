import { AbiCoder, dataSlice, id } from "ethers";
import { outputId, recordKey } from "#consensus/application/stateRecords.ts";

/** Hours that an advert lives; each but the first makes it a tenth of the minimum dearer (contracts/src/market/Adverts.sol). */
const ADVERT_HOURS = 3;
const MAX_BPS = 10_000n;

export const RETURN_KIND = id("EnergyMarket.Return");
export const TRANSFER_KIND = id("EnergyMarket.Transfer");

/** What a purchase costs, in wei: the buyer pays total, of which share is the producer's and tax the treasury's. */
export interface MarketPrice {
  readonly total: bigint;
  readonly share: bigint;
  readonly tax: bigint;
}

/**
 * What EnergyMarket takes for `energyWh` of an advert, `ageSeconds` after it was placed: minimum price in wei per kWh, 10 % of it more each hour,
 * rounded up to the wei; the producer's share is rounded down. undefined: the advert is over.
 */
export function marketPrice(advert: {
  readonly minPriceWeiPerKwh: bigint;
  readonly energyWh: bigint;
  readonly ageSeconds: number;
  readonly taxBps: bigint;
}): MarketPrice | undefined {
  const hours = Math.floor(advert.ageSeconds / 3600);
  if (hours < 0 || hours >= ADVERT_HOURS) return undefined;
  // Tenths of a price per thousand Wh.
  const total = (BigInt(10 + hours) * advert.minPriceWeiPerKwh * advert.energyWh + 9999n) / 10_000n;
  const share = (total * (MAX_BPS - advert.taxBps)) / MAX_BPS;
  return { total, share, tax: total - share };
}

/** Under what the ledger's state keeps an output; its record, proved, backs an advert. txId: 32 bytes. */
export function backingKey(txId: Uint8Array, outputIndex: number): string {
  return recordKey("output", outputId(Buffer.from(txId).toString("hex"), outputIndex));
}

/** What the market tells the ledger of an output that is locked to the microgrid. Energy in mWh. */
export type MarketEvent =
  | {
      readonly kind: "return";
      readonly advertId: bigint;
      readonly txId: string;
      readonly outputIndex: number;
      /** 20 bytes: the producer, who gets it back. */
      readonly account: string;
      readonly energyMwh: bigint;
    }
  | {
      readonly kind: "transfer";
      readonly saleId: bigint;
      readonly txId: string;
      readonly outputIndex: number;
      readonly energyMwh: bigint;
      /** Whose owner gets it. */
      readonly meterId: string;
    };

/** Reads an event of the outbox; undefined if it is none of the market's, or its payload is not as the market writes it. Never throws. */
export function decodeMarketEvent(kind: string, payload: string): MarketEvent | undefined {
  try {
    if (kind === RETURN_KIND) {
      const [advertId, txId, outputIndex, account, energyMwh] = decode(
        ["uint256", "bytes32", "uint32", "bytes20", "uint256"],
        payload,
      );
      return { kind: "return", advertId, txId, outputIndex: Number(outputIndex), account, energyMwh };
    }
    if (kind === TRANSFER_KIND) {
      const [saleId, txId, outputIndex, energyMwh, meterId] = decode(
        ["uint256", "bytes32", "uint32", "uint256", "string"],
        payload,
      );
      return { kind: "transfer", saleId, txId, outputIndex: Number(outputIndex), energyMwh, meterId };
    }
  } catch {
    // Another contract may use the same kind for bytes of its own.
  }
  return undefined;
}

function decode(types: readonly string[], payload: string) {
  const coder = AbiCoder.defaultAbiCoder();
  const values = coder.decode(types, dataSlice(payload, 0)).toArray();
  if (coder.encode(types, values) !== payload.toLowerCase()) throw new RangeError("not in its one form");
  return values;
}

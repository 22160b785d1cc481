import { AbiCoder, id } from "ethers";
import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { backingKey, decodeMarketEvent, marketPrice, RETURN_KIND, TRANSFER_KIND } from "./market.ts";

const HASH = `0x${Buffer.from(sha256(Buffer.from("transaction"))).toString("hex")}`;
const encode = (types: string[], values: unknown[]) => AbiCoder.defaultAbiCoder().encode(types, values);

test.each([
  [3333n, 1n, 0, 4n, 3n, 1n],
  [3333n, 1000n, 3599, 3333n, 3166n, 167n],
  [3333n, 1000n, 3600, 3667n, 3483n, 184n],
  [3333n, 1000n, 10_799, 4000n, 3800n, 200n],
  [1n, 1n, 7200, 1n, 0n, 1n],
])(
  "%i wei per kWh, %i Wh after %i s cost %i wei: %i for the producer, %i tax",
  (price, energyWh, ageSeconds, total, share, tax) => {
    const advert = { minPriceWeiPerKwh: price, energyWh, ageSeconds, taxBps: 500n };
    expect(marketPrice(advert)).toEqual({ total, share, tax });
  },
);

test("an advert that is over, or not yet there, has no price", () => {
  for (const ageSeconds of [-1, 10_800])
    expect(marketPrice({ minPriceWeiPerKwh: 1n, energyWh: 1n, ageSeconds, taxBps: 0n })).toBeUndefined();
});

test("an output has its key in the ledger's state", () => {
  expect(backingKey(new Uint8Array(32).fill(0xab), 12)).toBe(`output/${"ab".repeat(32)}/12`);
});

test("events are read as the market writes them, and nothing else is", () => {
  const account = `0x${"11".repeat(20)}`;
  const returned = encode(["uint32", "bytes32", "uint32", "bytes20", "uint256"], [7, HASH, 3, account, 1000]);
  expect(decodeMarketEvent(RETURN_KIND, returned)).toEqual({
    ...{ kind: "return", advertId: 7n, txId: HASH, outputIndex: 3, account, energyMwh: 1000n },
  });
  const sold = encode(["uint256", "bytes32", "uint32", "uint256", "string"], [1, HASH, 0, 5, "modbus:site/1/7"]);
  expect(decodeMarketEvent(TRANSFER_KIND, sold)).toEqual({
    ...{ kind: "transfer", saleId: 1n, txId: HASH, outputIndex: 0, energyMwh: 5n, meterId: "modbus:site/1/7" },
  });
  for (const [kind, payload] of [
    [RETURN_KIND, sold],
    [TRANSFER_KIND, returned],
    [RETURN_KIND, `${returned}00`],
    [RETURN_KIND, returned.slice(0, -2)],
    [TRANSFER_KIND, "0x"],
    [TRANSFER_KIND, "no hex"],
    [id("something else"), returned],
  ] as const)
    expect(decodeMarketEvent(kind, payload), payload.slice(0, 20)).toBeUndefined();
});

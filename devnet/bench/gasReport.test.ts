import { expect, test } from "vitest";
import {
  costPerProsumerDay,
  d51Prices,
  exceededBudgets,
  minimumIntervalInBlocks,
  minimumIntervalMinutes,
} from "./gasReport.ts";

test("D5.1's prices follow from its own numbers: 640 000 gas, 0.78 EUR a kilobyte, more than 820 000 EUR a gigabyte", () => {
  const { gasPerKb, etherPerKb, eurPerKb, eurPerGb } = d51Prices();
  expect(gasPerKb).toBe(640_000);
  expect(etherPerKb).toBeCloseTo(0.0064, 10);
  expect(eurPerKb).toBeCloseTo(0.7836, 4);
  expect(Math.round(eurPerGb)).toBe(821_614);
});

test("2000 prosumers need 9 minutes at 144 000 gas in the blocks of 2019, and a whole number of blocks", () => {
  expect(minimumIntervalMinutes(2000, 144_000, { gasLimit: 8_000_000, seconds: 15 })).toBeCloseTo(9, 10);
  expect(minimumIntervalInBlocks(2000, 58, 15)).toBe(8.75);
});

test("the naive contract's cost a day is the anchor's times prosumers, whatever the interval", () => {
  const [hour, quarter] = [60, 15].map((minutes) => costPerProsumerDay(minutes, 150_000, 100_000, 2000));
  expect(hour).toMatchObject({ naiveGas: 3_600_000, anchoredGas: 1200, ratio: 3000 });
  expect(quarter?.ratio).toBe(3000);
  expect(quarter?.naiveEur).toBeCloseTo((hour?.naiveEur ?? 0) * 4, 10);
});

test("what is above its budget is named", () => {
  const anchor = { validators: 4, signatures: 3, anchor: 110_001, rotation: 1, calldataBytes: 1, budget: 110_000 };
  const proof = { txs: 100_000, depth: 17, walk: 8001, verifyTx: 1, consumeTx: 1, calldataBytes: 1 };
  const day = costPerProsumerDay(60, 100_000, 100_000, 2000);
  expect(exceededBudgets({ anchors: [anchor], proofs: [proof], days: [day] })).toHaveLength(3);
  const within = { anchors: [{ ...anchor, anchor: 110_000 }], proofs: [{ ...proof, walk: 8000 }], days: [] };
  expect(exceededBudgets(within)).toEqual([]);
});

import { AbiCoder, getAddress, id } from "ethers";
import { expect, test } from "vitest";
import { cliError } from "../../cli/cliError.ts";
import type { LedgerGet } from "../ethereumPort.ts";
import { readDuties } from "./duties.ts";

const MARKET = getAddress(`0x${"ab".repeat(20)}`);
const OTHER = `0x${"cd".repeat(20)}`;
const GRID = "edream1grid";
const FIRST = "11".repeat(32);
const SECOND = "22".repeat(32);

interface Told {
  readonly emitter?: string;
  readonly kind?: string;
  readonly payload: string;
}

const transfer = (saleId: number, meterId: string): string =>
  AbiCoder.defaultAbiCoder().encode(
    ["uint256", "bytes32", "uint32", "uint256", "string"],
    [saleId, `0x${FIRST}`, 0, 1000, meterId],
  );

/** As the API answers of a record that is not in the state. */
const noRecord = () => cliError("refused", "QUERY_REFUSED", "QUERY_NOT_FOUND: ethereum", "");

/** A ledger that answers these paths, and has been told these events. */
function ledgerOf(told: readonly Told[], answers: Readonly<Record<string, unknown>>): LedgerGet {
  return async <T>(path: string): Promise<T> => {
    const url = new URL(path, "http://ledger.test");
    const data = Buffer.from(url.searchParams.get("data") ?? "", "hex").toString();
    const event = told[Number(data) - 1];
    const states: Readonly<Record<string, unknown>> = {
      "/edream/ethereum": { eventNonce: `${told.length}` },
      "/edream/ethereum-event": event && {
        event: {
          emitter: (event.emitter ?? MARKET).slice(2).toLowerCase(),
          kind: (event.kind ?? id("EnergyMarket.Transfer")).slice(2),
          payload: event.payload.slice(2),
        },
      },
    };
    const state = states[url.searchParams.get("path") ?? ""];
    const answer =
      url.pathname === "/state"
        ? state && { value: Buffer.from(JSON.stringify(state)).toString("base64") }
        : answers[url.pathname];
    if (answer === undefined && url.pathname === "/state") throw noRecord();
    if (answer === undefined) throw cliError("notFound", "NOT_FOUND", `no ${path}`, "");
    return answer as T;
  };
}

const output = (amountMwh: number, spentBy: string | null) => ({
  ...{ amountMwh: `${amountMwh}`, spentBy },
  lock: { threshold: 1, accounts: [GRID] },
});
const OWNED = { "/meters/m1": { owner: "edream1buyer" } };

test("what another contract has told, or in another form, is no duty of the microgrid", async () => {
  const told = [
    { emitter: OTHER, payload: transfer(1, "m1") },
    { kind: id("Flexibility.Closed"), payload: transfer(2, "m1") },
    { payload: "0x1234" },
    { payload: transfer(4, "m1") },
  ];
  const answers = { ...OWNED, [`/outputs/${FIRST}/0`]: output(5000, null) };
  const { duties, rests } = await readDuties(ledgerOf(told, answers), MARKET, 1);
  expect(duties).toMatchObject([{ event: 4, kind: "transfer", number: "4", to: "edream1buyer", doneBy: undefined }]);
  expect([...rests.values()]).toEqual([{ txId: FIRST, index: 0, amountMwh: 5000n, account: GRID }]);
});

test("what was given is found in the memos of the transactions that spent the output, one after another", async () => {
  const told = [1, 2, 3].map((sale) => ({ payload: transfer(sale, "m1") }));
  const memo = (events: string) => ({
    memo: `EnergyMarket events ${events}`,
    messages: [{ outputs: [{ lock: { accounts: ["edream1buyer"] } }, { lock: { accounts: [GRID] } }] }],
  });
  const third = "33".repeat(32);
  const answers = {
    ...OWNED,
    [`/outputs/${FIRST}/0`]: output(5000, SECOND),
    [`/transactions/${SECOND}`]: memo("1"),
    [`/outputs/${SECOND}/1`]: output(4000, third),
    [`/transactions/${third}`]: memo("3"),
    [`/outputs/${third}/1`]: output(3000, null),
  };
  const { duties, rests } = await readDuties(ledgerOf(told, answers), MARKET, 1);
  expect(duties.map(({ doneBy }) => doneBy)).toEqual([SECOND, undefined, third]);
  expect(rests.get(`${FIRST}:0`)).toEqual({ txId: third, index: 1, amountMwh: 3000n, account: GRID });
});

test("a meter without owner has nobody to be given to; a ledger without bridge has no duties", async () => {
  const answers = { [`/outputs/${FIRST}/0`]: output(5000, null) };
  const { duties } = await readDuties(ledgerOf([{ payload: transfer(1, "gone") }], answers), MARKET, 1);
  expect(duties).toMatchObject([{ to: undefined, meterId: "gone" }]);
  const none = async () => Promise.reject(noRecord());
  expect((await readDuties(none, MARKET, 1)).duties).toEqual([]);
});

test("a node whose answers go around in circles is not followed for ever", async () => {
  const circle = { memo: "", messages: [{ outputs: [{ lock: { accounts: [GRID] } }] }] };
  const answers = {
    ...OWNED,
    [`/outputs/${FIRST}/0`]: output(5000, SECOND),
    [`/transactions/${SECOND}`]: circle,
    [`/outputs/${SECOND}/0`]: output(5000, FIRST),
    [`/transactions/${FIRST}`]: circle,
  };
  const { duties, rests } = await readDuties(ledgerOf([{ payload: transfer(1, "m1") }], answers), MARKET, 1);
  expect(duties).toHaveLength(1);
  expect(rests.size).toBe(0);
});

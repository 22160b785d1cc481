import { hexlify } from "ethers";
import { Flexibility } from "#contracts/abi/Flexibility.ts";
import { timeOf } from "../../cli/channelView.ts";
import { formatMoney } from "../../cli/money.ts";
import { action, type Outcome } from "../action.ts";
import { flag, optional } from "../param.ts";
import { integer, money, time } from "../parsers.ts";
import { commitment, quantity, requestId } from "./flexibilityParams.ts";

const DAY_SECONDS = 86_400n;
/** Behind the event's end; the contract allows 3 to 90. */
const DEFAULT_SETTLE_DAYS = 7n;
const MAX_READINGS = 2 ** 32 - 1;

export const request = action({
  name: "request",
  about: "As a DSO or an aggregator: ask for less load (or more) in coming intervals, and escrow what is paid for it",
  example:
    "--commitment baselines/commitment.json --price 0.002ETH --penalty 0.001ETH --escrow 0.1ETH --min-readings 15",
  contract: Flexibility,
  params: {
    commitment,
    price: money("for a kWh delivered, for example 0.002ETH"),
    penalty: money("for a kWh promised and missing; it is what the bond is for"),
    escrow: money("what is paid at most, sent along"),
    minReadings: integer(
      "readings that an interval must have to prove anything: what the meters take at least",
      1,
      MAX_READINGS,
    ),
    quantity: optional(quantity),
    more: flag("more load is asked for instead of less, such as charging at noon"),
    cutoff: optional(time("until then prosumers accept and leave (default: the event's start)")),
    settleBy: optional(time("from then on what is not proved counts as missing (default: a week behind the end)")),
  },
  prepare({ at }, { commitment: made, price, penalty, escrow, minReadings, more, ...given }) {
    const { startMs, intervalMs, intervalCount, root, count } = made;
    const endSeconds = BigInt(Math.ceil((startMs + intervalMs * intervalCount) / 1000));
    const terms = {
      ...{ quantity: given.quantity ?? 0, isIncrease: more, startMs, intervalMs, intervalCount },
      ...{ minReadingCount: minReadings, cutoff: given.cutoff ?? BigInt(Math.floor(startMs / 1000)) },
      ...{ settleBy: given.settleBy ?? endSeconds + DEFAULT_SETTLE_DAYS * DAY_SECONDS },
      ...{ priceWeiPerKwh: price, penaltyWeiPerKwh: penalty, baselineRoot: hexlify(root), baselineCount: count },
    };
    return at(Flexibility).request.populateTransaction(terms, { value: escrow });
  },
  outcome({ logs }) {
    const { requestId: id = 0n, terms, escrow = 0n } = Flexibility.events(logs, "Requested")[0] ?? {};
    const [startMs, cutoff] = [Number(terms?.startMs ?? 0n), timeOf(terms?.cutoff ?? 0n)];
    const event = {
      startMs,
      intervalMs: Number(terms?.intervalMs ?? 0n),
      intervalCount: Number(terms?.intervalCount ?? 0n),
    };
    const until = { cutoff, settleBy: timeOf(terms?.settleBy ?? 0n) };
    return {
      json: { requestId: `${id}`, escrowWei: `${escrow}`, ...event, ...until },
      text: [
        ["request", `${id}`],
        [
          "event",
          `${new Date(startMs).toISOString()}, ${event.intervalCount} intervals of ${event.intervalMs / 1000} s`,
        ],
        ["escrow", formatMoney(escrow)],
        ["accepted until", until.cutoff],
        ["settled by", until.settleBy],
      ],
    };
  },
});

export const cancel = action({
  name: "cancel",
  about: "As the requester: take a request back before its cut-off; every contract of it is void",
  example: "1",
  contract: Flexibility,
  params: { id: requestId },
  places: ["id"],
  prepare: ({ at }, { id }) => at(Flexibility).cancel.populateTransaction(id),
  outcome: ({ logs }, { id }) => returned(id, "cancelled", Flexibility.events(logs, "Cancelled")[0]?.returned),
});

export const sweep = action({
  name: "sweep",
  about: "From the cut-off on: what no contract has set aside goes to the requester's credit",
  example: "1",
  contract: Flexibility,
  params: { id: requestId },
  places: ["id"],
  prepare: ({ at }, { id }) => at(Flexibility).sweep.populateTransaction(id),
  outcome: ({ logs }, { id }) => returned(id, "swept", Flexibility.events(logs, "Swept")[0]?.returned),
});

function returned(id: bigint, what: string, amount = 0n): Outcome {
  return {
    json: { requestId: `${id}`, returnedWei: `${amount}` },
    text: [
      ["request", `${id}, ${what}`],
      ["credited to the requester", formatMoney(amount)],
    ],
  };
}

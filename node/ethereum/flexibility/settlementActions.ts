import { hexlify, ZeroHash } from "ethers";
import type { FlexibilityEvent } from "#bridge/baseline.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { Flexibility, type RequestOutput } from "#contracts/abi/Flexibility.ts";
import { LedgerReader } from "#contracts/abi/LedgerReader.ts";
import { cliError } from "../../cli/cliError.ts";
import type { CommandContext } from "../../cli/context.ts";
import { formatMoney } from "../../cli/money.ts";
import type { Opening } from "../../cli/openings.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { type ActionContext, action, type Outcome } from "../action.ts";
import { LIGHT_NODE_FLAG, openingsAtHome } from "../openingsAtHome.ts";
import { optional, type Texts } from "../param.ts";
import { intervalKey, type SealedInterval } from "../sealedIntervals.ts";
import { acceptedOf, baselinesOf } from "./acceptedContract.ts";
import { baseline, openings, positionId } from "./flexibilityParams.ts";
import { sealedIntervalsOf } from "./sealedIntervals.ts";

/** MAX_PROOFS_PER_CALL of the contract. */
const MAX_PROOFS = 32;

/** A message as `/bridge/proofs/messages` answers it; `proof` is for the contract's call. */
interface ProvedMessage {
  readonly message: string;
  readonly proof: never;
}

export const settle = action({
  name: "settle",
  about: "Prove what a meter delivered, by the event's intervals that it has sealed, and have it paid; by anybody",
  example: "1 --light-node http://127.0.0.1:26681 --node http://127.0.0.1:26680 --wait 2m",
  contract: Flexibility,
  others: [LedgerReader, Bridge],
  isProved: true,
  params: {
    id: positionId,
    openings: optional(openings),
    baseline: optional(baseline("the meter's baseline, where the transaction that accepted does not say it")),
  },
  places: ["id"],
  atHome: {
    flags: [LIGHT_NODE_FLAG],
    texts: async (home, context, { texts, flags }) =>
      texts.openings === undefined ? openingsOfLightNode(home, context, texts.id, flags.lightNode) : {},
  },
  async prepare(context, { id, openings: given, baseline: file }) {
    const flexibility = context.at(Flexibility);
    const accepted = await acceptedOf(context, id);
    const asked = await flexibility.requestOf(accepted.requestId);
    const baselines = await baselinesOf(context, accepted, file);
    const waiting = await unproved(context, accepted.meterId, asked);
    const proofs = [];
    for (const { interval, opened } of opening(waiting, given).slice(0, MAX_PROOFS)) {
      const path = `/bridge/proofs/messages/${interval.txId}/${interval.messageIndex}`;
      const { message, proof } = await context.proof<ProvedMessage>(path);
      proofs.push({ message, proof, ...opened });
    }
    return flexibility.settle.populateTransaction(id, [...baselines], proofs);
  },
  outcome({ logs }, { id }) {
    const intervals = Flexibility.events(logs, "Delivered").map((each) => ({
      startMs: Number(each.startMs),
      ...{ baselineMwh: `${each.baselineMwh}`, usageMwh: `${each.usageMwh}`, deliveredMwh: `${each.deliveredMwh}` },
    }));
    const delivered = intervals.reduce((sum, { deliveredMwh }) => sum + BigInt(deliveredMwh), 0n);
    const { holder, amount = 0n, aggregatorShare = 0n } = Flexibility.events(logs, "Paid")[0] ?? {};
    const ended = closed({ logs }, { id });
    const paid = { paidWei: `${amount}`, aggregatorWei: `${aggregatorShare}` };
    return {
      json: {
        positionId: `${id}`,
        intervals,
        deliveredMwh: `${delivered}`,
        ...paid,
        closed: isClosed(logs),
        ...(isClosed(logs) ? ended.json : {}),
      },
      text: [
        ["contract", `${id}${isClosed(logs) ? ", closed" : ""}`],
        ["intervals proved", `${intervals.length}`],
        ["delivered", formatEnergy(delivered)],
        ["paid", holder === undefined ? formatMoney(0n) : `${formatMoney(amount)} in tokens to ${holder}`],
        ["aggregator", aggregatorShare === 0n ? undefined : formatMoney(aggregatorShare)],
        ...(isClosed(logs) ? ended.text.slice(1) : []),
      ],
    };
  },
});

export const close = action({
  name: "close",
  about: "End a contract whose time to prove is over: what is missing costs the bond; by anybody",
  example: "1",
  contract: Flexibility,
  params: { id: positionId },
  places: ["id"],
  prepare: ({ at }, { id }) => at(Flexibility).close.populateTransaction(id),
  outcome: closed,
});

/** As `meters openings` would write them of the event. */
async function openingsOfLightNode(
  home: CommandContext,
  context: ActionContext,
  id: string | undefined,
  url: unknown,
): Promise<Texts> {
  const { requestId, meterId } = await acceptedOf(context, positionId.parse(id ?? ""));
  const { startMs, intervalMs, intervalCount } = eventOf(await context.at(Flexibility).requestOf(requestId));
  const range = { fromMs: startMs + intervalMs, toMs: startMs + intervalMs * intervalCount };
  return openingsAtHome(home, url as string | undefined, { meterId, ...range });
}

function eventOf({ terms }: RequestOutput): FlexibilityEvent {
  const { startMs, intervalMs, intervalCount } = terms;
  return { startMs: Number(startMs), intervalMs: Number(intervalMs), intervalCount: Number(intervalCount) };
}

type Logs = Parameters<Parameters<typeof action>[0]["outcome"]>[0];

const isClosed = (logs: Logs["logs"]) => Flexibility.events(logs, "Closed").length > 0;

function closed({ logs }: Logs, { id }: { readonly id: bigint }): Outcome {
  const {
    holder = "",
    deliveredMwh = 0n,
    shortfallMwh = 0n,
    penalty = 0n,
  } = Flexibility.events(logs, "Closed")[0] ?? {};
  const energies = { deliveredMwh: `${deliveredMwh}`, shortfallMwh: `${shortfallMwh}` };
  return {
    json: {
      positionId: `${id}`,
      holder,
      totalDeliveredMwh: energies.deliveredMwh,
      shortfallMwh: energies.shortfallMwh,
      penaltyWei: `${penalty}`,
    },
    text: [
      ["contract", `${id}, closed`],
      ["delivered in all", formatEnergy(deliveredMwh)],
      ["missing", formatEnergy(shortfallMwh)],
      ["penalty, out of the bond", formatMoney(penalty)],
    ],
  };
}

/** Sealed intervals of the event that have proved nothing yet. @throws CliError NOTHING_TO_PROVE */
async function unproved(context: ActionContext, meterId: string, asked: RequestOutput) {
  const { terms } = asked;
  const event = eventOf(asked);
  const sealed = await sealedIntervalsOf(context, meterId, event);
  const flexibility = context.at(Flexibility);
  const waiting: SealedInterval[] = [];
  for (const interval of sealed) if ((await flexibility.usedBy(intervalKey(interval))) === 0n) waiting.push(interval);
  const whole = waiting.filter(({ readingCount }) => BigInt(readingCount) >= terms.minReadingCount);
  if (whole.length > 0) return whole;
  const why =
    waiting.length > 0
      ? `${waiting.length} sealed intervals have fewer readings than the ${terms.minReadingCount} that the request wants`
      : `${sealed.length} of ${event.intervalCount} intervals are sealed, and none of them is unproved`;
  const hint = "wait until the meter has sealed the event's intervals; what nobody proves counts as missing";
  throw cliError("notFound", "NOTHING_TO_PROVE", `there is nothing to prove of meter ${meterId}: ${why}`, hint);
}

/**
 * Those whose sums can be read, with salt and sum where they are committed; of one in the clear both mean nothing. The others can be proved later.
 * @throws CliError OPENING_MISSING if there are none
 */
function opening(intervals: readonly SealedInterval[], openings: readonly Opening[] = []) {
  const opened = intervals.flatMap((interval) => {
    if (interval.sumMwh !== undefined) return [{ interval, opened: { salt: ZeroHash, sumMwh: 0n } }];
    const found = openings.find(
      ({ intervalEndMs, amendment }) => Number(intervalEndMs) === interval.endMs && amendment === 0,
    );
    return found === undefined ? [] : [{ interval, opened: { salt: hexlify(found.salt), sumMwh: found.sumMwh } }];
  });
  if (opened.length > 0) return opened;
  const hint =
    "give --light-node URL, or --openings FILE, which the meter's owner writes with `meters openings METER -o FILE`";
  const message = `the sums of ${intervals.length} sealed intervals are committed, and nothing opens one of them`;
  throw cliError("usage", "OPENING_MISSING", message, hint);
}

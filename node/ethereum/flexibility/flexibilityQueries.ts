import { zeroPadValue } from "ethers";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { readLogs } from "#bridge/evm/readLogs.ts";
import { Flexibility, type PositionOutput, type RequestOutput } from "#contracts/abi/Flexibility.ts";
import { FlexibilityPosition } from "#contracts/abi/FlexibilityPosition.ts";
import { FlexibilityToken } from "#contracts/abi/FlexibilityToken.ts";
import { timeOf } from "../../cli/channelView.ts";
import { formatMoney } from "../../cli/money.ts";
import { facts, printable, table } from "../../cli/output.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { type ActionContext, query } from "../action.ts";
import { flag, ownUnlessGiven } from "../param.ts";
import { address } from "../parsers.ts";
import { acceptedOf, flexibilityLogs } from "./acceptedContract.ts";
import { positionId, requestId } from "./flexibilityParams.ts";

/** Requests, or contracts, that a list shows: the newest ones. */
const MAX_LISTED = 100;

const ofAccount = {
  address: ownUnlessGiven(address("of another account than this home's"), ({ address: own }) => own),
};

export const requests = query({
  name: "requests",
  about: "Requests that prosumers can accept now, newest first",
  example: "",
  contract: Flexibility,
  params: { all: flag("those whose cut-off is over, and cancelled ones, too") },
  async ask(context, { all }) {
    const flexibility = context.at(Flexibility);
    const last = await flexibility.lastRequestId();
    const found: ReturnType<typeof requestJson>[] = [];
    let looked = 0n;
    for (; looked < MAX_LISTED && last - looked > 0n; looked++) {
      const id = last - looked;
      const shown = requestJson(id, await flexibility.requestOf(id), context.nowMs());
      if (all || shown.state === "open") found.push(shown);
    }
    const rows = found.map((each) => [
      each.requestId,
      each.state,
      each.quantity,
      each.isIncrease ? "more" : "less",
      new Date(each.startMs).toISOString(),
      `${each.intervalCount} × ${each.intervalMs / 1000} s`,
      formatMoney(BigInt(each.priceWeiPerKwh)),
      formatMoney(BigInt(each.penaltyWeiPerKwh)),
      formatMoney(BigInt(each.availableWei)),
      each.cutoff,
    ]);
    const columns = ["REQUEST", "STATE", "OF", "LOAD", "START", "INTERVALS", "A KWH", "PENALTY", "FREE", "CUT-OFF"];
    return { answer: { requests: found, more: last > looked }, text: table(columns, rows) };
  },
});

export const event = query({
  name: "event",
  about: "A request: event, terms, and what is left of the escrow",
  example: "1 --json > request.json",
  contract: Flexibility,
  params: { id: requestId },
  places: ["id"],
  async ask(context, { id }) {
    const asked = await context.at(Flexibility).requestOf(id);
    const json = requestJson(id, asked, context.nowMs());
    return {
      answer: json,
      text: facts([
        ["request", `${id}, ${json.state}`],
        ["by", json.requester],
        ["wanted", `${json.isIncrease ? "more" : "less"} load of ${json.quantity}`],
        [
          "event",
          `${new Date(json.startMs).toISOString()}, ${json.intervalCount} intervals of ${json.intervalMs / 1000} s`,
        ],
        ["readings at least", `${json.minReadingCount} of each interval`],
        ["a kWh delivered", formatMoney(BigInt(json.priceWeiPerKwh))],
        ["a kWh missing", formatMoney(BigInt(json.penaltyWeiPerKwh))],
        ["accepted until", json.cutoff],
        ["proved until", json.settleBy],
        ["escrow, free", formatMoney(BigInt(json.availableWei))],
        ["escrow, set aside", formatMoney(BigInt(json.reservedWei))],
        ["baselines", `${json.count}, root ${json.root}`],
      ]),
    };
  },
});

export const positions = query({
  name: "positions",
  about: "The contracts that an account holds, newest first",
  example: "",
  contract: Flexibility,
  params: ofAccount,
  async ask(context, { address: account }) {
    const ids = await heldBy(context, account);
    const shown = [];
    for (const id of ids.slice(0, MAX_LISTED)) shown.push(await positionJson(context, id));
    const rows = shown.map((each) => [
      each.positionId,
      each.requestId,
      printable(each.meterId),
      formatEnergy(BigInt(each.promisedMwh)),
      formatEnergy(BigInt(each.deliveredMwh)),
      `${each.provedCount}/${each.intervalCount}`,
      formatMoney(BigInt(each.earnedWei)),
      formatMoney(BigInt(each.bondWei)),
    ]);
    const columns = ["CONTRACT", "REQUEST", "METER", "PROMISED", "DELIVERED", "PROVED", "EARNED", "BOND"];
    return {
      answer: { account, positions: shown, more: ids.length > MAX_LISTED },
      text: table(columns, rows),
    };
  },
});

export const position = query({
  name: "position",
  about: "A contract: promised, delivered so far, incentive and bond; also one that is closed or left",
  example: "1",
  contract: Flexibility,
  params: { id: positionId },
  places: ["id"],
  async ask(context, { id }) {
    const json = await positionJson(context, id);
    const intervals = await deliveredOf(context, id);
    const head = facts([
      ["contract", `${id} of request ${json.requestId}, ${json.state}`],
      ["held by", json.holder === "" ? undefined : json.holder],
      ["meter", printable(json.meterId)],
      ["promised", formatEnergy(BigInt(json.promisedMwh))],
      ["delivered", formatEnergy(BigInt(json.deliveredMwh))],
      ["intervals proved", `${json.provedCount} of ${json.intervalCount}`],
      ["earned", formatMoney(BigInt(json.earnedWei))],
      ["incentive at most", formatMoney(BigInt(json.incentiveWei))],
      ["bond", formatMoney(BigInt(json.bondWei))],
      ["penalty", json.penaltyWei === undefined ? undefined : formatMoney(BigInt(json.penaltyWei))],
      ["aggregator", json.aggregator],
      ["its part", json.aggregatorBps === undefined ? undefined : `${json.aggregatorBps / 100} %`],
    ]);
    const rows = intervals.map(({ startMs, baselineMwh, usageMwh, deliveredMwh }) => [
      new Date(startMs).toISOString(),
      ...[baselineMwh, usageMwh, deliveredMwh].map((mwh) => formatEnergy(BigInt(mwh))),
    ]);
    const list = rows.length === 0 ? "" : `\n${table(["INTERVAL", "BASELINE", "USED", "DELIVERED"], rows)}`;
    return { answer: { ...json, intervals }, text: `${head}${list}` };
  },
});

export const account = query({
  name: "account",
  about: "Tokens, credit and roles of an account",
  example: "",
  contract: Flexibility,
  params: ofAccount,
  async ask({ at, file }, { address: who }) {
    const [flexibility, token] = [at(Flexibility), at(FlexibilityToken)];
    const [tokens, allowed, credit, owner] = [
      await token.balanceOf(who),
      await token.allowance(who, addressOfContract(file, Flexibility.name)),
      await flexibility.credit(who),
      await flexibility.owner(),
    ];
    const roles = [
      ...(owner === who ? ["owner"] : []),
      ...((await flexibility.hasRole(await flexibility.DSO_ROLE(), who)) ? ["dso"] : []),
      ...((await flexibility.hasRole(await flexibility.AGGREGATOR_ROLE(), who)) ? ["aggregator"] : []),
    ];
    return {
      answer: { account: who, tokensWei: `${tokens}`, allowedWei: `${allowed}`, creditWei: `${credit}`, roles },
      text: facts([
        ["account", who],
        ["roles", roles.join(", ") || "none"],
        ["tokens", formatMoney(tokens)],
        ["the contract may take", formatMoney(allowed)],
        ["to withdraw", formatMoney(credit)],
      ]),
    };
  },
});

/** As the terms stand in the contract; with root and count `flexibility baseline check` compares. */
function requestJson(id: bigint, { terms, requester, isCancelled, available, reserved }: RequestOutput, nowMs: number) {
  const isOver = nowMs >= Number(terms.cutoff) * 1000;
  return {
    requestId: `${id}`,
    state: isCancelled ? "cancelled" : isOver ? "closed to further contracts" : "open",
    requester,
    quantity: terms.quantity === 0n ? "electricity" : "ev",
    isIncrease: terms.isIncrease,
    ...{ startMs: Number(terms.startMs), intervalMs: Number(terms.intervalMs) },
    ...{ intervalCount: Number(terms.intervalCount), minReadingCount: Number(terms.minReadingCount) },
    ...{ cutoff: timeOf(terms.cutoff), settleBy: timeOf(terms.settleBy) },
    ...{ priceWeiPerKwh: `${terms.priceWeiPerKwh}`, penaltyWeiPerKwh: `${terms.penaltyWeiPerKwh}` },
    ...{ availableWei: `${available}`, reservedWei: `${reserved}` },
    ...{ root: terms.baselineRoot, count: Number(terms.baselineCount) },
  };
}

async function positionJson(context: ActionContext, id: bigint) {
  const accepted = await acceptedOf(context, id);
  const { terms } = await context.at(Flexibility).requestOf(accepted.requestId);
  const [proved, paid, ended, left] = [
    await deliveredOf(context, id),
    Flexibility.events(await flexibilityLogs(context, "Paid", id), "Paid"),
    Flexibility.events(await flexibilityLogs(context, "Closed", id), "Closed")[0],
    Flexibility.events(await flexibilityLogs(context, "OptedOut", id), "OptedOut")[0],
  ];
  const isOpen = ended === undefined && left === undefined;
  const open: PositionOutput | undefined = isOpen ? await context.at(Flexibility).positionOf(id) : undefined;
  const delivered = proved.reduce((sum, { deliveredMwh }) => sum + BigInt(deliveredMwh), 0n);
  const earned = paid.reduce((sum, { amount, aggregatorShare }) => sum + amount + aggregatorShare, 0n);
  return {
    positionId: `${id}`,
    requestId: `${accepted.requestId}`,
    state: isOpen ? "open" : ended === undefined ? "left" : "closed",
    holder: isOpen ? await context.at(FlexibilityPosition).ownerOf(id) : ((ended ?? left)?.holder ?? ""),
    meterId: accepted.meterId,
    promisedMwh: `${accepted.energyMwh * terms.intervalCount}`,
    deliveredMwh: `${delivered}`,
    ...{ provedCount: proved.length, intervalCount: Number(terms.intervalCount) },
    ...{ incentiveWei: `${accepted.reserved}`, earnedWei: `${earned}`, bondWei: `${open?.bond ?? accepted.bond}` },
    ...(ended === undefined ? {} : { shortfallMwh: `${ended.shortfallMwh}`, penaltyWei: `${ended.penalty}` }),
    ...(BigInt(accepted.aggregator) === 0n ? {} : { aggregator: accepted.aggregator }),
    ...(open === undefined || open.aggregatorBps === 0n ? {} : { aggregatorBps: Number(open.aggregatorBps) }),
  };
}

async function deliveredOf(context: ActionContext, id: bigint) {
  const logs = await flexibilityLogs(context, "Delivered", id);
  return Flexibility.events(logs, "Delivered").map(({ startMs, baselineMwh, usageMwh, deliveredMwh }) => ({
    startMs: Number(startMs),
    ...{ baselineMwh: `${baselineMwh}`, usageMwh: `${usageMwh}`, deliveredMwh: `${deliveredMwh}` },
  }));
}

/** Contracts whose last transfer was to the account, newest first: what was handed on, closed or left went to somebody else, or to nobody. */
async function heldBy({ connection, file }: ActionContext, account: string): Promise<readonly bigint[]> {
  const topic = FlexibilityPosition.interface.getEvent("Transfer")?.topicHash ?? null;
  const place = { address: addressOfContract(file, FlexibilityPosition.name), fromBlock: file.fromBlock };
  const own = zeroPadValue(account, 32).toLowerCase();
  const logs = [
    ...(await readLogs(connection.provider, { ...place, topics: [topic, null, own] })),
    ...(await readLogs(connection.provider, { ...place, topics: [topic, own] })),
  ].sort((a, b) => a.blockNumber - b.blockNumber || a.index - b.index);
  const holders = new Map(FlexibilityPosition.events(logs, "Transfer").map(({ tokenId, to }) => [tokenId, to]));
  const held = [...holders].filter(([, to]) => to === account).map(([id]) => id);
  return held.sort((a, b) => (a < b ? 1 : -1));
}

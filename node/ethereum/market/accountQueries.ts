import { readLogs } from "#bridge/evm/readLogs.ts";
import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { timeOf } from "../../cli/channelView.ts";
import { formatMoney } from "../../cli/money.ts";
import { facts, printable, table } from "../../cli/output.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { query } from "../action.ts";
import { ownUnlessGiven } from "../param.ts";
import { address } from "../parsers.ts";
import { accountText } from "./advertActions.ts";
import { marketOf, meterOf, ROLES, type RoleName, roleOf } from "./marketReads.ts";

const energyText = (wh: bigint) => formatEnergy(wh * 1000n);

export const account = query({
  name: "account",
  about: "An account in the market: its role, its meter or its account on the ledger, its credit",
  example: "",
  contract: EnergyMarket,
  params: {
    address: ownUnlessGiven(address("of another account than this home's"), ({ address: own }) => own),
  },
  async ask(context, { address: who }) {
    const market = marketOf(context);
    const [role, meterId, bound, open, credit] = await Promise.all([
      roleOf(context, who),
      meterOf(context, who),
      market.ledgerAccountOf(who),
      market.openAdvertsOf(who),
      market.credit(who),
    ]);
    const ledgerAccount = BigInt(bound) === 0n ? undefined : accountText(bound);
    const advertIds = open.filter((id) => id > 0n).map((id) => `${id}`);
    return {
      answer: {
        ...{ address: who, role: role ?? null, meterId: meterId ?? null, ledgerAccount: ledgerAccount ?? null },
        ...{ openAdverts: advertIds, creditWei: `${credit}` },
      },
      text: facts([
        ["address", who],
        ["role", role ?? "none"],
        ["meter", meterId === undefined ? undefined : printable(meterId)],
        ["on the ledger", ledgerAccount],
        ["adverts with energy", advertIds.length === 0 ? undefined : advertIds.join(", ")],
        ["to withdraw", formatMoney(credit)],
      ]),
    };
  },
});

export const participants = query({
  name: "participants",
  about: "Everybody who has a role now, with their meters",
  example: "",
  contract: EnergyMarket,
  params: {},
  async ask(context) {
    const market = marketOf(context);
    const { connection, file } = context;
    const granted = EnergyMarket.interface.getEvent("RoleGranted")?.topicHash ?? null;
    const where = { address: await market.getAddress(), topics: [granted], fromBlock: file.fromBlock };
    const names = Object.keys(ROLES) as RoleName[];
    const hashes = await Promise.all(names.map((name) => market[ROLES[name]]()));
    const seen = new Map(
      EnergyMarket.events(await readLogs(connection.provider, where), "RoleGranted").map((event) => [
        `${event.role} ${event.account}`,
        event,
      ]),
    );
    const found = [];
    for (const { role, account: who } of seen.values()) {
      const name = names[hashes.indexOf(role)];
      if (name === undefined || !(await market.hasRole(role, who))) continue;
      found.push({ role: name, address: who, meterId: (await meterOf(context, who)) ?? null });
    }
    found.sort((a, b) => names.indexOf(a.role) - names.indexOf(b.role));
    const rows = found.map(({ role, address: who, meterId }) => [role, who, printable(meterId ?? "")]);
    return { answer: { participants: found }, text: table(["ROLE", "ADDRESS", "METER"], rows) };
  },
});

export const terms = query({
  name: "terms",
  about: "The market's terms, those announced, its owner, and how full the microgrid is",
  example: "",
  contract: EnergyMarket,
  params: {},
  async ask(context) {
    const market = marketOf(context);
    const { connection, file } = context;
    const topics = [EnergyMarket.interface.getEvent("TermsAnnounced")?.topicHash ?? null];
    const where = { address: await market.getAddress(), topics, fromBlock: file.fromBlock };
    const [now, from, owner, microgrid, stored, capacity, logs] = await Promise.all([
      market.terms(),
      market.nextTermsFrom(),
      market.owner(),
      market.MICROGRID(),
      market.storedWh(),
      market.CAPACITY_WH(),
      readLogs(connection.provider, where),
    ]);
    const announced = EnergyMarket.events(logs, "TermsAnnounced").findLast((each) => each.from === from);
    const isAhead = announced !== undefined && Number(from) * 1000 > context.nowMs();
    return {
      answer: {
        ...{ owner, microgrid: accountText(microgrid), storedWh: Number(stored), capacityWh: Number(capacity) },
        now: termsJson(now),
        next: isAhead ? { ...termsJson(announced), from: timeOf(from) } : null,
      },
      text: facts([
        ["owner", owner],
        ["microgrid", `${accountText(microgrid)}, ${energyText(stored)} of ${energyText(capacity)} on offer`],
        ...termsText(now, ""),
        ...(isAhead ? [["from", timeOf(from)] as const, ...termsText(announced, "then: ")] : []),
      ]),
    };
  },
});

interface TermsShown {
  readonly treasury: string;
  readonly taxBps: bigint;
  readonly highWaterWh: bigint;
  readonly deliveryPeriod: bigint;
}

const termsJson = ({ treasury, taxBps, highWaterWh, deliveryPeriod }: TermsShown) => ({
  ...{ treasury, taxBps: Number(taxBps), highWaterWh: Number(highWaterWh) },
  deliveryPeriodSeconds: Number(deliveryPeriod),
});

const termsText = ({ treasury, taxBps, highWaterWh, deliveryPeriod }: TermsShown, prefix: string) =>
  [
    [`${prefix}tax`, `${Number(taxBps) / 100} %, to ${treasury}`],
    [`${prefix}no adverts from`, `${energyText(highWaterWh)} stored`],
    [`${prefix}delivery period`, `${Number(deliveryPeriod) / 86_400} days`],
  ] as const;

export const credit = query({
  name: "credit",
  about: "What an account may withdraw",
  example: "",
  contract: EnergyMarket,
  params: {
    address: ownUnlessGiven(address("of another account than this home's"), ({ address: own }) => own),
  },
  async ask(context, { address: who }) {
    const owed = await marketOf(context).credit(who);
    return {
      answer: { address: who, creditWei: `${owed}` },
      text: facts([
        ["address", who],
        ["to withdraw", formatMoney(owed)],
      ]),
    };
  },
});

import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { timeOf } from "../../cli/channelView.ts";
import { cliError } from "../../cli/cliError.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { action, type Outcome, type SenderContext } from "../action.ts";
import { optional } from "../param.ts";
import { address, duration } from "../parsers.ts";
import { meterId, percent, wh } from "./marketParams.ts";
import { marketOf, ROLES, type RoleName, roleOf } from "./marketReads.ts";

const ACCOUNT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/** What the contract would pass over silently. */
async function requireChange(context: SenderContext, account: string, role: RoleName, has: boolean): Promise<string> {
  const hash = await marketOf(context)[ROLES[role]]();
  if ((await marketOf(context).hasRole(hash, account)) === has) return hash;
  const [is, hint] = has
    ? [`is no ${role}`, "`market participants` has everybody with their roles"]
    : [`is a ${role} already`, "there is nothing to be done"];
  throw cliError("refused", has ? "ROLE_ABSENT" : "ROLE_HELD", `${account} ${is}`, hint);
}

function granting(role: "regulator" | "producer", name: string, about: string) {
  return action({
    ...{ name, about, example: ACCOUNT, contract: EnergyMarket },
    params: { account: address("Ethereum address") },
    places: ["account"],
    prepare: async (context, { account }) =>
      marketOf(context).grantRole.populateTransaction(await requireChange(context, account, role, false), account),
    outcome: (_sent, { account }) => roleOutcome(account, role),
  });
}

function revoking(role: "regulator" | "producer" | "consumer", about: string) {
  return action({
    ...{ name: `remove-${role}`, about, example: ACCOUNT, contract: EnergyMarket },
    params: { account: address("Ethereum address") },
    places: ["account"],
    prepare: async (context, { account }) =>
      marketOf(context).revokeRole.populateTransaction(await requireChange(context, account, role, true), account),
    outcome: (_sent, { account }) => roleOutcome(account, undefined),
  });
}

const roleOutcome = (account: string, role: RoleName | undefined, meter?: string): Outcome => ({
  json: { account, role: role ?? null, ...(meter === undefined ? {} : { meterId: meter }) },
  text: [
    ["account", account],
    ["role", role ?? "none any more"],
    ["meter", meter],
  ],
});

export const appointRegulator = granting("regulator", "appoint-regulator", "As the owner: make an account a regulator");
export const removeRegulator = revoking("regulator", "As the owner: take a regulator's role away");
export const enrolProducer = granting("producer", "enrol-producer", "As a regulator: let an account sell");
export const removeProducer = revoking(
  "producer",
  "As a regulator: end what a producer may; its adverts are cancelled, what it is owed stays",
);
export const removeConsumer = revoking("consumer", "As a regulator: end what a consumer may, and free its meter");

export const enrolConsumer = action({
  name: "enrol-consumer",
  about: "As a regulator: let an account buy, with the meter that shows what it is delivered",
  example: `${ACCOUNT} --meter sim:H0001/import`,
  contract: EnergyMarket,
  params: { account: address("Ethereum address"), meter: meterId },
  places: ["account"],
  prepare: (context, { account, meter }) => marketOf(context).enrolConsumer.populateTransaction(account, meter),
  outcome: (_sent, { account, meter }) => roleOutcome(account, "consumer", meter),
});

export const leave = action({
  name: "leave",
  about: "Give up one's own role of regulator, producer or consumer",
  example: "",
  contract: EnergyMarket,
  params: {},
  async prepare(context) {
    const { from } = context;
    const role = await roleOf(context, from);
    if (role === undefined || role === "owner") {
      const hint = role === "owner" ? "an owner hands over: `market hand-over`" : "`market account` shows the role";
      throw cliError("refused", "ROLE_ABSENT", `${from} has no role that could be given up`, hint);
    }
    return marketOf(context).renounceRole.populateTransaction(await marketOf(context)[ROLES[role]](), from);
  },
  outcome: ({ logs }) => roleOutcome(EnergyMarket.events(logs, "RoleRevoked")[0]?.account ?? "", undefined),
});

export const announceTerms = action({
  name: "announce-terms",
  about: "As the owner: announce terms, which hold from a day later on by themselves; what is not given stays as it is",
  example: "--tax 4% --delivery-period 5d",
  contract: EnergyMarket,
  params: {
    treasury: optional(address("who gets the tax")),
    tax: optional(percent("of each sale, at most 20%")),
    mark: optional(wh("stored energy from which on no advert is taken, at most 1000kWh")),
    deliveryPeriod: optional(duration("after which an undisputed sale is paid without proof, 1d to 30d")),
  },
  async prepare(context, { treasury, tax, mark, deliveryPeriod }) {
    const market = marketOf(context);
    const now = await market.terms();
    return market.announceTerms.populateTransaction({
      treasury: treasury ?? now.treasury,
      taxBps: tax ?? now.taxBps,
      highWaterWh: mark ?? now.highWaterWh,
      deliveryPeriod: deliveryPeriod ?? now.deliveryPeriod,
    });
  },
  outcome({ logs }) {
    const announced = EnergyMarket.events(logs, "TermsAnnounced")[0];
    const { treasury = "", taxBps = 0n, highWaterWh = 0n, deliveryPeriod = 0n, from = 0n } = announced ?? {};
    return {
      json: {
        ...{ treasury, taxBps: Number(taxBps), highWaterWh: Number(highWaterWh) },
        ...{ deliveryPeriodSeconds: Number(deliveryPeriod), from: timeOf(from) },
      },
      text: [
        ["holds from", timeOf(from)],
        ["tax", `${Number(taxBps) / 100} %, to ${treasury}`],
        ["mark", formatEnergy(highWaterWh * 1000n)],
        ["delivery period", `${Number(deliveryPeriod) / 86_400} days`],
      ],
    };
  },
});

export const handOver = action({
  name: "hand-over",
  about: "As the owner: name a successor, who accepts after two days",
  example: ACCOUNT,
  contract: EnergyMarket,
  params: { account: address("Ethereum address of the successor") },
  places: ["account"],
  prepare: (context, { account }) => marketOf(context).beginDefaultAdminTransfer.populateTransaction(account),
  outcome({ logs }, { account }) {
    const { acceptSchedule = 0n } = EnergyMarket.events(logs, "DefaultAdminTransferScheduled")[0] ?? {};
    return {
      json: { successor: account, from: timeOf(acceptSchedule) },
      text: [
        ["successor", account],
        ["may accept from", timeOf(acceptSchedule)],
      ],
    };
  },
});

export const keepOwnership = action({
  name: "keep-ownership",
  about: "As the owner: take a successor's name back",
  example: "",
  contract: EnergyMarket,
  params: {},
  prepare: (context) => marketOf(context).cancelDefaultAdminTransfer.populateTransaction(),
  outcome: () => ({ json: { successor: null }, text: [["successor", "none any more"]] }),
});

export const acceptOwnership = action({
  name: "accept-ownership",
  about: "As the successor whom the owner has named: become owner",
  example: "--key successor",
  contract: EnergyMarket,
  params: {},
  prepare: (context) => marketOf(context).acceptDefaultAdminTransfer.populateTransaction(),
  outcome: ({ logs }) => roleOutcome(EnergyMarket.events(logs, "RoleGranted")[0]?.account ?? "", "owner"),
});

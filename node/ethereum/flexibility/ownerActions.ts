import { Flexibility } from "#contracts/abi/Flexibility.ts";
import { timeOf } from "../../cli/channelView.ts";
import { cliError } from "../../cli/cliError.ts";
import { action } from "../action.ts";
import { text } from "../param.ts";
import { address } from "../parsers.ts";

const ROLES = ["dso", "aggregator"] as const;

const role = text("role", "dso, or aggregator", (given) => {
  const found = ROLES.find((one) => one === given);
  if (found !== undefined) return found;
  throw cliError("usage", "ROLE_UNKNOWN", `${JSON.stringify(given)} is no role here`, `give ${ROLES.join(" or ")}`);
});

const who = { role, account: address("its Ethereum address (`keys show` has it)") };

/** Their numbers in the contract. */
function roleIdOf(flexibility: ReturnType<typeof Flexibility.at>, name: (typeof ROLES)[number]): Promise<string> {
  return name === "dso" ? flexibility.DSO_ROLE() : flexibility.AGGREGATOR_ROLE();
}

export const appoint = action({
  name: "appoint",
  about: "As the owner: let an account ask for flexibility, as a DSO or as an aggregator",
  example: "dso 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: Flexibility,
  params: who,
  places: ["role", "account"],
  async prepare({ at }, { role: name, account }) {
    const flexibility = at(Flexibility);
    return flexibility.grantRole.populateTransaction(await roleIdOf(flexibility, name), account);
  },
  outcome: (_sent, { role: name, account }) => ({
    json: { role: name, account, holds: true },
    text: [[name, account]],
  }),
});

export const dismiss = action({
  name: "dismiss",
  about: "As the owner: take a role away; what the account has asked for goes on",
  example: "dso 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: Flexibility,
  params: who,
  places: ["role", "account"],
  async prepare({ at }, { role: name, account }) {
    const flexibility = at(Flexibility);
    return flexibility.revokeRole.populateTransaction(await roleIdOf(flexibility, name), account);
  },
  outcome: (_sent, { role: name, account }) => ({
    json: { role: name, account, holds: false },
    text: [[`${name} no longer`, account]],
  }),
});

export const handOver = action({
  name: "hand-over",
  about: "As the owner: name who owns the contract next; that account takes over after two days",
  example: "--to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: Flexibility,
  params: { to: address("the next owner") },
  prepare: ({ at }, { to }) => at(Flexibility).beginDefaultAdminTransfer.populateTransaction(to),
  outcome({ logs }, { to }) {
    const from = timeOf(Flexibility.events(logs, "DefaultAdminTransferScheduled")[0]?.acceptSchedule ?? 0n);
    return {
      json: { to, from },
      text: [
        ["next owner", to],
        ["can take over from", from],
      ],
    };
  },
});

export const keepOwnership = action({
  name: "keep-ownership",
  about: "As the owner: call `hand-over` off",
  example: "",
  contract: Flexibility,
  params: {},
  prepare: ({ at }) => at(Flexibility).cancelDefaultAdminTransfer.populateTransaction(),
  outcome: () => ({ json: { handsOver: false }, text: [["hand-over", "called off"]] }),
});

export const takeOver = action({
  name: "take-over",
  about: "As the next owner, two days after `hand-over`: own the contract from now on",
  example: "",
  contract: Flexibility,
  params: {},
  prepare: ({ at }) => at(Flexibility).acceptDefaultAdminTransfer.populateTransaction(),
  outcome: () => ({ json: { owns: true }, text: [["owner", "this account"]] }),
});

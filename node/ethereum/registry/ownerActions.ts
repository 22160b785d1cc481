import { DeviceRegistry } from "#contracts/abi/DeviceRegistry.ts";
import { timeOf } from "../../cli/channelView.ts";
import { action, type Outcome } from "../action.ts";
import { address } from "../parsers.ts";

/** What only the owner does: who checks configurations, and who owns the registry next. */

export const appointChecker = action({
  name: "appoint-checker",
  about: "As the owner: an account may attest the syntax of configurations",
  example: "--account 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: DeviceRegistry,
  params: { account: address("the checker's Ethereum address") },
  async prepare({ at }, { account }) {
    const registry = at(DeviceRegistry);
    return registry.grantRole.populateTransaction(await registry.CHECKER_ROLE(), account);
  },
  outcome: (_sent, { account }) => checkerOutcome(account, true),
});

export const dismissChecker = action({
  name: "dismiss-checker",
  about: "As the owner: what the account attests from now on counts for nothing",
  example: "--account 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: DeviceRegistry,
  params: { account: address("the checker's Ethereum address") },
  async prepare({ at }, { account }) {
    const registry = at(DeviceRegistry);
    return registry.revokeRole.populateTransaction(await registry.CHECKER_ROLE(), account);
  },
  outcome: (_sent, { account }) => checkerOutcome(account, false),
});

function checkerOutcome(account: string, isChecker: boolean): Outcome {
  return { json: { account, isChecker }, text: [["account", `${account} ${isChecker ? "is" : "is not"} a checker`]] };
}

export const handOver = action({
  name: "hand-over",
  about: "As the owner: name a successor, who accepts after two days",
  example: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: DeviceRegistry,
  params: { account: address("Ethereum address of the successor") },
  places: ["account"],
  prepare: ({ at }, { account }) => at(DeviceRegistry).beginDefaultAdminTransfer.populateTransaction(account),
  outcome({ logs }, { account }) {
    const { acceptSchedule = 0n } = DeviceRegistry.events(logs, "DefaultAdminTransferScheduled")[0] ?? {};
    const from = timeOf(acceptSchedule);
    return {
      json: { successor: account, from },
      text: [
        ["successor", account],
        ["may accept from", from],
      ],
    };
  },
});

export const keepOwnership = action({
  name: "keep-ownership",
  about: "As the owner: take a successor's name back",
  example: "",
  contract: DeviceRegistry,
  params: {},
  prepare: ({ at }) => at(DeviceRegistry).cancelDefaultAdminTransfer.populateTransaction(),
  outcome: () => ({ json: { successor: null }, text: [["successor", "none any more"]] }),
});

export const acceptOwnership = action({
  name: "accept-ownership",
  about: "As the successor whom the owner has named: become owner",
  example: "--key successor",
  contract: DeviceRegistry,
  params: {},
  prepare: ({ at }) => at(DeviceRegistry).acceptDefaultAdminTransfer.populateTransaction(),
  outcome({ logs }) {
    const owner = DeviceRegistry.events(logs, "RoleGranted")[0]?.account ?? "";
    return { json: { owner }, text: [["owner", owner]] };
  },
});

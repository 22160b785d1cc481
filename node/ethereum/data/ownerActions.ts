import { DataMarketplace } from "#contracts/abi/DataMarketplace.ts";
import { timeOf } from "../../cli/channelView.ts";
import { action, type Outcome } from "../action.ts";
import { address } from "../parsers.ts";

const verifier = address("the verifier's Ethereum address");

export const appointVerifier = action({
  name: "appoint-verifier",
  about: "As the owner: let an account decide disputes",
  example: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: DataMarketplace,
  params: { address: verifier },
  places: ["address"],
  async prepare({ at }, { address: account }) {
    const market = at(DataMarketplace);
    return market.grantRole.populateTransaction(await market.VERIFIER_ROLE(), account);
  },
  outcome: ({ logs }, { address: account }) =>
    verifierOutcome(account, true, DataMarketplace.events(logs, "RoleGranted").length > 0),
});

export const removeVerifier = action({
  name: "remove-verifier",
  about: "As the owner: no longer let an account decide disputes",
  example: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: DataMarketplace,
  params: { address: verifier },
  places: ["address"],
  async prepare({ at }, { address: account }) {
    const market = at(DataMarketplace);
    return market.revokeRole.populateTransaction(await market.VERIFIER_ROLE(), account);
  },
  outcome: ({ logs }, { address: account }) =>
    verifierOutcome(account, false, DataMarketplace.events(logs, "RoleRevoked").length > 0),
});

function verifierOutcome(account: string, isVerifier: boolean, changed: boolean): Outcome {
  return {
    json: { address: account, isVerifier, changed },
    text: [[isVerifier ? "verifier" : "no verifier", changed ? account : `${account}, as before`]],
  };
}

export const resign = action({
  name: "resign",
  about: "As a verifier: no longer decide disputes",
  example: "",
  contract: DataMarketplace,
  params: {},
  async prepare({ at, from }) {
    const market = at(DataMarketplace);
    return market.renounceRole.populateTransaction(await market.VERIFIER_ROLE(), from);
  },
  outcome({ logs }) {
    const [revoked] = DataMarketplace.events(logs, "RoleRevoked");
    return verifierOutcome(revoked?.account ?? "", false, revoked !== undefined);
  },
});

export const handOver = action({
  name: "hand-over",
  about: "As the owner: name a successor, who accepts after two days",
  example: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: DataMarketplace,
  params: { address: address("Ethereum address of the successor") },
  places: ["address"],
  prepare: ({ at }, { address: successor }) =>
    at(DataMarketplace).beginDefaultAdminTransfer.populateTransaction(successor),
  outcome({ logs }, { address: successor }) {
    const from = timeOf(DataMarketplace.events(logs, "DefaultAdminTransferScheduled")[0]?.acceptSchedule ?? 0n);
    return {
      json: { successor, from },
      text: [
        ["successor", successor],
        ["may accept from", from],
      ],
    };
  },
});

export const keepOwnership = action({
  name: "keep-ownership",
  about: "As the owner: take a successor's name back",
  example: "",
  contract: DataMarketplace,
  params: {},
  prepare: ({ at }) => at(DataMarketplace).cancelDefaultAdminTransfer.populateTransaction(),
  outcome: () => ({ json: { successor: null }, text: [["successor", "none any more"]] }),
});

export const acceptOwnership = action({
  name: "accept-ownership",
  about: "As the successor whom the owner has named: become owner",
  example: "--key successor",
  contract: DataMarketplace,
  params: {},
  prepare: ({ at }) => at(DataMarketplace).acceptDefaultAdminTransfer.populateTransaction(),
  outcome({ logs }) {
    const owner = DataMarketplace.events(logs, "RoleGranted")[0]?.account ?? "";
    return { json: { owner }, text: [["owner", owner]] };
  },
});

import { DataMarketplace } from "#contracts/abi/DataMarketplace.ts";
import { formatMoney } from "../../cli/money.ts";
import { action, type Outcome } from "../action.ts";
import { ownUnlessGiven } from "../param.ts";
import { address } from "../parsers.ts";
import { listingState } from "./dataListing.ts";
import { listingId, oneOf } from "./dataParams.ts";
import { refundOutcome } from "./refundOutcome.ts";

export const decide = action({
  name: "decide",
  about: "As a verifier: decide a dispute; the loser's stake goes to the other, a tenth of it to you",
  example: "1 --winner seller",
  contract: DataMarketplace,
  params: { id: listingId, winner: oneOf("seller or buyer", ["seller", "buyer"]) },
  places: ["id"],
  prepare: ({ at }, { id, winner }) => at(DataMarketplace).decide.populateTransaction(id, winner === "seller"),
  outcome(sent, { id, winner }) {
    const reward = DataMarketplace.events(sent.logs, "Verdict")[0]?.reward ?? 0n;
    return {
      json: { listingId: `${id}`, winner, rewardWei: `${reward}` },
      text: [
        ["listing", `${id}, decided for the ${winner}`],
        ["your reward", formatMoney(reward)],
      ],
    };
  },
});

const DISPUTED = 3n;

export const refund = action({
  name: "refund",
  about:
    "Give the buyer its money back: no key within two days (with the bond), or no verdict within two weeks of a dispute",
  example: "1",
  contract: DataMarketplace,
  params: { id: listingId },
  places: ["id"],
  async prepare(context, { id }) {
    const { status } = await listingState(context, id);
    const market = context.at(DataMarketplace);
    return (status === DISPUTED ? market.refundUndecided : market.refundUnreleased).populateTransaction(id);
  },
  outcome: refundOutcome,
});

export const withdraw = action({
  name: "withdraw",
  about: "Fetch what this account is credited: prices, bonds, shares, money of offers that were outbid",
  example: "",
  contract: DataMarketplace,
  params: {
    to: ownUnlessGiven(address("send it to another address (default: the account's own)"), ({ address: own }) => own),
  },
  prepare: ({ at }, { to }) => at(DataMarketplace).withdraw.populateTransaction(to),
  outcome({ logs }, { to }) {
    const amount = DataMarketplace.events(logs, "Withdrawn")[0]?.amount ?? 0n;
    return {
      json: { to, amountWei: `${amount}` },
      text: [
        ["sent to", to],
        ["amount", formatMoney(amount)],
      ],
    };
  },
});

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

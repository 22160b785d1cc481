import { DataMarketplace } from "#contracts/abi/DataMarketplace.ts";
import { formatMoney } from "../../cli/money.ts";
import { action } from "../action.ts";
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

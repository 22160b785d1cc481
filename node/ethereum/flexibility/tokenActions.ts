import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { Flexibility } from "#contracts/abi/Flexibility.ts";
import { FlexibilityToken } from "#contracts/abi/FlexibilityToken.ts";
import { formatMoney } from "../../cli/money.ts";
import { action, type Outcome } from "../action.ts";
import { ownUnlessGiven } from "../param.ts";
import { address, money } from "../parsers.ts";

/** Tokens are written as the wei behind them. */
const amount = money("tokens, as the wei behind them: 0.01ETH");

export const buyTokens = action({
  name: "buy-tokens",
  about: "Make tokens of ether, for bonds: one for each wei",
  example: "--amount 0.01ETH",
  contract: Flexibility,
  others: [FlexibilityToken],
  params: { amount },
  prepare: ({ at }, { amount: value }) => at(Flexibility).buyTokens.populateTransaction({ value }),
  outcome: (_sent, { amount: value }) => tokens("bought", value),
});

export const allow = action({
  name: "allow",
  about: "Let the contract take tokens of this account, for a bond or to redeem them; at most this many",
  example: "--amount 0.01ETH",
  contract: FlexibilityToken,
  params: { amount },
  prepare: ({ at, file }, { amount: value }) =>
    at(FlexibilityToken).approve.populateTransaction(addressOfContract(file, Flexibility.name), value),
  outcome: (_sent, { amount: value }) => tokens("allowed", value),
});

export const redeem = action({
  name: "redeem",
  about: "Make ether of tokens, into this account's credit; `flexibility allow` comes first",
  example: "--amount 0.01ETH",
  contract: Flexibility,
  others: [FlexibilityToken],
  params: { amount },
  prepare: ({ at }, { amount: value }) => at(Flexibility).redeem.populateTransaction(value),
  outcome: (_sent, { amount: value }) => tokens("redeemed", value),
});

export const sendTokens = action({
  name: "send-tokens",
  about: "Give tokens to somebody else (ERC-20)",
  example: "--to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --amount 0.01ETH",
  contract: FlexibilityToken,
  params: { to: address("who has them from now on"), amount },
  prepare: ({ at }, { to, amount: value }) => at(FlexibilityToken).transfer.populateTransaction(to, value),
  outcome: (_sent, { amount: value }) => tokens("sent", value),
});

export const withdraw = action({
  name: "withdraw",
  about: "Fetch what this account is credited",
  example: "",
  contract: Flexibility,
  params: {
    to: ownUnlessGiven(address("send it to another address (default: the account's own)"), ({ address: own }) => own),
  },
  prepare: ({ at }, { to }) => at(Flexibility).withdraw.populateTransaction(to),
  outcome({ logs }, { to }) {
    const { amount: sent = 0n } = Flexibility.events(logs, "Withdrawn")[0] ?? {};
    return {
      json: { to, amountWei: `${sent}` },
      text: [
        ["sent to", to],
        ["amount", formatMoney(sent)],
      ],
    };
  },
});

function tokens(what: string, value: bigint): Outcome {
  return { json: { tokensWei: `${value}` }, text: [[`tokens ${what}`, formatMoney(value)]] };
}

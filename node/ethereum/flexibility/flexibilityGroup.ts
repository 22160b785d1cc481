import type { EthereumGroup } from "../group.ts";
import { baselineCommands } from "./baselineCommand.ts";
import { account, event, position, positions, requests } from "./flexibilityQueries.ts";
import { appoint, dismiss, handOver, keepOwnership, takeOver } from "./ownerActions.ts";
import { accept, handOn, optOut } from "./prosumerActions.ts";
import { cancel, request, sweep } from "./requesterActions.ts";
import { close, settle } from "./settlementActions.ts";
import { allow, buyTokens, redeem, sendTokens, withdraw } from "./tokenActions.ts";
import { told } from "./toldQuery.ts";

export const flexibilityGroup: EthereumGroup = {
  name: "flexibility",
  about:
    "Demand response: a DSO or an aggregator asks for flexibility, prosumers deliver it, sealed intervals prove it",
  actions: [
    ...[request, cancel, sweep],
    ...[accept, optOut, handOn],
    ...[settle, close],
    ...[buyTokens, allow, redeem, sendTokens, withdraw],
    ...[appoint, dismiss, handOver, keepOwnership, takeOver],
  ],
  queries: [requests, event, positions, position, account, told],
  homeCommands: baselineCommands,
};

import { channelHomeCommands } from "../../cli/commands/channelVouchers.ts";
import type { EthereumGroup } from "../group.ts";
import { claim, close, extend, open, reclaim, topUp, withdraw } from "./channelActions.ts";
import { listChannels, showChannel } from "./channelQueries.ts";

export const channelGroup: EthereumGroup = {
  name: "channel",
  about: "Pay as you go: channels of ether on Ethereum, and vouchers that are checked without it",
  actions: [open, topUp, extend, claim, close, reclaim, withdraw],
  queries: [showChannel, listChannels],
  homeCommands: channelHomeCommands,
};

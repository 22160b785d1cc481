import type { EthereumGroup } from "../group.ts";
import { accept, dispute, offer, proveWrongKey } from "./buyerActions.ts";
import { credit, listings, offers, showListing, verifiers } from "./dataQueries.ts";
import { openCommand } from "./openCommand.ts";
import { decide, refund, withdraw } from "./otherActions.ts";
import { acceptOwnership, appointVerifier, handOver, keepOwnership, removeVerifier, resign } from "./ownerActions.ts";
import { end, list, release } from "./sellerActions.ts";

export const dataGroup: EthereumGroup = {
  name: "data",
  about: "The data marketplace: archives of readings for sale on Ethereum, their keys handed over encrypted",
  actions: [
    ...[list, end, release],
    ...[offer, accept, proveWrongKey, dispute],
    ...[decide, resign, refund, withdraw],
    ...[appointVerifier, removeVerifier, handOver, keepOwnership, acceptOwnership],
  ],
  queries: [listings, showListing, offers, credit, verifiers],
  homeCommands: openCommand,
};

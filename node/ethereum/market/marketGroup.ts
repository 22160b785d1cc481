import type { EthereumGroup } from "../group.ts";
import { account, credit, participants, terms } from "./accountQueries.ts";
import { advertise, bindAccount, reclaim, withdraw } from "./advertActions.ts";
import { duties } from "./dutyQuery.ts";
import { fulfilCommand } from "./fulfil.ts";
import { adverts, orders, sales } from "./marketQueries.ts";
import { cancelOrder, match, order } from "./orderActions.ts";
import {
  acceptOwnership,
  announceTerms,
  appointRegulator,
  enrolConsumer,
  enrolProducer,
  handOver,
  keepOwnership,
  leave,
  removeConsumer,
  removeProducer,
  removeRegulator,
} from "./roleActions.ts";
import { buy, collect, decide, dispute, refund, request } from "./saleActions.ts";
import { settle } from "./settle.ts";

export const marketGroup: EthereumGroup = {
  name: "market",
  about: "The energy market of a microgrid on Ethereum: adverts, sales and orders, delivered by the ledger's proofs",
  actions: [
    ...[appointRegulator, removeRegulator, announceTerms, handOver, keepOwnership, acceptOwnership],
    ...[enrolProducer, removeProducer, enrolConsumer, removeConsumer, decide, leave],
    ...[bindAccount, advertise, buy, request, order, cancelOrder, dispute],
    ...[match, settle, collect, refund, reclaim, withdraw],
  ],
  queries: [adverts, sales, orders, account, participants, terms, credit, duties],
  homeCommands: fulfilCommand,
};

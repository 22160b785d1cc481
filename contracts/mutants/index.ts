import { BRIDGE_MUTANTS } from "./bridge.ts";
import { DATA_MARKETPLACE_MUTANTS } from "./dataMarketplace.ts";
import { DEVICE_REGISTRY_MUTANTS } from "./deviceRegistry.ts";
import { ENERGY_MARKET_MUTANTS } from "./energyMarket.ts";
import { FLEXIBILITY_MUTANTS } from "./flexibility.ts";
import type { MutantGroup } from "./mutant.ts";
import { PAYMENT_CHANNEL_MUTANTS } from "./paymentChannel.ts";

/** By contract. Texts are exact; a test sees to it that they are in today's sources. */
export const MUTANT_GROUPS: readonly MutantGroup[] = [
  BRIDGE_MUTANTS,
  PAYMENT_CHANNEL_MUTANTS,
  ENERGY_MARKET_MUTANTS,
  DATA_MARKETPLACE_MUTANTS,
  DEVICE_REGISTRY_MUTANTS,
  FLEXIBILITY_MUTANTS,
];

import { DataMarketplace } from "#contracts/abi/DataMarketplace.ts";
import { formatMoney } from "../../cli/money.ts";
import type { ActionDefinition, Outcome } from "../action.ts";

type Sent = Parameters<ActionDefinition<Record<never, never>>["outcome"]>[0];

/** Of everything that ends with the buyer having its price back. */
export function refundOutcome({ logs }: Sent, { id }: { readonly id: bigint }): Outcome {
  const { buyer = "", price = 0n, bond = 0n } = DataMarketplace.events(logs, "SaleRefunded")[0] ?? {};
  return {
    json: { listingId: `${id}`, buyer, priceWei: `${price}`, bondWei: `${bond}` },
    text: [
      ["listing", `${id}, refunded`],
      ["buyer", `${buyer} has ${formatMoney(price)} back as credit`],
      ["of the seller's bond", bond === 0n ? undefined : formatMoney(bond)],
    ],
  };
}

import { CliError } from "../cli/cliError.ts";
import { type CommandContext, nodeUrl, tokenOf } from "../cli/context.ts";
import { createLedgerClient } from "../cli/ledgerClient.ts";
import { fetchOpenings } from "../cli/openings.ts";
import type { Texts } from "./param.ts";

/** Of actions with a parameter `openings`. */
export const LIGHT_NODE_FLAG: readonly [flag: string, about: string] = [
  "--light-node <url>",
  "ask the meter's own light node for what opens the sums, instead of --openings (default: this home's, if it is one)",
];

/** As many openings as a request may bring. */
const MAX_OPENINGS = 1000;

/**
 * What opens a meter's sums, from its light node: the named one, or the node of a light node's home. Nothing where there is none, or where the home's own does not
 * run or knows another meter: it is missed only if a sum is committed.
 * @throws CliError NODE_UNREACHABLE …, NODE_URL_MALFORMED
 */
export async function openingsAtHome(
  { io, options }: CommandContext,
  url: string | undefined,
  wanted: { readonly meterId: string; readonly fromMs: number; readonly toMs?: number },
): Promise<Texts> {
  if (url === undefined && options.role !== "light") return {};
  const token = tokenOf(options.apiTokenFile);
  const client = createLedgerClient({ url: nodeUrl(url, options), fetch: io.fetch, token });
  try {
    const openings = await fetchOpenings(client, { toMs: undefined, ...wanted });
    return { openings: JSON.stringify(openings.slice(0, MAX_OPENINGS)) };
  } catch (error) {
    if (url === undefined && error instanceof CliError) return {};
    throw error;
  }
}

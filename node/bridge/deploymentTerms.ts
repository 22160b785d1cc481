import { readFileSync } from "node:fs";
import { ledgerIdOf } from "#bridge/ledgerId.ts";
import { isQuorum, type ValsetMember } from "#bridge/valset.ts";
import { parseGenesis } from "#storage/types/genesis.ts";
import { cliError } from "../cli/cliError.ts";
import type { LedgerClient } from "../cli/ledgerClient.ts";
import { bridgeSets } from "./ledgerBridge.ts";

/** What a bridge contract is deployed with, as the ledger says it. */
export interface LedgerTerms {
  readonly ledgerId: Uint8Array;
  readonly initialHeight: number;
  readonly members: readonly ValsetMember[];
}

/** A query of the ledger's state, by the node that a command asks. */
export async function ledgerState(client: LedgerClient, path: string, data: string): Promise<unknown> {
  const query = new URLSearchParams({ path, data: Buffer.from(data).toString("hex") });
  const { value } = await client.get<{ value: string }>(`/state?${query}`);
  return JSON.parse(Buffer.from(value, "base64").toString("utf8"));
}

/**
 * The validators' second keys that are in force, and the height from which on blocks can be anchored: `fromHeight`, or the next one.
 * @throws CliError GENESIS_UNREADABLE, GENESIS_OF_ANOTHER, BRIDGE_KEYS_MISSING, BRIDGE_POWER_TOO_LOW, FROM_HEIGHT_INVALID
 */
export async function ledgerTerms(
  client: LedgerClient,
  genesisFile: string,
  fromHeight: number | undefined,
): Promise<LedgerTerms> {
  const { chainId, height } = await client.get<{ chainId: string; height: number }>("/status");
  const ledgerId = ledgerIdAt(genesisFile, chainId);
  await requireKeys(client, height);
  const setOf = bridgeSets(async (path, id) => (await ledgerState(client, path, id)) as never);
  const { latest } = (await ledgerState(client, "/edream/bridge-sets", "")) as { readonly latest: string };
  const set = await setOf(BigInt(latest));
  if (set === undefined) throw tooFew("the ledger has no bridge set");
  const initialHeight = fromHeight ?? height + 1;
  if (initialHeight <= set.height || initialHeight > height + 1) {
    const hint = `give a height from ${set.height + 1}, behind the block of the validators' present second keys, to ${height + 1}`;
    throw cliError("usage", "FROM_HEIGHT_INVALID", `anchors cannot begin at ${initialHeight}`, hint);
  }
  return { ledgerId, initialHeight, members: set.members };
}

function ledgerIdAt(genesisFile: string, chainId: string): Uint8Array {
  let text: string;
  try {
    text = readFileSync(genesisFile, "utf8");
  } catch {
    const hint = "name the home of a node of this ledger with --home";
    throw cliError("failure", "GENESIS_UNREADABLE", `cannot read ${genesisFile}`, hint);
  }
  const genesis = parseGenesis(text);
  if (genesis.chainId === chainId) return ledgerIdOf(genesis);
  const message = `the home is of ${genesis.chainId}, the node of ${chainId}`;
  throw cliError("usage", "GENESIS_OF_ANOTHER", message, "name a home and a node of one ledger with --home and --node");
}

interface KeyPage {
  readonly entries: readonly { readonly id: string }[];
  readonly next?: string;
}

interface ValidatorSetAnswer {
  readonly totalVotingPower: string;
  readonly validators: readonly { readonly address: string; readonly votingPower: string }[];
}

/** A bridge that its validators cannot drive would be dead from its first block on. */
async function requireKeys(client: LedgerClient, height: number): Promise<void> {
  const bound = new Set<string>();
  let after = "";
  for (;;) {
    const { entries, next } = (await ledgerState(client, "/edream/bridge-keys", listOptions(after))) as KeyPage;
    for (const { id } of entries) bound.add(id);
    if (next === undefined) break;
    after = next;
  }
  if (bound.size === 0)
    throw cliError(
      "failure",
      "BRIDGE_KEYS_MISSING",
      "no validator has bound a second key",
      "at each validator: `energy-ledger keys new bridge`, then `energy-ledger bridge register --second-key bridge`",
    );
  const { validators, totalVotingPower } = await client.get<ValidatorSetAnswer>(`/validators/${height}`);
  const covered = validators.reduce((sum, { address, votingPower }) => {
    return bound.has(address.toLowerCase()) ? sum + BigInt(votingPower) : sum;
  }, 0n);
  if (isQuorum(covered, BigInt(totalVotingPower))) return;
  throw tooFew(`validators with ${covered} of ${totalVotingPower} voting power have bound a second key`);
}

function listOptions(after: string): string {
  return after === "" ? "" : JSON.stringify({ after });
}

function tooFew(message: string) {
  const hint = "more than two thirds must have one: `energy-ledger bridge register` at the others";
  return cliError("failure", "BRIDGE_POWER_TOO_LOW", message, hint);
}

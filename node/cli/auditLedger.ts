import { readFileSync } from "node:fs";
import { type Genesis, parseGenesis } from "#storage/types/genesis.ts";
import { hashValidatorSet, newValidatorSet } from "#storage/types/validatorSet.ts";
import type { CollectedSeals } from "../audit/collectSeals.ts";
import { collectLedgerSeals } from "../audit/ledgerSeals.ts";
import type { AuditedItem } from "../audit/meterAudit.ts";
import { type OwnAudit, provedErasures } from "../audit/ownAudit.ts";
import { type AuditTrust, createRestProofs } from "../audit/restProofs.ts";
import { cliError } from "./cliError.ts";
import type { CommandContext } from "./context.ts";
import { createLedgerClient } from "./ledgerClient.ts";
import { parseHex } from "./quantities.ts";

interface TrustFlags {
  readonly trustedHeight?: string;
  readonly trustedHash?: string;
}

interface Range {
  readonly meterId: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A full node that is asked what is sealed, and proves every word of it. */
export interface AuditedLedger {
  /** own: where leaves are that were kept. */
  seals(range: Range, own: OwnAudit | undefined, onItems: (count: number) => void): Promise<CollectedSeals>;
  erasures(meterId: string): ReturnType<OwnAudit["erasures"]>;
}

/** @throws CliError TRUST_INCOMPLETE, GENESIS_MISSING, HEX_MALFORMED */
export function openLedger(context: CommandContext, flags: TrustFlags, url: string): AuditedLedger {
  const { io, options } = context;
  const client = createLedgerClient({ url: url.replace(/\/+$/, ""), fetch: io.fetch, token: undefined });
  const genesis = readGenesis(context.paths.genesis);
  const { chainId } = genesis;
  const proofs = createRestProofs(client.get, {
    ...{ chainId, trust: trustOf(flags, genesis), trustingPeriodMs: options.trustingPeriodMs, nowMs: io.nowMs },
  });
  return {
    erasures: (meterId) => provedErasures(proofs, meterId),
    async seals(range, own, onItems) {
      const items = await collectLedgerSeals({ chainId, get: client.get, proofs }, range, onItems);
      return { ledgerId: chainId, items: await withLeaves(items, own, range), pending: [], unproved: [] };
    },
  };
}

function readGenesis(path: string): Genesis {
  try {
    return parseGenesis(readFileSync(path, "utf8"));
  } catch (error) {
    const hint = "name a home with the ledger's genesis.json with --home";
    throw cliError("failure", "GENESIS_MISSING", `cannot read ${path}: ${(error as Error).message}`, hint);
  }
}

function trustOf({ trustedHeight, trustedHash }: TrustFlags, genesis: Genesis): AuditTrust {
  if ((trustedHeight === undefined) !== (trustedHash === undefined))
    throw cliError("usage", "TRUST_INCOMPLETE", "a trusted block has a height and a hash", "give both flags, or none");
  if (trustedHeight !== undefined && trustedHash !== undefined)
    return { height: Number(trustedHeight), hash: parseHex(trustedHash, 32, "--trusted-hash") };
  const set = newValidatorSet(genesis.validators.map(({ publicKey, power }) => ({ publicKey, power })));
  return { genesisValidatorsHash: hashValidatorSet(set), initialHeight: genesis.initialHeight };
}

/** What a light node kept beside its intervals helps to locate, and proves nothing: it is compared with the sealed roots. */
async function withLeaves(
  items: readonly AuditedItem[],
  own: OwnAudit | undefined,
  { meterId, fromMs, toMs }: Range,
): Promise<readonly AuditedItem[]> {
  if (own === undefined) return items;
  const kept = new Map<string, Pick<AuditedItem, "leaves" | "timestampsMs">>();
  for (let from: number | null = fromMs; from !== null; ) {
    const page: Awaited<ReturnType<OwnAudit["seals"]>> = await own.seals({ meterId, fromMs: from, toMs, limit: 500 });
    for (const { endMs, amendment, leaves, timestampsMs } of page.items)
      kept.set(`${endMs} ${amendment}`, {
        leaves: leaves === null ? undefined : new Uint8Array(Buffer.from(leaves, "base64")),
        timestampsMs,
      });
    from = page.next;
  }
  return items.map((item) => ({ ...item, ...kept.get(`${item.endMs} ${item.amendment}`) }));
}

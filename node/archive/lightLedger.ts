import { accountRecordKey, decodeAccountRecord } from "#consensus/application/accountRecord.ts";
import type { ArchivePeriod } from "#storage/archive/archivePeriods.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { MAX_CID_BYTES } from "#storage/limits.ts";
import { txId } from "#storage/types/block.ts";
import { sealArchiveMessage } from "#storage/types/sealArchive.ts";
import { signEncoded } from "#storage/types/signEncoded.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { FieldReader } from "#storage/types/wire.ts";
import type { FullNodePeers } from "../light/peers.ts";
import { decodeAnswer } from "../light/peers.ts";
import type { Proofs } from "../light/proofs.ts";
import type { Network } from "../network/network.ts";
import { decodeSubmitVerdicts, encodeSubmission } from "../serve/messages.ts";
import type { ArchiverPorts, LedgerArchive, SealRequest } from "./archiver.ts";
import { ArchiveStoreError } from "./archiveStoreError.ts";

/** Looks for the transaction in a block, a second apart, before it is left to the next step. */
const LOOKS = 60;

/** A full node that is asked just when a block comes may not have its state yet; the next one is asked then. */
const STATE_ASKS = 5;

/** A record of an archive: a CID, a hash, an account, a few numbers. */
const MAX_RECORD_BYTES = 512;

/**
 * The ledger as a light node sees it: what is sealed comes with a proof under a header it verified, and an archive is sealed when its transaction is
 * proved to be in a block and to have taken effect. `key` signs: the meter's owner.
 */
export function createLightLedger(
  options: { readonly chainId: string; readonly key: PrivateKey },
  parts: {
    readonly network: Pick<Network, "protocols" | "penalise">;
    readonly peers: Pick<FullNodePeers, "ask">;
    readonly proofs: Pick<Proofs, "state" | "transactions">;
    /** Resolves after about a second. */
    readonly wait: () => Promise<void>;
  },
): ArchiverPorts["ledger"] {
  const { network, peers, proofs } = parts;
  const account = accountOfKey(publicKeyOf(options.key));

  async function provedState(path: string, data: string, key: Uint8Array): Promise<Uint8Array | undefined> {
    for (let ask = 0; ask < STATE_ASKS; ask++) {
      if (ask > 0) await parts.wait();
      const answer = await proofs.state(path, Buffer.from(data), key);
      if (answer !== undefined) return answer.value;
    }
    throw new ArchiveStoreError({ code: "ARCHIVE_LEDGER_AWAY", what: path });
  }

  async function sealed(meterId: string, { fromMs, untilMs }: ArchivePeriod): Promise<readonly LedgerArchive[]> {
    const found: LedgerArchive[] = [];
    for (let version = 1; ; version++) {
      const id = `${fromMs}-${untilMs}-${version}`;
      const value = await provedState("/edream/archive", `${id} ${meterId}`, Buffer.from(`archive/${meterId}/${id}`));
      if (value === undefined) return found;
      found.push({ version, cid: cidOf(value) });
    }
  }

  return {
    sealed,

    async seal(request) {
      const record = await provedState("/edream/account", account, accountRecordKey(account));
      if (record === undefined) throw refused("ACCOUNT_UNKNOWN", account);
      const { number, sequence } = decodeAccountRecord(record);
      const tx = signEncoded({
        messages: [sealArchiveMessage({ signer: account, ...request })],
        chainId: options.chainId,
        signers: [{ privateKey: options.key, accountNumber: number, sequence }],
      });
      const { peer, answer } = await peers.ask(network.protocols.submit, encodeSubmission([tx]));
      const [verdict] = decodeAnswer(network, peer, () => decodeSubmitVerdicts(answer));
      if (verdict !== undefined && verdict.code !== 0) throw refused(String(verdict.code), verdict.log);
      return settled(tx, request);
    },
  };

  async function settled(tx: Uint8Array, { meterId }: SealRequest): Promise<{ txId: string; height: number }> {
    const id = txId(tx);
    for (let look = 0; look < LOOKS; look++) {
      await parts.wait();
      const [found] = await proofs.transactions([id]);
      if (found?.code === undefined) continue;
      if (found.code !== 0) throw refused(String(found.code), `archive of ${meterId}`);
      return { txId: Buffer.from(id).toString("hex"), height: found.proof.height };
    }
    throw new ArchiveStoreError({ code: "ARCHIVE_LEDGER_AWAY", what: "the transaction is in no block yet" });
  }
}

function refused(ledgerCode: string, reason: string): ArchiveStoreError {
  return new ArchiveStoreError({ code: "ARCHIVE_SEAL_REFUSED", ledgerCode, reason });
}

/** edream.ledger.v1.Archive, of which only the CID matters here; the record is proved already. */
function cidOf(record: Uint8Array): Uint8Array {
  const reader = new FieldReader("Archive", record.subarray(0, MAX_RECORD_BYTES));
  // The first field, which is never empty.
  return reader.next() && reader.number === 1 ? reader.bytesUpTo("archive.cid", MAX_CID_BYTES) : new Uint8Array(0);
}

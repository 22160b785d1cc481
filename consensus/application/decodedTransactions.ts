import { latin1Bytes, sha256Latin1 } from "#storage/crypto/hash.ts";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import type { DecodedTransaction } from "#storage/types/transaction.ts";
import { decodeTransaction } from "#storage/types/transaction.ts";

/** Bytes of the transactions whose decoded form is kept; decoded, they take about six times as much. */
const MAX_DECODED_BYTES = 4 * 1024 * 1024;

export interface KnownTransaction {
  /** Transaction id as a latin1 string of 32 characters. */
  readonly id: string;
  readonly decoded: DecodedTransaction;
}

/**
 * Every transaction comes by at least twice, from gossip and in a block, as different byte arrays of the same content, and each array is
 * asked about several times. Decoding is 4 µs, the hash to find it again 1 µs, the array itself as the key 0.1 µs; nobody changes a
 * transaction's bytes in place. The answer depends on the bytes alone, so that remembering it cannot make nodes disagree.
 */
export class DecodedTransactions {
  readonly #known = new Map<string, { known: KnownTransaction; bytes: number }>();
  readonly #ofArray = new WeakMap<Uint8Array, KnownTransaction>();
  #bytes = 0;

  decode(tx: Uint8Array): KnownTransaction {
    let known = this.#ofArray.get(tx);
    if (known !== undefined) return known;
    known = this.#ofContent(tx);
    this.#ofArray.set(tx, known);
    return known;
  }

  #ofContent(tx: Uint8Array): KnownTransaction {
    const id = sha256Latin1(tx);
    const entry = this.#known.get(id);
    if (entry !== undefined) return entry.known;
    const known = { id, decoded: decodeTransaction(tx, latin1Bytes(id)) };
    if (tx.length > MAX_TX_BYTES) return known;
    this.#known.set(id, { known, bytes: tx.length });
    this.#bytes += tx.length;
    if (this.#bytes > MAX_DECODED_BYTES) this.#forgetOldest();
    return known;
  }

  #forgetOldest(): void {
    for (const [id, { bytes }] of this.#known) {
      if (this.#bytes <= MAX_DECODED_BYTES / 2) return;
      this.#known.delete(id);
      this.#bytes -= bytes;
    }
  }
}

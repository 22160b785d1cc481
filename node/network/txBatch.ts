import { MAX_TX_BYTES } from "#storage/limits.ts";
import { createFrameReader, encodeFrame } from "./framing.ts";
import { MAX_GOSSIP_MESSAGE_BYTES, TX_BATCH_MAX_TXS } from "./limits.ts";
import { NetworkError } from "./networkError.ts";

/** A batch is its transactions one after the other, each with its length before it (framing.ts), and nothing else. */
export function encodeTxBatch(txs: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(txs.map(encodeFrame)));
}

/**
 * 1 to TX_BATCH_MAX_TXS transactions of 1 to MAX_TX_BYTES each, in bytes of their own.
 * @throws NetworkError TX_BATCH_MALFORMED, with the limit or the framing error as its reason
 */
export function decodeTxBatch(bytes: Uint8Array): Uint8Array[] {
  const malformed = (reason: string, cause?: unknown) =>
    new NetworkError({ code: "TX_BATCH_MALFORMED", reason }, { cause });
  if (bytes.length > MAX_GOSSIP_MESSAGE_BYTES) throw malformed(`${bytes.length} bytes`);
  const txs: Uint8Array[] = [];
  const reader = createFrameReader(MAX_TX_BYTES, (tx) => {
    if (tx.length === 0) throw malformed("empty transaction");
    if (txs.length >= TX_BATCH_MAX_TXS) throw malformed(`more than ${TX_BATCH_MAX_TXS} transactions`);
    txs.push(tx);
  });
  try {
    reader.push(bytes);
    reader.end();
  } catch (error) {
    if (error instanceof NetworkError && error.code !== "TX_BATCH_MALFORMED") throw malformed(error.message, error);
    throw error;
  }
  if (txs.length === 0) throw malformed("no transaction");
  return txs;
}

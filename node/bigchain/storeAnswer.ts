import { AssetStoreError, type SubmitResult } from "#storage/assets/assetStore.ts";
import { parseWithDigits } from "#storage/assets/assetText.ts";

/** Bytes of one answer of a server: a search without a limit may be long. */
export const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** Characters of a server's own words that are kept. */
const MAX_MESSAGE_CHARS = 1000;

export interface StoreAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * One request of a BigchainDB server, whole or not at all.
 * @throws AssetStoreError ASSET_STORE_UNREACHABLE, ASSET_STORE_ANSWER_MALFORMED when it is too long
 */
export async function requestStore(
  url: string,
  init: RequestInit,
  { fetch, timeoutMs }: { readonly fetch: typeof globalThis.fetch; readonly timeoutMs: number },
): Promise<StoreAnswer> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
    const { status } = response;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) {
        const reason = `longer than ${MAX_ANSWER_BYTES} bytes`;
        throw new AssetStoreError({ code: "ASSET_STORE_ANSWER_MALFORMED", url, status, reason });
      }
      chunks.push(chunk);
    }
    return { status, text: Buffer.concat(chunks).toString("utf8") };
  } catch (error) {
    if (error instanceof AssetStoreError) throw error;
    const { message, cause } = error as Error & { cause?: { code?: string } };
    throw new AssetStoreError(
      { code: "ASSET_STORE_UNREACHABLE", url, reason: cause?.code ?? message },
      { cause: error },
    );
  }
}

/** The JSON of an answer, numbers with their digits. @throws AssetStoreError ASSET_STORE_ANSWER_MALFORMED */
export function jsonOf<T>(url: string, { status, text }: StoreAnswer): T {
  try {
    return parseWithDigits(text) as T;
  } catch {
    throw new AssetStoreError({ code: "ASSET_STORE_ANSWER_MALFORMED", url, status, reason: text.slice(0, 200) });
  }
}

/**
 * What an answer to POST /transactions says. 400 is the transaction's own fault, but for one that waits already; 5xx is not known to be.
 * `Invalid transaction (DoubleSpend): …` names its class.
 */
export function submitResultOf({ status, text }: StoreAnswer): SubmitResult {
  if (status === 202 || status === 200) return { accepted: true };
  const message = messageOf(text);
  const named = /^Invalid transaction \((\w+)\)/.exec(message)?.[1];
  const error = named ?? (message.startsWith("Invalid transaction schema") ? "SchemaValidationError" : "");
  const isInCache = message.includes("already exists in cache");
  const temporary = isInCache || (status !== 400 && message !== "Transaction validation failed");
  return { accepted: false, error, message: message === "" ? `HTTP status ${status}` : message, temporary };
}

function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return (typeof message === "string" ? message : JSON.stringify(message ?? "")).slice(0, MAX_MESSAGE_CHARS);
  } catch {
    return text.slice(0, MAX_MESSAGE_CHARS);
  }
}

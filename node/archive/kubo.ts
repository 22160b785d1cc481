import { CID } from "multiformats/cid";
import { archiveCid, IPFS_CHUNK_BYTES, IPFS_MAX_LINKS } from "#storage/archive/archiveCid.ts";
import { ArchiveStoreError } from "./archiveStoreError.ts";

export interface KuboOptions {
  /** Of the RPC API, for example http://127.0.0.1:5001 */
  readonly url: string;
  /** Value of the Authorization header, where the API asks for one. */
  readonly authorization?: string;
  /** For a whole request. Default KUBO_TIMEOUT_MS. */
  readonly timeoutMs?: number;
}

/** 256 MiB in ten minutes is 3.6 Mbit/s. */
export const KUBO_TIMEOUT_MS = 600_000;

/** Bytes of an answer that is no file. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** An IPFS node of the operator's (Kubo, or one with its RPC API). It is not believed: what it names or sends is computed again. */
export interface Kubo {
  readonly url: string;
  /** Adds and pins a file. @throws ArchiveStoreError KUBO_UNREACHABLE, KUBO_REFUSED, KUBO_ANSWER_MALFORMED, KUBO_CID_MISMATCH */
  add(bytes: Uint8Array): Promise<CID>;
  /** @throws ArchiveStoreError as add, and KUBO_ANSWER_TOO_LARGE for a file of more than `maxBytes` */
  cat(cid: CID, maxBytes: number): Promise<Uint8Array>;
  isPinned(cid: CID): Promise<boolean>;
  /** No error when it was not pinned. */
  unpin(cid: CID): Promise<void>;
}

export function createKubo(options: KuboOptions, parts: { readonly fetch: typeof fetch }): Kubo {
  const { timeoutMs = KUBO_TIMEOUT_MS } = options;
  const url = options.url.replace(/\/+$/, "");

  async function call(path: string, query: Record<string, string>, body?: FormData): Promise<Response> {
    const { authorization } = options;
    try {
      return await parts.fetch(`${url}/api/v0/${path}?${new URLSearchParams(query)}`, {
        method: "POST",
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
        ...(authorization === undefined ? {} : { headers: { authorization } }),
        ...(body === undefined ? {} : { body }),
      });
    } catch (error) {
      throw unreachable(url, error);
    }
  }

  /** The answer of a call that went well. Kubo says what went wrong as `{Message, Code, Type}`. */
  async function read(response: Response, maxBytes: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response.body ?? []) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw new ArchiveStoreError({ code: "KUBO_ANSWER_TOO_LARGE", limit: maxBytes });
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof ArchiveStoreError ? error : unreachable(url, error);
    }
    if (response.ok) return Buffer.concat(chunks);
    throw new ArchiveStoreError({ code: "KUBO_REFUSED", status: response.status, reason: messageIn(chunks) });
  }

  return {
    url,

    async add(bytes) {
      const body = new FormData();
      body.append("file", new Blob([new Uint8Array(bytes)], { type: "application/octet-stream" }), "archive");
      // Everything that the CID depends on is said: the node's own defaults may be others.
      const query = {
        "cid-version": "1",
        "raw-leaves": "true",
        hash: "sha2-256",
        chunker: `size-${IPFS_CHUNK_BYTES}`,
        "max-file-links": String(IPFS_MAX_LINKS),
        trickle: "false",
        inline: "false",
        "wrap-with-directory": "false",
        progress: "false",
        pin: "true",
      };
      const answer = await read(await call("add", query, body), MAX_ANSWER_BYTES);
      const expected = await archiveCid(bytes);
      const got = cidIn(answer);
      if (!expected.equals(got)) throw mismatch(expected, got);
      return expected;
    },

    async cat(cid, maxBytes) {
      const bytes = await read(await call("cat", { arg: cid.toString(), progress: "false" }), maxBytes);
      const got = await archiveCid(bytes);
      if (!cid.equals(got)) throw mismatch(cid, got);
      return bytes;
    },

    async isPinned(cid) {
      try {
        await read(await call("pin/ls", { arg: cid.toString(), type: "recursive" }), MAX_ANSWER_BYTES);
        return true;
      } catch (error) {
        if (isNotPinned(error)) return false;
        throw error;
      }
    },

    async unpin(cid) {
      try {
        await read(await call("pin/rm", { arg: cid.toString() }), MAX_ANSWER_BYTES);
      } catch (error) {
        if (!isNotPinned(error)) throw error;
      }
    },
  };
}

/** The last line of `{Name, Hash, Size}` is that of the file. */
function cidIn(answer: Uint8Array): CID {
  const line = Buffer.from(answer).toString("utf8").trim().split("\n").at(-1) ?? "";
  try {
    const { Hash } = JSON.parse(line) as { Hash: string };
    return CID.parse(Hash);
  } catch (cause) {
    const reason = `no CID in ${JSON.stringify(line.slice(0, 200))}`;
    throw new ArchiveStoreError({ code: "KUBO_ANSWER_MALFORMED", reason }, { cause });
  }
}

function messageIn(chunks: readonly Uint8Array[]): string {
  const text = Buffer.concat(chunks).toString("utf8").slice(0, 500);
  try {
    return String((JSON.parse(text) as { Message: unknown }).Message);
  } catch {
    return text;
  }
}

function isNotPinned(error: unknown): boolean {
  return (
    error instanceof ArchiveStoreError &&
    error.details.code === "KUBO_REFUSED" &&
    /not pinned/.test(error.details.reason)
  );
}

function mismatch(expected: CID, got: CID): ArchiveStoreError {
  return new ArchiveStoreError({ code: "KUBO_CID_MISMATCH", expected: expected.toString(), got: got.toString() });
}

function unreachable(url: string, error: unknown): ArchiveStoreError {
  const { message, cause } = error as Error;
  const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
  return new ArchiveStoreError({ code: "KUBO_UNREACHABLE", url, reason }, { cause: error });
}

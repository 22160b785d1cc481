import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  ResponseApplySnapshotChunk_Result as ApplyResult,
  ResponseOfferSnapshot_Result as OfferResult,
} from "cosmjs-types/tendermint/abci/types";
import type { LedgerApplication } from "#consensus/application/ledgerApplication.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { appStateOperations, loadAppState } from "#storage/db/appState.ts";
import { commitHeight, type Store } from "#storage/db/store.ts";
import { hasGoodChecksum, withChecksum } from "../checkedJson.ts";
import { decodeSnapshotChunk, encodeSnapshotChunks, type StateEntry } from "./snapshotChunks.ts";

/** Format 1: chunks of node/abci/snapshotChunks.ts. */
export const SNAPSHOT_FORMAT = 1;

/** Snapshots kept: one that is being fetched must not vanish when the next is taken. */
const KEPT_SNAPSHOTS = 2;

const HASH_BYTES = 32;

/** Chunks of one snapshot, and bytes of all of them: a gigabyte, whatever a peer puts into one chunk. */
const MAX_CHUNKS = 1024;
const MAX_SNAPSHOT_BYTES = MAX_CHUNKS * 1024 * 1024;

/** A snapshot of the application's state in ABCI's words. */
export interface Snapshot {
  readonly height: number;
  readonly format: number;
  readonly chunks: number;
  /** SHA-256 over `metadata`. */
  readonly hash: Uint8Array;
  /** SHA-256 of every chunk, so that a bad one is known before the rest is fetched. */
  readonly metadata: Uint8Array;
}

/** The snapshots a node keeps for others (state sync), and the one it takes over from them. */
export interface Snapshots {
  /** Newest first. */
  list(): readonly Snapshot[];
  /** Empty when there is no such chunk. */
  load(height: number, format: number, chunk: number): Uint8Array;
  offer(snapshot: Snapshot, appHash: Uint8Array): OfferResult;
  /** `refetch`: chunks that are not what the snapshot says. */
  apply(
    index: number,
    chunk: Uint8Array,
  ): Promise<{ readonly result: ApplyResult; readonly refetch: readonly number[] }>;
  /** Keeps the state as it is on disk now, after block `height`; older snapshots go. Resolves when the snapshot is there. */
  take(height: number): Promise<void>;
}

export interface SnapshotPorts {
  readonly directory: string;
  readonly store: Store;
  readonly app: Pick<LedgerApplication, "info" | "restore">;
  /** The application's state is that of a snapshot now. */
  onRestored(height: number): void;
}

/** A folder per snapshot, named by its height, with one file per chunk. */
export function createSnapshots({ directory, store, app, onRestored }: SnapshotPorts): Snapshots {
  mkdirSync(directory, { recursive: true });
  const kept = new Map<number, Snapshot>();
  for (const name of readdirSync(directory)) {
    const height = Number(name);
    if (Number.isSafeInteger(height) && height > 0) {
      const snapshot = describe(directory, height);
      // What is not what was taken must not be given to others.
      if (damagedChunk(sumsPath(directory, height), snapshot.metadata) === undefined) kept.set(height, snapshot);
      else rmSync(join(directory, name), { recursive: true, force: true });
    } else if (!SUMS_NAME.test(name)) rmSync(join(directory, name), { recursive: true, force: true });
  }
  let offered:
    | { readonly snapshot: Snapshot; readonly appHash: Uint8Array; readonly entries: StateEntry[] }
    | undefined;
  let next = 0;
  let bytes = 0;

  async function restore(): Promise<boolean> {
    if (offered === undefined) return false;
    const { snapshot, appHash, entries } = offered;
    offered = undefined;
    if (!takesOver(entries, snapshot.height, appHash)) {
      // Whatever of it the application has taken is a peer's word: it goes back to where it knows nothing.
      app.restore([]);
      return false;
    }
    await commitHeight(store, appStateOperations(entries.map(([key, value]) => ({ key, value }))));
    onRestored(snapshot.height);
    return true;
  }

  /** Whether the entries are the state of this height with this hash, as the application computes it. */
  function takesOver(entries: readonly StateEntry[], height: number, appHash: Uint8Array): boolean {
    try {
      app.restore(entries);
    } catch {
      return false;
    }
    const { lastBlockHeight, lastBlockAppHash } = app.info();
    return lastBlockHeight === height && Buffer.compare(lastBlockAppHash, appHash) === 0;
  }

  return {
    list: () => [...kept.values()].sort((a, b) => b.height - a.height),

    load(height, format, chunk) {
      const snapshot = kept.get(height);
      if (snapshot === undefined || format !== SNAPSHOT_FORMAT || chunk >= snapshot.chunks) return new Uint8Array(0);
      return readFileSync(join(directory, String(height), String(chunk)));
    },

    offer(snapshot, appHash) {
      const { format, chunks, metadata, hash } = snapshot;
      if (app.info().lastBlockHeight > 0) return OfferResult.ABORT;
      if (format !== SNAPSHOT_FORMAT) return OfferResult.REJECT_FORMAT;
      const isSound = chunks >= 1 && chunks <= MAX_CHUNKS && metadata.length === chunks * HASH_BYTES;
      if (!isSound || Buffer.compare(sha256(metadata), hash) !== 0) return OfferResult.REJECT;
      offered = { snapshot, appHash, entries: [] };
      next = 0;
      bytes = 0;
      return OfferResult.ACCEPT;
    },

    async apply(index, chunk) {
      if (offered === undefined || index !== next) return { result: ApplyResult.ABORT, refetch: [] };
      const { snapshot, entries } = offered;
      const expected = snapshot.metadata.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
      if (Buffer.compare(sha256(chunk), expected) !== 0) return { result: ApplyResult.RETRY, refetch: [index] };
      bytes += chunk.length;
      const decoded = bytes > MAX_SNAPSHOT_BYTES ? undefined : decodeSnapshotChunk(chunk);
      if (decoded === undefined) return { result: ApplyResult.REJECT_SNAPSHOT, refetch: [] };
      for (const entry of decoded) entries.push(entry);
      next += 1;
      if (next < snapshot.chunks) return { result: ApplyResult.ACCEPT, refetch: [] };
      return { result: (await restore()) ? ApplyResult.ACCEPT : ApplyResult.REJECT_SNAPSHOT, refetch: [] };
    },

    async take(height) {
      const draft = join(directory, `${height}.draft`);
      rmSync(draft, { recursive: true, force: true });
      mkdirSync(draft, { recursive: true });
      let index = 0;
      for await (const chunk of encodeSnapshotChunks(loadAppState(store))) {
        writeFileSync(join(draft, String(index)), chunk);
        index += 1;
      }
      rmSync(join(directory, String(height)), { recursive: true, force: true });
      renameSync(draft, join(directory, String(height)));
      const taken = describe(directory, height);
      writeFileSync(sumsPath(directory, height), formatSums(taken.metadata));
      kept.set(height, taken);
      for (const old of [...kept.keys()].sort((a, b) => b - a).slice(KEPT_SNAPSHOTS)) {
        kept.delete(old);
        rmSync(join(directory, String(old)), { recursive: true, force: true });
        rmSync(sumsPath(directory, old), { force: true });
      }
    },
  };
}

const SUMS_NAME = /^(\d+)\.sums\.json$/;

/** Beside a snapshot: SHA-256 of its chunks, as they were taken. */
function sumsPath(directory: string, height: number): string {
  return join(directory, `${height}.sums.json`);
}

function formatSums(metadata: Uint8Array): string {
  return `${JSON.stringify(withChecksum({ chunks: Buffer.from(metadata).toString("hex") }))}\n`;
}

/** The first chunk that is not what was taken, -1 for the sums themselves; undefined for none, or without sums, as older programs left them. */
export function damagedChunk(sums: string, metadata: Uint8Array): number | undefined {
  if (!existsSync(sums)) return undefined;
  const text = readFileSync(sums, "utf8");
  const good = formatSums(metadata);
  if (text === good) return undefined;
  let chunks: unknown;
  try {
    const value: unknown = JSON.parse(text);
    chunks = hasGoodChecksum(value) && "chunks" in value ? value.chunks : undefined;
  } catch {
    return -1;
  }
  if (typeof chunks !== "string") return -1;
  const taken = Buffer.from(chunks, "hex");
  for (let at = 0; at < metadata.length; at += HASH_BYTES)
    if (Buffer.compare(taken.subarray(at, at + HASH_BYTES), metadata.subarray(at, at + HASH_BYTES)) !== 0)
      return at / HASH_BYTES;
  return -1;
}

function describe(directory: string, height: number): Snapshot {
  const folder = join(directory, String(height));
  const chunks = readdirSync(folder).length;
  const hashes = Array.from({ length: chunks }, (_, index) => sha256(readFileSync(join(folder, String(index)))));
  const metadata = Buffer.concat(hashes);
  return { height, format: SNAPSHOT_FORMAT, chunks, hash: sha256(metadata), metadata };
}

export { ApplyResult, OfferResult };

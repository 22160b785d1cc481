import assert from "node:assert";
import { create, toBinary } from "@bufbuild/protobuf";
import type { StateWrite } from "#consensus/abci.ts";
import type { StateTree } from "#storage/crypto/stateTree.ts";
import { EMPTY_TREE, treeUpdate } from "#storage/crypto/stateTree.ts";
import { AppMetaSchema } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { decodeStrict } from "#storage/proto/strictDecode.ts";
import { Ancestors } from "./ancestors.ts";
import { keyBytes } from "./committedState.ts";

/**
 * What stands beside the state tree in the application's bucket: keys that begin with "!", which no state key does.
 * `!meta`: AppMeta. `!block/<height, 16 digits>`: the hash of that block, 32 bytes.
 */
const META_KEY = "!meta";
const BLOCK_PREFIX = "!block/";
const OUTSIDE_TREE = 0x21;

export interface AppPosition {
  readonly chainId: string;
  /** Of the last committed block; 0 before the first. */
  readonly height: number;
  readonly appHash: Uint8Array;
  readonly initialHeight: number;
  /** Bytes of a block's transactions that a proposal may have. */
  readonly maxBlockBytes: number;
  /** Unix ms of the latest block or, before the first, of genesis. */
  readonly blockTimeMs: number;
}

export interface LoadedState {
  readonly position: AppPosition;
  readonly tree: StateTree;
  readonly ancestors: Ancestors;
}

/** Writes that go with every block. */
export function positionWrites(position: AppPosition, ancestorCount: number, blockHash: Uint8Array): StateWrite[] {
  const meta = create(AppMetaSchema, {
    height: BigInt(position.height),
    appHash: position.appHash,
    initialHeight: BigInt(position.initialHeight),
    ancestors: BigInt(ancestorCount),
    maxBlockBytes: BigInt(position.maxBlockBytes),
    chainId: position.chainId,
    blockTimeMs: BigInt(position.blockTimeMs),
  });
  return [
    { key: keyBytes(META_KEY), value: toBinary(AppMetaSchema, meta) },
    { key: keyBytes(BLOCK_PREFIX + position.height.toString().padStart(16, "0")), value: blockHash },
  ];
}

/** Puts together what `commit` wrote, in any order; undefined if nothing was ever written. */
export function loadState(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): LoadedState | undefined {
  const treeEntries: { key: Uint8Array; value: Uint8Array }[] = [];
  const hashes: [key: string, hash: Uint8Array][] = [];
  let metaBytes: Uint8Array | undefined;
  for (const [key, value] of entries) {
    if (key[0] !== OUTSIDE_TREE) treeEntries.push({ key, value });
    else {
      const text = Buffer.from(key).toString("latin1");
      if (text === META_KEY) metaBytes = value;
      else hashes.push([text, value]);
    }
  }
  if (metaBytes === undefined) {
    assert(treeEntries.length === 0 && hashes.length === 0, "application state without its position");
    return undefined;
  }
  const decoded = decodeStrict(AppMetaSchema, metaBytes);
  assert("message" in decoded, "the application's position does not decode");
  const meta = decoded.message;
  hashes.sort(([a], [b]) => (a < b ? -1 : 1));
  const initialHeight = Number(meta.initialHeight);
  const position: AppPosition = {
    chainId: meta.chainId,
    height: Number(meta.height),
    appHash: meta.appHash,
    initialHeight,
    maxBlockBytes: Number(meta.maxBlockBytes),
    blockTimeMs: Number(meta.blockTimeMs),
  };
  assert(hashes.length === position.height - initialHeight + 1, "block hashes of the application are missing");
  const ancestors = new Ancestors(
    initialHeight,
    hashes.map(([, hash]) => hash),
    Number(meta.ancestors),
  );
  return { position, tree: treeUpdate(EMPTY_TREE, treeEntries), ancestors };
}

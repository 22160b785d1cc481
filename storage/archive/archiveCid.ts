import { importer } from "ipfs-unixfs-importer";
import { fixedSize } from "ipfs-unixfs-importer/chunker";
import { balanced } from "ipfs-unixfs-importer/layout";
import type { CID } from "multiformats/cid";

/** Bytes of a leaf, and leaves of a node: those of `ipfs add --cid-version=1 --raw-leaves`, whose chunker is `size-262144`. */
export const IPFS_CHUNK_BYTES = 262_144;
export const IPFS_MAX_LINKS = 174;

/** Where blocks of a file go. */
export interface BlockSink {
  put(cid: CID, bytes: Uint8Array): void | Promise<void>;
}

/**
 * The CID of a file: CIDv1, SHA2-256, raw leaves of 256 KiB, a balanced tree of dag-pb nodes of UnixFS; a file of one leaf is named by that leaf.
 * All parameters are said here, because the defaults of IPFS programs differ (IPIP-499). Vectors: storage/testdata/ipfs.json.
 * Blocks are put before this resolves.
 */
export async function importArchive(bytes: Uint8Array, blocks: BlockSink): Promise<CID> {
  const store = {
    async put(cid: CID, block: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<CID> {
      if (!(block instanceof Uint8Array)) throw new TypeError("the importer gives whole blocks");
      await blocks.put(cid, block);
      return cid;
    },
  };
  const options = {
    cidVersion: 1,
    rawLeaves: true,
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: IPFS_CHUNK_BYTES }),
    layout: balanced({ maxChildrenPerNode: IPFS_MAX_LINKS }),
    blockWriteConcurrency: 1,
  } as const;
  for await (const { cid } of importer([{ content: [bytes] }], store as never, options)) return cid;
  throw new TypeError("the importer gives one entry per file");
}

/** The same without keeping any block. */
export function archiveCid(bytes: Uint8Array): Promise<CID> {
  return importArchive(bytes, { put() {} });
}

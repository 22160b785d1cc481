import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { exporter } from "ipfs-unixfs-exporter";
import type { CID } from "multiformats/cid";
import { importArchive } from "#storage/archive/archiveCid.ts";
import { MAX_ARCHIVE_BYTES } from "#storage/archive/archiveFormat.ts";
import { ENCRYPTION_BYTES } from "#storage/archive/encryptArchive.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { ArchiveStoreError } from "./archiveStoreError.ts";
import { writeFileDurably } from "./durableFile.ts";

/** Longest file that is put together from blocks. */
export const MAX_FILE_BYTES = MAX_ARCHIVE_BYTES + ENCRYPTION_BYTES;

/** Archives of this node, as the blocks that IPFS knows them by. */
export interface ArchiveBlocks {
  /** Resolves when every block is on disk. Adding it again writes nothing that is there. */
  add(bytes: Uint8Array): Promise<CID>;
  /** @throws ArchiveStoreError ARCHIVE_NOT_FOUND, ARCHIVE_BLOCK_CORRUPT */
  get(cid: CID): Promise<Uint8Array>;
  /** Removes the file's blocks, but those that it shares with the files that are kept: two versions of an archive may have leaves in common. */
  remove(cid: CID, kept: readonly CID[]): Promise<void>;
}

/**
 * Blocks as files, `<last two characters of the CID>/<CID>`, each written durably and compared with its CID whenever it is read. The UnixFS
 * importer and exporter are those of Helia. Helia itself would bring 860 packages (libp2p with WebRTC among them) for a store that serves nobody,
 * and `blockstore-fs` does not sync what it writes.
 */
export function openArchiveBlocks(folder: string): ArchiveBlocks {
  const pathOf = (cid: CID): string => join(folder, cid.toString().slice(-2), cid.toString());

  async function readBlock(cid: CID): Promise<Uint8Array | undefined> {
    const file = pathOf(cid);
    let bytes: Buffer;
    try {
      bytes = await readFile(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    if (Buffer.compare(sha256(bytes), cid.multihash.digest) !== 0)
      throw new ArchiveStoreError({ code: "ARCHIVE_BLOCK_CORRUPT", cid: cid.toString(), file });
    return new Uint8Array(bytes);
  }

  /** Every block of a file that is here, the root first; of a file that is here in part only, those that are found before one that is not. */
  async function blocksThere(root: CID): Promise<readonly CID[]> {
    const found: CID[] = [];
    const store = {
      async *get(cid: CID): AsyncGenerator<Uint8Array> {
        const block = await readBlock(cid);
        if (block === undefined) throw new ArchiveStoreError({ code: "ARCHIVE_NOT_FOUND", cid: root.toString() });
        found.push(cid);
        yield block;
      },
    };
    try {
      for await (const _chunk of contentOf(root, store));
    } catch (error) {
      if (!(error instanceof ArchiveStoreError)) throw error;
    }
    return found;
  }

  return {
    add: (bytes) =>
      importArchive(bytes, {
        async put(cid, block) {
          const there = await readBlock(cid).catch(() => undefined);
          if (there === undefined) await writeFileDurably(pathOf(cid), block);
        },
      }),

    async get(cid) {
      const chunks: Uint8Array[] = [];
      const store = {
        async *get(each: CID): AsyncGenerator<Uint8Array> {
          const block = await readBlock(each);
          if (block === undefined) throw new ArchiveStoreError({ code: "ARCHIVE_NOT_FOUND", cid: cid.toString() });
          yield block;
        },
      };
      for await (const chunk of contentOf(cid, store)) chunks.push(chunk);
      return Buffer.concat(chunks);
    },

    async remove(cid, kept) {
      const needed = new Set<string>();
      for (const each of kept) for (const block of await blocksThere(each)) needed.add(block.toString());
      const blocks = (await blocksThere(cid)).filter((each) => !needed.has(each.toString()));
      // Leaves first, so that a removal that was interrupted can be done again.
      for (const each of blocks.toReversed()) await rm(pathOf(each), { force: true });
    },
  };
}

async function* contentOf(cid: CID, store: { get(cid: CID): AsyncGenerator<Uint8Array> }): AsyncGenerator<Uint8Array> {
  const entry = await exporter(cid, store);
  if (entry.type !== "file" && entry.type !== "raw" && entry.type !== "identity")
    throw new ArchiveStoreError({ code: "ARCHIVE_NOT_FOUND", cid: cid.toString() });
  if (entry.size > BigInt(MAX_FILE_BYTES))
    throw new ArchiveStoreError({ code: "ARCHIVE_NOT_FOUND", cid: cid.toString() });
  yield* entry.content();
}

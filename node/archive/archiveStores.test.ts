import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { archiveCid, IPFS_CHUNK_BYTES } from "#storage/archive/archiveCid.ts";
import { LedgerError } from "#storage/error.ts";
import { openArchiveBlocks } from "./archiveBlocks.ts";
import { type LocalArchive, openArchiveRecords } from "./archiveRecords.ts";
import { createKubo } from "./kubo.ts";
import { startTestKubo } from "./testKubo.ts";

const folder = mkdtempSync(join(tmpdir(), "archive-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let folders = 0;
const fresh = () => join(folder, String(folders++));

const bytesOf = (length: number) => new Uint8Array(length).map((_, index) => (index * 7 + (index >> 11)) & 255);
const FILE = bytesOf(2 * IPFS_CHUNK_BYTES + 100);

async function codeOf(act: () => Promise<unknown>): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    if (error instanceof LedgerError) return error.details;
    throw error;
  }
  return undefined;
}

const filesIn = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

test("a file comes back from its blocks, also from one block, and none is left when it is removed", async () => {
  for (const bytes of [FILE, bytesOf(10)]) {
    const directory = fresh();
    const blocks = openArchiveBlocks(directory);
    const cid = await blocks.add(bytes);
    expect(cid.equals(await archiveCid(bytes))).toBe(true);
    expect(Buffer.compare(await openArchiveBlocks(directory).get(cid), bytes)).toBe(0);
    expect(filesIn(directory).length).toBe(bytes === FILE ? 4 : 1);
    await blocks.remove(cid, []);
    expect(filesIn(directory)).toEqual([]);
    expect(await codeOf(() => blocks.get(cid))).toEqual({ code: "ARCHIVE_NOT_FOUND", cid: cid.toString() });
    await blocks.remove(cid, []);
  }
});

test("a changed byte of any block is noticed and the file not given out; adding it again repairs it", async () => {
  const directory = fresh();
  const blocks = openArchiveBlocks(directory);
  const cid = await blocks.add(FILE);
  for (const { parentPath, name } of filesIn(directory)) {
    const path = join(parentPath, name);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    expect(await codeOf(() => blocks.get(cid))).toEqual({ code: "ARCHIVE_BLOCK_CORRUPT", cid: name, file: path });
    await blocks.add(FILE);
    expect(Buffer.compare(await blocks.get(cid), FILE)).toBe(0);
  }
});

test("an archive of which a block is missing is not there", async () => {
  const directory = fresh();
  const blocks = openArchiveBlocks(directory);
  const cid = await blocks.add(FILE);
  const leaf = filesIn(directory).find(({ name }) => name !== cid.toString())!;
  rmSync(join(leaf.parentPath, leaf.name));
  expect(await codeOf(() => blocks.get(cid))).toMatchObject({ code: "ARCHIVE_NOT_FOUND" });
});

const RECORD: LocalArchive = {
  meterId: "lora:fc48c900000001c5/import",
  fromMs: 0,
  untilMs: 100,
  version: 1,
  cid: "bafkreibfyasvzfkjfwq5kqmzkgf4wsoc6zsu36i5lt525ixnypugptqfpy",
  fileBytes: 1000,
  readingCount: 10,
  erasedCount: 0,
  fileHash: "ab".repeat(32),
  isEncrypted: true,
  pinnedBy: ["http://127.0.0.1:5001"],
  deliveredTo: [],
  sealed: { txId: "00", height: 7 },
  isStale: false,
  isRemoved: false,
};

test("blocks of a file that is kept stay when another one with the same leaves is removed", async () => {
  const blocks = openArchiveBlocks(fresh());
  const [one, two] = [await blocks.add(FILE), await blocks.add(Buffer.concat([FILE, bytesOf(10)]))];
  await blocks.remove(one, [two]);
  expect((await blocks.get(two)).length).toBe(FILE.length + 10);
  expect(await codeOf(() => blocks.get(one))).toMatchObject({ code: "ARCHIVE_NOT_FOUND" });
});

test("records come back by meter, period and version", async () => {
  const directory = fresh();
  const records = openArchiveRecords(directory);
  expect(await records.list()).toEqual([]);
  const others = [
    { ...RECORD, meterId: "a/../b" },
    { ...RECORD, version: 10 },
    { ...RECORD, version: 2 },
  ];
  for (const each of [...others, RECORD, RECORD]) await records.save(each);
  expect(await openArchiveRecords(directory).list()).toEqual([others[0], RECORD, others[2], others[1]]);
  await records.remove(others[1]!);
  expect(await records.list(RECORD.meterId)).toEqual([RECORD, others[2]]);
});

test.each<[string, unknown]>([
  ["format", { ...RECORD }],
  ["meterId", { ...RECORD, format: "energy-ledger archive record 1", meterId: "a b" }],
  ["version", { ...RECORD, format: "energy-ledger archive record 1", version: -1 }],
  ["isStale", { ...RECORD, format: "energy-ledger archive record 1", isStale: 0 }],
  ["pinnedBy", { ...RECORD, format: "energy-ledger archive record 1", pinnedBy: [1] }],
  ["fileHash", { ...RECORD, format: "energy-ledger archive record 1", fileHash: "ab" }],
  ["cid", { ...RECORD, format: "energy-ledger archive record 1", cid: "bafy" }],
  ["sealed", { ...RECORD, format: "energy-ledger archive record 1", sealed: {} }],
  ["no record", [1].slice(1).concat() && null],
])("a record without a good %s is refused by name", async (reason, record) => {
  const directory = fresh();
  const records = openArchiveRecords(directory);
  await records.save(RECORD);
  const { parentPath, name } = filesIn(directory)[0]!;
  writeFileSync(join(parentPath, name), JSON.stringify(record));
  expect(await codeOf(() => records.list())).toMatchObject({ code: "ARCHIVE_RECORD_CORRUPT", reason });
});

test("an IPFS node adds and pins a file under our CID, gives it back and lets it go", async () => {
  await using server = await startTestKubo();
  const kubo = createKubo({ url: `${server.url}/` }, { fetch });
  const cid = await kubo.add(FILE);
  expect(cid.equals(await archiveCid(FILE))).toBe(true);
  expect([...server.pins]).toEqual([cid.toString()]);
  expect(Object.fromEntries(server.added[0]!)).toMatchObject({
    "cid-version": "1",
    "raw-leaves": "true",
    chunker: "size-262144",
  });
  expect(Buffer.compare(await kubo.cat(cid, FILE.length), FILE)).toBe(0);
  expect(await kubo.isPinned(cid)).toBe(true);
  await kubo.unpin(cid);
  await kubo.unpin(cid);
  expect(await kubo.isPinned(cid)).toBe(false);
});

test("an IPFS node that names or sends another file, too much, or nonsense is not believed", async () => {
  await using server = await startTestKubo();
  const kubo = createKubo({ url: server.url }, { fetch });
  const cid = await kubo.add(FILE);
  server.files.set(cid.toString(), bytesOf(100));
  expect(await codeOf(() => kubo.cat(cid, FILE.length))).toMatchObject({
    code: "KUBO_CID_MISMATCH",
    expected: cid.toString(),
  });
  server.files.set(cid.toString(), FILE);
  expect(await codeOf(() => kubo.cat(cid, FILE.length - 1))).toEqual({
    code: "KUBO_ANSWER_TOO_LARGE",
    limit: FILE.length - 1,
  });
  const answers = (text: string, status = 200) => {
    server.misbehave = (_path, response) => {
      response.writeHead(status).end(text);
      return true;
    };
  };
  answers(`{"Name":"archive","Hash":"${await archiveCid(bytesOf(5))}","Size":"5"}\n`);
  expect(await codeOf(() => kubo.add(FILE))).toMatchObject({ code: "KUBO_CID_MISMATCH" });
  for (const text of ["", "{}", "<html>", '{"Hash":"bafy"}', "x".repeat(1000)]) {
    answers(text);
    expect(await codeOf(() => kubo.add(FILE)), text).toMatchObject({ code: "KUBO_ANSWER_MALFORMED" });
  }
  answers("x".repeat(100_000));
  expect(await codeOf(() => kubo.add(FILE))).toMatchObject({ code: "KUBO_ANSWER_TOO_LARGE" });
  answers('{"Message":"no space left on device","Code":0,"Type":"error"}', 500);
  expect(await codeOf(() => kubo.add(FILE))).toEqual({
    code: "KUBO_REFUSED",
    status: 500,
    reason: "no space left on device",
  });
  answers("403 - Forbidden", 403);
  expect(await codeOf(() => kubo.isPinned(cid))).toEqual({
    code: "KUBO_REFUSED",
    status: 403,
    reason: "403 - Forbidden",
  });
});

test("an IPFS node that is away, hangs or breaks off has a code, within its time", async () => {
  const server = await startTestKubo();
  const kubo = createKubo({ url: server.url, timeoutMs: 50 }, { fetch });
  server.misbehave = () => true;
  expect(await codeOf(() => kubo.add(bytesOf(10)))).toMatchObject({ code: "KUBO_UNREACHABLE", url: server.url });
  server.misbehave = (_path, response) => {
    response.writeHead(200, { "content-length": "100" }).write("{");
    response.destroy();
    return true;
  };
  expect(await codeOf(() => kubo.add(bytesOf(10)))).toMatchObject({ code: "KUBO_UNREACHABLE" });
  await server[Symbol.asyncDispose]();
  expect(await codeOf(() => kubo.add(bytesOf(10)))).toMatchObject({ code: "KUBO_UNREACHABLE" });
});

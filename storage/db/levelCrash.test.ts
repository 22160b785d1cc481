import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { NODE_FILE_SYSTEM } from "./fileSystem.ts";
import { openLevelStore } from "./levelStore.ts";
import { openWal } from "./wal.ts";

/** Writes batches of ten keys that all hold the batch's number, and log records; prints a number once it is on disk. */
const WRITER = `
const { openLevelStore } = await import(process.argv[1] + "/levelStore.ts");
const { openWal } = await import(process.argv[1] + "/wal.ts");
const { NODE_FILE_SYSTEM } = await import(process.argv[1] + "/fileSystem.ts");
const store = await openLevelStore(process.argv[2] + "/store");
const wal = openWal({ fileSystem: NODE_FILE_SYSTEM, directory: process.argv[2] + "/wal", maxSegmentBytes: 20000 });
if (wal.lastEndHeight() === undefined) wal.endHeight(0);
const first = Number(process.argv[3]);
for (let number = first; ; number++) {
  const value = Buffer.alloc(500, number & 0xff);
  value.writeUInt32BE(number);
  wal.append(value);
  wal.sync();
  await store.batch(Array.from({ length: 10 }, (_, key) => ({ type: "put", key: Uint8Array.of(0x50, key), value })), { sync: true });
  wal.endHeight(number);
  process.stdout.write(number + "\\n");
}
`;

test("a writer killed at any moment loses nothing it reported, leaves no batch half done, and no lock", async () => {
  const directory = await mkdtemp(join(tmpdir(), "ledger-kill-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  let last = 0;
  for (let round = 0; round < 4; round++) {
    const parameters = ["--input-type=module", "-e", WRITER, import.meta.dirname, directory, String(last + 1)];
    const child = spawn(process.execPath, parameters, { stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(child, "exit");
    const stopAfter = last + 5 + round * 7;
    for await (const line of createInterface(child.stdout)) {
      last = Math.max(last, Number(line));
      if (last >= stopAfter && !child.killed) {
        if (round === 0)
          await expect(openLevelStore(join(directory, "store"))).rejects.toMatchObject({ code: "STORE_LOCKED" });
        child.kill("SIGKILL");
      }
    }
    await exited;

    const store = await openLevelStore(join(directory, "store"));
    const numbers = new Set<number>();
    for (let key = 0; key < 10; key++) {
      const value = (await store.get(Uint8Array.of(0x50, key))) as Uint8Array;
      numbers.add(Buffer.from(value).readUInt32BE());
    }
    expect(numbers.size).toBe(1);
    const [stored = 0] = numbers;
    expect(stored - last === 0 || stored - last === 1).toBe(true);
    await store.close();

    const wal = openWal({ fileSystem: NODE_FILE_SYSTEM, directory: join(directory, "wal"), maxSegmentBytes: 20_000 });
    const marked = wal.lastEndHeight() as number;
    expect(marked === last || marked === last + 1).toBe(true);
    wal.close();
    last = stored;
  }
}, 20_000);

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { appStateOperations, loadAppState } from "./appState.ts";
import { NODE_FILE_SYSTEM } from "./fileSystem.ts";
import { checkLevelDirectory } from "./levelCheck.ts";
import { openLevelStore } from "./levelStore.ts";
import { stripTimestamp } from "./signBytes.ts";
import { createSignState, openSignState } from "./signState.ts";
import { openWal } from "./wal.ts";

/** Sizes of a ledger: a block of 1000 records of 250 B, a state of 200 000 entries, a vote of 200 B. */
const STATE_ENTRIES = 200_000;
const root = mkdtempSync(join(tmpdir(), "ledger-bench-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const store = await openLevelStore(join(root, "batches"));
const stateStore = await openLevelStore(join(root, "state"));
for (let start = 0; start < STATE_ENTRIES; start += 10_000)
  await stateStore.batch(
    appStateOperations(
      Array.from({ length: 10_000 }, (_, index) => {
        const key = sha256(Buffer.from(String(start + index)));
        return { key, value: Buffer.concat([key, key, key]) };
      }),
    ),
    { sync: true },
  );
await stateStore.close();
const state = await openLevelStore(join(root, "state"));

let counter = 0;
function batchOf(count: number) {
  return Array.from({ length: count }, () => {
    const key = sha256(Buffer.from(String(counter++)));
    return { type: "put" as const, key: Buffer.concat([key, key.subarray(0, 8)]), value: Buffer.alloc(250, key) };
  });
}

test("synced batches of 250 B records", async ({ bench }) => {
  await bench.compare(
    bench("1000 records", async () => store.batch(batchOf(1000), { sync: true })),
    bench("100 records", async () => store.batch(batchOf(100), { sync: true })),
  );
});

test("200 000 state entries at the start of a node", async ({ bench }) => {
  await bench.compare(
    bench("load all", async () => {
      let count = 0;
      for await (const _entry of loadAppState(state)) count++;
      if (count !== STATE_ENTRIES) throw new Error(`${count} entries`);
    }),
    bench("check the files", async () => void (await checkLevelDirectory(join(root, "state")))),
    { iterations: 5, time: 1000, warmup: false },
  );
});

const wal = openWal({ fileSystem: NODE_FILE_SYSTEM, directory: join(root, "wal") });
const signPath = join(root, "priv_validator_state.json");
createSignState(NODE_FILE_SYSTEM, signPath);
const signState = openSignState({ fileSystem: NODE_FILE_SYSTEM, path: signPath, stripTimestamp });
const vote = new Uint8Array(200).fill(1);
let height = 1;

test("what a vote costs before it may leave", async ({ bench }) => {
  await bench.compare(
    bench("log and sync", () => {
      wal.append(vote);
      wal.sync();
    }),
    bench("sign state", () => {
      signState.checkAndRecord({ height: height++, round: 0, step: 1, signBytes: vote }, () => new Uint8Array(64));
    }),
  );
});

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { changedFiles, HOME_SUMS_FILE, type HomeSums, noteHomeFiles, readHomeSums } from "./homeSums.ts";

async function newHome() {
  const home = mkdtempSync(join(tmpdir(), "sums-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const data = join(home, "data");
  mkdirSync(data);
  writeFileSync(join(home, "config.json"), '{\n  "apiPort": 1,\n  "role": "light"\n}\n');
  writeFileSync(join(home, "genesis.json"), "{}");
  const logged: object[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => logged.push(JSON.parse(line) as object) });
  const note = () => noteHomeFiles(home, data, log);
  await note();
  const sums = () => readHomeSums(readFileSync(join(data, HOME_SUMS_FILE), "utf8")) as HomeSums;
  return { home, note, sums, logged, path: join(data, HOME_SUMS_FILE) };
}

test("what changed in the home's files since the last start is said with its line, once", async () => {
  const { home, note, sums, logged } = await newHome();
  expect([changedFiles(home, sums()), logged]).toEqual([[], []]);
  writeFileSync(join(home, "config.json"), '{\n  "apiPort": 2,\n  "role": "light"\n}\n');
  writeFileSync(join(home, "genesis.json"), "{}\n{}\n");
  expect(changedFiles(home, sums())).toEqual([
    { file: "config.json", line: 2, offset: 2 },
    { file: "genesis.json", line: 1, offset: 0 },
  ]);
  await note();
  expect(logged).toMatchObject([{ file: "config.json", line: 2 }, { file: "genesis.json" }]);
  expect(changedFiles(home, sums())).toEqual([]);
  rmSync(join(home, "genesis.json"));
  expect(changedFiles(home, sums())).toMatchObject([{ file: "genesis.json", line: 1 }]);
});

test("a byte of the sums that is changed is noticed, whichever", async () => {
  const { path, note, logged } = await newHome();
  const good = readFileSync(path);
  for (let at = 0; at < good.length; at++)
    for (const mask of [1, 0x20, 0x80]) {
      const bad = Buffer.from(good);
      bad[at]! ^= mask;
      expect(readHomeSums(bad.toString("utf8")), `byte ${at}`).toBe("damaged");
    }
  writeFileSync(path, "{}");
  await note();
  expect(logged).toMatchObject([{ level: 40 }]);
  expect(readFileSync(path)).toEqual(good);
});

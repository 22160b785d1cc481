import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type FileSystem, NODE_FILE_SYSTEM } from "./fileSystem.ts";
import { createSimulatedFileSystem, SimulatedCrash } from "./simulatedFileSystem.ts";

const bytes = (text: string) => Uint8Array.from(Buffer.from(text));
const textOf = (fileSystem: FileSystem, path: string) => Buffer.from(fileSystem.read(path)).toString();

function sequence(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "ledger-files-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

describe.each([
  { name: "this machine's", make: () => ({ fileSystem: NODE_FILE_SYSTEM, root: temporaryDirectory() }) },
  {
    name: "the simulated",
    make: () => ({ fileSystem: createSimulatedFileSystem({ random: sequence(1) }), root: "disk" }),
  },
])("$name file system", ({ make }) => {
  test("appends, reads, cuts, renames, lists and removes", () => {
    const { fileSystem, root } = make();
    const directory = `${root}/a/b`;
    fileSystem.makeDirectory(directory);
    fileSystem.makeDirectory(directory);
    const file = fileSystem.open(`${directory}/one`, "append");
    file.append(bytes("hello "));
    file.append(bytes("world"));
    file.sync();
    file.close();
    const again = fileSystem.open(`${directory}/one`, "append");
    again.append(bytes("!"));
    again.close();
    expect(textOf(fileSystem, `${directory}/one`)).toBe("hello world!");
    fileSystem.truncate(`${directory}/one`, 5);
    expect(fileSystem.size(`${directory}/one`)).toBe(5);
    fileSystem.open(`${directory}/two`, "create").close();
    fileSystem.rename(`${directory}/one`, `${directory}/two`);
    fileSystem.syncDirectory(directory);
    expect(fileSystem.list(directory)).toEqual(["two"]);
    expect(textOf(fileSystem, `${directory}/two`)).toBe("hello");
    fileSystem.open(`${directory}/two`, "create").close();
    expect(fileSystem.size(`${directory}/two`)).toBe(0);
    fileSystem.remove(`${directory}/two`);
    expect(fileSystem.list(directory)).toEqual([]);
  });

  test("a missing file is undefined to size and STORE_FILE_MISSING to the rest", () => {
    const { fileSystem, root } = make();
    const path = `${root}/missing`;
    expect(fileSystem.size(path)).toBeUndefined();
    for (const operation of [
      () => fileSystem.read(path),
      () => fileSystem.remove(path),
      () => fileSystem.rename(path, `${root}/other`),
      () => fileSystem.truncate(path, 0),
    ])
      expect(operation).toThrow(expect.objectContaining({ code: "STORE_FILE_MISSING" }));
  });
});

test("power loss keeps what was synced, and of the rest a prefix with sectors that may be empty", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const disk = createSimulatedFileSystem({ random: sequence(seed) });
    const file = disk.open("d/f", "append");
    file.append(new Uint8Array(600).fill(1));
    file.sync();
    disk.syncDirectory("d");
    file.append(new Uint8Array(2000).fill(2));
    disk.restart("power");
    const left = disk.read("d/f");
    expect(left.subarray(0, 600).every((byte) => byte === 1)).toBe(true);
    expect(left.subarray(600).every((byte) => byte === 2 || byte === 0)).toBe(true);
    seen.add(left.length === 600 ? "lost" : left.includes(0) ? "holes" : left.length === 2600 ? "whole" : "torn");
    expect(() => file.append(bytes("late"))).toThrow(expect.objectContaining({ code: "STORE_CLOSED" }));
  }
  expect([...seen].sort()).toEqual(["holes", "lost", "torn", "whole"]);
});

test("power loss may undo a rename whose directory was not synced, and never one that was", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    const disk = createSimulatedFileSystem({ random: sequence(seed) });
    for (const [name, text] of [
      ["f", "old"],
      ["g", "new"],
    ] as const) {
      const file = disk.open(`d/${name}`, "create");
      file.append(bytes(text));
      file.sync();
    }
    disk.syncDirectory("d");
    disk.rename("d/g", "d/f");
    if (seed % 2 === 0) disk.syncDirectory("d");
    disk.restart("power");
    seen.add(`${seed % 2 === 0 ? "synced" : "unsynced"} ${textOf(disk, "d/f")}`);
  }
  expect([...seen].sort()).toEqual(["synced new", "unsynced new", "unsynced old"]);
});

test("a killed process leaves everything it wrote", () => {
  const disk = createSimulatedFileSystem({ random: sequence(1) });
  disk.open("d/f", "append").append(bytes("unsynced"));
  disk.restart("kill");
  expect(textOf(disk, "d/f")).toBe("unsynced");
});

test.each([
  { point: "before", left: "ab" },
  { point: "during", left: "abcd" },
  { point: "after", left: "abcdef" },
] as const)("a crash $point an append leaves '$left'", ({ point, left }) => {
  const disk = createSimulatedFileSystem({ random: sequence(1) });
  const file = disk.open("d/f", "append");
  file.append(bytes("ab"));
  disk.crashAt(1, point);
  expect(() => file.append(bytes("cdef"))).toThrow(SimulatedCrash);
  expect(() => disk.read("d/f")).toThrow(SimulatedCrash);
  disk.restart("kill");
  expect(textOf(disk, "d/f")).toBe(left);
});

test("a full disk takes what fits and says STORE_DISK_FULL", () => {
  const disk = createSimulatedFileSystem({ random: sequence(1) });
  disk.setCapacity(4);
  const file = disk.open("d/f", "append");
  expect(() => file.append(bytes("abcdef"))).toThrow(expect.objectContaining({ code: "STORE_DISK_FULL" }));
  expect(textOf(disk, "d/f")).toBe("abcd");
});

test("a failed sync loses what was not synced before", () => {
  const disk = createSimulatedFileSystem({ random: sequence(1) });
  const file = disk.open("d/f", "append");
  file.append(bytes("kept"));
  file.sync();
  file.append(bytes("lost"));
  disk.failNextSync();
  expect(() => file.sync()).toThrow(expect.objectContaining({ code: "STORE_IO_FAILED" }));
  expect(textOf(disk, "d/f")).toBe("kept");
});

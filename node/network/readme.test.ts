import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

test("the README explains every error code, and no other", () => {
  const codes = [read("./networkError.ts"), read("./boundedDatastore.ts")].flatMap((source) =>
    [...source.matchAll(/readonly code: "(\w+)"/g)].map(([, code]) => code),
  );
  const table = read("./README.md").split("## Error codes")[1]?.split("\n\n`onPeerRejected`")[0] ?? "";
  const explained = [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, code]) => code),
  );
  expect(explained.toSorted()).toEqual(codes.toSorted());
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fileFault } from "./fileFault.ts";

function faultOf(act: () => void) {
  try {
    act();
  } catch (error) {
    return fileFault(error);
  }
  throw new Error("nothing went wrong");
}

test("a path that cannot be used is named with the reason, and is no fault of the program", () => {
  const folder = mkdtempSync(join(tmpdir(), "file-fault-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const missing = join(folder, "none", "out.json");
  expect(faultOf(() => writeFileSync(missing, ""))?.details).toMatchObject({
    code: "FILE_UNUSABLE",
    message: `cannot use ${missing}: there is no such file or folder (ENOENT of open)`,
  });
  expect(faultOf(() => writeFileSync(folder, ""))?.details.message).toContain("it is a folder");
  expect(faultOf(() => readFileSync(join(missing, "x")))?.details.code).toBe("FILE_UNUSABLE");
});

test("any other error stays what it is", () => {
  for (const error of [new Error("no"), undefined, null, "text", { code: "ECONNREFUSED", syscall: "connect" }])
    expect(fileFault(error)).toBeUndefined();
});

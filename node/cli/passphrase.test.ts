import { expect, test } from "vitest";
import type { CliIo } from "./io.ts";
import { readNewPassphrase, readPassphrase } from "./passphrase.ts";

function terminal(...answers: string[]): CliIo {
  const askSecret = async () => answers.shift() ?? "";
  return { askSecret, err: () => undefined } as unknown as CliIo;
}

test("a new passphrase is asked twice and must be the same", async () => {
  expect(await readNewPassphrase(terminal("long enough", "long enough"), "")).toBe("long enough");
  await expect(readNewPassphrase(terminal("long enough", "long enouhg"), "")).rejects.toMatchObject({
    code: "PASSPHRASE_DIFFERS",
  });
  await expect(readNewPassphrase(terminal("short"), "")).rejects.toMatchObject({ code: "PASSPHRASE_TOO_SHORT" });
});

test("without a terminal and a file there is no passphrase", async () => {
  const io = { askSecret: undefined, err: () => undefined } as unknown as CliIo;
  await expect(readPassphrase(io, "")).rejects.toMatchObject({ code: "PASSPHRASE_MISSING" });
  await expect(readPassphrase(io, "/nonexistent/file")).rejects.toMatchObject({ code: "PASSPHRASE_FILE_UNREADABLE" });
  expect(await readPassphrase(terminal("typed"), "")).toBe("typed");
});

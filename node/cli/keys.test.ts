import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listKeys, loadKey } from "./keyStore.ts";
import { createTestCli, TEST_PASSPHRASE } from "./testIo.ts";

test("new, list and show tell name, type, both account forms and public key", async () => {
  using cli = createTestCli();
  expect((await cli.run("keys", "list")).out).toBe("(none)\n");
  const made = await cli.run("keys", "new", "alice", "--json");
  expect(made.json).toMatchObject({ name: "alice", type: "secp256k1", account: expect.stringMatching(/^edream1/) });
  expect(made.json.identity).toHaveLength(34);
  await cli.run("keys", "new", "meter", "--type", "ed25519");
  const { keys } = (await cli.run("keys", "list", "--json")).json as { keys: { name: string; type: string }[] };
  expect(keys.map(({ name, type }) => [name, type])).toEqual([
    ["alice", "secp256k1"],
    ["meter", "ed25519"],
  ]);
  expect((await cli.run("keys", "show", "alice", "--json")).json).toEqual(made.json);
  expect((await cli.run("keys", "list")).out).toMatch(/^NAME +TYPE +ACCOUNT\nalice +secp256k1 +edream1\w+\nmeter/);
});

test("an existing key is never replaced", async () => {
  using cli = createTestCli();
  await cli.run("keys", "new", "alice");
  const file = join(cli.home, "keys", "alice.json");
  const before = readFileSync(file, "utf8");
  expect(await cli.run("keys", "new", "alice")).toMatchObject({
    exit: "failure",
    err: expect.stringContaining("KEY_EXISTS"),
  });
  expect(readFileSync(file, "utf8")).toBe(before);
});

test("keys that are missing, damaged or of another passphrase have their own codes", async () => {
  using cli = createTestCli();
  expect(await cli.run("keys", "show", "bob")).toMatchObject({
    exit: "notFound",
    err: expect.stringContaining("KEY_UNKNOWN"),
  });
  await cli.run("keys", "new", "alice");
  const keys = join(cli.home, "keys");
  await expect(loadKey(keys, "alice", "wrong passphrase")).rejects.toMatchObject({ code: "KEY_PASSPHRASE_WRONG" });
  const file = join(keys, "alice.json");
  const text = readFileSync(file, "utf8");
  const otherKey = text.replace(/"publicKey": "02|"publicKey": "03/, (found) =>
    found.endsWith("2") ? '"publicKey": "03' : '"publicKey": "02',
  );
  for (const damaged of ["{", "{}", text.replace('"version": 1,\n  "type"', '"version": 2,\n  "type"'), otherKey]) {
    writeFileSync(file, damaged);
    await expect(loadKey(keys, "alice", TEST_PASSPHRASE)).rejects.toMatchObject({ code: "KEY_FILE_MALFORMED" });
  }
  writeFileSync(file, "{}");
  expect(() => listKeys(keys)).toThrow("KEY_FILE_MALFORMED");
});

test("the passphrase comes from a file or the terminal, never from elsewhere", async () => {
  using cli = createTestCli();
  chmodSync(cli.passphraseFile, 0o644);
  const typed = async () => expect.fail("the terminal is not asked when there is a file");
  const made = await cli.runWith({ askSecret: typed }, "keys", "new", "alice");
  expect([made.exit, made.err]).toEqual(["ok", expect.stringContaining("chmod 600")]);
  const secret = { ENERGY_LEDGER_PASSPHRASE: "in the environment" };
  expect(await cli.runWith({ environment: secret }, "keys", "list")).toMatchObject({
    exit: "usage",
    err: expect.stringContaining("OPTION_FORBIDDEN"),
  });
});

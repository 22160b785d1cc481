import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadConfiguration } from "./configuration.ts";
import { editDistance, nearestName } from "./configurationNearest.ts";
import { defaultOptions, environmentName, flagName, OPTION_NAMES, OPTION_TABLE } from "./options.ts";

const home = mkdtempSync(join(tmpdir(), "ledger-options-"));
afterAll(() => rmSync(home, { recursive: true }));

function withConfig(config: unknown): string {
  writeFileSync(join(home, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
  return home;
}

test("flags win over the environment, the environment over config.json, config.json over defaults", () => {
  withConfig({ apiPort: 1, p2pListen: ["/ip4/1.2.3.4/tcp/5"], timeoutCommitMs: 7, createEmptyBlocks: true });
  const environment = {
    ENERGY_LEDGER_API_PORT: "2",
    ENERGY_LEDGER_SEEDS: "/dns4/a/tcp/1, /dns4/b/tcp/2",
    PATH: "/bin",
  };
  const options = loadConfiguration({ home, apiPort: "3", role: "light" }, environment);
  expect(options).toMatchObject({
    home,
    apiPort: 3,
    role: "light",
    p2pListen: ["/ip4/1.2.3.4/tcp/5"],
    seeds: ["/dns4/a/tcp/1", "/dns4/b/tcp/2"],
    timeoutCommitMs: 7,
    createEmptyBlocks: true,
    apiHost: "127.0.0.1",
  });
});

test("paths are relative to the home in config.json and to the working folder elsewhere", () => {
  withConfig({ meterCsvFile: "data/lcl.csv", apiTokenFile: "/abs/token" });
  const options = loadConfiguration({ home, passphraseFile: "pass" }, {});
  expect(options.meterCsvFile).toBe(join(home, "data/lcl.csv"));
  expect(options.apiTokenFile).toBe("/abs/token");
  expect(options.passphraseFile).toBe(resolve("pass"));
  expect(options.meterKey).toBe("meter");
});

test.each([
  ["unknown key", { apiPrt: 1 }, {}, { code: "OPTION_UNKNOWN", name: "apiPrt", nearest: "apiPort" }],
  ["prototype key", '{"constructor":1}', {}, { code: "OPTION_UNKNOWN" }],
  ["unknown variable", {}, { ENERGY_LEDGER_ROLL: "x" }, { code: "OPTION_UNKNOWN", nearest: "ENERGY_LEDGER_ROLE" }],
  ["passphrase in a variable", {}, { ENERGY_LEDGER_PASSPHRASE: "x" }, { code: "OPTION_FORBIDDEN" }],
  ["private key in the file", { privateKey: "x" }, {}, { code: "OPTION_FORBIDDEN" }],
  ["out of range", { apiPort: 65_536 }, {}, { code: "OPTION_INVALID", name: "apiPort", value: 65_536 }],
  ["not a number", {}, { ENERGY_LEDGER_API_PORT: "80x" }, { code: "OPTION_INVALID" }],
  ["wrong choice", { role: "boss" }, {}, { code: "OPTION_INVALID", expected: "one of validator, full, light" }],
  ["wrong type", { createEmptyBlocks: "perhaps" }, {}, { code: "OPTION_INVALID" }],
  ["not hex", { trustedHash: "xyz" }, {}, { code: "OPTION_INVALID" }],
  ["broken JSON", "{", {}, { code: "CONFIG_MALFORMED" }],
  ["not an object", "[]", {}, { code: "CONFIG_MALFORMED" }],
])("%s is refused with its code", (_name, config, environment: Record<string, string>, details) => {
  withConfig(config);
  expect(() => loadConfiguration({ home }, environment)).toThrow(
    expect.objectContaining({ details: expect.objectContaining(details) }),
  );
});

test("a home without config.json has the defaults; one that cannot be read is an error", () => {
  const missing = join(home, "none");
  expect(loadConfiguration({ home: missing }, {})).toEqual({ ...defaultOptions(), home: missing });
  expect(() => loadConfiguration({ home: resolve("package.json") }, {})).not.toThrow();
});

test("every option accepts its own default, and its names are distinct", () => {
  for (const name of OPTION_NAMES) {
    const { kind, default: value } = OPTION_TABLE[name];
    expect(kind.read(value), name).toEqual(value);
    expect(OPTION_TABLE[name].description).not.toBe("");
  }
  expect(new Set(OPTION_NAMES.map(environmentName)).size).toBe(OPTION_NAMES.length);
  expect([environmentName("apiPort"), flagName("p2pListen")]).toEqual(["ENERGY_LEDGER_API_PORT", "--p2p-listen"]);
});

test("the nearest name is the one with the fewest edits", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(nearestName("Mempool-maxtxs", OPTION_NAMES)).toBe("mempoolMaxTxs");
});

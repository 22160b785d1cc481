import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { DataMarketplace } from "#contracts/abi/DataMarketplace.ts";
import { DeviceRegistry } from "#contracts/abi/DeviceRegistry.ts";
import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { FingerprintRegistry } from "#contracts/abi/FingerprintRegistry.ts";
import { Flexibility } from "#contracts/abi/Flexibility.ts";
import { FlexibilityPosition } from "#contracts/abi/FlexibilityPosition.ts";
import { FlexibilityToken } from "#contracts/abi/FlexibilityToken.ts";
import { LedgerReader } from "#contracts/abi/LedgerReader.ts";
import { Outbox } from "#contracts/abi/Outbox.ts";

const sources = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => readFileSync(`${folder}/${name}`, "utf8"));

test("the README has every code of the bridge, and no other", () => {
  const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
  const documented = [...readme.matchAll(/^\| `((?:BRIDGE|EVM)_[A-Z_]+)` \|/gm)].map(([, code]) => code);
  const texts = [...sources(import.meta.dirname), ...sources(`${import.meta.dirname}/evm`)].join("\n");
  const thrown = [...texts.matchAll(/(?:code: |rejected\(\s*)"((?:BRIDGE|EVM)_[A-Z_]+)"/g)].map(([, code]) => code);
  expect(documented).toEqual([...new Set(thrown)].sort());
});

test("the README of the contracts names every error of bridge, outbox, registry, markets and flexibility", () => {
  const readme = readFileSync(`${import.meta.dirname}/../contracts/README.md`, "utf8");
  const devices = [DeviceRegistry, Flexibility, FlexibilityToken, FlexibilityPosition];
  for (const { interface: contractInterface } of [
    ...devices,
    Bridge,
    Outbox,
    FingerprintRegistry,
    LedgerReader,
    EnergyMarket,
    DataMarketplace,
  ])
    contractInterface.forEachError(({ name }) => {
      if (!/^(Ownable|AccessControl|SafeCast|ERC20|ERC721|StringsInsufficient)/.test(name))
        expect(readme, name).toContain(`\`${name}\``);
    });
});

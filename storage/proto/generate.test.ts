import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DescField } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { file_cosmos_auth_v1beta1_auth } from "./gen/cosmos/auth/v1beta1/auth_pb.ts";
import { file_cosmos_crypto_ed25519_keys } from "./gen/cosmos/crypto/ed25519/keys_pb.ts";
import { file_cosmos_crypto_secp256k1_keys } from "./gen/cosmos/crypto/secp256k1/keys_pb.ts";
import { file_cosmos_tx_v1beta1_service } from "./gen/cosmos/tx/v1beta1/service_pb.ts";
import { file_cosmos_tx_v1beta1_tx } from "./gen/cosmos/tx/v1beta1/tx_pb.ts";
import { file_edream_ledger_v1_bridge } from "./gen/edream/ledger/v1/bridge_pb.ts";
import { file_edream_ledger_v1_state } from "./gen/edream/ledger/v1/state_pb.ts";
import { file_edream_ledger_v1_tx } from "./gen/edream/ledger/v1/tx_pb.ts";

const directory = fileURLToPath(new URL(".", import.meta.url));

const GENERATED = [
  file_cosmos_auth_v1beta1_auth,
  file_cosmos_crypto_ed25519_keys,
  file_cosmos_crypto_secp256k1_keys,
  file_cosmos_tx_v1beta1_service,
  file_cosmos_tx_v1beta1_tx,
  file_edream_ledger_v1_bridge,
  file_edream_ledger_v1_state,
  file_edream_ledger_v1_tx,
];

function protoFiles(): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".proto"))
    .sort();
}

test("every .proto file has its generated module, with the fields that stand in the source", () => {
  expect(GENERATED.map((file) => `${file.name}.proto`).sort()).toEqual(protoFiles());
  for (const file of GENERATED) {
    const source = readFileSync(join(directory, `${file.name}.proto`), "utf8").replace(/\/\/.*$/gm, "");
    const inSource = [...source.matchAll(/(repeated |optional )?([\w.]+) (\w+) = (\d+);/g)].map(
      ([, label = "", type, name, number]) => `${label}${type?.split(".").at(-1)} ${name} = ${number}`,
    );
    const generated: string[] = [];
    const open = [...file.messages];
    for (let message = open.pop(); message !== undefined; message = open.pop()) {
      open.push(...message.nestedMessages);
      generated.push(...message.fields.map(describeField));
    }
    expect(generated.sort()).toEqual(inSource.sort());
  }
});

function describeField(field: DescField): string {
  const label = field.fieldKind === "list" ? "repeated " : field.proto.proto3Optional ? "optional " : "";
  const type = field.message?.name ?? (field.scalar === undefined ? "" : ScalarType[field.scalar].toLowerCase());
  return `${label}${type} ${field.name} = ${field.number}`;
}

/** buf comes through npm; where npm has neither network nor cache, the comparison above stands alone. */
const buf = spawnSync("npm", ["exec", "--yes", "--package=@bufbuild/buf@1.75.0", "--", "buf", "--version"], {
  timeout: 20_000,
});

if (buf.status === 0) test("generating again gives the committed files", { timeout: 120_000 }, regenerate);

function regenerate(): void {
  const out = mkdtempSync(join(tmpdir(), "energy-ledger-proto-"));
  try {
    const run = spawnSync(process.execPath, [join(directory, "generate.ts"), out], { encoding: "utf8" });
    expect(run.status, run.stderr).toBe(0);
    const committed = readdirSync(join(directory, "gen"), { recursive: true, encoding: "utf8" }).sort();
    expect(readdirSync(out, { recursive: true, encoding: "utf8" }).sort()).toEqual(committed);
    for (const path of committed.filter((name) => name.endsWith(".ts")))
      expect(readFileSync(join(out, path), "utf8")).toBe(readFileSync(join(directory, "gen", path), "utf8"));
  } finally {
    rmSync(out, { recursive: true });
  }
}

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Artifact, CONTRACTS_FOLDER, compileContracts } from "./compile.ts";
import { typeContract } from "./typeContract.ts";

/** The files of `contracts/abi`, by path below it: for each contract its ABI with bytecode, and its types. */
export function abiFiles(artifacts: readonly Artifact[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const artifact of artifacts) {
    const path = artifact.source.startsWith("harness/") ? `harness/${artifact.name}` : artifact.name;
    const { abi, bytecode } = artifact;
    files.set(`${path}.json`, `${JSON.stringify({ abi, bytecode }, undefined, 1)}\n`);
    files.set(`${path}.ts`, typeContract(artifact));
  }
  return files;
}

export const ABI_FOLDER = join(CONTRACTS_FOLDER, "abi");

/** `npm run contracts:build`: compiles everything and writes `contracts/abi` anew. */
function build(): void {
  const files = abiFiles(compileContracts());
  rmSync(ABI_FOLDER, { recursive: true, force: true });
  for (const [path, text] of files) {
    const target = join(ABI_FOLDER, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  process.stdout.write(`${files.size / 2} contracts compiled\n`);
}

if (import.meta.main) build();

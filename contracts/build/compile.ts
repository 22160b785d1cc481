import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { LedgerError } from "#storage/error.ts";
import type { AbiItem } from "./abi.ts";
import { loadSolc } from "./solc.ts";

/** What is kept of one compiled contract. */
export interface Artifact {
  readonly name: string;
  /** Path below `contracts/`, without `.sol`. */
  readonly source: string;
  readonly abi: readonly AbiItem[];
  /** Creation bytecode, 0x and hex. */
  readonly bytecode: string;
}

export type CompileErrorDetails =
  | { readonly code: "COMPILE_FAILED"; readonly messages: string }
  | { readonly code: "COMPILE_NAME_TWICE"; readonly name: string };

export class CompileError extends LedgerError<CompileErrorDetails> {}

export const CONTRACTS_FOLDER = join(import.meta.dirname, "..");
const MODULES_FOLDER = join(CONTRACTS_FOLDER, "..", "node_modules");

/** Folders of sources: what is deployed, and what only tests deploy. */
export const SOURCE_FOLDERS = ["src", "harness"] as const;

/**
 * The target every network of the last two years runs; a later one would lock out chains that upgrade late. The hash of the metadata is left
 * out, so that the bytecode changes only when the code does.
 */
export const COMPILER_SETTINGS = {
  evmVersion: "prague",
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: "none" },
} as const;

/** Contents by path below `contracts/`. */
type Changed = Readonly<Record<string, string>>;

export interface CompileOptions {
  /** For measurements of an older chain. */
  readonly evmVersion?: string;
  /** One source; what it imports is read, but has no artifact. */
  readonly only?: string;
  /** Instead of what is on disk: for what deliberate mistakes do. */
  readonly changed?: Changed;
}

interface CompilerMessage {
  readonly severity: string;
  readonly formattedMessage: string;
  readonly sourceLocation?: { readonly file: string };
}

interface SolcOutput {
  readonly errors?: readonly CompilerMessage[];
  readonly contracts?: Readonly<
    Record<string, Readonly<Record<string, { abi: readonly AbiItem[]; evm: { bytecode: { object: string } } }>>>
  >;
}

/**
 * Compiles every source below `contracts/src` and `contracts/harness` with the `solc` of npm; no network, imports come from `node_modules`.
 * Warnings are errors, but in `changed` sources. @throws CompileError COMPILE_FAILED with the compiler's messages, COMPILE_NAME_TWICE
 */
export function compileContracts(options: CompileOptions = {}): readonly Artifact[] {
  const { evmVersion = COMPILER_SETTINGS.evmVersion, only, changed = {} } = options;
  const sources = Object.fromEntries(
    SOURCE_FOLDERS.flatMap((folder) => solidityFiles(join(CONTRACTS_FOLDER, folder)))
      .map((path) => relative(CONTRACTS_FOLDER, path))
      .filter((name) => only === undefined || name === only)
      .map((name) => [name, { content: sourceOf(name, changed) }] as const),
  );
  const wanted = { "*": ["abi", "evm.bytecode.object"] };
  const outputSelection = Object.fromEntries(Object.keys(sources).map((name) => [name, wanted]));
  const input = {
    language: "Solidity",
    sources,
    settings: { ...COMPILER_SETTINGS, evmVersion, outputSelection },
  };
  const readImport = (path: string) => importOf(path, changed);
  const output = JSON.parse(loadSolc().compile(JSON.stringify(input), { import: readImport })) as SolcOutput;
  const problems = (output.errors ?? []).filter((message) => isProblem(message, changed));
  if (problems.length > 0)
    throw new CompileError({
      code: "COMPILE_FAILED",
      messages: problems.map(({ formattedMessage }) => formattedMessage).join("\n"),
    });
  return artifactsOf(output, new Set(Object.keys(sources)));
}

/** Errors, and warnings about our own sources. */
function isProblem({ severity, sourceLocation }: CompilerMessage, changed: Changed): boolean {
  if (severity === "error") return true;
  if (severity !== "warning" || sourceLocation === undefined) return false;
  return !sourceLocation.file.startsWith("@openzeppelin/") && changed[sourceLocation.file] === undefined;
}

/** Contracts of our own sources that can be deployed, by name; interfaces, abstract contracts and libraries of internal functions are none. */
function artifactsOf({ contracts = {} }: SolcOutput, own: ReadonlySet<string>): readonly Artifact[] {
  const artifacts = new Map<string, Artifact>();
  for (const [file, inFile] of Object.entries(contracts)) {
    if (!own.has(file)) continue;
    for (const [name, { abi, evm }] of Object.entries(inFile)) {
      if (evm.bytecode.object === "" || !abi.some(({ type }) => type === "function" || type === "constructor"))
        continue;
      if (artifacts.has(name)) throw new CompileError({ code: "COMPILE_NAME_TWICE", name });
      artifacts.set(name, { name, source: file.replace(/\.sol$/, ""), abi, bytecode: `0x${evm.bytecode.object}` });
    }
  }
  return [...artifacts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** solc asks for what a source imports and was not given: of packages, and our own where `only` one of them was. */
function importOf(path: string, changed: Changed): { contents: string } | { error: string } {
  if (path.includes("..")) return { error: `no import of ${path}` };
  if (path.startsWith("@openzeppelin/contracts/"))
    return { contents: readFileSync(join(MODULES_FOLDER, path), "utf8") };
  if (SOURCE_FOLDERS.some((folder) => path.startsWith(`${folder}/`))) return { contents: sourceOf(path, changed) };
  return { error: `no import of ${path}` };
}

function sourceOf(name: string, changed: Changed): string {
  return changed[name] ?? readFileSync(join(CONTRACTS_FOLDER, name), "utf8");
}

function solidityFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".sol"))
    .sort()
    .map((name) => join(folder, name));
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT_CODES, type ExitName } from "./exitCodes.ts";
import type { CliIo } from "./io.ts";
import { runCli } from "./program.ts";

export const TEST_PASSPHRASE = "correct horse battery";
export const TEST_NOW_MS = 1_767_225_600_000;

export interface CliResult {
  readonly exit: ExitName;
  readonly out: string;
  readonly err: string;
  /** Standard output as JSON; standard error when there is no output. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Runs command lines in this process, in a temporary folder with a passphrase file. */
export interface TestCli extends Disposable {
  readonly folder: string;
  readonly home: string;
  readonly passphraseFile: string;
  /** `--home` and `--passphrase-file` are added. */
  readonly run: (...args: readonly string[]) => Promise<CliResult>;
  readonly runWith: (io: Partial<CliIo>, ...args: readonly string[]) => Promise<CliResult>;
}

export function createTestCli(): TestCli {
  const folder = mkdtempSync(join(tmpdir(), "ledger-cli-"));
  const home = join(folder, "home");
  const passphraseFile = join(folder, "passphrase");
  writeFileSync(passphraseFile, `${TEST_PASSPHRASE}\n`, { mode: 0o600 });
  const runWith = async (io: Partial<CliIo>, ...args: readonly string[]): Promise<CliResult> => {
    let [out, err] = ["", ""];
    const code = await runCli([...args, "--home", home, "--passphrase-file", passphraseFile], {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      environment: {},
      colour: false,
      fetch,
      nowMs: () => TEST_NOW_MS,
      askSecret: undefined,
      startNode: async () => {
        throw new Error("this test starts no node");
      },
      onInterrupt: () => () => undefined,
      ...io,
    });
    const exit = Object.entries(EXIT_CODES).find(([, value]) => value === code)?.[0] as ExitName;
    return {
      exit,
      out,
      err,
      get json() {
        return JSON.parse(out.trim() === "" ? err : out) as Record<string, unknown>;
      },
    };
  };
  return {
    folder,
    home,
    passphraseFile,
    runWith,
    run: (...args) => runWith({}, ...args),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

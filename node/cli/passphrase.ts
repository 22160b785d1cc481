import { readFileSync, statSync } from "node:fs";
import { cliError } from "./cliError.ts";
import type { CliIo } from "./io.ts";

/** Characters a new passphrase must have. scrypt makes one guess cost about 0.1 s, so eight random letters already take centuries. */
export const MIN_PASSPHRASE_CHARS = 8;

/**
 * The passphrase that opens the key files: first line of the file, or asked on the terminal. Never from argv or the environment,
 * where every process of the user can read it.
 * @throws CliError PASSPHRASE_MISSING, PASSPHRASE_FILE_UNREADABLE
 */
export async function readPassphrase(io: CliIo, passphraseFile: string): Promise<string> {
  if (passphraseFile !== "") return passphraseOfFile(io, passphraseFile);
  return ask(io, "Passphrase of the key files: ");
}

/** Like readPassphrase, for keys that are being made: asked twice and not too short. @throws CliError PASSPHRASE_TOO_SHORT, PASSPHRASE_DIFFERS */
export async function readNewPassphrase(io: CliIo, passphraseFile: string): Promise<string> {
  const fromFile = passphraseFile !== "";
  const passphrase = fromFile
    ? passphraseOfFile(io, passphraseFile)
    : await ask(io, "New passphrase for the key files: ");
  if (passphrase.length < MIN_PASSPHRASE_CHARS) {
    const message = `a passphrase needs at least ${MIN_PASSPHRASE_CHARS} characters`;
    throw cliError("usage", "PASSPHRASE_TOO_SHORT", message, "choose a longer one");
  }
  if (!fromFile && (await ask(io, "The same passphrase again: ")) !== passphrase)
    throw cliError("usage", "PASSPHRASE_DIFFERS", "the two passphrases differ", "run the command again");
  return passphrase;
}

function ask(io: CliIo, question: string): Promise<string> {
  if (io.askSecret === undefined) {
    const hint = "name a file that holds it with --passphrase-file";
    throw cliError("usage", "PASSPHRASE_MISSING", "there is no terminal to ask for the passphrase", hint);
  }
  return io.askSecret(question);
}

function passphraseOfFile(io: CliIo, file: string): string {
  let text: string;
  try {
    if ((statSync(file).mode & 0o077) !== 0) io.err(`warning: others can read ${file}; run chmod 600 on it\n`);
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    const hint = "name a readable file with --passphrase-file, or leave it out to be asked";
    throw cliError("usage", "PASSPHRASE_FILE_UNREADABLE", `cannot read ${file} (${reason})`, hint);
  }
  return (text.split("\n")[0] ?? "").replace(/\r$/, "");
}

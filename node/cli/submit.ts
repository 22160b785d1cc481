import type { PublicKey } from "#storage/crypto/keys.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { txId } from "#storage/types/transaction.ts";
import { writeEnvelope } from "#storage/types/transactionEnvelope.ts";
import type { LedgerMessage } from "#storage/types/transactionMessages.ts";
import { signableParts, signTransaction } from "#storage/types/transactionSign.ts";
import { transactionJson } from "../api/transactionJson.ts";
import { NODE_KEY_NAME, VALIDATOR_KEY_NAME } from "../configurationHome.ts";
import { CliError, cliError } from "./cliError.ts";
import type { CommandContext } from "./context.ts";
import type { CliIo } from "./io.ts";
import { OPERATOR_KEY_NAME, PROSUMER_KEY_NAME } from "./keyNames.ts";
import { accountOf, listKeys, loadKey, showKey } from "./keyStore.ts";
import type { LedgerClient } from "./ledgerClient.ts";
import { facts, paint, printable, show } from "./output.ts";
import { readPassphrase } from "./passphrase.ts";
import {
  type CheckedFile,
  MISSING_SIGNATURE,
  readTransactionFile,
  signFile,
  writeTransactionFile,
} from "./transactionFile.ts";

/** Flags of every command that sends a transaction. */
export interface SubmitFlags {
  readonly key?: string;
  readonly memo?: string;
  readonly wait: boolean;
  readonly dryRun?: boolean;
}

/** Keys that sign when none is named: those that `init` makes for it. */
const DEFAULT_SIGNERS = [OPERATOR_KEY_NAME, PROSUMER_KEY_NAME] as const;

/**
 * The account in whose name a command acts: that of `--key`, else of the first of `preferred` that is in the home, else of its only account key.
 * @throws CliError KEY_MISSING, KEY_AMBIGUOUS, KEY_UNKNOWN
 */
export function signingAccount(
  context: CommandContext,
  keyName: string | undefined,
  preferred: readonly string[] = DEFAULT_SIGNERS,
): { readonly name: string; readonly account: string } {
  const name = keyName ?? defaultKey(context, preferred);
  return { name, account: accountOf(showKey(context.paths.keys, name).publicKey).account };
}

function defaultKey({ paths }: CommandContext, preferred: readonly string[]): string {
  const names = listKeys(paths.keys)
    .map((key) => key.name)
    .filter((name) => name !== VALIDATOR_KEY_NAME && name !== NODE_KEY_NAME);
  const chosen = preferred.find((name) => names.includes(name)) ?? (names.length === 1 ? names[0] : undefined);
  if (chosen !== undefined) return chosen;
  if (names.length === 0) {
    const hint = "make one with `energy-ledger keys new NAME`, or name another --home";
    throw cliError("usage", "KEY_MISSING", `there is no account key in ${paths.keys}`, hint);
  }
  throw cliError("usage", "KEY_AMBIGUOUS", `there are several keys: ${names.join(", ")}`, "choose one with --key NAME");
}

interface AccountAnswer {
  readonly accountNumber: string;
  /** Behind the account's transactions that wait for a block. */
  readonly nextSequence: string;
}

/**
 * Writes the messages to a file, signed with the named keys, for the others to sign with `tx sign`; the last one sends it with `tx send`.
 */
export async function writeForSigning(
  context: CommandContext,
  messages: readonly LedgerMessage[],
  keyNames: readonly string[],
  others: readonly PublicKey[],
  flags: SubmitFlags & { readonly unsigned: string },
): Promise<void> {
  const { io, json } = context;
  const client = context.client();
  const { chainId } = await client.get<{ chainId: string }>("/status");
  const passphrase = await readPassphrase(io, context.options.passphraseFile);
  const parties = [];
  for (const publicKey of [...keyNames.map((name) => showKey(context.paths.keys, name).publicKey), ...others])
    parties.push({ publicKey, ...(await accountState(client, accountOf(publicKey).account, publicKey)) });
  const body = flags.memo === undefined ? { messages } : { messages, memo: flags.memo };
  const { bodyBytes, authInfoBytes, signers } = signableParts(body, parties);
  writeTransactionFile(flags.unsigned, {
    chainId,
    accountNumbers: signers.map(({ accountNumber }) => accountNumber),
    tx: writeEnvelope({ bodyBytes, authInfoBytes, signatures: signers.map(() => MISSING_SIGNATURE) }),
  });
  let file = readTransactionFile(flags.unsigned);
  for (const name of keyNames)
    file = signFile(flags.unsigned, file, await loadKey(context.paths.keys, name, passphrase));
  writeTransactionFile(flags.unsigned, file);
  showFile(io, json, flags.unsigned, file);
}

/** What the file says and who has yet to sign it. */
export function showFile(io: CliIo, json: boolean, path: string, file: CheckedFile): void {
  const view = { file: path, chainId: file.chainId, missing: file.missing, ...transactionJson(file.tx) };
  show(io, json, view, () => {
    const said = view.messages.map((message) => {
      const lines = JSON.stringify(message, null, 2).split("\n");
      return `${lines.map(printable).join("\n")}\n`;
    });
    const missing = file.missing.length === 0 ? undefined : file.missing.join(", ");
    const next = missing === undefined ? `tx send ${path}` : `tx sign ${path} --key NAME, at each of them`;
    const about = facts([
      ["file", path],
      ["chain", file.chainId],
      ["memo", view.memo === "" ? undefined : printable(view.memo)],
      ["still to sign", missing],
      ["next", next],
    ]);
    return `${said.join("")}${about}`;
  });
}

/** A transaction with these messages, signed with the named keys under their accounts' next sequences. */
export async function signMessages(
  context: CommandContext,
  messages: readonly LedgerMessage[],
  keyNames: readonly string[],
  memo?: string,
): Promise<Uint8Array> {
  const client = context.client();
  const { chainId } = await client.get<{ chainId: string }>("/status");
  const passphrase = await readPassphrase(context.io, context.options.passphraseFile);
  const signers = [];
  for (const name of keyNames) {
    const privateKey = await loadKey(context.paths.keys, name, passphrase);
    signers.push({ privateKey, ...(await accountState(client, `key ${name}`, publicKeyOf(privateKey))) });
  }
  const unsigned = { messages, chainId, signers };
  return signTransaction(memo === undefined ? unsigned : { ...unsigned, memo });
}

/** Signs the messages with the named keys, sends them and, unless told otherwise, waits until they are in a block. */
export async function signAndSubmit(
  context: CommandContext,
  messages: readonly LedgerMessage[],
  keyNames: readonly string[],
  flags: SubmitFlags,
): Promise<void> {
  const { io, json } = context;
  const tx = await signMessages(context, messages, keyNames, flags.memo);
  const id = Buffer.from(txId(tx)).toString("hex");
  if (flags.dryRun === true) {
    const view = { txId: id, sizeBytes: tx.length, ...transactionJson(tx), tx: Buffer.from(tx).toString("base64") };
    show(io, json, view, () => `${JSON.stringify(view, null, 2)}\n`);
    return;
  }
  await submitAndShow(context, tx, flags.wait);
}

export async function submitAndShow(
  { io, json, client }: CommandContext,
  tx: Uint8Array,
  wait: boolean,
): Promise<void> {
  const answer = await client().submit(tx, wait ? "commit" : "sync");
  show(io, json, answer, () =>
    facts([
      ["transaction", answer.txId],
      ["block", answer.height],
      ["result", paint(io, "green", answer.height === undefined ? "waiting for a block" : "took effect")],
      ["log", answer.log === "" ? undefined : printable(answer.log)],
    ]),
  );
}

async function accountState(client: LedgerClient, who: string, publicKey: PublicKey) {
  const { account } = accountOf(publicKey);
  try {
    const state = await client.get<AccountAnswer>(`/accounts/${account}`);
    return { accountNumber: BigInt(state.accountNumber), sequence: BigInt(state.nextSequence) };
  } catch (error) {
    if (!(error instanceof CliError) || error.details.exit !== "notFound") throw error;
    const hint = `ask a regulator to run \`energy-ledger members enrol ${account} --role ROLE\``;
    throw cliError("refused", "ACCOUNT_UNKNOWN", `the ledger does not know the account of ${who}`, hint);
  }
}

import { readFileSync } from "node:fs";
import { sha256 } from "#storage/crypto/hash.ts";
import { generatePrivateKey, type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { parseGenesis } from "#storage/types/genesis.ts";
import { periodSeed } from "#storage/types/intervalSecrets.ts";
import { deviceKeyOf, meterSecretOf } from "../light/meterKeys.ts";
import { isCountedSuffix, isSealedByDefault } from "../meter/series.ts";
import { CliError, cliError } from "./cliError.ts";
import type { CommandContext } from "./context.ts";
import { OPERATOR_KEY_NAME, PROSUMER_KEY_NAME } from "./keyNames.ts";
import { loadKey, saveKey } from "./keyStore.ts";
import { readPassphrase } from "./passphrase.ts";
import { signingAccount } from "./submit.ts";

/** What the ledger has to be told of a meter. */
export interface Enrolment {
  readonly meterId: string;
  readonly quantity: "electricity" | "gas" | "water" | "heat" | "ev";
  readonly direction: "import" | "export";
  /** Hex, Ed25519. */
  readonly deviceKey: string;
  /** Hex. */
  readonly seedCommitment: string;
  readonly intervalMs: number;
  readonly owner: string;
}

const PERIOD_MS = 86_400_000;

/** Channels to seal of what was heard: the whole, and where a meter has no register of the whole, its tariffs. */
export function channelsToSeal(suffixes: readonly string[]): readonly string[] {
  const counted = suffixes.filter(isCountedSuffix);
  const whole = counted.filter(isSealedByDefault);
  const parts = counted.filter(
    (suffix) => /^[a-z]+\.t\d$/.test(suffix) && isSealedByDefault(suffix.split(".")[0] ?? ""),
  );
  return [...whole, ...parts.filter((suffix) => !whole.includes(suffix.split(".")[0] ?? ""))];
}

/** The key behind the keys of all meters of this home; made when there is none. */
export async function meterKeyOf({ io, options, paths }: CommandContext): Promise<{ key: PrivateKey; isNew: boolean }> {
  const passphrase = await readPassphrase(io, options.passphraseFile);
  try {
    return { key: await loadKey(paths.keys, options.meterKey, passphrase), isNew: false };
  } catch (error) {
    if (!(error instanceof CliError) || error.details.code !== "KEY_UNKNOWN") throw error;
  }
  const key = generatePrivateKey("ed25519");
  await saveKey(paths.keys, options.meterKey, key, passphrase);
  return { key, isNew: true };
}

/** @throws CliError GENESIS_MISSING */
export function enrolmentOf(
  context: CommandContext,
  meterKey: PrivateKey,
  meterId: string,
  owner: string | undefined,
): Enrolment {
  const { options, paths, io } = context;
  const suffix = meterId.slice(meterId.lastIndexOf("/") + 1);
  const [base = ""] = suffix.split(".");
  const nowMs = io.nowMs();
  const seed = periodSeed(
    { ledgerId: chainIdOf(paths.genesis), meterId, secret: meterSecretOf(meterKey, meterId) },
    nowMs - (nowMs % PERIOD_MS),
  );
  return {
    meterId,
    quantity: quantityOf(meterId, base),
    direction: base.endsWith("export") ? "export" : "import",
    deviceKey: Buffer.from(publicKeyOf(deviceKeyOf(meterKey, meterId)).bytes).toString("hex"),
    seedCommitment: Buffer.from(sha256(seed)).toString("hex"),
    intervalMs: options.meterIntervalMs,
    owner: owner ?? signingAccount(context, undefined, [PROSUMER_KEY_NAME, OPERATOR_KEY_NAME]).account,
  };
}

/** The command that a grid operator or regulator runs. */
export function enrolCommand({
  meterId,
  quantity,
  direction,
  deviceKey,
  seedCommitment,
  intervalMs,
  owner,
}: Enrolment): string {
  const flags = `--owner ${owner} --device-key ed25519:${deviceKey} --seed-commitment ${seedCommitment}`;
  return `energy-ledger meters enrol ${meterId} ${flags} --quantity ${quantity} --direction ${direction} --interval ${intervalMs / 1000}s`;
}

function quantityOf(meterId: string, base: string): Enrolment["quantity"] {
  if (base === "gas" || base === "water" || base === "heat") return base;
  return /^(ocpp|ev):/.test(meterId) ? "ev" : "electricity";
}

function chainIdOf(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    const hint = "make the home with `energy-ledger init --role light --genesis FILE`";
    throw cliError("failure", "GENESIS_MISSING", `there is no genesis in ${path}`, hint);
  }
  return parseGenesis(text).chainId;
}

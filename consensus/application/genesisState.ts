import type { ValidatorUpdate } from "#consensus/abci.ts";
import { ASSET_RULES, type AssetRules } from "#storage/assets/assetTransaction.ts";
import type { PublicKey } from "#storage/crypto/keys.ts";
import { LedgerError } from "#storage/error.ts";
import { MAX_ASSET_TRANSACTION_BYTES, MAX_SEALED_RUNS, MAX_TX_BYTES, MAX_VALIDATORS } from "#storage/limits.ts";
import { accountOfKey, canonicalAccount } from "#storage/types/transactionAccounts.ts";
import { PUBLIC_KEY_TYPES } from "#storage/types/transactionKeys.ts";
import { addRegulator } from "./members.ts";
import { ensureAccount } from "./messageContext.ts";
import { deviceKeyOf, putMeter } from "./meters.ts";
import type { Role } from "./roles.ts";
import { isRole } from "./roles.ts";
import { newRecord, SINGLE } from "./stateRecords.ts";
import { sortValidators } from "./validators.ts";
import type { WorkingState } from "./workingState.ts";

/** `app_state` of genesis.json. Accounts in either form; unknown fields are refused. */
export interface GenesisAppState {
  /** Appoints the regulators. */
  readonly owner: string;
  readonly members?: readonly GenesisMember[];
  readonly meters?: readonly GenesisMeter[];
  readonly params?: Partial<GenesisParams>;
}

export interface GenesisMember {
  readonly account: string;
  readonly role: Role;
  /** Optional, must be the account's. */
  readonly publicKey?: GenesisKey;
}

export interface GenesisKey {
  readonly type: "ed25519" | "secp256k1";
  /** base64 */
  readonly value: string;
}

export interface GenesisMeter {
  readonly meterId: string;
  readonly deviceKey: GenesisKey;
  readonly owner: string;
  readonly quantity: string;
  readonly direction: string;
  /** 32 bytes as hex. */
  readonly seedCommitment: string;
  readonly intervalMs: number;
  /** The rest of the certificate, as in MsgEnrolMeter; optional. */
  readonly administrator?: string;
  readonly model?: string;
  /** 32 bytes as hex. */
  readonly firmwareHash?: string;
  readonly validFromMs?: number;
  readonly validUntilMs?: number;
}

export interface GenesisParams {
  readonly quotaTxsPerBlock: number;
  readonly quotaBytesPerBlock: number;
  readonly periodMs: number;
  readonly maxFutureMs: number;
  readonly sealedRunsPerPeriod: number;
  /** Which rules BigchainDB transactions keep (storage/assets/README.md). */
  readonly bigchainRules: AssetRules;
  /** Canonical JSON bytes of one of them. */
  readonly maxBigchainBytes: number;
}

/**
 * What a genesis that does not say otherwise means, for ever: another default would give old chains another state. P is a day, as in D5.1;
 * the quotas let a concentrator seal 400 meters four times a block; 15 min is what meter clocks differ at worst; ledgers older than
 * amendments keep nothing for them.
 */
export const DEFAULT_GENESIS_PARAMS: GenesisParams = {
  quotaTxsPerBlock: 256,
  quotaBytesPerBlock: 1024 * 1024,
  periodMs: 24 * 3600 * 1000,
  maxFutureMs: 15 * 60 * 1000,
  sealedRunsPerPeriod: 0,
  bigchainRules: "strict",
  maxBigchainBytes: MAX_ASSET_TRANSACTION_BYTES,
};

export type GenesisStateErrorDetails =
  | { readonly code: "GENESIS_FIELD_INVALID"; readonly field: string; readonly reason: string }
  | { readonly code: "GENESIS_FIELD_UNKNOWN"; readonly field: string };

/** A wrong genesis must keep the node from starting: it is the one input of the application that throws. */
export class GenesisStateError extends LedgerError<GenesisStateErrorDetails> {}

/**
 * Writes the state that `app_state` and the genesis validators describe. The same JSON gives the same state on every node:
 * accounts are numbered in the order owner, members, devices.
 * @throws GenesisStateError GENESIS_FIELD_INVALID, GENESIS_FIELD_UNKNOWN
 */
export function writeGenesisState(
  state: WorkingState,
  appState: unknown,
  validators: readonly ValidatorUpdate[],
): void {
  const root = fieldsOf(appState, "app_state", ["owner", "members", "meters", "params"]);
  writeParams(state, readAccount(root.owner, "owner"), root.params ?? {});
  ensureAccount(state, readAccount(root.owner, "owner"));
  for (const [index, member] of listOf(root.members ?? [], "members").entries())
    writeMember(state, member, `members[${index}]`);
  for (const [index, meter] of listOf(root.meters ?? [], "meters").entries())
    writeMeter(state, meter, `meters[${index}]`);
  writeValidators(state, validators);
}

function writeParams(state: WorkingState, owner: string, json: unknown): void {
  const names = Object.keys(DEFAULT_GENESIS_PARAMS) as (keyof GenesisParams)[];
  const given = fieldsOf(json, "params", names);
  const read = (name: Exclude<keyof GenesisParams, "bigchainRules">, min: number, max: number): number => {
    const value = given[name] ?? DEFAULT_GENESIS_PARAMS[name];
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
      throw invalid(`params.${name}`, `not an integer from ${min} to ${max}`);
    return value as number;
  };
  const rules = given.bigchainRules ?? DEFAULT_GENESIS_PARAMS.bigchainRules;
  if (!(ASSET_RULES as readonly unknown[]).includes(rules))
    throw invalid("params.bigchainRules", `neither ${ASSET_RULES.join(" nor ")}`);
  const maxBigchainBytes = read("maxBigchainBytes", 1, MAX_ASSET_TRANSACTION_BYTES);
  const yearMs = 366 * 24 * 3600 * 1000;
  state.put(
    "params",
    SINGLE,
    newRecord("params", {
      owner,
      quotaTxsPerBlock: read("quotaTxsPerBlock", 1, 1_000_000),
      // A quota below the largest transaction would shut out what the limits allow.
      quotaBytesPerBlock: read("quotaBytesPerBlock", MAX_TX_BYTES, 2 ** 31),
      periodMs: BigInt(read("periodMs", 1000, yearMs)),
      maxFutureMs: BigInt(read("maxFutureMs", 0, 100 * yearMs)),
      sealedRunsPerPeriod: read("sealedRunsPerPeriod", 0, MAX_SEALED_RUNS),
      // The defaults are left out, as they are of ledgers older than these parameters.
      bigchainRules: rules === DEFAULT_GENESIS_PARAMS.bigchainRules ? "" : (rules as AssetRules),
      maxBigchainBytes: maxBigchainBytes === DEFAULT_GENESIS_PARAMS.maxBigchainBytes ? 0 : maxBigchainBytes,
    }),
  );
}

function writeMember(state: WorkingState, json: unknown, field: string): void {
  const member = fieldsOf(json, field, ["account", "role", "publicKey"]);
  const account = readAccount(member.account, `${field}.account`);
  const role = textOf(member.role, `${field}.role`);
  if (!isRole(role)) throw invalid(`${field}.role`, `no role ${JSON.stringify(role)}`);
  if (state.get("member", account) !== undefined) throw invalid(`${field}.account`, "is there twice");
  if (role === "regulator" && !addRegulator(state, account)) throw invalid(field, "too many regulators");
  ensureAccount(state, account);
  state.put("member", account, newRecord("member", { role }));
  if (member.publicKey === undefined) return;
  const key = readKey(member.publicKey, `${field}.publicKey`);
  if (accountOfKey(key) !== account) throw invalid(`${field}.publicKey`, "is the key of another account");
  const record = state.get("account", account);
  if (record === undefined) return;
  const { number, sequence } = record;
  state.put("account", account, newRecord("account", { number, sequence, publicKey: deviceKeyOf(key) }));
}

function writeMeter(state: WorkingState, json: unknown, field: string): void {
  const required = ["meterId", "deviceKey", "owner", "quantity", "direction", "seedCommitment", "intervalMs"];
  const optional = ["administrator", "model", "firmwareHash", "validFromMs", "validUntilMs"];
  const meter = fieldsOf(json, field, [...required, ...optional]);
  if (readInteger(meter.intervalMs, `${field}.intervalMs`) === 0)
    throw invalid(`${field}.intervalMs`, "not a positive integer");
  const failure = putMeter(state, {
    meterId: textOf(meter.meterId, `${field}.meterId`),
    deviceKey: newDeviceKey(readKey(meter.deviceKey, `${field}.deviceKey`)),
    owner: textOf(meter.owner, `${field}.owner`),
    quantity: textOf(meter.quantity, `${field}.quantity`),
    direction: textOf(meter.direction, `${field}.direction`),
    seedCommitment: readHash(meter.seedCommitment, `${field}.seedCommitment`),
    intervalMs: BigInt(readInteger(meter.intervalMs, `${field}.intervalMs`)),
    administrator: textOf(meter.administrator ?? "", `${field}.administrator`),
    model: textOf(meter.model ?? "", `${field}.model`),
    firmwareHash:
      meter.firmwareHash === undefined ? new Uint8Array(0) : readHash(meter.firmwareHash, `${field}.firmwareHash`),
    validFromMs: BigInt(readInteger(meter.validFromMs ?? 0, `${field}.validFromMs`)),
    validUntilMs: BigInt(readInteger(meter.validUntilMs ?? 0, `${field}.validUntilMs`)),
  });
  if (failure !== undefined) throw invalid(field, `${failure.code} ${failure.reason}`);
}

function writeValidators(state: WorkingState, validators: readonly ValidatorUpdate[]): void {
  if (validators.length === 0 || validators.length > MAX_VALIDATORS)
    throw invalid("validators", `${validators.length} validators, 1 to ${MAX_VALIDATORS} allowed`);
  const powers = validators.map(({ publicKey, power }) => {
    if (publicKey.type !== "ed25519" || publicKey.bytes.length !== 32)
      throw invalid("validators", "consensus keys are Ed25519");
    if (power <= 0n) throw invalid("validators", "power must be positive");
    return { publicKey: new Uint8Array(publicKey.bytes), power };
  });
  const keys = new Set(powers.map(({ publicKey }) => Buffer.from(publicKey).toString("hex")));
  if (keys.size !== powers.length) throw invalid("validators", "the same key twice");
  state.put("validators", SINGLE, newRecord("validators", { validators: sortValidators(powers) }));
}

function newDeviceKey(key: PublicKey) {
  const { type, key: bytes } = deviceKeyOf(key);
  return newRecord("meter", { deviceKey: { type, key: bytes } }).deviceKey;
}

function readHash(json: unknown, field: string): Uint8Array {
  const text = textOf(json, field);
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw invalid(field, "not 32 bytes of hex");
  return Buffer.from(text, "hex");
}

function readInteger(json: unknown, field: string): number {
  if (!Number.isSafeInteger(json) || (json as number) < 0) throw invalid(field, "not an integer of 0 or more");
  return json as number;
}

function readAccount(json: unknown, field: string): string {
  const account = canonicalAccount(textOf(json, field));
  if (account === undefined) throw invalid(field, "neither a bech32 account nor a 34-character identity");
  return account;
}

function readKey(json: unknown, field: string): PublicKey {
  const key = fieldsOf(json, field, ["type", "value"]);
  const type = textOf(key.type, `${field}.type`);
  if (type !== "ed25519" && type !== "secp256k1") throw invalid(`${field}.type`, "not ed25519 or secp256k1");
  const value = textOf(key.value, `${field}.value`);
  const bytes = new Uint8Array(Buffer.from(value, "base64"));
  // Buffer.from skips what is not base64; comparing shows it.
  if (bytes.length !== PUBLIC_KEY_TYPES[type].bytes || Buffer.from(bytes).toString("base64") !== value)
    throw invalid(`${field}.value`, `not ${PUBLIC_KEY_TYPES[type].bytes} bytes of base64`);
  return { type, bytes };
}

function fieldsOf(json: unknown, field: string, names: readonly string[]): Record<string, unknown> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalid(field, "not an object");
  for (const name of Object.keys(json))
    if (!names.includes(name))
      throw new GenesisStateError({ code: "GENESIS_FIELD_UNKNOWN", field: `${field}.${name}` });
  return json as Record<string, unknown>;
}

function listOf(json: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(json)) throw invalid(field, "not a list");
  return json;
}

function textOf(json: unknown, field: string): string {
  if (typeof json !== "string") throw invalid(field, "not a text");
  return json;
}

function invalid(field: string, reason: string): GenesisStateError {
  return new GenesisStateError({ code: "GENESIS_FIELD_INVALID", field, reason });
}

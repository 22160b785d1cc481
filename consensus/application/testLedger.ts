import type {
  ExecTxResult,
  FinalizeBlockRequest,
  FinalizeBlockResponse,
  PrepareProposalRequest,
} from "#consensus/abci.ts";
import {
  type AssetSigner,
  type BuiltTransaction,
  createTransaction,
  ed25519Details,
  ed25519Signer,
  jsonOf,
  transferTransaction,
} from "#storage/assets/buildTransaction.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import type { KeyType, PrivateKey } from "#storage/crypto/keys.ts";
import { addressOf, generatePrivateKey, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import {
  anchorSigningDigest,
  bindingConsensusBytes,
  bindingDigest,
  rotationSigningDigest,
} from "#storage/types/bridgeSigning.ts";
import { attestationBytes } from "#storage/types/configurationAttestation.ts";
import { ethereumAddressOf, signCompact } from "#storage/types/ethereum.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import type { LedgerMessage } from "#storage/types/transactionMessages.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { LEDGER_CODES } from "./codes.ts";
import type { GenesisAppState, GenesisKey, GenesisParams } from "./genesisState.ts";
import type { LedgerApplication, LedgerApplicationOptions } from "./ledgerApplication.ts";
import { createLedgerApplication } from "./ledgerApplication.ts";
import { NEW_LEDGER_PARAMS } from "./newLedgerParams.ts";

/** A small ledger for tests and benches: one account of every role, one meter of either direction, blocks a second apart. */
export const CHAIN_ID = "edream-test";
export const INTERVAL_MS = 15 * 60 * 1000;
export const DAY_MS = 24 * 3600 * 1000;
/** 2023-11-15T00:00:00Z, the start of a period. */
export const START_MS = 1_700_006_400_000;

export const PEOPLE = ["owner", "regulator", "dso", "aggregator", "producer", "consumer", "prosumer"] as const;
export type Person = (typeof PEOPLE)[number] | (string & {});

export const EXPORT_METER = "lcl:MAC000002";
export const IMPORT_METER = "modbus:site/1/7";

/** The same name gives the same key. Names that begin with "device" have Ed25519 keys. */
export function keyOf(name: Person): PrivateKey {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const type: KeyType = name.startsWith("device") ? "ed25519" : "secp256k1";
  const key = generatePrivateKey(type, () => sha256(Buffer.from(name)));
  keys.set(name, key);
  return key;
}
const keys = new Map<string, PrivateKey>();

export function accountOf(name: Person): string {
  return accountOfKey(publicKeyOf(keyOf(name)));
}

export function genesisKey(name: Person): GenesisKey {
  const { type, bytes } = publicKeyOf(keyOf(name));
  return { type, value: Buffer.from(bytes).toString("base64") };
}

export function testGenesis(params: Partial<GenesisParams> = {}): GenesisAppState {
  const meter = {
    quantity: "electricity",
    seedCommitment: "ab".repeat(32),
    intervalMs: INTERVAL_MS,
    owner: accountOf("prosumer"),
  };
  return {
    owner: accountOf("owner"),
    members: PEOPLE.slice(1).map((name) => ({ account: accountOf(name), role: name as "dso" })),
    meters: [
      { ...meter, meterId: EXPORT_METER, deviceKey: genesisKey("device"), direction: "export" },
      { ...meter, meterId: IMPORT_METER, deviceKey: genesisKey("device import"), direction: "import" },
    ],
    params: { ...NEW_LEDGER_PARAMS, ...params },
  };
}

type MeterFields = Exclude<Parameters<typeof ledgerMessage<"MsgEnrolMeter">>[1], { $typeName: string }>;

export interface TestLedger {
  readonly app: LedgerApplication;
  /** Everything on "disk", by key as latin1. */
  readonly disk: Map<string, Uint8Array>;
  height: number;
  /** Signs with the accounts' next sequences, `ahead` of the committed ones; by default with the names given first in the messages. */
  sign(messages: readonly LedgerMessage[], by: readonly Person[], ahead?: number): Uint8Array;
  /** Decides one block and commits it. */
  block(txs: readonly Uint8Array[], timeMs?: number): FinalizeBlockResponse;
  /** One transaction in one block: "OK", or the name of the code. */
  send(message: LedgerMessage | readonly LedgerMessage[], by: Person | readonly Person[], timeMs?: number): string;
  /** A certificate of the dso for the export device, with other fields where given. */
  enrolMeter(fields: Partial<MeterFields>): LedgerMessage;
  /** A proposal of the next block. */
  request(txs: readonly Uint8Array[]): PrepareProposalRequest & FinalizeBlockRequest;
  /** JSON of a query, undefined when it fails. */
  query(path: string, data?: string): Record<string, unknown> | undefined;
}

export function createTestLedger(
  options: {
    params?: Partial<GenesisParams>;
    genesis?: GenesisAppState;
    /** Whether there is a member "checker" as well. */
    checker?: boolean;
    app?: Partial<LedgerApplicationOptions>;
    validators?: number;
  } = {},
): TestLedger {
  const app = createLedgerApplication({ chainId: CHAIN_ID, ...options.app });
  const genesis = options.genesis ?? testGenesis(options.params);
  const checkers = options.checker ? [{ account: accountOf("checker"), role: "checker" as const }] : [];
  const members = [...(genesis.members ?? []), ...checkers];
  app.initChain(initChainRequest({ ...genesis, members }, options.validators));
  const disk = new Map<string, Uint8Array>();
  const ledger: TestLedger = {
    app,
    disk,
    height: 0,
    sign(messages, by, ahead = 0) {
      const signers = by.map((name) => {
        const record = ledger.query("/edream/account", accountOf(name));
        return {
          privateKey: keyOf(name),
          accountNumber: BigInt(String(record?.number ?? 0)),
          sequence: BigInt(String(record?.sequence ?? 0)) + BigInt(ahead),
        };
      });
      return signTransaction({ messages, chainId: CHAIN_ID, signers });
    },
    block(txs, timeMs) {
      const request = blockRequest(ledger.height + 1, txs, timeMs);
      const response = app.finalizeBlock(request);
      for (const { key, value } of app.commit().writes) {
        const name = Buffer.from(key).toString("latin1");
        if (value === undefined) disk.delete(name);
        else disk.set(name, value);
      }
      ledger.height += 1;
      return response;
    },
    send(message, by, timeMs) {
      const messages = Array.isArray(message) ? message : [message as LedgerMessage];
      const tx = ledger.sign(messages, typeof by === "string" ? [by] : (by as readonly Person[]));
      return codeName(ledger.block([tx], timeMs).txResults[0]);
    },
    enrolMeter: (fields) =>
      ledgerMessage("MsgEnrolMeter", {
        authority: accountOf("dso"),
        meterId: "new:1",
        deviceKey: { type: "ed25519", key: publicKeyOf(keyOf("device")).bytes },
        owner: accountOf("prosumer"),
        quantity: "electricity",
        direction: "export",
        seedCommitment: new Uint8Array(32),
        intervalMs: BigInt(INTERVAL_MS),
        ...(fields as object),
      }),
    request: (txs) => ({ ...blockRequest(ledger.height + 1, txs), maxTxBytes: 2 ** 21 }),
    query(path, data = "") {
      const response = app.query({ path, data: Buffer.from(data), height: 0, prove: false });
      return response.code === 0 ? JSON.parse(Buffer.from(response.value).toString()) : undefined;
    },
  };
  return ledger;
}

export function initChainRequest(appState: unknown, validators = 4) {
  return {
    time: timestampFromMs(START_MS),
    chainId: CHAIN_ID,
    initialHeight: 1,
    validators: Array.from({ length: validators }, (_, i) => ({ publicKey: validatorKey(i), power: 10n })),
    consensusParams: {
      block: { maxBytes: 2 ** 21, maxGas: -1 },
      evidence: { maxAgeNumBlocks: 100, maxAgeDurationMs: DAY_MS, maxBytes: 1000 },
      validator: { pubKeyTypes: ["ed25519"] },
      version: { app: 1 },
      abci: { voteExtensionsEnableHeight: 0 },
    },
    appState,
  };
}

export function validatorKey(index: number) {
  return publicKeyOf(keyOf(`device validator ${index}`));
}

/** Blocks a second apart, half a day after START_MS: intervals of that morning are in the past. */
export function blockRequest(
  height: number,
  txs: readonly Uint8Array[],
  timeMs: number = START_MS + DAY_MS / 2 + height * 1000,
): FinalizeBlockRequest {
  return {
    height,
    time: timestampFromMs(timeMs),
    proposerAddress: new Uint8Array(20),
    misbehavior: [],
    nextValidatorsHash: new Uint8Array(32),
    txs,
    hash: sha256(Buffer.from(`block ${height}`)),
    decidedLastCommit: { round: 0, votes: [] },
  };
}

const NAMES = new Map<number, string>(Object.entries(LEDGER_CODES).map(([name, [number]]) => [number, name]));

export function codeName(result: Pick<ExecTxResult, "code"> | undefined): string {
  return result === undefined ? "NO_RESULT" : result.code === 0 ? "OK" : (NAMES.get(result.code) ?? `${result.code}`);
}

type SealFields = Exclude<Parameters<typeof ledgerMessage<"MsgSealInterval">>[1], { $typeName: string }>;

/** Interval number `index` of START_MS' day, sealed by the device of the export meter unless told otherwise. */
export function sealMessage(index: number, fields: Partial<SealFields> = {}): LedgerMessage {
  return ledgerMessage("MsgSealInterval", {
    signer: accountOf("device"),
    meterId: EXPORT_METER,
    intervalStartMs: BigInt(START_MS + index * INTERVAL_MS),
    intervalEndMs: BigInt(START_MS + (index + 1) * INTERVAL_MS),
    readingCount: 15,
    fingerprint: sha256(Buffer.from(`fingerprint ${index}`)),
    readingsRoot: sha256(Buffer.from(`readings ${index}`)),
    energy: { case: "sumMwh", value: 1000n },
    ...(fields as object),
  });
}

type AmendFields = Exclude<Parameters<typeof ledgerMessage<"MsgAmendInterval">>[1], { $typeName: string }>;

/** Amendment `amendment` of sealMessage(index), with fingerprints that follow from each other. */
export function amendMessage(index: number, amendment: number, fields: Partial<AmendFields> = {}): LedgerMessage {
  const fingerprint = (number: number) =>
    sha256(Buffer.from(number === 0 ? `fingerprint ${index}` : `fingerprint ${index}, amendment ${number}`));
  return ledgerMessage("MsgAmendInterval", {
    signer: accountOf("device"),
    meterId: EXPORT_METER,
    intervalStartMs: BigInt(START_MS + index * INTERVAL_MS),
    intervalEndMs: BigInt(START_MS + (index + 1) * INTERVAL_MS),
    amendment,
    readingCount: 2,
    previousFingerprint: fingerprint(amendment - 1),
    fingerprint: fingerprint(amendment),
    readingsRoot: sha256(Buffer.from(`late readings ${index}`)),
    energy: { case: "sumMwh", value: 100n },
    ...(fields as object),
  });
}

type ConfigurationFields = Exclude<
  Parameters<typeof ledgerMessage<"MsgSetDeviceConfiguration">>[1],
  { $typeName: string }
>;

/** A configuration of the export meter's device as its owner sends it, attested by `checker`; the attestation is of the fields as given. */
export function configurationMessage(
  version: bigint,
  fields: Partial<ConfigurationFields> = {},
  checker: Person = "checker",
): LedgerMessage {
  const message = ledgerMessage("MsgSetDeviceConfiguration", {
    administrator: accountOf("prosumer"),
    meterId: EXPORT_METER,
    version,
    payload: Buffer.from(`ciphertext ${version}`),
    plaintextHash: sha256(Buffer.from(`plaintext ${version}`)),
    schemaId: "meter-options",
    schemaVersion: 1,
    priority: "normal",
    checkerKey: { type: publicKeyOf(keyOf(checker)).type, key: publicKeyOf(keyOf(checker)).bytes },
    ...(fields as object),
  });
  const attested = attestationBytes({ ...message.value, ledgerId: CHAIN_ID }) ?? new Uint8Array(0);
  const attestation = fields.attestation ?? sign(keyOf(checker), attested);
  return { ...message, value: { ...message.value, attestation } };
}

/** Who owns BigchainDB assets: the same name gives the same key. */
export function assetSigner(name: string): AssetSigner {
  return ed25519Signer(sha256(Buffer.from(`asset ${name}`)));
}

/** A CREATE of alice's with 10 of an asset. */
export function bigchainCreate(data: unknown): BuiltTransaction {
  const issuer = assetSigner("alice");
  const outputs = [{ amount: 10n, details: ed25519Details(issuer.publicKey) }];
  return createTransaction({ data: jsonOf(data), metadata: null, outputs, issuer });
}

/** All 10 of the first output of `spent`, from one to the other. */
export function bigchainTransfer(
  spent: BuiltTransaction,
  from: string,
  to: string,
  assetId = spent.id,
): BuiltTransaction {
  const owner = assetSigner(from);
  const input = { transactionId: spent.id, outputIndex: 0, details: ed25519Details(owner.publicKey), signers: [owner] };
  const outputs = [{ amount: 10n, details: ed25519Details(assetSigner(to).publicKey) }];
  return transferTransaction({ assetId, metadata: null, inputs: [input], outputs });
}

export function bigchainMessage(by: Person, { text }: Pick<BuiltTransaction, "text">): LedgerMessage {
  return ledgerMessage("MsgBigchainTransaction", {
    signer: accountOf(by),
    transaction: new Uint8Array(Buffer.from(text)),
  });
}

/** The address of somebody's key of that kind, 20 bytes. */
export function ethereumAddress(name: Person): Uint8Array {
  return ethereumAddressOf(publicKeyOf(keyOf(name)).bytes);
}

type BridgeKeyFields = Exclude<Parameters<typeof ledgerMessage<"MsgRegisterBridgeKey">>[1], { $typeName: string }>;

/** Binds the key called `name` to a validator of genesis, as `by` brings it. */
export function bridgeKeyMessage(
  by: Person,
  validator: number,
  name: Person,
  fields: Partial<BridgeKeyFields> = {},
): LedgerMessage {
  const publicKey = validatorKey(validator);
  const binding = { chainId: CHAIN_ID, validator: addressOf(publicKey), address: ethereumAddress(name) };
  return ledgerMessage("MsgRegisterBridgeKey", {
    signer: accountOf(by),
    validator: publicKey.bytes,
    address: binding.address,
    bridgeSignature: signCompact(keyOf(name).bytes, bindingDigest(binding)),
    consensusSignature: sign(keyOf(`device validator ${validator}`), bindingConsensusBytes(binding)),
    ...(fields as object),
  });
}

type ConfigureFields = Exclude<Parameters<typeof ledgerMessage<"MsgConfigureBridge">>[1], { $typeName: string }>;

/** The owner's: a bridge and an outbox that nobody has deployed. */
export function configureBridgeMessage(fields: Partial<ConfigureFields> = {}): LedgerMessage {
  return ledgerMessage("MsgConfigureBridge", {
    authority: accountOf("owner"),
    chainId: 31337n,
    ledgerId: new Uint8Array(32).fill(7),
    bridge: new Uint8Array(20).fill(1),
    outbox: new Uint8Array(20).fill(2),
    cadenceMs: 60_000n,
    setNumber: 1n,
    ...(fields as object),
  });
}

const TEST_BRIDGE = {
  chainId: 31337n,
  contract: new Uint8Array(20).fill(1),
  ledgerId: new Uint8Array(32).fill(7),
};

/** Two anchors number 7 that the key called `name` has signed for the bridge of configureBridgeMessage, in `by`'s hands. */
export function equivocationMessage(by: Person, name: Person): LedgerMessage {
  const [first, second] = [1, 2].map((byte) => {
    const hashes = { lastHeaderHash: new Uint8Array(32).fill(9), root: new Uint8Array(32).fill(byte) };
    const anchor = { seq: 7n, valsetNonce: 0n, fromHeight: 1n, toHeight: 2n, time: 3n, ...hashes };
    return { ...anchor, signature: signCompact(keyOf(name).bytes, anchorSigningDigest(TEST_BRIDGE, anchor)) };
  });
  return ledgerMessage("MsgBridgeEquivocation", { signer: accountOf(by), first, second } as object);
}

/** As equivocationMessage, of two rotations number 3. */
export function rotationEquivocationMessage(by: Person, name: Person): LedgerMessage {
  const [firstRotation, secondRotation] = [1, 2].map((byte) => {
    const set = { totalPower: new Uint8Array(16).fill(byte, 15), valsetHash: new Uint8Array(32).fill(byte) };
    const rotation = { nonce: 3n, effectiveHeight: 5n, ...set };
    return { ...rotation, signature: signCompact(keyOf(name).bytes, rotationSigningDigest(TEST_BRIDGE, rotation)) };
  });
  return ledgerMessage("MsgBridgeEquivocation", { signer: accountOf(by), firstRotation, secondRotation } as object);
}

/** An output for one person, or with an m-of-n lock. */
export function output(amountMwh: bigint, to: Person | readonly Person[], threshold = 1) {
  const names = typeof to === "string" ? [to] : (to as readonly Person[]);
  return { amountMwh, lock: { threshold, accounts: names.map(accountOf) } };
}

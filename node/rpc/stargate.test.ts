import { toBinary } from "@bufbuild/protobuf";
import { DirectSecp256k1Wallet, decodeTxRaw, Registry } from "@cosmjs/proto-signing";
import {
  assertIsDeliverTxSuccess,
  GasPrice,
  QueryClient,
  SigningStargateClient,
  setupAuthExtension,
  setupTxExtension,
} from "@cosmjs/stargate";
import { Comet38Client } from "@cosmjs/tendermint-rpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTransaction, ed25519Details, ed25519Signer, jsonOf } from "#storage/assets/buildTransaction.ts";
import { ACCOUNT_PREFIX } from "#storage/crypto/identity.ts";
import { addressOf, generatePrivateKey, type PrivateKey, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { anchorSigningDigest, bindingConsensusBytes, bindingDigest } from "#storage/types/bridgeSigning.ts";
import { attestationBytes } from "#storage/types/configurationAttestation.ts";
import { ethereumAddressOf, signCompact } from "#storage/types/ethereum.ts";
import {
  ledgerMessage,
  MESSAGE_NAMES,
  MESSAGE_SCHEMAS,
  type MessageName,
  typeUrlOf,
} from "#storage/types/transactionMessages.ts";
import { accountOf } from "../cli/keyStore.ts";
import { VALIDATOR_KEY_NAME } from "../configurationHome.ts";
import { LEDGER_TYPES } from "./client/ledgerTypes.ts";
import { startTestRpc, type TestAccount, type TestRpc } from "./testRpc.ts";

// CosmJS as it is: it simulates, signs and sends each message of the ledger, waits for it, and reads it back.

const DAY_MS = 24 * 3600 * 1000;
const INTERVAL_MS = 15 * 60 * 1000;
const METER = "stargate:1";

/** A node's start, or a dozen blocks, on a busy machine. */
const START_MS = 60_000;

let rpc: TestRpc;
let comet: Comet38Client;
const registry = new Registry([...LEDGER_TYPES]);
const sent = new Set<MessageName>();

const person = (): TestAccount => {
  const key = generatePrivateKey("secp256k1");
  return { key, account: accountOf(publicKeyOf(key)).account };
};
/** A meter's device whose key is of the kind that CosmJS signs with. */
const device = person();
const newcomer = person();
const checker = person();

beforeAll(async () => {
  rpc = await startTestRpc();
  comet = await Comet38Client.connect(rpc.url);
}, START_MS);

afterAll(async () => {
  comet.disconnect();
  await rpc[Symbol.asyncDispose]();
});

/** Signs with CosmJS, with the gas that Simulate finds, and reads the transaction back by its hash. */
async function send<N extends MessageName>(by: TestAccount, name: N, fields: Parameters<typeof ledgerMessage<N>>[1]) {
  const wallet = await DirectSecp256k1Wallet.fromKey(by.key.bytes, ACCOUNT_PREFIX);
  const client = SigningStargateClient.createWithSigner(comet, wallet, {
    registry,
    gasPrice: GasPrice.fromString("0mwh"),
    broadcastPollIntervalMs: 20,
  });
  const typeUrl = typeUrlOf(name);
  const result = await client.signAndBroadcast(by.account, [{ typeUrl, value: fields }], "auto", "by CosmJS");
  assertIsDeliverTxSuccess(result);
  sent.add(name);

  const found = await client.getTx(result.transactionHash);
  expect(found).toMatchObject({ height: result.height, code: 0, hash: result.transactionHash });
  const { body, authInfo } = decodeTxRaw(found?.tx ?? new Uint8Array(0));
  const [any] = body.messages;
  expect([body.memo, any?.typeUrl]).toEqual(["by CosmJS", typeUrl]);
  const schema = MESSAGE_SCHEMAS[name];
  expect(toBinary(schema, registry.decode(any ?? { typeUrl, value: new Uint8Array(0) }))).toEqual(
    toBinary(schema, ledgerMessage(name, fields).value as never),
  );
  // Gas is the transaction's size in bytes: the limit leaves room for the fee that was not in what was simulated.
  expect(Number(authInfo.fee?.gasLimit)).toBeGreaterThanOrEqual(found?.tx.length ?? 0);
  return result;
}

/** JSON of a query of the application. */
async function query(path: string, data: string): Promise<Record<string, unknown>> {
  const { code, log, value } = await comet.abciQuery({ path, data: Buffer.from(data) });
  expect([code, log]).toEqual([0, ""]);
  return JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>;
}

test("members are enrolled, change their role and are removed", { timeout: START_MS }, async () => {
  const { owner } = rpc;
  const member = newcomer.account;
  await send(owner, "MsgEnrolMember", { authority: owner.account, member, role: "consumer" });
  expect(await query("/edream/member", member)).toMatchObject({ role: "consumer" });
  await send(owner, "MsgChangeRole", { authority: owner.account, member, role: "producer" });
  expect(await query("/edream/member", member)).toMatchObject({ role: "producer" });
  await send(owner, "MsgRemoveMember", { authority: owner.account, member });
  const gone = await comet.abciQuery({ path: "/edream/member", data: Buffer.from(member) });
  expect(gone.log).toContain("QUERY_NOT_FOUND");
});

test("a meter is enrolled, seals an interval and amends it, its energy is registered and transferred, its device configured, and it is revoked", {
  timeout: START_MS,
}, async () => {
  const { dso, prosumer, owner } = rpc;
  await send(dso, "MsgEnrolMeter", {
    authority: dso.account,
    meterId: METER,
    deviceKey: { type: "secp256k1", key: publicKeyOf(device.key).bytes },
    owner: prosumer.account,
    quantity: "electricity",
    direction: "export",
    seedCommitment: new Uint8Array(32).fill(7),
    intervalMs: BigInt(INTERVAL_MS),
  });
  expect(await query("/edream/meter", METER)).toMatchObject({ owner: prosumer.account });

  const startMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS;
  await send(device, "MsgSealInterval", {
    signer: device.account,
    meterId: METER,
    intervalStartMs: BigInt(startMs),
    intervalEndMs: BigInt(startMs + INTERVAL_MS),
    readingCount: 15,
    fingerprint: new Uint8Array(32).fill(1),
    readingsRoot: new Uint8Array(32).fill(2),
    energy: { case: "sumMwh", value: 1000n },
  });
  expect(await query("/edream/chain", METER)).toMatchObject({ readingCount: "15", producedMwh: "1000" });

  await send(device, "MsgAmendInterval", {
    signer: device.account,
    meterId: METER,
    intervalStartMs: BigInt(startMs),
    intervalEndMs: BigInt(startMs + INTERVAL_MS),
    amendment: 1,
    readingCount: 1,
    previousFingerprint: new Uint8Array(32).fill(1),
    fingerprint: new Uint8Array(32).fill(3),
    readingsRoot: new Uint8Array(32).fill(4),
    energy: { case: "sumMwh", value: 0n },
  });
  expect(await query("/edream/amended-interval", `${startMs + INTERVAL_MS} ${METER}`)).toMatchObject({ amendments: 1 });

  const to = (account: string, amountMwh: bigint) => ({ amountMwh, lock: { threshold: 1, accounts: [account] } });
  const registered = await send(prosumer, "MsgRegisterEnergy", {
    owner: prosumer.account,
    meterId: METER,
    outputs: [to(prosumer.account, 1000n)],
  });
  const txId = Buffer.from(registered.transactionHash, "hex");
  const output = `${registered.transactionHash.toLowerCase()}:0`;
  expect(await query("/edream/output", output)).toMatchObject({ amountMwh: "1000" });

  const transferred = await send(prosumer, "MsgTransferEnergy", {
    signers: [prosumer.account],
    inputs: [{ txId, outputIndex: 0 }],
    outputs: [to(owner.account, 400n), to(prosumer.account, 600n)],
  });
  const events = transferred.events.filter(({ type }) => type === "output_created");
  expect(events.map(({ attributes }) => attributes.find(({ key }) => key === "amount_mwh")?.value)).toEqual([
    "400",
    "600",
  ]);
  expect(await query("/edream/outputs", JSON.stringify({ account: owner.account }))).toMatchObject({
    entries: [{ amountMwh: "400" }],
  });

  const about = { signer: prosumer.account, meterId: METER };
  const period = { fromMs: BigInt(startMs), untilMs: BigInt(startMs + DAY_MS) };
  const hash = new Uint8Array(32).fill(5);
  await send(prosumer, "MsgRecordErasure", { ...about, ...period, readingCount: 1n, receiptHash: hash });
  const cid = Uint8Array.of(1, 0x70, 0x12, 32, ...hash);
  const file = { version: 1, cid, fileBytes: 1n, readingCount: 15n, fileHash: hash };
  await send(prosumer, "MsgSealArchive", { ...about, ...period, ...file });
  const finding = { kind: "gap", severity: "info", score: 1, detector: "completeness/1", detailsHash: hash };
  const interval = { intervalStartMs: period.fromMs, intervalEndMs: period.untilMs };
  await send(prosumer, "MsgFlagReadings", { ...about, ...interval, ...finding });
  await send(prosumer, "MsgWithdrawFlag", { ...about, flag: 1n, reasonHash: hash });
  expect(await query("/edream/meter-counts", METER)).toMatchObject({ erasures: "1", archives: "1", flags: "1" });

  await send(owner, "MsgEnrolMember", { authority: owner.account, member: checker.account, role: "checker" });
  const configuration = { meterId: METER, version: 1n, plaintextHash: hash, schemaId: "test", schemaVersion: 1 };
  const attested = attestationBytes({ ...configuration, ledgerId: rpc.net.chainId }) as Uint8Array;
  await send(prosumer, "MsgSetDeviceConfiguration", {
    ...configuration,
    administrator: prosumer.account,
    payload: new Uint8Array(1000),
    priority: "urgent",
    checkerKey: { type: "secp256k1", key: publicKeyOf(checker.key).bytes },
    attestation: sign(checker.key, attested),
  });
  const outcome = { outcome: "applied", code: 0, appliedMs: BigInt(startMs) };
  const acknowledged = { signer: device.account, meterId: METER, version: 1n, ...outcome };
  await send(device, "MsgAcknowledgeDeviceConfiguration", acknowledged);
  expect(await query("/edream/configuration", `1 ${METER}`)).toMatchObject({ outcome: "applied" });

  await send(dso, "MsgRevokeMeter", { authority: dso.account, meterId: METER, reason: "test" });
  expect(await query("/edream/meter", METER)).toMatchObject({ revoked: true });
});

test("a BigchainDB transaction is carried, and the same one again is refused in the words of a BigchainDB server", {
  timeout: START_MS,
}, async () => {
  const { dso } = rpc;
  const issuer = ed25519Signer(new Uint8Array(32).fill(3));
  const outputs = [{ amount: 1n, details: ed25519Details(issuer.publicKey) }];
  const { id, text } = createTransaction({ data: jsonOf({ meter: METER }), metadata: null, outputs, issuer });
  const carried = { signer: dso.account, transaction: new Uint8Array(Buffer.from(text)) };
  const { events } = await send(dso, "MsgBigchainTransaction", carried);
  expect(events.find(({ type }) => type === "bigchain")?.attributes).toEqual(
    Object.entries({ asset_id: id, transaction_id: id, operation: "CREATE" }).map(([key, value]) => ({ key, value })),
  );
  await expect(send(dso, "MsgBigchainTransaction", carried)).rejects.toThrow(
    `Invalid transaction (DuplicateTransaction): transaction \`${id}\` already exists`,
  );
});

test("a regulator's vote changes the validators, and the next blocks show it", { timeout: START_MS }, async () => {
  const { owner } = rpc;
  const { bytes: publicKey } = publicKeyOf(rpc.net.plan.nodes[0]?.keys[VALIDATOR_KEY_NAME] as PrivateKey);
  const { height } = await send(owner, "MsgUpdateValidators", {
    authority: owner.account,
    updates: [{ publicKey, power: 13n }],
    proposalId: 1n,
  });
  expect((await comet.blockResults(height)).validatorUpdates).toMatchObject([{ votingPower: 13n }]);
  const powerAt = async (at: number) => (await comet.validators({ height: at })).validators[0]?.votingPower;
  expect(await powerAt(height + 1)).toBe(10n);
  await expect.poll(() => powerAt(height + 2).catch(() => undefined)).toBe(13n);
});

test("second keys of validators are bound, a bridge is named, its events are voted on, and two anchors of one number reported", {
  timeout: START_MS,
}, async () => {
  const { owner } = rpc;
  const authority = owner.account;
  const { chainId } = rpc.net;
  const consensusKeys = [rpc.net.plan.nodes[0]?.keys[VALIDATOR_KEY_NAME] as PrivateKey, generatePrivateKey("ed25519")];
  const [ours, other] = consensusKeys.map((key) => ({ consensus: key, second: person() }));
  if (ours === undefined || other === undefined) throw new Error("two validators");
  const validatorOf = ({ consensus }: typeof ours) => publicKeyOf(consensus);
  // A validator of so little power that blocks do not need it.
  const updates = [{ publicKey: validatorOf(other).bytes, power: 1n }];
  await send(owner, "MsgUpdateValidators", { authority, updates, proposalId: 2n });

  for (const validator of [ours, other]) {
    const address = ethereumAddressOf(publicKeyOf(validator.second.key).bytes);
    const binding = { chainId, validator: addressOf(validatorOf(validator)), address };
    await send(owner, "MsgRegisterBridgeKey", {
      signer: authority,
      validator: validatorOf(validator).bytes,
      address,
      bridgeSignature: signCompact(validator.second.key.bytes, bindingDigest(binding)),
      consensusSignature: sign(validator.consensus, bindingConsensusBytes(binding)),
    });
  }
  const bridge = new Uint8Array(20).fill(1);
  const ledgerId = new Uint8Array(32).fill(7);
  const places = { chainId: 31337n, ledgerId, bridge, outbox: new Uint8Array(20).fill(2) };
  await send(owner, "MsgConfigureBridge", { authority, ...places, cadenceMs: 60_000n, setNumber: 1n });
  const event = { emitter: new Uint8Array(20).fill(3), kind: new Uint8Array(32).fill(4), payload: new Uint8Array(8) };
  const voter = ours.second;
  await send(voter, "MsgEthereumEvents", { signer: voter.account, fromNonce: 1n, events: [event] });

  const [first, second] = [1, 2].map((byte) => {
    const hashes = { lastHeaderHash: new Uint8Array(32).fill(9), root: new Uint8Array(32).fill(byte) };
    const anchor = { seq: 7n, valsetNonce: 0n, fromHeight: 1n, toHeight: 2n, time: 3n, ...hashes };
    const digest = anchorSigningDigest({ chainId: 31337n, contract: bridge, ledgerId }, anchor);
    return { ...anchor, signature: signCompact(other.second.key.bytes, digest) };
  });
  await send(owner, "MsgBridgeEquivocation", { signer: authority, first, second } as object);
  expect(JSON.stringify(await query("/edream/exclusions", ""))).toContain("bridgeEquivocation");
});

test("every message of the ledger was sent", () => {
  expect(MESSAGE_NAMES.filter((name) => !sent.has(name))).toEqual([]);
});

test("the query extensions of CosmJS: accounts, and transactions with their result", {
  timeout: START_MS,
}, async () => {
  const queries = QueryClient.withExtensions(comet, setupAuthExtension, setupTxExtension);
  const account = await queries.auth.account(rpc.owner.account);
  expect(account?.typeUrl).toBe("/cosmos.auth.v1beta1.BaseAccount");
  const [last] = (await comet.txSearch({ query: `tx.signer='${rpc.owner.account}'`, order_by: "desc" })).txs;
  if (last === undefined) throw new Error("no transaction of the owner");
  const txhash = Buffer.from(last.hash).toString("hex").toUpperCase();
  const { tx, txResponse } = await queries.tx.getTx(txhash);
  expect(tx?.body?.memo).toBe("by CosmJS");
  expect(txResponse).toMatchObject({ txhash, code: 0, height: BigInt(last.height), tx: { value: last.tx } });
  expect(txResponse?.events).toEqual(last.result.events.map((event) => expect.objectContaining({ type: event.type })));
  await expect(queries.tx.getTx("00".repeat(32))).rejects.toThrow(/tx not found/);
  await expect(queries.tx.getTx("xyz")).rejects.toThrow(/not a transaction's hash/);
});

test("CosmJS is told why: an account that is not there, a right that is missing, a transaction that is refused", {
  timeout: START_MS,
}, async () => {
  const wallet = await DirectSecp256k1Wallet.fromKey(rpc.prosumer.key.bytes, ACCOUNT_PREFIX);
  const client = SigningStargateClient.createWithSigner(comet, wallet, {
    registry,
    gasPrice: GasPrice.fromString("0mwh"),
  });
  expect(await client.getAccount(person().account)).toBeNull();
  const value = { authority: rpc.prosumer.account, member: person().account, role: "consumer" };
  const message = { typeUrl: typeUrlOf("MsgEnrolMember"), value };
  await expect(client.simulate(rpc.prosumer.account, [message], "")).rejects.toThrow(/ROLE_FORBIDDEN/);
  const fee = { amount: [], gas: "1000" };
  await expect(client.signAndBroadcast(rpc.prosumer.account, [message], fee)).rejects.toThrow(/ROLE_FORBIDDEN/);
});

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTestChain } from "#consensus/light/testChain.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { verifySignature } from "#storage/crypto/keys.ts";
import { proveMerkle } from "#storage/crypto/merkle.ts";
import { hashHeader } from "#storage/types/header.ts";
import { makeProofFile } from "#storage/types/proofFile.ts";
import { decodeTransaction, signatureCheckOf, type Transaction } from "#storage/types/transaction.ts";
import { createTestNode, OK_RESULT, startTestApi, TEST_ACCOUNT, type TestNode } from "../api/testPorts.ts";
import { createTestCli, type TestCli } from "./testIo.ts";

const HASH = "07".repeat(32);

/** A home with an `alice` key that the test node knows, and the API of that node. */
async function setUp(node: TestNode = createTestNode()) {
  const cli = createTestCli();
  const api = await startTestApi(node, { apiCommitTimeoutMs: 500 });
  const { account } = (await cli.run("keys", "new", "alice", "--json")).json as { account: string };
  node.records.set(`/edream/account ${account}`, { id: account, number: "17", sequence: "3" });
  return {
    cli,
    node,
    account,
    run: (...args: readonly string[]) => cli.run(...args, "--node", api.url),
    async [Symbol.asyncDispose]() {
      cli[Symbol.dispose]();
      await api.close();
    },
  };
}

/** Makes the node put everything it is sent into a block, with this result. */
function commitAll(node: TestNode, code = 0, log = ""): TestNode {
  const { submit } = node.ports;
  const ports = {
    ...node.ports,
    submit: async (tx: Uint8Array) => {
      const result = await (submit as NonNullable<typeof submit>)(tx);
      if (result.code === 0)
        node.emit({ type: "tx", txId: result.txId, height: 6, index: 0, code, codespace: "edream", log });
      return result;
    },
  };
  return Object.assign(node, { ports });
}

function submittedBy(node: TestNode): Transaction {
  const decoded = decodeTransaction(node.submitted.at(-1) ?? new Uint8Array(0));
  if (!decoded.accepted) throw new Error(decoded.code);
  return decoded.tx;
}

test("every reading command answers as text and as JSON", async () => {
  await using ledger = await setUp();
  const cases: [args: string, text: string, json: object][] = [
    ["status", "edream-test", { height: 5, role: "full" }],
    ["members list", "prosumer", { members: [{ role: "prosumer" }] }],
    ["meters", "revoked", { meters: [{ meterId: "m1" }, { meterId: "m2" }] }],
    ["validators", "total voting power 10", { totalVotingPower: "10" }],
    ["validators list --height 2", "height 2", { height: 2 }],
    ["validators excluded", "two votes", { exclusions: [{ address: "03".repeat(20), height: "4" }] }],
    ["query block", "proposer", { header: { height: 5 } }],
    ["query block 3", "proposer", { header: { height: 3 } }],
    ["query meter m1", "producedMwh", { producedMwh: "5000000" }],
    [`query account ${TEST_ACCOUNT}`, "nextSequence", { nextSequence: "11" }],
    [`query output ${HASH}:0`, "amountMwh", { amountMwh: "5000000" }],
    [`query outputs ${TEST_ACCOUNT}`, "5 kWh", { outputs: [{ output: `${HASH}:0` }] }],
  ];
  for (const [args, text, json] of cases) {
    const shown = await ledger.run(...args.split(" "));
    expect([shown.exit, shown.out], args).toEqual(["ok", expect.stringContaining(text)]);
    expect((await ledger.run(...args.split(" "), "--json")).json, args).toMatchObject(json);
  }
});

test("what is not there ends with the not-found code", async () => {
  await using ledger = await setUp();
  for (const args of [
    `query tx ${HASH}`,
    "query block 99",
    "query meter m2",
    `query output ${HASH}:1`,
    `query asset ${HASH}:0`,
    `prove ${HASH}`,
  ])
    expect((await ledger.run(...args.split(" "))).exit, args).toBe("notFound");
});

test("a transfer is signed for the node's chain and account state, and returns what is left to the sender", async () => {
  await using ledger = await setUp(commitAll(createTestNode()));
  const { exit, json } = await ledger.run(
    ...["tx", "transfer", "--input", `${HASH}:0`, "--to", `${TEST_ACCOUNT}=1.5kWh`, "--memo", "thanks", "--json"],
  );
  expect([exit, json]).toMatchObject(["ok", { height: 6, code: 0 }]);
  const tx = submittedBy(ledger.node);
  expect(tx).toMatchObject({ memo: "thanks", signers: [{ account: ledger.account, sequence: 3n }] });
  expect(tx.messages[0]?.value).toMatchObject({
    inputs: [{ outputIndex: 0 }],
    outputs: [
      { amountMwh: 1_500_000n, lock: { threshold: 1, accounts: [TEST_ACCOUNT] } },
      { amountMwh: 3_500_000n, lock: { threshold: 1, accounts: [ledger.account] } },
    ],
  });
  const [signer] = tx.signers;
  const check = signer && signatureCheckOf(tx, signer, "edream-test", 17n);
  expect(check && verifySignature(check.publicKey, check.message, check.signature)).toBe(true);
});

test("every other sending command sends the message it names", async () => {
  await using ledger = await setUp(commitAll(createTestNode()));
  const seal = `tx seal --meter m1 --start 2013-01-01T00:00:00Z --end 2013-01-01T00:30:00Z --count 1 --sum 0.219kWh --fingerprint ${HASH} --readings-root ${HASH}`;
  const cases: [args: string, message: string, fields: object][] = [
    [seal, "MsgSealInterval", { intervalEndMs: 1_357_000_200_000n, energy: { case: "sumMwh", value: 219_000n } }],
    ["tx register --meter m1 --amount 2kWh", "MsgRegisterEnergy", { outputs: [{ amountMwh: 2_000_000n }] }],
    [`members enrol ${TEST_ACCOUNT} --role prosumer`, "MsgEnrolMember", { member: TEST_ACCOUNT, role: "prosumer" }],
    [`members role ${TEST_ACCOUNT} dso`, "MsgChangeRole", { role: "dso" }],
    [`members remove ${TEST_ACCOUNT}`, "MsgRemoveMember", { member: TEST_ACCOUNT }],
    [
      `meters enrol m2 --owner ${TEST_ACCOUNT} --device-key alice --seed-commitment ${HASH}`,
      "MsgEnrolMeter",
      { intervalMs: 900_000n, deviceKey: { type: "secp256k1" } },
    ],
    ["meters revoke m1 --reason broken", "MsgRevokeMeter", { reason: "broken" }],
    [
      `validators update --proposal 7 --set ${HASH}=10`,
      "MsgUpdateValidators",
      { proposalId: 7n, updates: [{ power: 10n }] },
    ],
  ];
  for (const [args, message, fields] of cases) {
    const { exit, err } = await ledger.run(...args.split(" "));
    expect([exit, err], args).toEqual(["ok", ""]);
    const sent = submittedBy(ledger.node).messages[0];
    expect([sent?.name, sent?.value], args).toMatchObject([message, fields]);
  }
});

test("a dry run signs and shows the transaction but sends nothing", async () => {
  await using ledger = await setUp();
  const { exit, json } = await ledger.run("members", "remove", TEST_ACCOUNT, "--dry-run", "--json");
  expect([exit, json]).toMatchObject(["ok", { messages: [{ type: "MsgRemoveMember" }], signers: [{ sequence: "3" }] }]);
  expect(ledger.node.submitted).toEqual([]);
});

test("refusals of the ledger end with their own exit code, before and in a block", async () => {
  const refusing = createTestNode();
  refusing.refusal = { code: 40, codespace: "edream", log: "ROLE_FORBIDDEN: consumer" };
  await using early = await setUp(refusing);
  expect(await early.run("members", "remove", TEST_ACCOUNT)).toMatchObject({
    exit: "refused",
    err: expect.stringContaining("ROLE_FORBIDDEN"),
  });
  await using late = await setUp(commitAll(createTestNode(), 43, "MEMBER_UNKNOWN"));
  const { exit, json } = await late.run("members", "remove", TEST_ACCOUNT, "--json");
  expect([exit, json]).toMatchObject(["refused", { code: "TRANSACTION_REFUSED", details: { code: 43, height: 6 } }]);
});

test("spending too much, a stranger's key and an undecided transaction are told apart", async () => {
  await using ledger = await setUp();
  const transfer = ["tx", "transfer", "--input", `${HASH}:0`, "--to"];
  expect(await ledger.run(...transfer, `${TEST_ACCOUNT}=6kWh`)).toMatchObject({
    exit: "refused",
    err: expect.stringContaining("ENERGY_INSUFFICIENT"),
  });
  expect(await ledger.run(...transfer, `${TEST_ACCOUNT}=1kWh`)).toMatchObject({
    exit: "failure",
    err: expect.stringContaining("COMMIT_TIMEOUT"),
  });
  expect(await ledger.run(...transfer, `${TEST_ACCOUNT}=1kWh`, "--no-wait")).toMatchObject({
    exit: "ok",
    out: expect.stringContaining("waiting for a block"),
  });
  await ledger.run("keys", "new", "bob");
  expect(await ledger.run("members", "remove", TEST_ACCOUNT)).toMatchObject({
    exit: "usage",
    err: expect.stringContaining("KEY_AMBIGUOUS"),
  });
  expect(await ledger.run("members", "remove", TEST_ACCOUNT, "--key", "bob")).toMatchObject({
    exit: "refused",
    err: expect.stringContaining("ACCOUNT_UNKNOWN"),
  });
});

test("a node that is not there, and a server that is no ledger, end with the unreachable code", async () => {
  using cli = createTestCli();
  const { exit, err } = await cli.run("status", "--node", "http://127.0.0.1:1");
  expect([exit, err]).toEqual(["unreachable", expect.stringContaining("energy-ledger start")]);
  const html = async () => new Response("<html>", { status: 200 });
  expect(await cli.runWith({ fetch: html }, "status")).toMatchObject({ exit: "unreachable" });
  const error = async () => new Response("<html>", { status: 502 });
  expect(await cli.runWith({ fetch: error }, "status")).toMatchObject({ exit: "unreachable" });
});

/** A block with one transaction, known to the test node by its real proof. */
function provable(): { node: TestNode; txId: string; blockHash: string } {
  const tx = new Uint8Array(Buffer.from("a transaction"));
  const chain = createTestChain({ chainId: "edream-test" });
  const { signedHeader, validatorSet } = chain.append({ txs: [tx] });
  const node = createTestNode();
  const txId = Buffer.from(sha256(tx)).toString("hex");
  node.committed.set(txId, { tx, height: 1, index: 0, timeMs: 0, result: OK_RESULT });
  const merkle = proveMerkle([sha256(tx)], 0);
  const proof = async () => makeProofFile({ tx, merkle, ...signedHeader, validatorSet });
  Object.assign(node, { ports: { ...node.ports, proof } });
  return { node, txId, blockHash: Buffer.from(hashHeader(signedHeader.header)).toString("hex") };
}

async function verify(cli: TestCli, file: string, hash: string) {
  return (await cli.run("verify", file, "--trusted-hash", hash, "--json")) as Awaited<ReturnType<TestCli["run"]>>;
}

test("prove writes a file that verify accepts, and not after any change or for another hash", async () => {
  const { node, txId, blockHash } = provable();
  await using ledger = await setUp(node);
  const file = join(ledger.cli.folder, "proof.json");
  expect((await ledger.run("prove", txId, "-o", file, "--json")).json).toEqual({ file, height: 1, blockHash });
  expect((await ledger.run("prove", txId)).out).toBe(readFileSync(file, "utf8"));

  const good = await verify(ledger.cli, file, blockHash);
  expect([good.exit, good.json]).toMatchObject(["ok", { verified: true, failed: null }]);
  const text = await ledger.cli.run("verify", file, "--trusted-hash", blockHash);
  expect(text.out.split("\n").filter((line) => line.endsWith(" ok"))).toHaveLength(8);

  const other = await verify(ledger.cli, file, HASH);
  expect([other.exit, other.json]).toMatchObject(["verificationFailed", { failed: "block hash" }]);
  expect((await ledger.cli.run("verify", file, "--trusted-hash", HASH)).err).toContain("check failed: block hash");

  const bytes = readFileSync(file);
  for (const [position, byte] of [
    [0, 0x20],
    [bytes.length - 1, 0x20],
    [bytes.indexOf("txId") + 8, 0xff],
  ] as const) {
    const changed = Buffer.from(bytes);
    changed[position] = byte;
    writeFileSync(file, changed);
    const bad = await verify(ledger.cli, file, blockHash);
    expect([bad.exit, bad.json], `byte ${position}`).toMatchObject([
      "verificationFailed",
      { verified: false, failed: "format" },
    ]);
  }
  expect((await verify(ledger.cli, join(ledger.cli.folder, "none"), blockHash)).exit).toBe("notFound");
});

test("prove refuses a proof that does not hold or is of another transaction", async () => {
  const { node, txId } = provable();
  await using ledger = await setUp(node);
  expect((await ledger.run("prove", HASH)).exit).toBe("verificationFailed");
  const { proof } = node.ports;
  const lying = { ...(await proof?.(new Uint8Array(32))), path: [{ side: "left" as const, hash: new Uint8Array(32) }] };
  const fetchLie = async () =>
    new Response((await import("#storage/types/proofFile.ts")).formatProofFile(lying as never));
  const { exit, err } = await ledger.cli.runWith({ fetch: fetchLie }, "prove", txId);
  expect([exit, err]).toEqual(["verificationFailed", expect.stringContaining("merkle path")]);
});

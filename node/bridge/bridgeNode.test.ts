import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { id } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mined } from "#contracts/testing.ts";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { runCli } from "../cli/program.ts";
import { eventually } from "../testNetwork.ts";
import { startTestBridgeNetwork, type TestBridgeNetwork } from "./testBridgeNetwork.ts";

interface RecordProof {
  readonly key: string;
  readonly value: string;
  readonly height: number;
  readonly proof: never;
}

interface MessageProof {
  readonly typeUrl: string;
  readonly message: string;
  readonly proof: never;
}

/** Two validators that only together are a quorum. */
const START_MS = 90_000;

let world: TestBridgeNetwork;
let { evm, net, full, bridge, outbox, owner, get, state, send } = {} as TestBridgeNetwork;

beforeAll(async () => {
  world = await startTestBridgeNetwork(2);
  ({ evm, net, full, bridge, outbox, owner, get, state, send } = world);
}, START_MS);
afterAll(() => world[Symbol.asyncDispose](), START_MS);

test("anchors of real blocks, signed by validators that hear each other by gossip, reach the contract; a transaction is proved by what the API answers", {
  timeout: START_MS,
}, async () => {
  const member = accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")));
  const authority = accountOfKey(publicKeyOf(owner));
  const txId = await send(ledgerMessage("MsgEnrolMember", { authority, member, role: "consumer" }), owner);
  const { height } = (await get(`/transactions/${txId}`)) as { readonly height: number };
  await eventually(async () => ((await bridge.head()).toHeight >= BigInt(height) ? true : undefined));
  const answer = (await get(`/bridge/proofs/transactions/${txId}`)) as { readonly proof: never };
  const [provedHeight] = await bridge.verifyTx(`0x${txId}`, answer.proof);
  expect(provedHeight).toBe(BigInt(height));
  expect(await get("/bridge")).toMatchObject({ contract: (await bridge.getAddress()).toLowerCase(), fault: "" });
});

test("a message and a record of the state are proved by what the API answers, and the contract takes both", {
  timeout: START_MS,
}, async () => {
  const member = accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")));
  const authority = accountOfKey(publicKeyOf(owner));
  const txId = await send(ledgerMessage("MsgEnrolMember", { authority, member, role: "producer" }), owner);
  const { height } = (await get(`/transactions/${txId}`)) as { readonly height: number };

  const data = Buffer.from(member).toString("hex");
  const path = `/bridge/proofs/state?path=/edream/member&data=${data}&minHeight=${height}`;
  const record = (await eventually(() => get(path))) as RecordProof;
  expect(Buffer.from(String(record.key).slice(2), "hex").toString()).toBe(`member/${member}`);
  const [provedHeight] = await eventually(() => bridge.verifyState(record.key, record.value, record.proof).catch(none));
  expect(provedHeight).toBe(BigInt(record.height) + 1n);
  const other = bridge.verifyState(record.key, "0x00", record.proof);
  await expect(other).rejects.toMatchObject({ revert: { name: "StateNotInBlock" } });

  const shown = (await get(`/bridge/proofs/messages/${txId}/0`)) as MessageProof;
  expect(shown).toMatchObject({ typeUrl: "/edream.ledger.v1.MsgEnrolMember", messageIndex: 0 });
  const asked = bridge.verifyMessage(Buffer.from(shown.typeUrl), shown.message, shown.proof);
  expect((await asked)[0]).toBe(BigInt(height));
});

test("what cannot be proved is answered with the reason: too new, absent, of no record, no such message", {
  timeout: START_MS,
}, async () => {
  const { height } = (await get("/status")) as { readonly height: number };
  const status = async (path: string) => {
    const answer = await fetch(`${full.api?.url}/ledger/v1/bridge/proofs/${path}`);
    const { code } = (await answer.json()) as { readonly code?: string };
    return [answer.status, code];
  };
  const account = Buffer.from(accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")))).toString("hex");
  await eventually(() => get("/bridge/proofs/state?path=/edream/params"));
  expect(await status(`state?path=/edream/params&minHeight=${height + 100_000}`)).toEqual([503, "NOT_READY"]);
  expect(await status(`state?path=/edream/member&data=${account}`)).toEqual([404, "NOT_FOUND"]);
  expect(await status("state?path=/edream/ancestor&data=31")).toEqual([422, "QUERY_REFUSED"]);
  expect(await status("state?path=/edream/members")).toEqual([422, "QUERY_REFUSED"]);
  expect(await status("state?path=/edream/none")).toEqual([422, "QUERY_REFUSED"]);
  const asked = async (query: string) => (await fetch(`${full.api?.url}/ledger/v1/bridge/steps?${query}`)).status;
  expect(await Promise.all(["", "seq=1&nonce=0", "seq=1", "seq=-1&nonce=0"].map(asked))).toEqual([200, 200, 400, 400]);
  expect(await status("state?path=/edream/params&minHeight=-1")).toEqual([400, "BAD_REQUEST"]);
  expect(await status(`messages/${"ab".repeat(32)}/0`)).toEqual([404, "NOT_FOUND"]);
  const member = accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")));
  const authority = accountOfKey(publicKeyOf(owner));
  const txId = await send(ledgerMessage("MsgEnrolMember", { authority, member, role: "consumer" }), owner);
  await eventually(() => get(`/bridge/proofs/messages/${txId}/0`));
  expect(await status(`messages/${txId}/1`)).toEqual([404, "NOT_FOUND"]);
});

test("an event of the outbox comes onto the ledger once, by the validators' votes", { timeout: START_MS }, async () => {
  await mined(outbox.emitEvent(id("test.settled"), Buffer.from("paid")));
  const event = await eventually(() => state("/edream/ethereum-event", "1"));
  expect(event).toMatchObject({
    event: { kind: id("test.settled").slice(2), payload: Buffer.from("paid").toString("hex") },
  });
  expect(await state("/edream/ethereum")).toMatchObject({ eventNonce: "1" });
});

/** A command with the home of this node, asking the full node. */
async function cli(home: string, ...args: readonly string[]) {
  let [out, err] = ["", ""];
  const all = [
    "--home",
    join(net.directory, home),
    "--node",
    full.api?.url ?? "",
    "--passphrase-file",
    file("passphrase"),
  ];
  const exitCode = await runCli([...args, ...all, "--json"], {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    environment: {},
    colour: false,
    fetch,
    nowMs: Date.now,
    askSecret: undefined,
    startNode: async () => {
      throw new Error("this test's commands start no node");
    },
    onInterrupt: () => () => undefined,
  });
  return { exitCode, out, err };
}

/** For what may be refused for a while. */
const none = () => undefined;
const file = (name: string) => join(net.directory, name);
const ethereum = () => ["--ethereum", evm.anvil.url];

test("commands: keys and status are shown, a proof is written and the contract asked; one that was changed is refused", {
  timeout: START_MS,
}, async () => {
  const { keys } = JSON.parse((await cli("full0", "bridge", "keys")).out) as { readonly keys: readonly unknown[] };
  expect(keys).toHaveLength(2);
  const status = JSON.parse((await cli("full0", "bridge", "status")).out) as object;
  expect(status).toMatchObject({ fault: "", planned: { anchors: expect.any(Number) } });

  const metrics = await (await fetch(`${full.api?.url}/metrics`)).text();
  expect(metrics).toMatch(/^ledger_bridge_relay_state\{state="\w+"\} 1$/m);
  expect(metrics).toMatch(/^ledger_bridge_fault 0$/m);

  const member = accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")));
  const authority = accountOfKey(publicKeyOf(owner));
  const txId = await send(ledgerMessage("MsgEnrolMember", { authority, member, role: "consumer" }), owner);
  await eventually(async () => {
    const { exitCode } = await cli("full0", "bridge", "prove", txId, "-o", file("proof.json"));
    return exitCode === 0 ? true : undefined;
  });
  const verified = await eventually(async () => {
    const answer = await cli("full0", "bridge", "verify", file("proof.json"), ...ethereum());
    return answer.exitCode === 0 ? answer : undefined;
  });
  expect(JSON.parse(verified.out)).toMatchObject({ txId: `0x${txId}` });
  const proof = readFileSync(file("proof.json"), "utf8");
  writeFileSync(file("other.json"), proof.replace(`0x${txId}`, `0x${"ab".repeat(32)}`));
  const refused = await cli("full0", "bridge", "verify", file("other.json"), ...ethereum());
  expect([refused.exitCode, refused.err]).toEqual([5, expect.stringContaining("TxNotInBlock")]);
  writeFileSync(file("other.json"), "{}");
  expect((await cli("full0", "bridge", "verify", file("other.json"), ...ethereum())).exitCode).toBe(2);

  const record = ["bridge", "prove-state", "member", member, "-o", file("record.json")];
  for (const args of [["bridge", "prove-message", txId, "0", "-o", file("message.json")], record])
    expect(await cli("full0", ...args, "--wait", "60s")).toMatchObject({ exitCode: 0 });
  for (const [name, expected] of [
    ["message.json", { txId: `0x${txId}`, typeUrl: "/edream.ledger.v1.MsgEnrolMember" }],
    ["record.json", { record: `member/${member}` }],
  ] as const) {
    const held = await eventually(async () => {
      const answer = await cli("full0", "bridge", "verify", file(name), ...ethereum());
      return answer.exitCode === 0 ? answer : undefined;
    });
    expect(JSON.parse(held.out)).toMatchObject(expected);
  }
  expect((await cli("full0", "bridge", "prove-state", "no such")).exitCode).toBe(2);
  expect((await cli("full0", "bridge", "prove-state", "params", "--min-height", "x")).exitCode).toBe(2);
  expect((await cli("full0", "bridge", "prove-message", txId, "x")).exitCode).toBe(2);
  expect((await cli("full0", "bridge", "prove", txId, "--wait", "soon")).exitCode).toBe(2);
  const never = await cli("full0", "bridge", "prove", "ab".repeat(32), "--wait", "1s");
  expect([never.exitCode, never.err]).toEqual([3, expect.stringContaining("NOT_FOUND")]);
});

test("while Ethereum's node stands still blocks, anchors and their signatures go on; when it is back the contract catches up", {
  timeout: START_MS,
}, async () => {
  interface Steps {
    readonly steps: readonly {
      readonly kind: string;
      readonly anchor: { seq: string };
      readonly signatures: unknown[];
    }[];
  }
  const { seq } = await bridge.head();
  process.kill(evm.anvil.pid, "SIGSTOP");
  try {
    // Connections are taken and nothing is ever answered; three anchors later both validators have signed all the same.
    await eventually(async () => {
      const { steps } = (await get(`/bridge/steps?seq=${seq + 3n}&nonce=0`)) as Steps;
      return steps.some(({ kind, signatures }) => kind === "anchor" && signatures.length === 2) ? true : undefined;
    });
    expect(await get("/bridge")).toMatchObject({ fault: "" });
  } finally {
    process.kill(evm.anvil.pid, "SIGCONT");
  }
  await eventually(async () => ((await bridge.head()).seq >= seq + 3n ? true : undefined));
});

test("commands: a validator's second key is replaced, and the contract has the new set before further anchors", {
  timeout: START_MS,
}, async () => {
  expect((await cli("validator1", "keys", "new", "bridge2")).exitCode).toBe(0);
  const registered = await cli("validator1", "bridge", "register", "--second-key", "bridge2");
  expect(registered, registered.err).toMatchObject({ exitCode: 0 });
  await eventually(async () => ((await bridge.head()).valsetNonce === 1n ? true : undefined));
  // The node still has the old key: now it signs nothing, and neither does anybody in its place.
  expect((await cli("validator1", "bridge", "register", "--second-key", "bridge2")).exitCode).toBe(4);
});

test("commands: one validator of two stops the bridge, both are needed to start it again", {
  timeout: START_MS,
}, async () => {
  const sign = (home: string, key: string, name: string, ...more: readonly string[]) =>
    cli(home, "bridge", "freeze", "sign", "--second-key", key, "-o", file(name), ...more, ...ethereum());
  const submit = (...files: readonly string[]) =>
    cli("full0", "bridge", "freeze", "submit", ...files.map(file), "--key", "relayer", ...ethereum());
  expect(await sign("validator0", "bridge", "stop")).toMatchObject({ exitCode: 0 });
  const stopped = await submit("stop");
  expect(stopped, stopped.err).toMatchObject({ exitCode: 0 });
  expect((await bridge.status()).frozen).toBe(true);
  const relay = await cli("full0", "bridge", "relay", "--once", "--key", "relayer", ...ethereum());
  expect(relay.out).toContain('"state":"frozen"');

  await sign("validator0", "bridge", "a", "--off");
  await sign("validator1", "bridge2", "b", "--off");
  expect(await submit("a")).toMatchObject({ exitCode: 2, err: expect.stringContaining("FREEZE_POWER_TOO_LOW") });
  expect(await submit("a", "b")).toMatchObject({ exitCode: 0 });
  expect((await bridge.status()).frozen).toBe(false);
});

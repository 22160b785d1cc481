import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  accountOf,
  createTestLedger,
  EXPORT_METER,
  keyOf,
  output,
  sealMessage,
} from "#consensus/application/testLedger.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import type { TestCli } from "./testIo.ts";
import { homeOf, startLedgerNode } from "./testLedgerNode.ts";

/** A ledger with one output of 1000 mWh that two of producer, consumer and prosumer open together; each has a home of their own. */
async function setUp() {
  const ledger = createTestLedger();
  ledger.send(sealMessage(0), "device");
  const register = ledgerMessage("MsgRegisterEnergy", {
    owner: accountOf("prosumer"),
    meterId: EXPORT_METER,
    outputs: [output(1000n, ["producer", "consumer", "prosumer"], 2)],
  });
  ledger.send(register, "prosumer");
  const events = ledger.query("/edream/outputs", JSON.stringify({ account: accountOf("consumer") }));
  const [{ id } = { id: "" }] = (events?.entries ?? []) as { id: string }[];
  const node = await startLedgerNode(ledger);
  const [prosumer, consumer, producer] = [await homeOf("prosumer"), await homeOf("consumer"), await homeOf("producer")];
  const file = join(prosumer.folder, "transfer.json");
  const hex = Buffer.from(publicKeyOf(keyOf("consumer")).bytes).toString("hex");
  const run = (cli: TestCli, ...args: readonly string[]) => cli.run(...args, "--node", node.url);
  return {
    ledger,
    node,
    file,
    prosumer,
    consumer,
    producer,
    run,
    transfer: (...more: readonly string[]) =>
      run(
        prosumer,
        ...["tx", "transfer", "--input", id, "--to", `${accountOf("dso")}=400mWh`],
        ...["--co-signer", `secp256k1:${hex}`, ...more],
      ),
    async [Symbol.asyncDispose]() {
      await node.close();
      for (const cli of [prosumer, consumer, producer]) cli[Symbol.dispose]();
    },
  };
}

test("an output locked to two of three is spent by two people, each with the key at home", async () => {
  await using all = await setUp();
  const written = await all.transfer("--unsigned", all.file, "--json");
  expect([written.exit, written.json]).toMatchObject(["ok", { missing: [accountOf("consumer")] }]);
  const shown = await all.run(all.consumer, "tx", "sign", all.file);
  expect([shown.exit, shown.out]).toEqual(["ok", expect.stringContaining('"type": "MsgTransferEnergy"')]);
  expect(shown.out).toContain(`tx send ${all.file}`);
  const sent = await all.run(all.consumer, "tx", "send", all.file, "--json");
  expect([sent.exit, sent.json]).toMatchObject(["ok", { code: 0 }]);
  const outputs = all.ledger.query("/edream/outputs", JSON.stringify({ account: accountOf("dso") }));
  expect(outputs?.entries).toMatchObject([{ amountMwh: "400" }]);
});

test("copies that were signed apart are sent together", async () => {
  await using all = await setUp();
  await all.transfer("--unsigned", all.file);
  const copy = join(all.consumer.folder, "copy.json");
  copyFileSync(all.file, copy);
  await all.run(all.consumer, "tx", "sign", copy);
  expect((await all.run(all.prosumer, "tx", "send", all.file)).err).toContain("SIGNATURE_MISSING");
  expect((await all.run(all.prosumer, "tx", "send", all.file, copy)).exit).toBe("ok");
});

test("what does not belong together is refused with a reason", async () => {
  await using all = await setUp();
  expect((await all.transfer()).err).toContain("CO_SIGNER_ELSEWHERE");
  await all.transfer("--unsigned", all.file);
  const other = join(all.prosumer.folder, "other.json");
  await all.transfer("--unsigned", other, "--memo", "another");
  expect((await all.run(all.producer, "tx", "sign", all.file)).err).toContain("SIGNER_NOT_NAMED");
  expect((await all.run(all.prosumer, "tx", "send", all.file, other)).err).toContain("TX_FILES_DIFFER");
  expect((await all.run(all.prosumer, "tx", "sign", join(all.prosumer.folder, "none"))).err).toContain(
    "TX_FILE_UNREADABLE",
  );
  await all.run(all.consumer, "tx", "sign", all.file);
  const json = JSON.parse(readFileSync(all.file, "utf8")) as { chainId: string; tx: string; accountNumbers: string[] };
  const altered = (fields: Partial<typeof json>) => {
    writeFileSync(other, JSON.stringify({ ...json, ...fields }));
    return all.run(all.consumer, "tx", "send", other);
  };
  const moreEnergy = Buffer.from(json.tx, "base64").toString("latin1").replace("\x08\x90\x03", "\x08\x91\x03");
  expect((await altered({ tx: Buffer.from(moreEnergy, "latin1").toString("base64") })).err).toContain(
    "TX_FILE_SIGNATURE_INVALID",
  );
  expect((await altered({ chainId: "edream-other" })).err).toContain("TX_FILE_SIGNATURE_INVALID");
  expect((await altered({ accountNumbers: ["1"] })).err).toContain("TX_FILE_MALFORMED");
  expect((await altered({ tx: "AAAA" })).err).toContain("TX_FILE_MALFORMED");
  writeFileSync(other, "{");
  expect((await all.run(all.consumer, "tx", "send", other)).err).toContain("TX_FILE_MALFORMED");
});

test("a transaction signed for one chain is not sent to another", async () => {
  await using all = await setUp();
  await using elsewhere = await setUp();
  await all.transfer("--unsigned", all.file);
  await all.run(all.consumer, "tx", "sign", all.file);
  const { ports } = elsewhere.node;
  const status = ports.status;
  ports.status = async () => ({ ...(await status()), chainId: "edream-other" });
  expect((await all.consumer.run("tx", "send", all.file, "--node", elsewhere.node.url)).err).toContain("CHAIN_OTHER");
});

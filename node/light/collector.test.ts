import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  accountOf,
  CHAIN_ID,
  codeName,
  configurationMessage,
  createTestLedger,
  keyOf,
} from "#consensus/application/testLedger.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { txId } from "#storage/types/block.ts";
import { encodeDeterministicResult } from "#storage/types/results.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { archiveFolders } from "../archive/archiveJob.ts";
import { openArchiveRecords } from "../archive/archiveRecords.ts";
import { attest } from "../devices/attestationFile.ts";
import { sealConfiguration } from "../devices/configurationBox.ts";
import { encodeContent, plaintextOf } from "../devices/configurationContent.ts";
import { documentOfSettings, SETTINGS_SCHEMA } from "../devices/testDevice.ts";
import { type MetersFile, NO_METERS, parseMetersFile } from "../meter/metersFile.ts";
import { defaultOptions, type NodeOptions } from "../options.ts";
import { type Collector, startCollector } from "./collector.ts";
import { deviceKeyOf } from "./meterKeys.ts";

const METER = "modbus:plant/1/import";
const METER_KEY = { type: "ed25519", bytes: new Uint8Array(32).fill(5) } as const;
const DEVICE = deviceKeyOf(METER_KEY, METER);
const BLOCK_MS = Date.UTC(2023, 10, 15, 12);
/** Answers go out with the node's next step, a second later at most. */
const PATIENCE = { timeout: 30_000 };

/** Meters that are enrolled as well, and who seals their archives. */
interface Archived {
  readonly meters: readonly string[];
  readonly sealer: PrivateKey;
}

/** A full node that reads a meter, over a ledger in memory: each block that is made is one that the node has committed. */
async function startTestCollector(
  metersFile: MetersFile = NO_METERS,
  change: Partial<NodeOptions> = {},
  { meters, sealer }: Partial<Archived> = {},
) {
  const home = mkdtempSync(join(tmpdir(), "collector-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const ledger = createTestLedger({ checker: true });
  const deviceKey = { type: DEVICE.type, key: publicKeyOf(DEVICE).bytes };
  expect(ledger.send(ledger.enrolMeter({ meterId: METER, deviceKey } as never), "dso")).toBe("OK");
  for (const meterId of meters ?? [])
    expect(ledger.send(ledger.enrolMeter({ meterId, direction: "import" } as never), "dso")).toBe("OK");
  // Archives are begun with when the node has caught up.
  const chain = { isCatchingUp: sealer !== undefined, appHash: new Uint8Array(32) as Uint8Array };
  const proofs = new Map<string, object>();
  const codes: string[] = [];
  let collector: Collector | undefined;
  function block(txs: readonly Uint8Array[]): void {
    const { appHash, txResults } = ledger.block(txs);
    for (const [index, tx] of txs.entries()) {
      const { code = -1 } = txResults[index] ?? {};
      codes.push(codeName(txResults[index]));
      const bytes = encodeDeterministicResult({ code, data: new Uint8Array(0), gasWanted: 1n, gasUsed: 1n });
      proofs.set(hex(txId(tx)), { txId: txId(tx), height: ledger.height, inclusion: { index }, result: { bytes } });
    }
    chain.appHash = appHash;
    collector?.onBlock();
  }
  const unused = () => {
    throw new Error("not asked in this test");
  };
  collector = await startCollector(
    defaultOptions({ home, deviceMeters: [METER], ...change }),
    { chainId: CHAIN_ID, meterKey: METER_KEY, metersFile, ...(sealer && { archiveKey: sealer }) },
    {
      app: ledger.app,
      reader: { txProof: async (id: Uint8Array) => proofs.get(hex(id)), lightBlock: unused } as never,
      mempool: {
        async addBatch(txs: readonly Uint8Array[]) {
          queueMicrotask(() => block(txs));
          return txs.map(() => ({ added: true }));
        },
      } as never,
      network: { peerId: "self", protocols: {}, penalise: unused } as never,
      tip: () => (chain.isCatchingUp ? undefined : { appHash: chain.appHash, timeMs: BLOCK_MS }),
      fail: unused,
      log: pino({ level: "silent" }),
    },
  );
  const started = collector;
  onTestFinished(() => started[Symbol.asyncDispose]());
  const states = join(home, "data", "devices.json");
  return {
    ...{ ledger, chain, codes, home, meters: () => started.meters() },
    block: () => block([]),
    record: (version: number) => ledger.query("/edream/configuration", `${version} ${METER}`),
    states: () => (existsSync(states) ? JSON.parse(readFileSync(states, "utf8")).devices[METER] : undefined),
    async set(version: number, settings: object) {
      const document = documentOfSettings(settings);
      const about = { ledgerId: CHAIN_ID, meterId: METER, version, ...SETTINGS_SCHEMA };
      const attested = attest(document, about, keyOf("checker"), new Uint8Array(32).fill(version));
      const content = encodeContent({ ...attested, plaintext: plaintextOf(attested.salt, document) });
      const payload = await sealConfiguration(content, publicKeyOf(DEVICE), about, new Uint8Array(32).fill(version));
      const { plaintextHash } = attested;
      const fields = { meterId: METER, payload, plaintextHash, ...SETTINGS_SCHEMA, priority: "urgent" };
      expect(ledger.send(configurationMessage(BigInt(version), fields as never), "prosumer")).toBe("OK");
    },
  };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("a full node that reads meters applies their configurations with the block, and says so on the ledger", async () => {
  const node = await startTestCollector();
  await node.set(1, { latenessMs: 7000, clearSums: false });
  node.block();
  await vi.waitFor(() => expect(node.states()?.answer).toMatchObject({ version: 1, acknowledged: true }), PATIENCE);
  expect(node.states().applied.settings).toEqual({ latenessMs: 7000, clearSums: false });
  expect([node.codes, node.record(1)?.outcome]).toEqual([["OK"], "applied"]);
  await node.set(2, { inputs: { none: { periodMs: 500 } } });
  node.block();
  await vi.waitFor(() => expect(node.record(2)).toMatchObject({ outcome: "rejected", code: 11 }), PATIENCE);
  expect(node.states().applied.version).toBe(1);
});

test("a context broker is asked as often as the configuration says, from now on", async () => {
  let queries = 0;
  const broker = createServer((request, response) => {
    if (request.url?.startsWith("/v2/entities")) queries += 1;
    response.end("[]");
  });
  broker.listen(0, "127.0.0.1");
  await once(broker, "listening");
  onTestFinished(() => void broker.close());
  const url = `http://127.0.0.1:${(broker.address() as AddressInfo).port}`;
  const options = {
    port: 0,
    broker: { url, entityType: "Meter", notifyUrl: "http://127.0.0.1:1", cadenceMs: 3_600_000 },
  };
  const node = await startTestCollector({ ...NO_METERS, inputs: [{ name: "fiware", type: "ngsi", options }] });
  await vi.waitFor(() => expect(queries).toBe(1), PATIENCE);
  await node.set(1, { inputs: { fiware: { periodMs: 100 } } });
  node.block();
  // Once because it is started anew, and then again and again: at the old pace it would be three hours later.
  await vi.waitFor(() => expect(queries).toBeGreaterThan(3), PATIENCE);
  await vi.waitFor(() => expect(node.record(1)?.outcome).toBe("applied"), PATIENCE);
});

test("a full node that catches up applies the newest configuration alone, once it has", async () => {
  const node = await startTestCollector();
  node.chain.isCatchingUp = true;
  await node.set(1, { latenessMs: 1 });
  node.block();
  await node.set(2, { latenessMs: 2 });
  node.block();
  expect(node.states()).toBeUndefined();
  node.chain.isCatchingUp = false;
  node.block();
  await vi.waitFor(() => expect([node.record(1)?.code, node.record(2)?.outcome]).toEqual([10, "applied"]), PATIENCE);
  expect(node.states().applied.settings).toEqual({ latenessMs: 2 });
});

test("a revoked device at a full node is given no configuration", async () => {
  const node = await startTestCollector();
  await node.set(1, { latenessMs: 7000 });
  node.block();
  await vi.waitFor(() => expect(node.states()?.answer.acknowledged).toBe(true), PATIENCE);
  await node.set(2, { latenessMs: 8000 });
  const authority = accountOf("dso");
  expect(
    node.ledger.send(ledgerMessage("MsgRevokeMeter", { authority, meterId: METER, reason: "stolen" }), "dso"),
  ).toBe("OK");
  // Taken with a block of its own, so that the node has looked when the one after it is.
  node.block();
  await new Promise((resolve) => setImmediate(resolve));
  node.block();
  expect([node.states().applied.version, node.record(2)?.outcome, node.codes]).toEqual([1, "", ["OK"]]);
});

test("a full node seals the archives of the meters it reads, with its own ledger and by the key of their owner", async () => {
  const path = fileURLToPath(new URL("../meter/testdata/lcl-derived.csv", import.meta.url));
  const inputs = [{ name: "file", type: "csv", options: { path } }];
  const file = parseMetersFile(JSON.stringify({ version: 1, inputs, devices: [{ device: "lcl:*" }] }), "meters.json");
  const meters = ["lcl:MAC000002/import", "lcl:MAC000003/import"];
  const options = { archiveEvery: "month", archiveGraceMs: 0, meterIntervalMs: 3_600_000 };
  const node = await startTestCollector(file, options, { meters, sealer: keyOf("prosumer") });
  await vi.waitFor(() => {
    const [accepted, durable] = [node.meters()?.account().accepted, node.meters()?.stats().durable];
    expect(accepted).toBeGreaterThan(0);
    expect(durable).toBe(accepted);
    expect(node.meters()?.stats().fingerprinted).toBeGreaterThan(20);
  }, PATIENCE);
  node.chain.isCatchingUp = false;
  const [from, until] = [Date.UTC(2013, 0, 1), Date.UTC(2013, 1, 1)];
  const sealed = () => meters.map((meter) => node.ledger.query("/edream/archive", `${from}-${until}-1 ${meter}`));
  await vi.waitFor(() => expect(sealed()).toEqual([expect.anything(), expect.anything()]), PATIENCE);
  const { records } = archiveFolders(join(node.home, "data"));
  await vi.waitFor(async () => {
    const own = await Promise.all(meters.map((meter) => openArchiveRecords(records).list(meter)));
    const periods = own.flat().map(({ meterId, fromMs }) => `${meterId} ${new Date(fromMs).toISOString().slice(0, 7)}`);
    expect([...new Set(periods)]).toEqual([
      `${meters[0]} 2013-01`,
      `${meters[1]} 2012-12`,
      `${meters[1]} 2013-01`,
      `${meters[1]} 2013-03`,
    ]);
    expect(own.flat().every(({ sealed: on }) => on !== undefined)).toBe(true);
  }, PATIENCE);
});

import { test } from "vitest";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { decodeTransaction } from "#storage/types/transaction.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { createLedgerApplication } from "./ledgerApplication.ts";
import {
  accountOf,
  blockRequest,
  CHAIN_ID,
  genesisKey,
  INTERVAL_MS,
  initChainRequest,
  keyOf,
  START_MS,
  sealMessage,
  testGenesis,
} from "./testLedger.ts";

/**
 * What a sealed interval costs beside its signature: every transaction goes through check, prepare, process, finalise and commit, as in a
 * proposer; the signature is answered from the node's cache. One device per meter, so that every transaction changes two records; 2 000 of 10 000 meters are active.
 */
const METERS = 10_000;
const ACTIVE_METERS = 2_000;
const TXS_PER_BLOCK = ACTIVE_METERS;
const BLOCKS = 5;

function deviceName(index: number): string {
  return `device ${index}`;
}

function prepareTransactions(): Uint8Array[] {
  return Array.from({ length: TXS_PER_BLOCK * BLOCKS }, (_, index) => {
    const name = deviceName(index % ACTIVE_METERS);
    const message = sealMessage(Math.floor(index / ACTIVE_METERS), {
      signer: accountOfKey(publicKeyOf(keyOf(name))),
      meterId: `bench:${index % ACTIVE_METERS}`,
    });
    const signer = {
      privateKey: keyOf(name),
      accountNumber: BigInt(numbers.get(name) ?? 0),
      sequence: BigInt(Math.floor(index / ACTIVE_METERS)),
    };
    return signTransaction({ messages: [message], chainId: CHAIN_ID, signers: [signer] });
  });
}

const numbers = new Map<string, number>();

function createBenchApplication() {
  const app = createLedgerApplication({ chainId: CHAIN_ID, verifySignature: () => true });
  const genesis = testGenesis();
  const meters = Array.from({ length: METERS }, (_, index) => ({
    meterId: `bench:${index}`,
    deviceKey: genesisKey(deviceName(index)),
    owner: accountOf("prosumer"),
    quantity: "electricity",
    direction: "export",
    seedCommitment: "00".repeat(32),
    intervalMs: INTERVAL_MS,
  }));
  app.initChain(initChainRequest({ ...genesis, meters }));
  return app;
}

test("sealed intervals through the whole application", { timeout: 120_000 }, () => {
  const txs = prepareTransactions();
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round < 4; round++) {
    const app = createBenchApplication();
    const spent: Record<string, number> = { check: 0, prepare: 0, process: 0, finalize: 0, commit: 0 };
    const timed = <T>(name: string, run: () => T): T => {
      const start = process.hrtime.bigint();
      const value = run();
      spent[name] = (spent[name] ?? 0) + Number(process.hrtime.bigint() - start) / 1000;
      return value;
    };
    for (let block = 0; block < BLOCKS; block++) {
      const own = txs.slice(block * TXS_PER_BLOCK, (block + 1) * TXS_PER_BLOCK);
      const request = blockRequest(block + 1, own, START_MS + 86_400_000);
      timed("check", () => {
        for (const tx of own) {
          const { code, log } = app.checkTx({ tx, type: "new" });
          if (code !== 0) throw new Error(log);
        }
      });
      // The block comes back from the network in other buffers.
      const copies = own.map((tx) => Buffer.from(tx));
      const prepared = timed("prepare", () => app.prepareProposal({ ...request, txs: own, maxTxBytes: 2 ** 21 }));
      if (prepared.txs.length !== own.length) throw new Error(`${prepared.txs.length} prepared`);
      const processed = timed("process", () => app.processProposal({ ...request, txs: copies }));
      if (!processed.accepted) throw new Error(processed.reason);
      timed("finalize", () => app.finalizeBlock({ ...request, txs: copies }));
      timed("commit", () => app.commit());
    }
    rounds.push(spent);
  }
  const last = rounds.at(-1) ?? {};
  const perTx = Object.entries(last).map(([name, us]) => `${name} ${(us / txs.length).toFixed(1)}`);
  const total = Object.values(last).reduce((sum, us) => sum + us, 0) / txs.length;
  console.log(`${txs.length} txs of ${txs[0]?.length} B: ${perTx.join(", ")} = ${total.toFixed(1)} µs per transaction`);
});

test("decoding a sealed interval", async ({ bench }) => {
  const tx = signTransaction({
    messages: [sealMessage(0)],
    chainId: CHAIN_ID,
    signers: [{ privateKey: keyOf("device"), accountNumber: 1n, sequence: 0n }],
  });
  await bench.compare(
    bench("decodeTransaction", () => {
      decodeTransaction(tx);
    }),
    bench("the same, refused at its first byte", () => {
      decodeTransaction(tx.subarray(1));
    }),
  );
});

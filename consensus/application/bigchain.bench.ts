import { test } from "vitest";
import {
  type BuiltTransaction,
  createTransaction,
  ed25519Details,
  jsonOf,
  transferTransaction,
} from "#storage/assets/buildTransaction.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { createLedgerApplication } from "./ledgerApplication.ts";
import {
  assetSigner,
  bigchainMessage,
  blockRequest,
  CHAIN_ID,
  initChainRequest,
  keyOf,
  testGenesis,
} from "./testLedger.ts";

/**
 * What a BigchainDB transaction costs a validator beside its signature and that of who carries it: check, prepare, process, finalise and
 * commit, parsing included; time of the thread's own, so that other work on the machine does not count. Meters are created in the first
 * block; then every one of them transfers to itself with new metadata, as the aggregator does.
 */
const METERS = 1_000;
const BLOCKS = 5;
const CARRIER = "aggregator";

function meters(): BuiltTransaction[][] {
  const issuer = assetSigner("meter");
  const details = ed25519Details(issuer.publicKey);
  const outputs = [{ amount: 1n, details }];
  const metadata = (block: number) =>
    jsonOf({ recvTime: block, attrName: "consumption", attrType: "Number", attrValue: `${1000 + block}` });
  const created = Array.from({ length: METERS }, (_, index) =>
    createTransaction({ data: jsonOf({ meter: `m${index}` }), metadata: metadata(0), outputs, issuer }),
  );
  const blocks = [created];
  for (let block = 1; block < BLOCKS; block += 1)
    blocks.push(
      (blocks[block - 1] as BuiltTransaction[]).map(({ id }, index) =>
        transferTransaction({
          assetId: (created[index] as BuiltTransaction).id,
          metadata: metadata(block),
          inputs: [{ transactionId: id, outputIndex: 0, details, signers: [issuer] }],
          outputs,
        }),
      ),
    );
  return blocks;
}

test("a block of 1 000 CREATEs, then blocks of 1 000 TRANSFERs each", () => {
  const genesis = testGenesis({ quotaTxsPerBlock: METERS, quotaBytesPerBlock: 2 ** 24 });
  const app = createLedgerApplication({ chainId: CHAIN_ID, verifySignature: () => true });
  app.initChain(initChainRequest(genesis));
  const account = JSON.parse(
    Buffer.from(
      app.query({
        path: "/edream/account",
        data: Buffer.from(genesis.members?.[2]?.account ?? ""),
        height: 0,
        prove: false,
      }).value,
    ).toString(),
  );
  const signer = { privateKey: keyOf(CARRIER), accountNumber: BigInt(account.number) };
  const blocks = meters().map((transactions, block) =>
    transactions.map((transaction, index) =>
      signTransaction({
        messages: [bigchainMessage(CARRIER, transaction)],
        chainId: CHAIN_ID,
        signers: [{ ...signer, sequence: BigInt(block * METERS + index) }],
      }),
    ),
  );
  for (const [block, txs] of blocks.entries()) {
    const spent: Record<string, number> = {};
    const timed = <T>(name: string, call: () => T): T => {
      const before = process.threadCpuUsage();
      const answer = call();
      const { user, system } = process.threadCpuUsage(before);
      spent[name] = user + system;
      return answer;
    };
    const request = { ...blockRequest(block + 1, txs) };
    timed("check", () => {
      for (const tx of txs) {
        const { code, log } = app.checkTx({ tx, type: "new" });
        if (code !== 0) throw new Error(log);
      }
    });
    const prepared = timed("prepare", () => app.prepareProposal({ ...request, maxTxBytes: 2 ** 24 }));
    if (prepared.txs.length !== txs.length) throw new Error(`${prepared.txs.length} prepared`);
    timed("process", () => app.processProposal(request));
    timed("finalise", () => app.finalizeBlock(request));
    timed("commit", () => app.commit());
    const perTx = Object.entries(spent).map(([name, us]) => `${name} ${(us / txs.length).toFixed(1)}`);
    const total = Object.values(spent).reduce((sum, us) => sum + us, 0) / txs.length;
    console.log(
      `block ${block + 1}, ${txs.length} txs of ${txs[0]?.length} B: ${perTx.join(", ")} = ${total.toFixed(1)} µs of CPU per transaction`,
    );
  }
});

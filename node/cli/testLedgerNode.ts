import { CHAIN_ID, createTestLedger, keyOf, type Person, type TestLedger } from "#consensus/application/testLedger.ts";
import { txId } from "#storage/types/transaction.ts";
import { createTestNode, startTestApi } from "../api/testPorts.ts";
import { homePaths } from "../configurationHome.ts";
import { saveKey } from "./keyStore.ts";
import { createTestCli, TEST_PASSPHRASE, type TestCli } from "./testIo.ts";

/** The REST API over a real ledger application: what is submitted is a block of its own at once. */
export async function startLedgerNode(ledger: TestLedger = createTestLedger()) {
  const node = createTestNode();
  const ports = {
    ...node.ports,
    status: async () => ({ ...(await node.ports.status()), chainId: CHAIN_ID }),
    stateQuery: (request: Parameters<typeof ledger.app.query>[0]) => ledger.app.query(request),
    async submit(tx: Uint8Array) {
      const checked = ledger.app.checkTx({ tx, type: "new" });
      if (checked.code !== 0) return { txId: txId(tx), ...checked };
      const result = ledger.block([tx]).txResults[0] ?? { code: 1, codespace: "", log: "" };
      const { code, codespace, log } = result;
      setImmediate(() =>
        node.emit({ type: "tx", txId: txId(tx), height: ledger.height, index: 0, code, codespace, log }),
      );
      return { txId: txId(tx), code: 0, codespace: "", log: "" };
    },
  };
  const api = await startTestApi({ ...node, ports }, { apiCommitTimeoutMs: 2_000 });
  return { ledger, ports, url: api.url, close: () => api.close() };
}

/** A home of its own for a person of the test ledger, whose key is `person` there. */
export async function homeOf(...people: readonly Person[]): Promise<TestCli> {
  const cli = createTestCli();
  const { keys } = homePaths(cli.home);
  for (const person of people) await saveKey(keys, person, keyOf(person), TEST_PASSPHRASE);
  return cli;
}

import { expect, test } from "vitest";
import {
  accountOf,
  createTestLedger,
  EXPORT_METER,
  output,
  type Person,
  sealMessage,
} from "#consensus/application/testLedger.ts";
import { openBlockStore } from "#storage/db/blockStore.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { indexOperations } from "#storage/db/txIndex.ts";
import { txId } from "#storage/types/block.ts";
import type { LedgerMessage } from "#storage/types/transactionMessages.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import type { TransactionQuery } from "../api/ports.ts";
import { createChainReader } from "./chainReader.ts";

/** A chain of one transaction a block: enrolment, certificate, two intervals, registration, transfer. */
async function setUp() {
  const ledger = createTestLedger();
  const store = createMemoryStore();
  const send = async (message: LedgerMessage, by: Person): Promise<Uint8Array> => {
    const tx = ledger.sign([message], [by]);
    const { txResults } = ledger.block([tx]);
    expect(txResults[0]?.log).toBe("");
    const id = txId(tx);
    await store.batch(indexOperations(ledger.height, [{ txId: id, events: txResults[0]?.events ?? [] }]), {
      sync: false,
    });
    return id;
  };
  const enrol = { authority: accountOf("regulator"), member: accountOf("newcomer"), role: "consumer" } as const;
  await send(ledgerMessage("MsgEnrolMember", enrol), "regulator");
  await send(ledger.enrolMeter({ meterId: "new:1" }), "dso");
  await send(sealMessage(0), "device");
  await send(sealMessage(1), "device");
  const outputs = [output(900n, "prosumer"), output(100n, "newcomer")];
  const register = { owner: accountOf("prosumer"), meterId: EXPORT_METER, outputs };
  const id = await send(ledgerMessage("MsgRegisterEnergy", register), "prosumer");
  const transfer = {
    signers: [accountOf("prosumer")],
    inputs: [{ txId: id, outputIndex: 0 }],
    outputs: [output(900n, "newcomer")],
  };
  const transferred = await send(ledgerMessage("MsgTransferEnergy", transfer), "prosumer");
  const reader = createChainReader(store, await openBlockStore(store));
  const heightsBy = async (by: TransactionQuery["by"], value: string, limit = 100): Promise<number[]> => {
    const heights: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await reader.transactionsBy({ by, value, limit, cursor });
      expect(page.transactions.length).toBeLessThanOrEqual(limit);
      heights.push(...page.transactions.map(({ height }) => height));
      cursor = page.next;
    } while (cursor !== undefined);
    return heights;
  };
  return { heightsBy, reader, registered: id, transferred };
}

test("an account is found by all that concerns it, not only by what it signed, latest first and each once", async () => {
  const { heightsBy } = await setUp();
  for (const limit of [1, 2, 3, 100]) {
    expect(await heightsBy("account", accountOf("newcomer"), limit), `limit ${limit}`).toEqual([6, 5, 1]);
    expect(await heightsBy("account", accountOf("prosumer"), limit)).toEqual([6, 5, 2]);
    expect(await heightsBy("account", accountOf("device"), limit)).toEqual([4, 3, 2]);
  }
  expect(await heightsBy("account", accountOf("nobody"))).toEqual([]);
});

test("a meter is found by its certificate, its intervals and the energy registered from it", async () => {
  const { heightsBy } = await setUp();
  for (const limit of [1, 2, 100]) expect(await heightsBy("meter", EXPORT_METER, limit)).toEqual([5, 4, 3]);
  expect(await heightsBy("meter", "new:1")).toEqual([2]);
});

test("what has spent an output is found by it; nothing has spent one that is unspent", async () => {
  const { reader, registered, transferred } = await setUp();
  expect(await reader.spenderOf(registered, 0)).toEqual(transferred);
  expect(await reader.spenderOf(registered, 1)).toBeUndefined();
  expect(await reader.spenderOf(transferred, 0)).toBeUndefined();
});

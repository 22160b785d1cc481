import { expect, test } from "vitest";
import { formatAccount } from "#storage/crypto/identity.ts";
import { addressOf, generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { txId } from "#storage/types/transaction.ts";
import { type LedgerMessage, ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import type { CommittedTransaction } from "./ports.ts";
import { traceAsset } from "./provenance.ts";
import { BYTES_32, OK_RESULT } from "./testPorts.ts";

const privateKey = generatePrivateKey("ed25519");
const account = formatAccount(addressOf(publicKeyOf(privateKey)));
const lock = { threshold: 1, accounts: [account] };

function ledger() {
  const committed = new Map<string, CommittedTransaction>();
  let reads = 0;
  return {
    /** Commits one transaction and answers its id. */
    commit(messages: readonly LedgerMessage[], code = 0): Uint8Array {
      const sequence = BigInt(committed.size);
      const tx = signTransaction({ messages, chainId: "c", signers: [{ privateKey, accountNumber: 0n, sequence }] });
      const height = committed.size + 1;
      committed.set(Buffer.from(txId(tx)).toString("hex"), {
        tx,
        height,
        index: 0,
        timeMs: height,
        result: { ...OK_RESULT, code },
      });
      return txId(tx);
    },
    load: (id: Uint8Array) => {
      reads++;
      return committed.get(Buffer.from(id).toString("hex"));
    },
    reads: () => reads,
  };
}

const register = (meterId: string, ...amounts: bigint[]) =>
  ledgerMessage("MsgRegisterEnergy", {
    owner: account,
    meterId,
    outputs: amounts.map((amountMwh) => ({ amountMwh, lock })),
  });
const transfer = (inputs: { txId: Uint8Array; outputIndex: number }[], ...amounts: bigint[]) =>
  ledgerMessage("MsgTransferEnergy", {
    signers: [account],
    inputs,
    outputs: amounts.map((amountMwh) => ({ amountMwh, lock })),
  });

test("an output is followed back through split and merge to every registration", async () => {
  const chain = ledger();
  // Two registrations in one transaction: output 2 belongs to the second.
  const registered = chain.commit([register("roof", 5n, 6n), register("carport", 7n)]);
  const split = chain.commit([transfer([{ txId: registered, outputIndex: 0 }], 2n, 3n)]);
  const merged = chain.commit([
    transfer(
      [
        { txId: split, outputIndex: 0 },
        { txId: split, outputIndex: 1 },
        { txId: registered, outputIndex: 2 },
      ],
      12n,
    ),
  ]);
  const trace = await traceAsset(merged, 0, chain.load);
  expect(trace).toMatchObject({ complete: true, output: { amountMwh: 12n, lock: { accounts: [account] } } });
  expect(trace?.steps.map((step) => [step.type, step.height, step.meterId])).toEqual([
    ["MsgTransferEnergy", 3, undefined],
    ["MsgTransferEnergy", 2, undefined],
    ["MsgRegisterEnergy", 1, "carport"],
    ["MsgRegisterEnergy", 1, "roof"],
  ]);
});

test("outputs that never came to be have no history", async () => {
  const chain = ledger();
  const refused = chain.commit([register("roof", 5n)], 75);
  const taken = chain.commit([register("roof", 4n)]);
  expect(await traceAsset(refused, 0, chain.load)).toBeUndefined();
  expect(await traceAsset(taken, 1, chain.load)).toBeUndefined();
  expect(await traceAsset(BYTES_32, 0, chain.load)).toBeUndefined();
});

test("a history that is too long, or no longer kept, says that it is not complete", async () => {
  const chain = ledger();
  let latest = chain.commit([register("roof", 5n)]);
  for (let i = 0; i < 5; i++) latest = chain.commit([transfer([{ txId: latest, outputIndex: 0 }], 5n)]);
  expect(await traceAsset(latest, 0, chain.load)).toMatchObject({ complete: true, steps: { length: 6 } });
  expect(await traceAsset(latest, 0, chain.load, 6)).toMatchObject({ complete: true });
  expect(await traceAsset(latest, 0, chain.load, 5)).toMatchObject({ complete: false, steps: { length: 5 } });
  const orphan = chain.commit([transfer([{ txId: BYTES_32, outputIndex: 0 }], 5n)]);
  expect(await traceAsset(orphan, 0, chain.load)).toMatchObject({ complete: false, steps: { length: 1 } });
});

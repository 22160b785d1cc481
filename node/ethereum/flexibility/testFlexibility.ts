import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hexlify, parseEther, Wallet } from "ethers";
import { messagesOf } from "#bridge/blockMessages.ts";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { stateProofFrom } from "#bridge/proofs.ts";
import {
  accountOf,
  createTestLedger,
  EXPORT_METER,
  IMPORT_METER,
  INTERVAL_MS,
  keyOf,
  sealMessage,
} from "#consensus/application/testLedger.ts";
import { Flexibility } from "#contracts/abi/Flexibility.ts";
import { LedgerReader } from "#contracts/abi/LedgerReader.ts";
import { Outbox } from "#contracts/abi/Outbox.ts";
import { deployTestBridge } from "#contracts/testBridge.ts";
import { mined, startTestEvm, type TestWallet } from "#contracts/testing.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import { txId } from "#storage/types/transaction.ts";
import type { ApiPorts, CommittedTransaction } from "../../api/ports.ts";
import { messageProofJson, stateProofJson } from "../../bridge/proofJson.ts";
import { startEthereumApi } from "../testEthereumApi.ts";

const DAY_S = 86_400;
/** What each meter measures in an interval of every day, mWh; the export meter keeps its sums to itself. */
export const USUAL_MWH = { [IMPORT_METER]: 500_000n, [EXPORT_METER]: 100_000n } as const;
/** The same during the event. */
export const MEASURED_MWH = {
  [IMPORT_METER]: [200_000n, 600_000n, 100_000n, 499_999n],
  [EXPORT_METER]: [150_000n, 400_000n, 0n, 100_000n],
} as const;
const SALT = sha256(Buffer.from("sum salt"));

type Meter = keyof typeof USUAL_MWH;

/** An EVM with Flexibility, a ledger whose bridge it follows, and a full node's REST API over both; four intervals two days ahead. */
export async function startTestFlexibility() {
  const folder = mkdtempSync(join(tmpdir(), "flexibility-"));
  const evm = await startTestEvm();
  const [payer] = evm.wallets as [TestWallet];
  const walletOf = async (name: string) => {
    const wallet = new Wallet(hexlify(keyOf(name).bytes), evm.provider);
    await evm.provider.send("anvil_setBalance", [wallet.address, `0x${parseEther("100").toString(16)}`]);
    return wallet;
  };
  const owner = await walletOf("owner");
  const ledger = createTestLedger();
  const made = await deployTestBridge(evm, { ledger });
  const startS = Math.floor((await evm.now()) / DAY_S) * DAY_S + 2.5 * DAY_S;
  const event = { startMs: startS * 1000, intervalMs: INTERVAL_MS, intervalCount: 4 };
  const endS = startS + 3600;
  for (const time of [0, 1]) made.block([], ((await evm.now()) + time) * 1000);
  await made.anchor();

  const outbox = await Outbox.deploy(payer, [payer.address]);
  const reader = await LedgerReader.deploy(payer, [made.address]);
  const flexibility = await Flexibility.deploy(payer, [
    await reader.getAddress(),
    await outbox.getAddress(),
    owner.address,
  ]);
  await mined(outbox.grantRole(await outbox.EMITTER_ROLE(), flexibility));
  const contracts = {
    Flexibility: await flexibility.getAddress(),
    FlexibilityToken: await flexibility.TOKEN(),
    FlexibilityPosition: await flexibility.POSITIONS(),
  };
  const contractsText = encodeContractsFile({ chainId: 31_337n, ledgerId: "0f".repeat(32), fromBlock: 0, contracts });
  const contractsFile = join(folder, "contracts.json");
  writeFileSync(contractsFile, contractsText);

  /** As the ledger had them under the first anchor. */
  const certificates = new Map(
    [IMPORT_METER, EXPORT_METER].map((meterId) => {
      const data = Buffer.from(meterId);
      const { key, value, proof: path } = ledger.app.query({ path: "/edream/meter", data, height: 0, prove: true });
      const proof = stateProofJson(stateProofFrom(made.proveBlock(2), path));
      return [meterId, { contract: made.address, height: 2, key: hexlify(key), value: hexlify(value), proof }] as const;
    }),
  );
  const committed = new Map<string, CommittedTransaction>();
  const idOf = (tx: Uint8Array) => Buffer.from(txId(tx)).toString("hex");
  let anchoredTxs: readonly string[] = [];
  /** As if the validators had voted at once for all that the outbox has emitted. */
  const emitted = async () => {
    const logs = await evm.provider.getLogs({ address: await outbox.getAddress(), fromBlock: 0 });
    return Outbox.events(logs, "OutboxEvent");
  };
  const ports: Partial<ApiPorts> = {
    async stateQuery({ path, data }) {
      const events = await emitted();
      const told =
        path === "/edream/ethereum-event" ? events[Number(Buffer.from(data).toString("utf8")) - 1] : undefined;
      const hexOf = (text = "") => text.slice(2).toLowerCase();
      const event = { emitter: hexOf(told?.emitter), kind: hexOf(told?.kind), payload: hexOf(told?.payload) };
      const known = path === "/edream/ethereum" ? { eventNonce: `${events.length}` } : { event, height: "7" };
      const value = Buffer.from(JSON.stringify(known));
      const empty = new Uint8Array(0);
      return { code: 0, codespace: "", log: "", key: data, value, proof: empty, height: 7 };
    },
    transaction: (id) => committed.get(Buffer.from(id).toString("hex")),
    transactionsBy: ({ by, value, limit }) => ({
      transactions: [...committed]
        .filter(([, { tx }]) => by === "meter" && Buffer.from(tx).includes(value))
        .map(([, { tx, height, index }]) => ({ txId: txId(tx), height, index }))
        .reverse()
        .slice(0, limit),
      next: undefined,
    }),
    bridge: {
      status: () => ({}),
      steps: () => undefined,
      proveTx: async () => undefined,
      proveBlock: async () => undefined,
      async proveMessage(id, messageIndex) {
        const found = committed.get(Buffer.from(id).toString("hex"));
        if (found === undefined || !anchoredTxs.includes(idOf(found.tx))) return undefined;
        const { typeUrl, value } = messagesOf(found.tx)[messageIndex] ?? { typeUrl: "", value: new Uint8Array(0) };
        const proof = messageProofJson(made.proveMessage(found.tx, messageIndex));
        return { contract: made.address, txId: hexlify(id), messageIndex, typeUrl, message: hexlify(value), proof };
      },
      proveRecord: async (_path, data) => certificates.get(Buffer.from(data).toString("utf8")),
    },
  };
  let nowMs = (await evm.now()) * 1000;
  const api = await startEthereumApi({ ethereumUrl: evm.anvil.url, contractsFile }, { nowMs: () => nowMs, ports });

  const commit = (txs: readonly Uint8Array[]) => {
    const { txResults } = made.block(txs, nowMs);
    for (const [index, tx] of txs.entries()) {
      const result = txResults[index];
      if (result?.code !== 0) throw new Error(`the ledger refuses: ${result?.log}`);
      committed.set(idOf(tx), { tx, height: ledger.height, index, timeMs: nowMs, result });
    }
  };
  const passTo = async (seconds: number) => {
    await evm.mineAt(seconds);
    nowMs = seconds * 1000;
  };
  return {
    ...{ evm, folder, event, endS, passTo, flexibility, contractsText, api, walletOf, url: evm.anvil.url },
    nowMs: () => nowMs,
    /** Openings of a meter's days before, as `meters openings` writes them. */
    history(meterId: Meter): string {
      const path = join(folder, `${meterId.replace(/\W/g, "_")}-history.json`);
      const openings = Array.from({ length: 20 * 96 }, (_, i) => ({
        intervalEndMs: Math.floor(nowMs / INTERVAL_MS) * INTERVAL_MS - i * INTERVAL_MS,
        ...{ amendment: 0, sumMwh: `${USUAL_MWH[meterId]}`, salt: "00".repeat(32) },
      }));
      writeFileSync(path, JSON.stringify(openings));
      return path;
    },
    /** What opens the sums of the event's first intervals. */
    openings(meterId: Meter, count = event.intervalCount): string {
      const path = join(folder, `${meterId.replace(/\W/g, "_")}-event.json`);
      const openings = MEASURED_MWH[meterId].slice(0, count).map((sum, i) => ({
        intervalEndMs: event.startMs + (i + 1) * INTERVAL_MS,
        ...{ amendment: 0, sumMwh: `${sum}`, salt: Buffer.from(SALT).toString("hex") },
      }));
      writeFileSync(path, JSON.stringify(openings));
      return path;
    },
    /** The event is over, and both meters have sealed it: each interval of the import meter by a transaction of its own. */
    async measure() {
      await passTo(endS + 3600);
      const seal = (meterId: Meter, device: string, index: number) => {
        const sum = MEASURED_MWH[meterId][index] ?? 0n;
        const commitment = commitSum({ sum, count: 15, salt: SALT });
        return sealMessage(index, {
          signer: accountOf(device),
          meterId,
          intervalStartMs: BigInt(event.startMs + index * INTERVAL_MS),
          intervalEndMs: BigInt(event.startMs + (index + 1) * INTERVAL_MS),
          energy:
            meterId === EXPORT_METER ? { case: "sumCommitment", value: commitment } : { case: "sumMwh", value: sum },
        });
      };
      commit([
        ...[0, 1, 2, 3].map((i) => ledger.sign([seal(IMPORT_METER, "device import", i)], ["device import"], i)),
        ledger.sign(
          [0, 1, 2, 3].map((i) => seal(EXPORT_METER, "device", i)),
          ["device"],
        ),
      ]);
    },
    async anchor() {
      await made.anchor();
      anchoredTxs = [...committed.keys()];
    },
    async [Symbol.asyncDispose]() {
      await api.close();
      await evm[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

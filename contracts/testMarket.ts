import { type HDNodeWallet, hexlify, Wallet } from "ethers";
import { messagesOf } from "#bridge/blockMessages.ts";
import { stateProofFrom } from "#bridge/proofs.ts";
import {
  accountOf,
  codeName,
  EXPORT_METER,
  IMPORT_METER,
  INTERVAL_MS,
  keyOf,
  output,
  START_MS,
  sealMessage,
} from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { decodeAccount } from "#storage/crypto/identity.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import { txId } from "#storage/types/transaction.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { EnergyMarket, type EnergyMarketContract } from "./abi/EnergyMarket.ts";
import {
  type IntervalProofInput,
  LedgerReader,
  type LedgerReaderContract,
  type StateProofInput,
} from "./abi/LedgerReader.ts";
import { Outbox, type OutboxContract } from "./abi/Outbox.ts";
import { deployTestBridge, type TestBridge } from "./testBridge.ts";
import { mined, type TestEvm } from "./testing.ts";

const KWH = 1_000_000n;
/** Outputs of the registration, in mWh, locked to the microgrid: ten of 1000 kWh, ten of 10 kWh, one of 1 kWh less a milliwatt hour. */
const LARGE = 10;
const SIZES = [...Array.from({ length: LARGE }, () => 1000n * KWH), ...Array.from({ length: 10 }, () => 10n * KWH)];

export const SMALL_BACKING = LARGE;
export const SALT = sha256(Buffer.from("sum salt"));

/** Wh that the intervals of the consumer's meter show, one after another; the second one's sum is committed, the third gave energy back. */
export const SHOWN_MWH = [5_000_000n, 2_000_000n, -84_891n, 1_000_000n] as const;

type Signer = HDNodeWallet | Wallet;

/** A transaction that took effect, where it is. */
export interface TestTransaction {
  readonly tx: Uint8Array;
  readonly height: number;
  readonly index: number;
  readonly timeMs: number;
}

/** A market with a person for each role, a ledger with energy for it, and intervals that deliver what is sold before `startSeconds`. */
export interface TestMarket {
  readonly market: EnergyMarketContract;
  readonly reader: LedgerReaderContract;
  readonly outbox: OutboxContract;
  readonly owner: HDNodeWallet;
  readonly regulator: HDNodeWallet;
  readonly producer: Wallet;
  readonly otherProducer: Wallet;
  readonly consumer: HDNodeWallet;
  readonly otherConsumer: HDNodeWallet;
  readonly treasury: HDNodeWallet;
  readonly stranger: HDNodeWallet;
  /** When the first interval begins: ten minutes ahead. */
  readonly startSeconds: number;
  /** The ledger, and the bridge that has all of it under anchors. */
  readonly bridge: TestBridge;
  /** All transactions of the ledger, by their id in hex. */
  readonly transactions: ReadonlyMap<string, TestTransaction>;
  as(wallet: Signer): EnergyMarketContract;
  /** Output `index` of the producer's registration: below SMALL_BACKING 1000 kWh, then 10 kWh each. */
  backing(index: number): ReturnType<typeof backingOf>;
  /** Interval `index` of SHOWN_MWH; 4: of the meter of the other consumer; 5: before startSeconds. */
  interval(index: number): IntervalProofInput;
  /** Others: see there. */
  readonly odd: Readonly<Record<OddBacking, ReturnType<typeof backingOf>>>;
}

type OddBacking =
  | "elsewhere"
  | "twoOfTwo"
  | "oneOfTwo"
  | "tooSmall"
  | "twoMessages"
  | "transferred"
  | "ofOther"
  | "forged";

function backingOf(transaction: Uint8Array, outputIndex: number, record: Uint8Array, proof: StateProofInput) {
  return { transaction, outputIndex, record, proof };
}

export function publicPoint(wallet: Signer): [bigint, bigint] {
  const { publicKey } = wallet.signingKey;
  return [BigInt(`0x${publicKey.slice(4, 68)}`), BigInt(`0x${publicKey.slice(68)}`)];
}

export async function createTestMarket(evm: TestEvm): Promise<TestMarket> {
  const [owner, regulator, consumer, otherConsumer, treasury, stranger] = evm.wallets as [
    HDNodeWallet,
    HDNodeWallet,
    HDNodeWallet,
    HDNodeWallet,
    HDNodeWallet,
    HDNodeWallet,
  ];
  const walletOf = async (name: string) => {
    const wallet = new Wallet(hexlify(keyOf(name).bytes), evm.provider);
    await evm.provider.send("anvil_setBalance", [wallet.address, `0x${(10n ** 21n).toString(16)}`]);
    return wallet;
  };
  const producer = await walletOf("prosumer");
  const otherProducer = await walletOf("producer");

  const startMs = Math.ceil(((await evm.now()) * 1000) / INTERVAL_MS + 1) * INTERVAL_MS;
  await evm.mineAt(startMs / 1000 - 600);
  const made = await deployTestBridge(evm);
  const { ledger } = made;
  const transactions = new Map<string, TestTransaction>();
  const blockAt = (timeMs: number, txs: readonly Uint8Array[]) => {
    const failed = made.block(txs, timeMs).txResults.find(({ code }) => code !== 0);
    if (failed !== undefined) throw new Error(`the ledger refuses: ${codeName(failed)}`);
    for (const [index, tx] of txs.entries())
      transactions.set(Buffer.from(txId(tx)).toString("hex"), { tx, height: ledger.height, index, timeMs });
  };
  const block = (...txs: Uint8Array[]) => blockAt(startMs, txs);
  const first = (startMs - START_MS) / INTERVAL_MS;
  const produce = sealMessage(first - 1, { energy: { case: "sumMwh", value: 20_000n * KWH } });
  block(ledger.sign([produce], ["device"]));
  const register = (...outputs: ReturnType<typeof output>[]) =>
    ledgerMessage("MsgRegisterEnergy", { owner: accountOf("prosumer"), meterId: EXPORT_METER, outputs });
  const main = ledger.sign([register(...SIZES.map((size) => output(size, "aggregator")))], ["prosumer"]);
  const odd = ledger.sign(
    [
      register(
        output(KWH, "dso"),
        output(KWH, ["aggregator", "prosumer"], 2),
        output(KWH, ["aggregator", "prosumer"]),
        output(KWH - 1n, "aggregator"),
        output(2n * KWH, "prosumer"),
        output(2n * KWH, "producer"),
      ),
    ],
    ["prosumer"],
    1,
  );
  const pair = ledger.sign([register(output(KWH, "aggregator")), register(output(KWH, "aggregator"))], ["prosumer"], 2);
  block(main, odd, pair);
  const transfer = (signer: "prosumer" | "producer", outputIndex: number) =>
    ledger.sign(
      [
        ledgerMessage("MsgTransferEnergy", {
          signers: [accountOf(signer)],
          inputs: [{ txId: txId(odd), outputIndex }],
          outputs: [output(2n * KWH, "aggregator")],
        }),
      ],
      [signer],
    );
  const transferred = transfer("prosumer", 4);
  const ofOther = transfer("producer", 5);
  block(transferred, ofOther);

  const importSeal = (index: number, energy: object) =>
    sealMessage(first + index, { signer: accountOf("device import"), meterId: IMPORT_METER, energy } as never);
  const before = ledger.sign([importSeal(-1, { case: "sumMwh", value: 9_000_000n })], ["device import"]);
  const seals = SHOWN_MWH.map((value, i) => {
    const commitment = commitSum({ sum: value, count: 15, salt: SALT });
    const energy = i === 1 ? { case: "sumCommitment", value: commitment } : { case: "sumMwh", value };
    return ledger.sign([importSeal(i, energy)], ["device import"], i + 1);
  });
  const elsewhere = ledger.sign([sealMessage(first, { energy: { case: "sumMwh", value: 9_000_000n } })], ["device"]);
  const end = startMs + 4 * INTERVAL_MS - 900_000;
  blockAt(end, [before, ...seals, elsewhere]);
  made.block([], end + 1000);
  await made.anchor();

  const outbox = await Outbox.deploy(owner, [owner.address]);
  const reader = await LedgerReader.deploy(owner, [made.address]);
  const microgrid = decodeAccount(accountOf("aggregator"));
  const market = await EnergyMarket.deploy(owner, [owner, treasury, reader, outbox, microgrid]);
  await mined(outbox.grantRole(await outbox.EMITTER_ROLE(), market));
  const as = (wallet: Signer) => market.connect(wallet) as EnergyMarketContract;
  await mined(market.grantRole(await market.REGULATOR_ROLE(), regulator));
  for (const one of [producer, otherProducer]) {
    await mined(as(regulator).grantRole(await market.PRODUCER_ROLE(), one));
    await mined(as(one).bindAccount(...publicPoint(one)));
  }
  await mined(as(regulator).enrolConsumer(consumer, IMPORT_METER));
  await mined(as(regulator).enrolConsumer(otherConsumer, EXPORT_METER));

  const proveOutput = (tx: Uint8Array, index: number) => {
    const data = Buffer.from(`output/${Buffer.from(txId(tx)).toString("hex")}/${index}`);
    const answer = ledger.app.query({ path: "/edream/state", data, height: 0, prove: true });
    return backingOf(tx, index, answer.value, stateProofFrom(made.proveBlock(ledger.height), answer.proof));
  };
  const intervals = [...seals, elsewhere, before];
  return {
    ...{ market, reader, outbox, owner, regulator, producer, otherProducer, consumer, otherConsumer, treasury },
    ...{ stranger, startSeconds: startMs / 1000, bridge: made, transactions, as },
    backing: (index) => proveOutput(main, index),
    odd: {
      elsewhere: proveOutput(odd, 0),
      twoOfTwo: proveOutput(odd, 1),
      oneOfTwo: proveOutput(odd, 2),
      tooSmall: proveOutput(odd, 3),
      twoMessages: proveOutput(pair, 1),
      transferred: proveOutput(transferred, 0),
      ofOther: proveOutput(ofOther, 0),
      forged: { ...proveOutput(main, 0), outputIndex: 1 },
    },
    interval(index) {
      const transaction = intervals[index] as Uint8Array;
      const sumMwh = SHOWN_MWH[index] ?? 0n;
      const message = messagesOf(transaction)[0]?.value ?? new Uint8Array(0);
      return { message, proof: made.proveMessage(transaction), salt: SALT, sumMwh };
    },
  };
}

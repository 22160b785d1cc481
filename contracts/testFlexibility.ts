import { Wallet, ZeroAddress } from "ethers";
import { baselineRoot, proveBaseline } from "#bridge/baseline.ts";
import { type BlockMessage, messagesOf } from "#bridge/blockMessages.ts";
import { stateProofFrom } from "#bridge/proofs.ts";
import {
  accountOf,
  createTestLedger,
  EXPORT_METER,
  genesisKey,
  IMPORT_METER,
  INTERVAL_MS,
  keyOf,
  sealMessage,
  testGenesis,
} from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { Flexibility, type FlexibilityContract } from "./abi/Flexibility.ts";
import { FlexibilityPosition } from "./abi/FlexibilityPosition.ts";
import { FlexibilityToken } from "./abi/FlexibilityToken.ts";
import { LedgerReader } from "./abi/LedgerReader.ts";
import { Outbox } from "./abi/Outbox.ts";
import { deployTestBridge } from "./testBridge.ts";
import { mined, type TestEvm, type TestWallet } from "./testing.ts";

export const EV_METER = "ocpp:station/3";
/** Valid until the event has begun. */
export const ENDING_METER = "old:1";
/** Valid from when the event has begun. */
export const LATER_METER = "new:1";
export const REVOKED_METER = "stolen:1";
/** Its T_i is an hour. */
export const COARSE_METER = "hourly:1";
export const DAY_S = 86_400;

/**
 * Flexibility with a person for each role, a ledger with the meters of one prosumer, and what they measure in an event of four quarters of an hour the day
 * after tomorrow: 1200 wei of incentive for 300 Wh of each, 360 of bond.
 */
export async function createTestFlexibility(evm: TestEvm) {
  const [owner, dso, aggregator, stranger] = evm.wallets as [TestWallet, TestWallet, TestWallet, TestWallet];
  /** The key of the meters' owner on the ledger is its key here. */
  const prosumer = new Wallet(`0x${Buffer.from(keyOf("prosumer").bytes).toString("hex")}`, evm.provider);
  await evm.provider.send("anvil_setBalance", [prosumer.address, "0x56bc75e2d63100000"]);

  const now = await evm.now();
  /** Noon of the day after tomorrow: four quarters of an hour. */
  const event = {
    startMs: (Math.floor(now / DAY_S) * DAY_S + 2.5 * DAY_S) * 1000,
    intervalMs: INTERVAL_MS,
    intervalCount: 4,
  };
  const endS = event.startMs / 1000 + 3600;
  const cutoff = event.startMs / 1000 - 3600;
  const settleBy = endS + 3 * DAY_S;

  const salt = (name: string) => sha256(Buffer.from(name));
  const baselines = [
    { meterId: IMPORT_METER, baselinesMwh: [500_000n, 500_000n, 500_000n, 500_000n], salt: salt("a") },
    { meterId: EXPORT_METER, baselinesMwh: [-100_000n, -100_000n, -100_000n, -100_000n], salt: salt("b") },
    { meterId: EV_METER, baselinesMwh: [1_000_000n, 0n, 0n, 0n], salt: salt("c") },
    ...[ENDING_METER, LATER_METER, REVOKED_METER, COARSE_METER].map((meterId) => {
      return { meterId, baselinesMwh: [1n, 1n, 1n, 1n], salt: salt(meterId) };
    }),
  ];
  const meterBase = {
    quantity: "electricity",
    direction: "import",
    seedCommitment: "ab".repeat(32),
    intervalMs: INTERVAL_MS,
    owner: accountOf("prosumer"),
  };
  const genesis = testGenesis();
  const ledger = createTestLedger({
    genesis: {
      ...genesis,
      meters: [
        ...(genesis.meters ?? []),
        { ...meterBase, meterId: EV_METER, deviceKey: genesisKey("device ev"), quantity: "ev" },
        { ...meterBase, meterId: ENDING_METER, deviceKey: genesisKey("device old"), validUntilMs: event.startMs + 1 },
        { ...meterBase, meterId: LATER_METER, deviceKey: genesisKey("device new"), validFromMs: event.startMs + 1 },
        { ...meterBase, meterId: REVOKED_METER, deviceKey: genesisKey("device stolen") },
        { ...meterBase, meterId: COARSE_METER, deviceKey: genesisKey("device hourly"), intervalMs: 3_600_000 },
      ],
    },
  });
  const made = await deployTestBridge(evm, { ledger });
  const revocation = { authority: accountOf("dso"), meterId: REVOKED_METER, reason: "stolen" };
  const revoked = made.block([ledger.sign([ledgerMessage("MsgRevokeMeter", revocation)], ["dso"])], now * 1000);
  if (revoked.txResults[0]?.code !== 0) throw new Error(revoked.txResults[0]?.log);
  made.block([], now * 1000 + 1000);
  await made.anchor();
  const meterProofs = new Map(
    baselines.map(({ meterId }) => {
      const data = Buffer.from(`meter/${meterId}`);
      const { value, proof } = ledger.app.query({ path: "/edream/state", data, height: 0, prove: true });
      return [meterId, { record: value, proof: stateProofFrom(made.proveBlock(2), proof) }];
    }),
  );

  /** What the meters measured, in mWh of each interval; all sealed after the event, under an anchor that each test submits when it needs it. */
  const usage: Readonly<Record<string, readonly bigint[]>> = {
    [IMPORT_METER]: [200_000n, 600_000n, 100_000n, 499_999n],
    [EXPORT_METER]: [150_000n, 400_000n, 0n, 100_000n],
    [EV_METER]: [1_000_000n, 900_000n, 3_000_000n, 0n],
  };
  const committedSalt = salt("sum");
  const sealed = Object.entries(usage).map(([meterId, sums], i) => {
    const device = ["device import", "device", "device ev"][i] ?? "";
    const messages = sums.map((sum, index) => {
      const startMs = event.startMs + index * INTERVAL_MS;
      // The export meter keeps its sums to itself; the vehicle's last interval has too few readings.
      const commitment = commitSum({ sum, count: 15, salt: committedSalt });
      return sealMessage(index, {
        signer: accountOf(device),
        meterId,
        intervalStartMs: BigInt(startMs),
        intervalEndMs: BigInt(startMs + INTERVAL_MS),
        readingCount: meterId === EV_METER && index === 3 ? 1 : 15,
        energy:
          meterId === EXPORT_METER ? { case: "sumCommitment", value: commitment } : { case: "sumMwh", value: sum },
      });
    });
    const after = sealMessage(4, {
      signer: accountOf(device),
      meterId,
      intervalStartMs: BigInt(event.startMs + 4 * INTERVAL_MS),
      intervalEndMs: BigInt(event.startMs + 5 * INTERVAL_MS),
    });
    return { meterId, tx: ledger.sign([...messages, after], [device]) };
  });
  const executed = made.block(
    sealed.map(({ tx }) => tx),
    (endS + 3600) * 1000,
  );
  const measured = made.nextAnchor();
  {
    // The proofs are made once; what this does to the chain is taken back.
    const snapshot = await evm.provider.send("evm_snapshot", []);
    await evm.mineAt(endS + 3600);
    await made.anchor();
    await evm.provider.send("evm_revert", [snapshot]);
  }
  const shown = new Map(
    sealed.map(({ meterId, tx }) => [
      meterId,
      messagesOf(tx).map(({ value }: BlockMessage, index) => ({
        message: value,
        proof: made.proveMessage(tx, index),
        salt: committedSalt,
        sumMwh: usage[meterId]?.[index] ?? 0n,
      })),
    ]),
  );
  const proofsOf = (meterId: string, ...indexes: number[]) =>
    indexes.map((index) => shown.get(meterId)?.[index] as never);

  const outbox = await Outbox.deploy(owner, [owner.address]);
  const reader = await LedgerReader.deploy(owner, [made.address]);
  const flexibility = await Flexibility.deploy(owner, [
    await reader.getAddress(),
    await outbox.getAddress(),
    owner.address,
  ]);
  await mined(outbox.grantRole(await outbox.EMITTER_ROLE(), flexibility));
  await mined(flexibility.grantRole(await flexibility.DSO_ROLE(), dso));
  await mined(flexibility.grantRole(await flexibility.AGGREGATOR_ROLE(), aggregator));
  const token = FlexibilityToken.at(await flexibility.TOKEN(), owner);
  const positions = FlexibilityPosition.at(await flexibility.POSITIONS(), owner);

  const terms = {
    quantity: 0,
    isIncrease: false,
    ...event,
    minReadingCount: 15,
    cutoff,
    settleBy,
    priceWeiPerKwh: 1000n,
    penaltyWeiPerKwh: 300n,
    baselineRoot: baselineRoot(event, baselines),
    baselineCount: baselines.length,
  };
  const point = (wallet: Wallet) => {
    const hex = wallet.signingKey.publicKey.slice(4);
    return { keyX: `0x${hex.slice(0, 64)}`, keyY: `0x${hex.slice(64)}` };
  };
  /** 300 Wh of each interval, of the import meter, in request 1: 1200 wei of incentive, 360 of bond. */
  const acceptance = (fields: object = {}, meterId = IMPORT_METER) => {
    const index = baselines.findIndex((one) => one.meterId === meterId);
    const { baselinesMwh, salt: baselineSalt, path } = proveBaseline(event, baselines, index);
    const { record, proof } = meterProofs.get(meterId) as { record: Uint8Array; proof: never };
    return {
      requestId: 1,
      meterId,
      energyMwh: 300_000n,
      aggregator: ZeroAddress,
      aggregatorBps: 0,
      ...point(prosumer),
      meterRecord: record,
      meterProof: proof,
      baselines: [...baselinesMwh],
      baselineSalt,
      baselineIndex: index,
      baselinePath: [...path],
      ...fields,
    };
  };
  const at = (wallet: Wallet | TestWallet) => flexibility.connect(wallet) as FlexibilityContract;
  const ask = (fields: object = {}, value = 10_000n, by: TestWallet = dso) =>
    mined(at(by).request({ ...terms, ...fields }, { value }));
  const accept = (fields: object = {}, meterId = IMPORT_METER, value = 360n) =>
    mined(at(prosumer).accept(acceptance(fields, meterId), { value }));
  const listOf = (meterId: string) => [...(baselines.find((one) => one.meterId === meterId)?.baselinesMwh ?? [])];
  const settle = (positionId: number, meterId: string, ...indexes: number[]) =>
    mined(at(stranger).settle(positionId, listOf(meterId), proofsOf(meterId, ...indexes)));
  const afterEvent = async () => {
    await evm.mineAt(endS + 3600);
    await made.submit(measured);
  };

  return {
    ...{ owner, dso, aggregator, stranger, prosumer, outbox, flexibility, token, positions },
    ...{ now, event, endS, cutoff, settleBy, terms, baselines, executed },
    ...{ at, point, acceptance, ask, accept, listOf, proofsOf, settle, afterEvent },
  };
}

import { keccak256, toUtf8Bytes, type Wallet, ZeroHash } from "ethers";
import { afterAll, describe, expect, test } from "vitest";
import { proveBaseline } from "#bridge/baseline.ts";
import { EXPORT_METER, IMPORT_METER } from "#consensus/application/testLedger.ts";
import { Bridge } from "./abi/Bridge.ts";
import { Flexibility } from "./abi/Flexibility.ts";
import { FlexibilityPosition } from "./abi/FlexibilityPosition.ts";
import { FlexibilityToken } from "./abi/FlexibilityToken.ts";
import { LedgerReader } from "./abi/LedgerReader.ts";
import { Outbox } from "./abi/Outbox.ts";
import {
  COARSE_METER,
  createTestFlexibility,
  DAY_S,
  ENDING_METER,
  EV_METER,
  LATER_METER,
  REVOKED_METER,
} from "./testFlexibility.ts";
import { mined, revertOf, startTestEvm, type TestWallet } from "./testing.ts";

const KWH = 1_000_000n;

const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());
const made = await createTestFlexibility(evm);
const { owner, dso, aggregator, stranger, prosumer, outbox, flexibility, token, positions } = made;
const { now, event, endS, cutoff, settleBy, terms, baselines, executed } = made;
const { at, point, acceptance, ask, accept, listOf, proofsOf, settle, afterEvent } = made;
const refused = (sent: Promise<unknown>) =>
  revertOf(sent, Flexibility, FlexibilityToken, FlexibilityPosition, LedgerReader, Bridge);
const nameOf = async (sent: Promise<unknown>) => (await refused(sent)).name;
/** Every wei here is owed, escrowed or behind a token; every token here is a bond. */
const isConserved = async () => {
  let escrowed = 0n;
  for (let id = 1n; id <= (await flexibility.lastRequestId()); id++) {
    const { available, reserved } = await flexibility.requestOf(id);
    escrowed += available + reserved;
  }
  const balance = await evm.provider.getBalance(flexibility);
  expect(balance).toBe(escrowed + (await flexibility.totalCredit()) + (await token.totalSupply()));
};
const isolated = (name: string, body: () => Promise<void>) =>
  test(name, () =>
    evm.isolated(async () => {
      await body();
      await isConserved();
    })(),
  );

test("the ledger has sealed what is to be proved", () => {
  expect(executed.txResults.map(({ code, log }) => [code, log])).toEqual([
    [0, ""],
    [0, ""],
    [0, ""],
  ]);
});

describe("a whole event", () => {
  isolated(
    "pays what was proved against the baseline, burns the penalty of what is missing, and gives back the rest",
    async () => {
      const asked = await ask();
      expect(Flexibility.events(asked.logs, "Requested")).toMatchObject([
        { requestId: 1n, requester: dso.address, escrow: 10_000n },
      ]);
      const accepted = await accept();
      expect(Flexibility.events(accepted.logs, "Accepted")).toMatchObject([
        { positionId: 1n, requestId: 1n, prosumer: prosumer.address, energyMwh: 300_000n, reserved: 1200n, bond: 360n },
      ]);
      expect(await positions.ownerOf(1)).toBe(prosumer.address);
      expect(await flexibility.openPositionsOf(IMPORT_METER)).toEqual([1n]);
      await afterEvent();
      // 300 Wh; more than the baseline; 400 Wh of which 300 were promised; 1 mWh.
      await settle(1, IMPORT_METER, 0, 1);
      expect(await token.balanceOf(prosumer)).toBe(300n);
      const last = await settle(1, IMPORT_METER, 2, 3);
      // 600 001 mWh delivered; 599 999 missing cost 179.9997 wei, rounded down.
      expect(Flexibility.events(last.logs, "Closed")).toEqual([
        { positionId: 1n, holder: prosumer.address, deliveredMwh: 600_001n, shortfallMwh: 599_999n, penalty: 179n },
      ]);
      expect(await token.balanceOf(prosumer)).toBe(600n + 360n - 179n);
      expect(await token.balanceOf(flexibility)).toBe(0n);
      await mined(at(stranger).sweep(1));
      expect(await flexibility.credit(dso)).toBe(10_000n - 600n + 179n);
      expect(await nameOf(positions.ownerOf(1))).toBe("ERC721NonexistentToken");
      expect(await flexibility.openPositionsOf(IMPORT_METER)).toEqual([]);

      await mined((token.connect(prosumer) as typeof token).approve(flexibility, 781n));
      await mined(at(prosumer).redeem(781n));
      await mined(at(prosumer).withdraw(stranger));
      await mined(at(dso).withdraw(dso));
      expect([await token.totalSupply(), await evm.provider.getBalance(flexibility)]).toEqual([0n, 0n]);
    },
  );

  isolated("tells the ledger of request, contract and end", async () => {
    await ask();
    await accept();
    await afterEvent();
    const receipt = await settle(1, IMPORT_METER, 0, 1, 2, 3);
    expect((await outbox.chain()).eventNonce).toBe(3n);
    expect(
      Outbox.events(
        receipt.logs.filter(
          ({ topics }) => topics.length === 4 && topics[3] === keccak256(toUtf8Bytes("Flexibility.Closed")),
        ),
        "OutboxEvent",
      ),
    ).toHaveLength(1);
  });

  isolated("of a producing meter counts more production as less load, and opens its committed sums", async () => {
    await ask();
    await accept({}, EXPORT_METER);
    await afterEvent();
    const wrong = proofsOf(EXPORT_METER, 0).map((one) => ({ ...(one as object), sumMwh: 999_999n }));
    const call = at(stranger).settle(1, listOf(EXPORT_METER), wrong as never);
    await expect(call).rejects.toThrow("reverted");
    // 50 Wh more, 300 of 300, 100 less, as much as ever.
    const { logs } = await settle(1, EXPORT_METER, 0, 1, 2, 3);
    expect(
      Flexibility.events(logs, "Delivered").map(({ baselineMwh, usageMwh, deliveredMwh }) => [
        baselineMwh,
        usageMwh,
        deliveredMwh,
      ]),
    ).toEqual([
      [-100_000n, -150_000n, 50_000n],
      [-100_000n, -400_000n, 300_000n],
      [-100_000n, 0n, 0n],
      [-100_000n, -100_000n, 0n],
    ]);
    expect(await token.balanceOf(prosumer)).toBe(350n + 360n - 255n);
  });

  isolated(
    "charges vehicles at noon: more load is asked for, and a meter with too few readings proves nothing",
    async () => {
      await ask({ quantity: 1, isIncrease: true });
      expect(await nameOf(at(prosumer).accept.staticCall(acceptance(), { value: 360n }))).toBe("MeterQuantityWrong");
      await accept({ energyMwh: KWH }, EV_METER, 1200n);
      await afterEvent();
      expect(await refused(at(stranger).settle.staticCall(1, listOf(EV_METER), proofsOf(EV_METER, 3)))).toEqual({
        name: "ReadingsTooFew",
        args: [1n, 15n],
      });
      await settle(1, EV_METER, 0, 1, 2);
      expect(await token.balanceOf(prosumer)).toBe(900n + 1000n);
      expect(await refused(at(stranger).close.staticCall(1))).toEqual({
        name: "NotYetClosable",
        args: [1n, BigInt(settleBy)],
      });
      await evm.mineAt(settleBy);
      await mined(at(stranger).close(1));
      // 2.1 kWh are missing.
      expect(await token.balanceOf(prosumer)).toBe(1900n + 1200n - 630n);
      expect(await nameOf(at(stranger).close.staticCall(1))).toBe("PositionUnknown");
    },
  );

  isolated("through an aggregator gives it its part, and a contract handed on is paid to its holder", async () => {
    await ask({}, 10_000n, aggregator);
    await accept({ aggregator: aggregator.address, aggregatorBps: 1000 });
    await mined((positions.connect(prosumer) as typeof positions).transferFrom(prosumer, stranger, 1));
    expect(await nameOf(at(prosumer).optOut.staticCall(1))).toBe("NotHolder");
    await afterEvent();
    await settle(1, IMPORT_METER, 0, 1, 2, 3);
    expect([
      await token.balanceOf(stranger),
      await token.balanceOf(aggregator),
      await token.balanceOf(prosumer),
    ]).toEqual([540n + 181n, 60n, 0n]);
  });
});

describe("what is refused", () => {
  isolated("an interval is used once, and only of this meter, this event and this baseline", async () => {
    await ask();
    await accept();
    await accept({}, EXPORT_METER);
    const early = () => nameOf(at(stranger).settle.staticCall(1, listOf(IMPORT_METER), proofsOf(IMPORT_METER, 0)));
    // Who was paid must not be able to leave any more.
    expect(await early()).toBe("BeforeCutoff");
    await evm.mineAt(cutoff);
    expect(await early()).toBe("AnchorUnknown");
    await afterEvent();
    const nameWith = (proofs: never[], list = listOf(IMPORT_METER)) =>
      nameOf(at(stranger).settle.staticCall(1, list, proofs));
    const [first] = proofsOf(IMPORT_METER, 0) as [never];
    expect(await nameWith([first, first])).toBe("IntervalUsed");
    expect(await nameWith(proofsOf(EXPORT_METER, 0))).toBe("MeterWrong");
    expect(await nameWith(proofsOf(IMPORT_METER, 4))).toBe("IntervalNotInEvent");
    expect(await nameWith([first], [500_001n, 500_000n, 500_000n, 500_000n])).toBe("BaselinesWrong");
    expect(await nameWith([first], listOf(IMPORT_METER).slice(1))).toBe("BaselinesWrong");
    expect(await nameWith(new Array(33).fill(first) as never[])).toBe("IntervalsTooMany");
    const forged = Uint8Array.from((first as { message: Uint8Array }).message);
    forged[forged.length - 1] = 0;
    expect(await nameWith([{ ...(first as object), message: forged } as never])).toBe("MessageNotInBlock");
    await settle(1, IMPORT_METER, 0);
    expect(await nameWith([first])).toBe("IntervalUsed");
    expect(await nameOf(at(stranger).settle.staticCall(3, listOf(IMPORT_METER), [first]))).toBe("PositionUnknown");
    await mined(at(stranger).settle(1, listOf(IMPORT_METER), []));
    expect(await token.balanceOf(prosumer)).toBe(300n);
  });

  isolated("an interval that begins with one of the event's and is shorter proves nothing", async () => {
    const halves = { ...event, intervalMs: 2 * event.intervalMs, intervalCount: 2 };
    const ofHalves = baselines.map((one) => ({ ...one, baselinesMwh: one.baselinesMwh.slice(0, 2) }));
    const { path, root } = proveBaseline(halves, ofHalves, 0);
    const list = ofHalves[0]?.baselinesMwh ?? [];
    await ask({ ...halves, baselineRoot: root });
    await accept({ baselines: list, baselinePath: [...path] }, IMPORT_METER, 180n);
    await afterEvent();
    expect(await nameOf(at(stranger).settle.staticCall(1, list, proofsOf(IMPORT_METER, 0)))).toBe("IntervalNotInEvent");
  });

  isolated("only the owner of a valid meter accepts, with what was committed for it", async () => {
    await ask();
    const nameWith = (fields: object, meterId = IMPORT_METER, by: Wallet | TestWallet = prosumer) =>
      nameOf(at(by).accept.staticCall(acceptance(fields, meterId), { value: 0n }));
    expect(await nameWith({}, IMPORT_METER, stranger)).toBe("KeyNotOfSender");
    expect(await nameWith(point(stranger as never), IMPORT_METER, stranger)).toBe("MeterNotOwned");
    for (const meterId of [ENDING_METER, LATER_METER, REVOKED_METER])
      expect(await nameWith({}, meterId), meterId).toBe("MeterNotValid");
    expect(await nameWith({}, COARSE_METER)).toBe("MeterIntervalWrong");
    expect(await nameWith({}, EV_METER)).toBe("MeterQuantityWrong");
    const other = acceptance({}, EXPORT_METER);
    expect(await nameWith({ meterRecord: other.meterRecord })).toBe("StateNotInBlock");
    expect(await nameWith({ baselines: [500_001n, 500_000n, 500_000n, 500_000n] })).toBe("BaselineNotCommitted");
    expect(await nameWith({ baselineSalt: ZeroHash })).toBe("BaselineNotCommitted");
    expect(await nameWith({ baselineIndex: 1 })).toBe("BaselineNotCommitted");
    expect(await nameWith({ baselineIndex: baselines.length })).toBe("IndexOutOfRange");
    expect(await nameWith({ baselinePath: [] })).toBe("PathLengthWrong");
    expect(await nameWith({ baselines: [500_000n] })).toBe("BaselineCountWrong");
    expect(await nameWith({ energyMwh: 0n })).toBe("EnergyInvalid");
    expect(await nameWith({ energyMwh: 10n ** 12n + 1n })).toBe("EnergyInvalid");
    expect(await nameWith({ energyMwh: 2_500_250n })).toBe("EscrowTooSmall");
    expect(await nameWith({ requestId: 2 })).toBe("RequestUnknown");
    expect(await nameWith({})).toBe("ERC20InsufficientAllowance");
    for (const [who, bps] of [
      [stranger, 0],
      [stranger, 100],
      [aggregator, 5001],
      [dso, 100],
    ] as const)
      expect(await nameWith({ aggregator: who.address, aggregatorBps: bps })).toBe("AggregatorInvalid");
    expect(await nameWith({ aggregatorBps: 100 })).toBe("AggregatorInvalid");
    expect(await refused(at(prosumer).accept.staticCall(acceptance(), { value: 361n }))).toEqual({
      name: "BondExceeded",
      args: [361n, 360n],
    });
    await evm.mineAt(now + DAY_S + 100);
    expect(await nameWith({})).toBe("MeterProofTooOld");
    await evm.mineAt(cutoff);
    expect(await nameWith({})).toBe("AfterCutoff");
  });

  isolated("one meter is not in two contracts of one time, and not in more than eight", async () => {
    await ask();
    await ask();
    await accept();
    expect(await refused(at(prosumer).accept.staticCall(acceptance({ requestId: 2 }), { value: 360n }))).toEqual({
      name: "MeterEnrolled",
      args: [1n],
    });
    await mined(at(prosumer).optOut(1));
    await accept({ requestId: 2 });
    expect(await flexibility.openPositionsOf(IMPORT_METER)).toEqual([2n]);
    const times = Array.from({ length: 8 }, (_, i) => event.startMs + (i + 1) * 3_600_000);
    for (const [i, startMs] of times.entries()) {
      const later = { ...event, startMs };
      const proof = proveBaseline(later, baselines, 0);
      await ask({ startMs, settleBy: settleBy + (i + 1) * 3600, baselineRoot: proof.root });
      const made_ = acceptance({ requestId: i + 3, baselinePath: [...proof.path] });
      if (i < 7) await mined(at(prosumer).accept(made_, { value: 360n }));
      else expect(await nameOf(at(prosumer).accept.staticCall(made_, { value: 360n }))).toBe("TooManyPositions");
    }
  });

  isolated("terms that nobody could keep are no request", async () => {
    const nameWith = (fields: object, value = 1n) =>
      nameOf(at(dso).request.staticCall({ ...terms, ...fields }, { value }));
    expect(await nameWith({}, 0n)).toBe("NothingEscrowed");
    for (const fields of [
      { intervalMs: 999, startMs: event.startMs - (event.startMs % 999) },
      { intervalMs: 86_400_001 },
      { intervalCount: 0 },
      { intervalCount: 97 },
      { startMs: event.startMs + 1 },
    ])
      expect(await nameWith(fields)).toBe("IntervalsInvalid");
    for (const fields of [
      { cutoff: now },
      { cutoff: event.startMs / 1000 + 1 },
      { settleBy: settleBy - 1 },
      { settleBy: endS + 90 * DAY_S + 1 },
      { startMs: event.startMs + 367 * DAY_S * 1000, settleBy: settleBy + 367 * DAY_S },
    ])
      expect(await nameWith(fields)).toBe("TimesInvalid");
    for (const fields of [
      { priceWeiPerKwh: 0n },
      { penaltyWeiPerKwh: 0n },
      { priceWeiPerKwh: 10n ** 24n + 1n },
      { penaltyWeiPerKwh: 10n ** 24n + 1n },
    ])
      expect(await nameWith(fields)).toBe("PriceInvalid");
    expect(await nameWith({ minReadingCount: 0 })).toBe("ReadingCountInvalid");
    expect(await nameWith({ baselineRoot: ZeroHash })).toBe("BaselineRootInvalid");
    expect(await nameWith({ baselineCount: 0 })).toBe("BaselineRootInvalid");
    await ask({ cutoff: event.startMs / 1000, settleBy: endS + 90 * DAY_S }, 1n);
    await ask({ intervalMs: 1000 }, 1n);
  });
});

describe("before and after the cut-off", () => {
  isolated("a contract is left for its bond until the cut-off, and not from then on", async () => {
    await ask();
    await accept();
    await mined(at(prosumer).optOut(1));
    expect(await token.balanceOf(prosumer)).toBe(360n);
    const { available, reserved } = await flexibility.requestOf(1);
    expect([available, reserved]).toEqual([10_000n, 0n]);
    // The bond comes from the wallet this time, all but 60.
    await mined((token.connect(prosumer) as typeof token).approve(flexibility, 300n));
    await accept({}, IMPORT_METER, 60n);
    expect(await token.balanceOf(prosumer)).toBe(60n);
    expect(await nameOf(at(stranger).sweep.staticCall(1))).toBe("BeforeCutoff");
    await evm.mineAt(cutoff);
    expect(await nameOf(at(prosumer).optOut.staticCall(2))).toBe("AfterCutoff");
    expect(await nameOf(at(dso).cancel.staticCall(1))).toBe("AfterCutoff");
    await mined(at(stranger).sweep(1));
    expect(await flexibility.credit(dso)).toBe(8800n);
  });

  isolated("a cancelled request gives all back at once, and anybody may free its contracts", async () => {
    await ask();
    await accept();
    for (const other of [stranger, aggregator, owner, prosumer])
      expect(await nameOf(at(other).cancel.staticCall(1))).toBe("NotRequester");
    // A DSO that is one no longer still has its own money.
    await mined(flexibility.revokeRole(await flexibility.DSO_ROLE(), dso));
    await mined(at(dso).cancel(1));
    expect(await flexibility.credit(dso)).toBe(10_000n);
    for (const call of [
      () => at(dso).cancel.staticCall(1),
      () => at(dso).sweep.staticCall(1),
      () => at(prosumer).accept.staticCall(acceptance(), { value: 360n }),
      () => at(stranger).settle.staticCall(1, listOf(IMPORT_METER), []),
      () => at(stranger).close.staticCall(1),
    ])
      expect(await nameOf(call())).toBe("RequestIsCancelled");
    await evm.mineAt(settleBy);
    await mined(at(stranger).optOut(1));
    expect([await token.balanceOf(prosumer), await token.balanceOf(flexibility)]).toEqual([360n, 0n]);
    expect(await nameOf(at(stranger).optOut.staticCall(1))).toBe("PositionUnknown");
  });

  isolated("who never proves anything loses the bond and no more", async () => {
    await ask();
    await accept();
    await evm.mineAt(settleBy);
    const { logs } = await mined(at(stranger).close(1));
    expect(Flexibility.events(logs, "Closed")).toMatchObject([
      { deliveredMwh: 0n, shortfallMwh: 1_200_000n, penalty: 360n },
    ]);
    expect(await token.totalSupply()).toBe(0n);
    expect(await flexibility.credit(dso)).toBe(10_000n - 1200n + 1200n + 360n - 8800n);
  });

  isolated("at one mWh and one wei nothing is made of rounding", async () => {
    await ask({ priceWeiPerKwh: 1n, penaltyWeiPerKwh: 1n }, 1n);
    // 4 mWh: no incentive at all, and a bond of one wei, rounded up.
    await accept({ energyMwh: 1n }, IMPORT_METER, 1n);
    await afterEvent();
    await settle(1, IMPORT_METER, 0, 2, 3);
    await settle(1, IMPORT_METER, 1);
    expect([await token.balanceOf(prosumer), await token.totalSupply()]).toEqual([1n, 1n]);
  });
});

isolated("tokens are made of ether, one for one, and sent to the contract by nobody but through it", async () => {
  await mined(at(stranger).buyTokens({ value: 100n }));
  const mine = token.connect(stranger) as typeof token;
  expect(await nameOf(mine.transfer(flexibility, 1n))).toBe("SettlerNotReceiver");
  expect(await nameOf(at(stranger).buyTokens({ value: 0n }))).toBe("NothingEscrowed");
  expect(await nameOf(at(stranger).redeem(1n))).toBe("ERC20InsufficientAllowance");
  await mined(mine.approve(flexibility, 200n));
  expect(await nameOf(at(stranger).redeem(101n))).toBe("ERC20InsufficientBalance");
  await mined(at(stranger).redeem(40n));
  expect([await token.totalSupply(), await flexibility.credit(stranger)]).toEqual([60n, 40n]);
  await expect(stranger.sendTransaction({ to: await flexibility.getAddress(), value: 1n })).rejects.toThrow("reverted");
});

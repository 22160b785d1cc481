import { hexlify, Wallet } from "ethers";
import { messagesOf } from "#bridge/blockMessages.ts";
import { keyHashOf, openingOfWrongKey, publicPointOf, sealKey } from "#bridge/ecies.ts";
import { accountOf, DAY_MS, EXPORT_METER, keyOf, START_MS } from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { DataMarketplace, type DataMarketplaceContract } from "./abi/DataMarketplace.ts";
import { type CallGas, type MeasuredCall, measureCalls, setMeasuringTime } from "./measureCalls.ts";
import { deployTestBridge } from "./testBridge.ts";
import { startTestEvm, type TestWallet } from "./testing.ts";
import { createTestMarket } from "./testMarket.ts";

/** A trade in EnergyMarket, calls that come again and again: whoever takes part has done so before. */
export async function measureEnergyMarket(): Promise<readonly CallGas[]> {
  await using evm = await startTestEvm();
  await setMeasuringTime(evm);
  const { market, as, ...made } = await createTestMarket(evm);
  const [producer, consumer] = [as(made.producer), as(made.consumer)];
  const price = 10n ** 15n;
  const request = (advertId: number) =>
    consumer["requestForEnergy(uint32,uint32,uint256)"](advertId, 1000, price, { value: price });
  const steps: MeasuredCall[] = [
    ["", () => producer.availableEnergyAdvert(10_000, price, made.backing(0))],
    ["availableEnergyAdvert", () => producer.availableEnergyAdvert(2000, price, made.odd.transferred)],
    ["", () => request(1)],
    ["requestForEnergy", () => request(1)],
    ["", () => market.settle([1], made.interval(0))],
    ["settle, one sale", () => market.settle([2], made.interval(1))],
    ["", () => consumer.placeOrder(2000, price, made.startSeconds + 3600, { value: 2n * price })],
    ["placeOrder", () => consumer.placeOrder(2000, price, made.startSeconds + 3600, { value: 2n * price })],
    ["matchOrders, one pair", () => market.matchOrders([2], [1])],
  ];
  return await measureCalls(steps);
}

/** A sale in DataMarketplace, of a right key and of a wrong one. */
export async function measureDataMarketplace(): Promise<readonly CallGas[]> {
  await using evm = await startTestEvm();
  const now = await setMeasuringTime(evm);
  const [owner, buyer, rival] = evm.wallets as [TestWallet, TestWallet, TestWallet];
  const seller = new Wallet(hexlify(keyOf("prosumer").bytes), evm.provider);
  await evm.provider.send("anvil_setBalance", [seller.address, "0x56bc75e2d63100000"]);
  const made = await deployTestBridge(evm);
  const fileHash = sha256(Buffer.from("archive file"));
  const cid = new Uint8Array([1, 0x55, 0x12, 0x20, ...fileHash]);
  const seal = ledgerMessage("MsgSealArchive", {
    ...{ signer: accountOf("prosumer"), meterId: EXPORT_METER, version: 1, cid, fileHash },
    ...{ fromMs: BigInt(START_MS - DAY_MS), untilMs: BigInt(START_MS), fileBytes: 5000n, readingCount: 96n },
  });
  const tx = made.ledger.sign([seal], ["prosumer"]);
  made.block([tx]);
  await made.anchor();
  const market = await DataMarketplace.deploy(owner, [owner, made.address]);
  const as = (wallet: TestWallet | Wallet) => market.connect(wallet) as DataMarketplaceContract;

  const [key, junk, oneTime, ephemeral] = ["key", "junk", "one-time key", "ephemeral"].map((name) =>
    sha256(Buffer.from(name)),
  ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const recipient = publicPointOf(oneTime);
  const contract = await market.getAddress();
  const boxOf = (listingId: bigint, content: Uint8Array) => {
    const context = { chainId: BigInt(evm.anvil.chainId), contract, listingId };
    const box = sealKey(content, recipient, context, ephemeral);
    return { box, opening: openingOfWrongKey(box, oneTime, context, keyHashOf(key)) };
  };
  const terms = {
    ...{ keyHash: keyHashOf(key), reserve: 1000, buyNow: 10_000, deadline: now + 86_400 },
    ...{ publisher: owner.address, publisherBps: 250 },
  };
  const message = messagesOf(tx)[0]?.value ?? new Uint8Array(0);
  const own = publicPointOf(keyOf("prosumer").bytes);
  const list = () => as(seller).list(terms, own, message, made.proveMessage(tx), { value: 1000n });
  const [right, wrong] = [boxOf(1n, key), boxOf(2n, junk)];
  const opening = wrong.opening;
  if (opening === undefined) throw new Error("the junk is the key");
  const steps: MeasuredCall[] = [
    ["list", list],
    ["", list],
    ["offer, the first", () => as(rival).offer(1, recipient, { value: 2000n })],
    ["offer that outbids, buy-now", () => as(buyer).offer(1, recipient, { value: 10_000n })],
    ["release", () => as(seller).release(1, right.box.ephemeral, right.box.box)],
    ["accept", () => as(buyer).accept(1)],
    ["", () => as(buyer).offer(2, recipient, { value: 10_000n })],
    ["", () => as(seller).release(2, wrong.box.ephemeral, wrong.box.box)],
    [
      "proveWrongKey",
      () => {
        const { ephemeral: point, box } = wrong.box;
        return as(buyer).proveWrongKey(2, recipient, point, box, opening.privateKey, opening.shared);
      },
    ],
  ];
  return await measureCalls(steps);
}

import { hexlify, Wallet } from "ethers";
import { messagesOf } from "#bridge/blockMessages.ts";
import { type BoxOpening, type KeyBox, keyHashOf, publicPointOf, sealKey } from "#bridge/ecies.ts";
import { accountOf, DAY_MS, EXPORT_METER, keyOf, START_MS, sealMessage } from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { DataMarketplace, type DataMarketplaceContract } from "./abi/DataMarketplace.ts";
import { deployTestBridge } from "./testBridge.ts";
import { mined, type TestEvm, type TestWallet } from "./testing.ts";

export const secret = (name: string) => sha256(Buffer.from(name));
export const KEY = secret("archive key");
export const FILE_HASH = secret("archive file");
export const CID = new Uint8Array([1, 0x55, 0x12, 0x20, ...FILE_HASH]);
export const [RESERVE, BUY_NOW, BOND] = [1000n, 10_000n, 1000n];
const buyerKey = secret("buyer of the day");

/** DataMarketplace with a person for each role, an archive on the ledger, and listing 1 of it that takes offers for a day. */
export async function createTestDataMarketplace(evm: TestEvm) {
  const [owner, verifier, buyer, rival, publisher] = evm.wallets as [
    TestWallet,
    TestWallet,
    TestWallet,
    TestWallet,
    TestWallet,
  ];
  const seller = new Wallet(hexlify(keyOf("prosumer").bytes), evm.provider);
  await evm.provider.send("anvil_setBalance", [seller.address, "0x56bc75e2d63100000"]);
  const made = await deployTestBridge(evm);
  const seal = ledgerMessage("MsgSealArchive", {
    ...{ signer: accountOf("prosumer"), meterId: EXPORT_METER, version: 1, cid: CID, fileHash: FILE_HASH },
    ...{ fromMs: BigInt(START_MS - DAY_MS), untilMs: BigInt(START_MS), fileBytes: 5000n, readingCount: 96n },
  });
  const archive = made.ledger.sign([seal], ["prosumer"]);
  const interval = made.ledger.sign([sealMessage(0)], ["device"]);
  for (const { code, log } of made.block([archive, interval]).txResults) if (code !== 0) throw new Error(log);
  await made.anchor();
  const market = await DataMarketplace.deploy(owner, [owner, made.address]);
  await mined(market.grantRole(await market.VERIFIER_ROLE(), verifier));
  const deadline = (await evm.now()) + 86_400;

  const as = (wallet: TestWallet | Wallet) => market.connect(wallet) as DataMarketplaceContract;
  const shown = (tx: Uint8Array) => [messagesOf(tx)[0]?.value ?? new Uint8Array(0), made.proveMessage(tx)] as const;
  const termsWith = (fields: object = {}) => ({
    ...{ keyHash: keyHashOf(KEY), reserve: RESERVE, buyNow: BUY_NOW, deadline },
    ...{ publisher: publisher.address, publisherBps: 250, ...fields },
  });
  const pointOf = (wallet: TestWallet | Wallet) => publicPointOf(Buffer.from(wallet.privateKey.slice(2), "hex"));
  const list = (fields: object = {}, value = BOND, by: TestWallet | Wallet = seller) =>
    as(by).list(termsWith(fields), pointOf(by), ...shown(archive), { value });
  const offer = (value: bigint, by: TestWallet | Wallet = buyer, key = buyerKey, listingId = 1) =>
    as(by).offer(listingId, publicPointOf(key), { value });
  const context = async (listingId = 1n) => ({
    chainId: BigInt(evm.anvil.chainId),
    contract: await market.getAddress(),
    listingId,
  });
  const boxOf = async (key: Uint8Array, listingId = 1n) =>
    sealKey(key, publicPointOf(buyerKey), await context(listingId), secret("ephemeral"));
  const release = async (given: KeyBox, by: TestWallet | Wallet = seller, listingId = 1) =>
    as(by).release(listingId, given.ephemeral, given.box);
  const prove = (
    given: KeyBox,
    { privateKey, shared }: BoxOpening,
    by: TestWallet | Wallet = buyer,
    recipient = publicPointOf(buyerKey),
    listingId = 1,
  ) => as(by).proveWrongKey(listingId, recipient, given.ephemeral, given.box, privateKey, shared);
  await mined(list());
  return {
    ...{ owner, verifier, buyer, rival, publisher, seller, archive, interval, deadline, market, buyerKey },
    ...{ as, shown, termsWith, pointOf, list, offer, context, boxOf, release, prove },
  };
}

import { type BaseContract, ZeroHash } from "ethers";
import { signVoucher } from "#bridge/voucher.ts";
import { Bridge } from "./abi/Bridge.ts";
import { DataMarketplace } from "./abi/DataMarketplace.ts";
import { DeviceRegistry } from "./abi/DeviceRegistry.ts";
import { EnergyMarket } from "./abi/EnergyMarket.ts";
import { FingerprintRegistry } from "./abi/FingerprintRegistry.ts";
import { Flexibility } from "./abi/Flexibility.ts";
import { FlexibilityPosition } from "./abi/FlexibilityPosition.ts";
import { FlexibilityToken } from "./abi/FlexibilityToken.ts";
import { NaiveFingerprints } from "./abi/NaiveFingerprints.ts";
import { Outbox } from "./abi/Outbox.ts";
import { PaymentChannel } from "./abi/PaymentChannel.ts";
import type { ContractType } from "./contractType.ts";
import { deployTestBridge } from "./testBridge.ts";
import { BUY_NOW, createTestDataMarketplace, KEY } from "./testDataMarketplace.ts";
import { createTestDevices, E_METER, ED25519 } from "./testDevices.ts";
import { createTestFlexibility } from "./testFlexibility.ts";
import { mined, type TestEvm, type TestWallet } from "./testing.ts";
import { createTestMarket, publicPoint } from "./testMarket.ts";

/** A function (with its types where there are several of that name), who may call it, and its arguments; ether goes as the last one, `paying`. */
export type RoleRow = readonly [name: string, may: "all" | readonly string[], ...args: unknown[]];

/** Who may call what of one contract, with a person for each role and one for none. */
export interface RoleTable {
  readonly type: Pick<ContractType<BaseContract, readonly unknown[], unknown>, "name" | "interface">;
  readonly at: string;
  readonly people: Readonly<Record<string, { readonly address: string }>>;
  readonly rows: readonly RoleRow[];
}

interface Paying {
  readonly paying: bigint;
}

const paying = (wei: bigint): Paying => ({ paying: wei });

/** Wei that go with a call of these arguments. */
export function weiOf(args: readonly unknown[]): bigint | undefined {
  const last = args.at(-1);
  return typeof last === "object" && last !== null && "paying" in last ? (last as Paying).paying : undefined;
}

const SOMEONE = `0x${"aa".repeat(20)}`;

/** Roles are the owner's to give and to take, and the owner's own is handed over in two steps (AccessControlDefaultAdminRules). */
const ownedBy = (owner: string, role: string): readonly RoleRow[] => [
  ["grantRole", [owner], role, SOMEONE],
  ["revokeRole", [owner], role, SOMEONE],
  ["renounceRole", [], role, SOMEONE],
  ["beginDefaultAdminTransfer", [owner], SOMEONE],
  ["cancelDefaultAdminTransfer", [owner]],
  ["acceptDefaultAdminTransfer", []],
  ["changeDefaultAdminDelay", [owner], 1],
  ["rollbackDefaultAdminDelay", [owner]],
];

const ANCHOR = [0, 0, 0, 0, 0, ZeroHash, ZeroHash];
const BLOCK_PROOF = [ANCHOR, [0, 0, 0, 0, ZeroHash, ZeroHash, ZeroHash], []];

/** A table of each contract, on an EVM on which there is something to call it for. */
export async function createRoleTables(evm: TestEvm): Promise<readonly RoleTable[]> {
  return [
    await bridge(evm),
    await outbox(evm),
    await fingerprints(evm),
    await naive(evm),
    await channel(evm),
    await data(evm),
    await devices(evm),
    await market(evm),
    ...(await flexibility(evm)),
  ];
}

async function bridge(evm: TestEvm): Promise<RoleTable> {
  const { address } = await deployTestBridge(evm);
  const [owner, stranger] = evm.wallets as [TestWallet, TestWallet];
  const rows: RoleRow[] = [
    ["submitAnchor", "all", ANCHOR, "0x", 0, "0x"],
    ["updateValset", "all", 1, 1, "0x", "0x", 0, "0x"],
    ["setFrozen", "all", 1, true, "0x", 0, "0x"],
    ["consumeTx", "all", ZeroHash, [BLOCK_PROOF, 0, []]],
    ["proposeRecovery", ["owner"], "0x"],
    ["cancelRecovery", ["owner"]],
    ["executeRecovery", ["owner"], "0x"],
    ["transferOwnership", ["owner"], SOMEONE],
    ["renounceOwnership", ["owner"]],
    ["acceptOwnership", []],
  ];
  return { type: Bridge, at: address, people: { owner, stranger }, rows };
}

async function outbox(evm: TestEvm): Promise<RoleTable> {
  const [owner, emitter, stranger] = evm.wallets as [TestWallet, TestWallet, TestWallet];
  const contract = await Outbox.deploy(owner, [owner.address]);
  const role = await contract.EMITTER_ROLE();
  await mined(contract.grantRole(role, emitter));
  const rows: RoleRow[] = [["emitEvent", ["emitter"], ZeroHash, "0x"], ...ownedBy("owner", role)];
  return { type: Outbox, at: await contract.getAddress(), people: { owner, emitter, stranger }, rows };
}

async function fingerprints(evm: TestEvm): Promise<RoleTable> {
  const [owner, stranger] = evm.wallets as [TestWallet, TestWallet];
  const { address } = await deployTestBridge(evm);
  const contract = await FingerprintRegistry.deploy(owner, [address]);
  const rows: RoleRow[] = [["pin", "all", E_METER, 0, "0x", [BLOCK_PROOF, ZeroHash, ZeroHash, 0, []]]];
  return { type: FingerprintRegistry, at: await contract.getAddress(), people: { owner, stranger }, rows };
}

async function naive(evm: TestEvm): Promise<RoleTable> {
  const [sensor, stranger] = evm.wallets as [TestWallet, TestWallet];
  const contract = await NaiveFingerprints.deploy(sensor, [sensor.address, ZeroHash]);
  const rows: RoleRow[] = [["register", ["sensor"], ZeroHash, 0, 0, 1]];
  return { type: NaiveFingerprints, at: await contract.getAddress(), people: { sensor, stranger }, rows };
}

async function channel(evm: TestEvm): Promise<RoleTable> {
  const [payer, payee, stranger] = evm.wallets as [TestWallet, TestWallet, TestWallet];
  const channels = await PaymentChannel.deploy(payer, []);
  const expires = (await evm.now()) + 3600;
  await mined(channels.open(payee, expires, { value: 100n }));
  const at = await channels.getAddress();
  const promise = { chainId: BigInt(evm.anvil.chainId), contract: at, channelId: 1n, amount: 10n };
  const { signature } = await signVoucher(payer, promise);
  const rows: RoleRow[] = [
    ["open", "all", SOMEONE, expires, paying(1n)],
    ["topUp", ["payer"], 1, paying(1n)],
    ["extend", ["payer"], 1, expires + 1],
    ["reclaim", ["payer"], 1],
    ["claim", ["payee"], 1, 10, signature],
    ["claimAndClose", ["payee"], 1, 10, signature],
    ["close", ["payee"], 1],
    ["withdraw", "all", SOMEONE],
  ];
  return { type: PaymentChannel, at, people: { payer, payee, stranger }, rows };
}

/** Listing 1 takes offers, 2 waits for its key, 3 has it. */
async function data(evm: TestEvm): Promise<RoleTable> {
  const made = await createTestDataMarketplace(evm);
  const { owner, verifier, seller, buyer, rival, publisher, list, offer, boxOf, release, shown, archive } = made;
  for (const listingId of [2, 3]) {
    await mined(list());
    await mined(offer(BUY_NOW, buyer, made.buyerKey, listingId));
  }
  await mined(release(await boxOf(KEY, 3n), seller, 3));
  const point = made.pointOf(rival);
  const rows: RoleRow[] = [
    ["list", ["seller"], made.termsWith(), made.pointOf(seller), ...shown(archive), paying(1000n)],
    ["offer", ["owner", "verifier", "buyer", "rival", "publisher"], 1, point, paying(1000n)],
    ["end", ["seller"], 1],
    ["release", ["seller"], 2, point, ZeroHash],
    ["refundUnreleased", "all", 2],
    ["accept", ["buyer"], 3],
    ["proveWrongKey", ["buyer"], 3, point, point, ZeroHash, 1, point],
    ["dispute", ["buyer"], 3, ZeroHash, paying(1000n)],
    ["decide", ["verifier"], 3, true],
    ["refundUndecided", "all", 3],
    ["withdraw", "all", SOMEONE],
    ...ownedBy("owner", await made.market.VERIFIER_ROLE()),
  ];
  const people = { owner, verifier, seller, buyer, rival, publisher };
  return { type: DataMarketplace, at: await made.market.getAddress(), people, rows };
}

async function devices(evm: TestEvm): Promise<RoleTable> {
  const made = await createTestDevices(evm);
  const { owner, issuer, subIssuer, administrator, successor, checker, stranger, at, p, ed25519, now, until } = made;
  await mined(at(administrator).proposeAdministrator(p, 2));
  const issuers = ["issuer", "subIssuer"];
  const rows: RoleRow[] = [
    ["appointIssuer", ["owner", ...issuers], SOMEONE],
    ["revokeIssuer", ["owner", "issuer"], 2],
    // Whom the owner has appointed, nobody else revokes.
    ["revokeIssuer", ["owner"], 1],
    ["issueAdministrator", issuers, SOMEONE, now, until],
    ["issueDevice", issuers, "new:1", ED25519, ed25519, now, until, 1],
    ["revokeCertificate", ["owner", ...issuers], 5],
    ["proposeAdministrator", ["administrator"], p, 2],
    ["acceptAdministrator", ["successor"], p],
    ["setConfiguration", ["administrator"], await made.settings()],
    ["acknowledge", "all", p, 1, true, 0, "0x"],
    ["acknowledgeByLedger", "all", E_METER, 1, ...made.rejectedRecord],
    ["mirror", "all", E_METER, ...made.meterRecord],
    ...ownedBy("owner", await made.registry.CHECKER_ROLE()),
  ];
  const people = { owner, issuer, subIssuer, administrator, successor, checker, stranger };
  return { type: DeviceRegistry, at: await made.registry.getAddress(), people, rows };
}

/** Advert 1, of which the consumer has bought, and its order 1. */
async function market(evm: TestEvm): Promise<RoleTable> {
  const made = await createTestMarket(evm);
  const { owner, regulator, producer, consumer, otherConsumer, stranger, as, market: contract } = made;
  const price = 1000n;
  const end = (await evm.now()) + 86_400;
  await mined(as(producer).availableEnergyAdvert(10_000, price, made.backing(0)));
  const byNumber = "requestForEnergy(uint32,uint32,uint256)";
  await mined(as(consumer)[byNumber](1, 1000, price, { value: price }));
  await mined(as(consumer).placeOrder(1000, price, end, { value: price }));
  const terms = { treasury: owner.address, taxBps: 1, highWaterWh: 1000, deliveryPeriod: 86_400 };
  const { createdAt } = await contract.advertOf(1);
  const consumers = ["consumer", "otherConsumer"];
  const producerRole = await contract.PRODUCER_ROLE();
  const rows: RoleRow[] = [
    ["announceTerms", ["owner"], terms],
    ["enrolConsumer", ["regulator"], SOMEONE, "new:1"],
    ["grantRole", ["regulator"], producerRole, SOMEONE],
    ["revokeRole", ["regulator"], producerRole, producer.address],
    ["resolve", ["regulator"], 1, true],
    ["bindAccount", ["producer"], ...publicPoint(producer)],
    ["availableEnergyAdvert", ["producer"], 10_000, price, made.backing(1)],
    [byNumber, consumers, 1, 1000, price, paying(price)],
    [
      "requestForEnergy(uint32,uint256,uint256,address)",
      consumers,
      1,
      createdAt,
      price,
      producer.address,
      paying(price),
    ],
    ["placeOrder", consumers, 1000, price, end, paying(price)],
    ["cancelOrder", ["consumer"], 1],
    ["dispute", ["consumer"], 1],
    ["matchOrders", "all", [], []],
    ["settle", "all", [1], made.interval(0)],
    ["collect", "all", 1],
    ["refundUndecided", "all", 1],
    ["reclaim", "all", 1],
    ["withdraw", "all", SOMEONE],
    ...ownedBy("owner", await contract.REGULATOR_ROLE()),
  ];
  const people = { owner, regulator, producer, consumer, otherConsumer, stranger };
  return { type: EnergyMarket, at: await contract.getAddress(), people, rows };
}

/** Request 1 of the DSO, which the prosumer has accepted. */
async function flexibility(evm: TestEvm): Promise<readonly RoleTable[]> {
  const made = await createTestFlexibility(evm);
  const { owner, dso, aggregator, prosumer, stranger } = made;
  await made.ask();
  await made.accept();
  const rows: RoleRow[] = [
    ["request", ["dso", "aggregator"], made.terms, paying(1n)],
    ["cancel", ["dso"], 1],
    ["sweep", "all", 1],
    ["accept", ["prosumer"], made.acceptance(), paying(360n)],
    ["optOut", ["prosumer"], 1],
    ["settle", "all", 1, [], []],
    ["close", "all", 1],
    ["buyTokens", "all", paying(1n)],
    ["redeem", "all", 1],
    ["withdraw", "all", SOMEONE],
    ...ownedBy("owner", await made.flexibility.DSO_ROLE()),
  ];
  const tokenRows: RoleRow[] = [
    ["mint", [], SOMEONE, 1],
    ["burn", [], 1],
    ["transfer", "all", SOMEONE, 0],
    ["approve", "all", SOMEONE, 1],
    ["transferFrom", "all", SOMEONE, SOMEONE, 0],
  ];
  const hand = [prosumer.address, SOMEONE, 1];
  const positionRows: RoleRow[] = [
    ["mint", [], SOMEONE, 9],
    ["burn", [], 1],
    ["approve", ["prosumer"], SOMEONE, 1],
    ["setApprovalForAll", "all", SOMEONE, true],
    ["transferFrom", ["prosumer"], ...hand],
    ["safeTransferFrom(address,address,uint256)", ["prosumer"], ...hand],
    ["safeTransferFrom(address,address,uint256,bytes)", ["prosumer"], ...hand, "0x"],
  ];
  const people = { owner, dso, aggregator, prosumer, stranger };
  return [
    { type: Flexibility, at: await made.flexibility.getAddress(), people, rows },
    { type: FlexibilityToken, at: await made.token.getAddress(), people, rows: tokenRows },
    { type: FlexibilityPosition, at: await made.positions.getAddress(), people, rows: positionRows },
  ];
}

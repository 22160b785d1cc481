import { Signature, ZeroAddress } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signVoucher, type Voucher } from "#bridge/voucher.ts";
import { ReentrantReceiver } from "./abi/harness/ReentrantReceiver.ts";
import { Wallet1271 } from "./abi/harness/Wallet1271.ts";
import { PaymentChannel, type PaymentChannelContract } from "./abi/PaymentChannel.ts";
import { mined, revertOf, startTestEvm, type TestEvm, type TestWallet } from "./testing.ts";

/** Order of secp256k1, to make the second signature of a message out of the first. */
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

let evm: TestEvm;
let payer: TestWallet;
let payee: TestWallet;
let stranger: TestWallet;
let channels: PaymentChannelContract;
let expires = 0;

beforeAll(async () => {
  evm = await startTestEvm();
  [payer, payee, stranger] = evm.wallets as [TestWallet, TestWallet, TestWallet];
  channels = await PaymentChannel.deploy(payer, []);
  expires = (await evm.now()) + 3600;
  await mined(channels.open(payee, expires, { value: 1000 }));
});
afterAll(() => evm[Symbol.asyncDispose]());

const isolated = (name: string, body: () => Promise<void>) => test(name, () => evm.isolated(body)());
const voucher = async (amount: number, from: TestWallet = payer, channelId = 1, elsewhere: Partial<Voucher> = {}) => {
  const here = { chainId: BigInt(evm.anvil.chainId), contract: await channels.getAddress() };
  const promise = { ...here, channelId: BigInt(channelId), amount: BigInt(amount), ...elsewhere };
  return (await signVoucher(from, promise)).signature;
};
const at = (wallet: TestWallet) => channels.connect(wallet) as PaymentChannelContract;
const refused = (sent: Promise<unknown>) => revertOf(sent, PaymentChannel);

isolated("three steps: open, vouchers off chain, close with the last one; each fetches its own", async () => {
  expect(await channels.channelOf(1)).toMatchObject([payer.address, BigInt(expires), true, payee.address, 1000n, 0n]);
  await mined(at(payee).claimAndClose(1, 700, await voucher(700)));
  expect([await channels.credit(payee), await channels.credit(payer)]).toEqual([700n, 300n]);
  const before = await evm.provider.getBalance(stranger);
  await mined(at(payee).withdraw(stranger));
  expect((await evm.provider.getBalance(stranger)) - before).toBe(700n);
  await mined(channels.withdraw(stranger));
  expect(await evm.provider.getBalance(channels)).toBe(0n);
});

isolated("a long channel is claimed in parts, and is topped up and extended by its payer only", async () => {
  await mined(at(payee).claim(1, 400, await voucher(400)));
  await mined(at(payee).claim(1, 1000, await voucher(1000)));
  expect(await channels.credit(payee)).toBe(1000n);
  expect(await refused(at(payee).claim(1, 1200, await voucher(1200)))).toEqual({
    name: "AmountOverDeposit",
    args: [1200n, 1000n],
  });
  await mined(channels.topUp(1, { value: 500 }));
  await mined(channels.extend(1, expires + 60));
  await mined(at(payee).claim(1, 1200, await voucher(1200)));
  const { expires: end, deposit, claimed } = await channels.channelOf(1);
  expect([end, deposit, claimed]).toEqual([BigInt(expires + 60), 1500n, 1200n]);
  for (const other of [payee, stranger]) {
    expect((await refused(at(other).topUp(1, { value: 1 }))).name).toBe("NotPayer");
    expect((await refused(at(other).extend(1, expires + 90))).name).toBe("NotPayer");
  }
  expect((await refused(channels.extend(1, expires + 60))).name).toBe("ExpiryNotLater");
  expect((await refused(channels.topUp(1))).name).toBe("NothingEscrowed");
  await mined(at(payee).close(1));
  expect(await channels.credit(payer)).toBe(300n);
});

isolated(
  "from the expiry on the payer takes back, and no claim holds any more; before it, only the payee closes",
  async () => {
    expect((await refused(channels.reclaim(1))).name).toBe("ChannelNotExpired");
    const last = await voucher(700);
    await evm.mineAt(expires);
    expect((await refused(at(payee).claim(1, 700, last))).name).toBe("ChannelExpired");
    expect((await refused(at(payee).claimAndClose(1, 700, last))).name).toBe("ChannelExpired");
    expect((await refused(at(payee).close(1))).name).toBe("ChannelExpired");
    expect((await refused(channels.topUp(1, { value: 1 }))).name).toBe("ChannelExpired");
    for (const other of [payee, stranger]) expect((await refused(at(other).reclaim(1))).name).toBe("NotPayer");
    await mined(channels.reclaim(1));
    expect(await channels.credit(payer)).toBe(1000n);
    expect((await refused(channels.reclaim(1))).name).toBe("ChannelNotOpen");
  },
);

isolated(
  "in the last second before the expiry the payee may still close, and an extension after it opens the way again",
  async () => {
    await evm.mineAt(expires - 2);
    const last = await voucher(10);
    await evm.provider.send("evm_setNextBlockTimestamp", [expires - 1]);
    await mined(at(payee).claim(1, 10, last, { gasLimit: 300_000 }));
    await evm.mineAt(expires + 5);
    await mined(channels.extend(1, expires + 100));
    await mined(at(payee).claim(1, 20, await voucher(20)));
    expect(await channels.credit(payee)).toBe(20n);
  },
);

isolated("nobody but the payee claims or closes, and nothing is claimed twice", async () => {
  const signed = await voucher(700);
  for (const other of [payer, stranger]) {
    expect((await refused(at(other).claim(1, 700, signed))).name).toBe("NotPayee");
    expect((await refused(at(other).claimAndClose(1, 700, signed))).name).toBe("NotPayee");
    expect((await refused(at(other).close(1))).name).toBe("NotPayee");
  }
  await mined(at(payee).claim(1, 700, signed));
  expect(await refused(at(payee).claim(1, 700, signed))).toEqual({ name: "NothingToClaim", args: [700n, 700n] });
  expect((await refused(at(payee).claim(1, 600, await voucher(600)))).name).toBe("NothingToClaim");
  expect((await refused(at(payee).claim(1, 0, await voucher(0)))).name).toBe("NothingToClaim");
  await mined(at(payee).close(1));
  expect((await refused(at(payee).claim(1, 800, await voucher(800)))).name).toBe("ChannelNotOpen");
  expect((await refused(at(payee).close(1))).name).toBe("ChannelNotOpen");
  expect((await refused(channels.topUp(1, { value: 1 }))).name).toBe("ChannelNotOpen");
  expect((await refused(at(payee).claim(2, 1, await voucher(1, payer, 2)))).name).toBe("ChannelUnknown");
  expect((await refused(channels.channelOf(0))).name).toBe("ChannelUnknown");
});

isolated("a voucher of another signer, channel, contract, chain or amount, high-s or cut, is none", async () => {
  await mined(channels.open(payee, expires, { value: 1000 }));
  const good = Signature.from(await voucher(5));
  const highS = `${good.r}${(N - BigInt(good.s)).toString(16).padStart(64, "0")}${good.v === 27 ? "1c" : "1b"}`;
  const wrong = [
    await voucher(5, stranger),
    await voucher(5, payee),
    await voucher(5, payer, 2),
    await voucher(6),
    await voucher(5, payer, 1, { chainId: 1n }),
    await voucher(5, payer, 1, { contract: stranger.address }),
    highS,
    good.serialized.slice(0, -2),
    `0x${"00".repeat(65)}`,
    "0x",
  ];
  for (const signature of wrong)
    expect((await refused(at(payee).claim(1, 5, signature))).name).toBe("SignatureInvalid");
  await mined(at(payee).claim(1, 5, good.serialized));
});

isolated("a channel needs a payee that is another, money, and an end that is near enough", async () => {
  const now = await evm.now();
  const opening = (to: string, end: number, value: bigint) => refused(channels.open(to, end, { value }));
  expect((await opening(ZeroAddress, expires, 1n)).name).toBe("PayeeInvalid");
  expect((await opening(payer.address, expires, 1n)).name).toBe("PayeeInvalid");
  expect((await opening(payee.address, expires, 0n)).name).toBe("NothingEscrowed");
  for (const end of [0, now, now + 3650 * 86_400 + 3600])
    expect((await opening(payee.address, end, 1n)).name).toBe("ExpiryInvalid");
  expect((await refused(channels.extend(1, now + 3650 * 86_400 + 3600))).name).toBe("ExpiryInvalid");
  expect((await refused(channels.withdraw(payer))).name).toBe("NothingToWithdraw");
  await expect(payer.sendTransaction({ to: await channels.getAddress(), value: 1n })).rejects.toThrow("reverted");
});

isolated("a payer may be a wallet that is a contract", async () => {
  const wallet = await Wallet1271.deploy(payer, [stranger.address], { value: 50n });
  const data = PaymentChannel.interface.encodeFunctionData("open", [payee.address, expires]);
  await mined((wallet.connect(stranger) as typeof wallet).execute(await channels.getAddress(), 50n, data));
  const signed = await voucher(20, stranger, 2);
  expect((await refused(at(payee).claim(2, 20, await voucher(20, payer, 2)))).name).toBe("SignatureInvalid");
  await mined(at(payee).claim(2, 20, signed));
  expect(await channels.credit(payee)).toBe(20n);
});

isolated("a payee that refuses ether, or comes back in the middle, gets its own once and stops nobody", async () => {
  const receiver = await ReentrantReceiver.deploy(payer, []);
  const address = await channels.getAddress();
  const { interface: calls } = PaymentChannel;
  await mined(channels.open(receiver, expires, { value: 100n }));
  const closing = calls.encodeFunctionData("claimAndClose", [2, 60, await voucher(60, payer, 2)]);
  await mined(receiver.execute(address, 0n, closing));
  const withdrawing = calls.encodeFunctionData("withdraw", [await receiver.getAddress()]);
  await mined(receiver.prepare(address, withdrawing, true));
  await expect(receiver.execute.staticCall(address, 0n, withdrawing)).rejects.toThrow();
  await mined(channels.withdraw(payer));
  await mined(receiver.prepare(address, withdrawing, false));
  await mined(receiver.execute(address, 0n, withdrawing));
  expect([await receiver.hasCalled(), await receiver.hasSucceeded()]).toEqual([true, false]);
  expect(await evm.provider.getBalance(receiver)).toBe(60n);
  // Channel 1 is untouched.
  expect(await evm.provider.getBalance(channels)).toBe(1000n);
});

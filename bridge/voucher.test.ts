import { Wallet } from "ethers";
import { expect, test } from "vitest";
import { type Channel, checkVoucher, decodeVoucher, encodeVoucher, signVoucher, VoucherError } from "./voucher.ts";

const payer = new Wallet(`0x${"11".repeat(32)}`);
const stranger = new Wallet(`0x${"22".repeat(32)}`);
const contract = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const promise = { chainId: 31_337n, contract, channelId: 7n, amount: 500n };
const channel: Channel = {
  ...{ payer: payer.address, payee: stranger.address, expires: 100_000n, isOpen: true, deposit: 1000n, claimed: 0n },
};
const rules = { nowSeconds: 50_000 };
/** Order of secp256k1. */
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

test("a voucher comes back from its text as it was, and holds", async () => {
  const voucher = await signVoucher(payer, { ...promise, contract: contract.toLowerCase() });
  expect(voucher.contract).toBe(contract);
  expect(decodeVoucher(encodeVoucher(voucher))).toEqual(voucher);
  expect(await checkVoucher(voucher, channel, rules)).toEqual({ accepted: true });
});

test.each<[string, Partial<typeof promise>, Partial<Channel>, Partial<Parameters<typeof checkVoucher>[2]>]>([
  ["VOUCHER_CHANNEL_CLOSED", {}, { isOpen: false }, {}],
  ["VOUCHER_CHANNEL_EXPIRING", {}, {}, { nowSeconds: 96_400 }],
  ["VOUCHER_CHANNEL_EXPIRING", {}, {}, { nowSeconds: 99_900, marginSeconds: 100 }],
  ["VOUCHER_NOTHING_NEW", {}, { claimed: 500n }, {}],
  ["VOUCHER_OVER_DEPOSIT", { amount: 1001n }, {}, {}],
  ["VOUCHER_NOT_ENOUGH", {}, {}, { atLeast: 501n }],
  ["VOUCHER_SIGNATURE_INVALID", {}, { payer: stranger.address }, {}],
])("%s", async (code, changed, channelChanged, rulesChanged) => {
  const voucher = await signVoucher(payer, { ...promise, ...changed });
  const verdict = await checkVoucher(voucher, { ...channel, ...channelChanged }, { ...rules, ...rulesChanged });
  expect(verdict).toMatchObject({ accepted: false, code });
});

test("a signature over another channel, amount, chain or contract, high-s, short or empty, is refused", async () => {
  const voucher = await signVoucher(payer, promise);
  const s = BigInt(`0x${voucher.signature.slice(66, 130)}`);
  const highS = `${voucher.signature.slice(0, 66)}${(N - s).toString(16).padStart(64, "0")}${voucher.signature.endsWith("1b") ? "1c" : "1b"}`;
  const others = [
    { ...voucher, channelId: 8n },
    { ...voucher, amount: 501n },
    { ...voucher, chainId: 1n },
    { ...voucher, contract: stranger.address },
    { ...voucher, signature: highS },
    { ...voucher, signature: voucher.signature.slice(0, -2) },
    { ...voucher, signature: `0x${"00".repeat(65)}` },
    { ...voucher, signature: "0x" },
  ];
  for (const other of others)
    expect(await checkVoucher(other, channel, rules)).toMatchObject({ code: "VOUCHER_SIGNATURE_INVALID" });
});

test("a wallet that is a contract is asked whether it signed", async () => {
  const voucher = { ...promise, signature: "0x1234" };
  const asked: unknown[] = [];
  const isValidSignature = async (...args: unknown[]) => asked.push(args) > 0;
  expect(await checkVoucher(voucher, channel, { ...rules, isValidSignature })).toEqual({ accepted: true });
  expect(asked).toEqual([[expect.stringMatching(/^0x[0-9a-f]{64}$/), "0x1234"]]);
});

test("texts that are no vouchers are refused with the reason", async () => {
  const good = JSON.parse(encodeVoucher(await signVoucher(payer, promise))) as Record<string, unknown>;
  const texts: [string, string][] = [
    ["", "it is no JSON"],
    ["null", "its format"],
    ["[]", "its format"],
    ["{}", "its format"],
    [" ".repeat(20_001), "longer than 20000"],
    [JSON.stringify({ ...good, contract: "0x5FbDB2315678afecb367f032d93F642f64180aa4" }), "contract is no address"],
    [JSON.stringify({ ...good, signature: "0xzz" }), "signature is no hex"],
    [JSON.stringify({ ...good, amount: 5 }), "amount is no decimal"],
    [JSON.stringify({ ...good, amount: "-5" }), "amount is no decimal"],
    [JSON.stringify({ ...good, amount: "1e3" }), "amount is no decimal"],
    [JSON.stringify({ ...good, amount: `${2n ** 256n}` }), "amount is over"],
    [JSON.stringify({ ...good, channelId: "01" }), "channelId is no decimal"],
  ];
  for (const [text, reason] of texts) {
    const decode = () => decodeVoucher(text);
    expect(decode, text.slice(0, 100)).toThrow(VoucherError);
    expect(decode, text.slice(0, 100)).toThrow(reason);
  }
});

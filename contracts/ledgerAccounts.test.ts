import { Wallet } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeBech32, encodeIdentity } from "#storage/crypto/identity.ts";
import { addressOf } from "#storage/crypto/keys.ts";
import { LedgerAccountsHarness, type LedgerAccountsHarnessContract } from "./abi/harness/LedgerAccountsHarness.ts";
import { revertOf, startTestEvm, type TestEvm } from "./testing.ts";

let evm: TestEvm;
let library: LedgerAccountsHarnessContract;

beforeAll(async () => {
  evm = await startTestEvm();
  const [wallet] = evm.wallets;
  if (wallet === undefined) throw new Error("anvil funds nobody");
  library = await LedgerAccountsHarness.deploy(wallet, []);
});
afterAll(() => evm[Symbol.asyncDispose]());

const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString("hex")}`;
const text = (ascii: string) => hex(Buffer.from(ascii));
const refused = (call: Promise<unknown>) => revertOf(call, LedgerAccountsHarness);

/** Of keys with an even and with an odd y. */
const keys = ["01", "02", "03", "04", "7f"].map((byte) => new Wallet(`0x${byte.repeat(32)}`));

test("the key of an Ethereum address leads to its account on the ledger", async () => {
  const parities = new Set<string>();
  for (const { address, signingKey } of keys) {
    const point = signingKey.publicKey.slice(4);
    const [x, y] = [BigInt(`0x${point.slice(0, 64)}`), BigInt(`0x${point.slice(64)}`)];
    const compressed = Buffer.from(signingKey.compressedPublicKey.slice(2), "hex");
    parities.add(hex(compressed).slice(0, 4));
    expect(await library.accountOf(address, x, y)).toBe(hex(addressOf({ type: "secp256k1", bytes: compressed })));
    expect((await refused(library.accountOf(address, x, y + 1n))).name).toBe("KeyNotOfSender");
    expect((await refused(library.accountOf(address, y, x))).name).toBe("KeyNotOfSender");
  }
  expect([...parities].sort()).toEqual(["0x02", "0x03"]);
});

test("both texts of an account are read: bech32 and the 34 characters of an identity", async () => {
  const accounts = [...keys.map(({ address }) => address), `0x${"00".repeat(20)}`, `0x${"ff".repeat(20)}`];
  for (const account of accounts) {
    const bytes = Buffer.from(account.slice(2), "hex");
    for (const form of [encodeBech32(bytes), encodeIdentity(bytes)])
      expect(await library.parse(text(form)), form).toBe(account.toLowerCase());
  }
});

test("other texts are none", async () => {
  const good = encodeBech32(new Uint8Array(20));
  const wrong = [
    "",
    "edream1",
    good.toUpperCase(),
    good.slice(0, -1),
    `${good}q`,
    good.replace("edream1", "cosmos1"),
    good.replace("q", "b"),
    encodeIdentity(new Uint8Array(20)).replace(/.$/, "0"),
    "x".repeat(33),
  ];
  for (const form of wrong) expect((await refused(library.parse(text(form)))).name, form).toBe("AccountTextUnknown");
});

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encryptKeystoreJson, parseEther } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { PaymentChannel } from "#contracts/abi/PaymentChannel.ts";
import { mined, startTestEvm, type TestEvm } from "#contracts/testing.ts";
import { createTestCli, type TestCli } from "./testIo.ts";

let evm: TestEvm;
let alice: TestCli;
let bob: TestCli;
let [payer, payee, contract] = ["", "", ""];

beforeAll(async () => {
  evm = await startTestEvm();
  const [deployer] = evm.wallets;
  if (deployer === undefined) throw new Error("no account");
  contract = await (await PaymentChannel.deploy(deployer, [])).getAddress();
  const contracts = { PaymentChannel: contract };
  const file = encodeContractsFile({ chainId: 31_337n, ledgerId: "0f".repeat(32), fromBlock: 0, contracts });
  const person = async (name: string) => {
    const cli = createTestCli();
    const { ethereumAddress } = (await cli.run("keys", "new", name, "--json")).json as { ethereumAddress: string };
    await mined(deployer.sendTransaction({ to: ethereumAddress, value: parseEther("10") }) as never);
    writeFileSync(join(cli.home, "contracts.json"), file);
    return [cli, ethereumAddress] as const;
  };
  [alice, payer] = await person("alice");
  [bob, payee] = await person("bob");
});
afterAll(async () => {
  alice[Symbol.dispose]();
  bob[Symbol.dispose]();
  await evm[Symbol.asyncDispose]();
});

/** A command of `channel` beside the test's Ethereum node, at its time. */
async function channel(cli: TestCli, ...args: readonly string[]) {
  const nowMs = (await evm.now()) * 1000;
  return cli.runWith({ nowMs: () => nowMs }, "channel", ...args, "--ethereum", evm.anvil.url, "--json");
}

/** One that asks no network, and would fail if it did. */
const offline = (cli: TestCli, ...args: readonly string[]) =>
  cli.runWith(
    { fetch: () => expect.fail("nothing is asked of a network"), nowMs: Date.now },
    "channel",
    ...args,
    "--json",
  );

async function opened(deposit = "1ETH"): Promise<string> {
  const { json, err } = await channel(alice, "open", "--to", payee, "--deposit", deposit, "--for", "30d");
  expect(err).toBe("");
  return String(json.channelId);
}

test("a channel from its opening to the money in the payee's account, all by commands", async () => {
  const id = await opened();
  const voucher = join(bob.folder, "voucher.json");
  expect((await offline(alice, "pay", id, "--amount", "0.1ETH", "-o", voucher)).json).toMatchObject({
    amountWei: `${parseEther("0.1")}`,
  });
  expect((await offline(alice, "pay", id, "--amount", "0.05ETH", "-o", voucher)).json).toMatchObject({
    amountWei: `${parseEther("0.15")}`,
  });
  expect((await channel(bob, "check", voucher, "--at-least", "0.15ETH")).json).toMatchObject({
    holds: true,
    payer,
    payee,
  });
  expect((await channel(bob, "claim", voucher)).json).toMatchObject({
    channelId: id,
    creditedWei: `${parseEther("0.15")}`,
    closed: false,
    txHash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    gasUsed: expect.stringMatching(/^[1-9]\d+$/),
    feeWei: expect.stringMatching(/^[1-9]\d+$/),
  });
  await channel(alice, "top-up", id, "--amount", "0.5ETH");
  await offline(alice, "pay", id, "--total", "1.2ETH", "-o", voucher);
  expect((await channel(bob, "claim", voucher, "--close")).json).toMatchObject({
    creditedWei: `${parseEther("1.05")}`,
    claimedWei: `${parseEther("1.2")}`,
    closed: true,
    returnedWei: `${parseEther("0.3")}`,
  });
  const before = await evm.provider.getBalance(payee);
  const { json } = await channel(bob, "withdraw");
  expect(json).toMatchObject({ to: payee, amountWei: `${parseEther("1.2")}` });
  expect((await evm.provider.getBalance(payee)) - before).toBe(parseEther("1.2") - BigInt(String(json.feeWei)));
  expect((await channel(alice, "show", id)).json).toMatchObject({ isOpen: false, claimedWei: `${parseEther("1.2")}` });
});

test("a light node without network checks vouchers against a channel it has seen", async () => {
  const id = await opened();
  const [voucher, seen] = [join(bob.folder, "offline.json"), join(bob.folder, "channel.json")];
  writeFileSync(seen, (await channel(bob, "show", id)).out);
  await offline(alice, "pay", id, "--total", "20gwei", "-o", voucher);
  expect((await offline(bob, "check", voucher, "--channel", seen)).json).toMatchObject({
    holds: true,
    amountWei: "20000000000",
  });
  const short = await offline(bob, "check", voucher, "--channel", seen, "--at-least", "21gwei");
  expect(short).toMatchObject({ exit: "verificationFailed", json: { code: "VOUCHER_NOT_ENOUGH" } });
  const signed = readFileSync(voucher, "utf8");
  writeFileSync(voucher, signed.replace('"20000000000"', '"30000000000"'));
  const forged = await offline(bob, "check", voucher, "--channel", seen);
  expect(forged).toMatchObject({ exit: "verificationFailed", json: { code: "VOUCHER_SIGNATURE_INVALID" } });
  expect((await channel(bob, "check", voucher)).json).toMatchObject({ code: "VOUCHER_SIGNATURE_INVALID" });
  writeFileSync(voucher, signed.replace(`"channelId":"${id}"`, '"channelId":"999"'));
  expect((await offline(bob, "check", voucher, "--channel", seen)).json).toMatchObject({ code: "VOUCHER_ELSEWHERE" });
  writeFileSync(voucher, signed.replace('"chainId":"31337"', '"chainId":"1"'));
  expect((await channel(bob, "claim", voucher)).json).toMatchObject({ code: "VOUCHER_ELSEWHERE" });
  for (const damaged of ["", "{}", "null", signed.slice(0, -20)]) {
    writeFileSync(voucher, damaged);
    expect((await offline(bob, "check", voucher, "--channel", seen)).json).toMatchObject({ code: "VOUCHER_MALFORMED" });
  }
  writeFileSync(voucher, signed);
  for (const damaged of ["", "null", "{}", '{"chainId":"1","contract":"0x1"}']) {
    writeFileSync(seen, damaged);
    const answer = await offline(bob, "check", voucher, "--channel", seen);
    expect(answer).toMatchObject({ exit: "usage", json: { code: "CHANNEL_FILE_MALFORMED" } });
  }
});

test("two vouchers that are signed at once add up, and none is over less than one before", async () => {
  const id = await opened();
  const answers = await Promise.all([1, 2, 3].map(() => offline(alice, "pay", id, "--amount", "2wei")));
  expect(answers.map(({ json }) => json.amountWei).sort()).toEqual(["2", "4", "6"]);
  const less = await offline(alice, "pay", id, "--total", "6wei");
  expect(less).toMatchObject({ exit: "usage", json: { code: "VOUCHER_NOT_MORE" } });
});

test("what the contract refuses is said in words, and nothing is sent", async () => {
  const id = await opened();
  const block = await evm.provider.getBlockNumber();
  expect(await channel(alice, "close", id)).toMatchObject({
    exit: "failure",
    json: {
      code: "EVM_REVERTED",
      message: expect.stringContaining("only who the channel pays may do this"),
      hint: expect.stringContaining("--key NAME"),
    },
  });
  expect((await channel(alice, "reclaim", id)).json).toMatchObject({
    message: expect.stringContaining("ChannelNotExpired"),
  });
  expect((await channel(bob, "show", "999")).json).toMatchObject({
    message: expect.stringContaining("ChannelUnknown"),
  });
  expect((await channel(bob, "withdraw")).json).toMatchObject({
    message: expect.stringContaining("NothingToWithdraw"),
  });
  expect(await evm.provider.getBlockNumber()).toBe(block);
});

test("a dry run shows what it would cost and sends nothing", async () => {
  const block = await evm.provider.getBlockNumber();
  const { json } = await channel(alice, "open", "--to", payee, "--deposit", "1ETH", "--for", "1d", "--dry-run");
  expect(json).toMatchObject({ dryRun: true, from: payer, to: contract, valueWei: `${parseEther("1")}` });
  expect(BigInt(String(json.maxCostWei))).toBeGreaterThan(parseEther("1"));
  expect(await evm.provider.getBlockNumber()).toBe(block);
  const cheap = await channel(alice, "open", "--to", payee, "--deposit", "1ETH", "--for", "1d", "--max-fee", "1wei");
  expect(cheap.json).toMatchObject({ code: "EVM_FEE_TOO_HIGH" });
});

test("both sides list their channels, newest first", async () => {
  const id = await opened("7wei");
  const [ofAlice, ofBob] = [await channel(alice, "list"), await channel(bob, "list")];
  for (const { json } of [ofAlice, ofBob])
    expect((json.channels as readonly object[])[0]).toMatchObject({ channelId: id, payer, payee, depositWei: "7" });
  expect(ofBob.json).toMatchObject({ account: payee, more: false });
  const nobody = await channel(bob, "list", "--address", contract);
  expect(nobody.json).toMatchObject({ channels: [], creditWei: "0" });
});

test("after its expiry the payer takes the rest back; until then the expiry can be put off", async () => {
  const revert = await evm.provider.send("evm_snapshot", []);
  const id = await opened("1ETH");
  const extended = await channel(alice, "extend", id, "--for", "60d");
  expect(extended.json).toMatchObject({ channelId: id });
  await evm.mineAt(Math.floor(Date.parse(String(extended.json.expires)) / 1000));
  expect((await channel(alice, "reclaim", id)).json).toMatchObject({ returnedWei: `${parseEther("1")}` });
  await evm.provider.send("evm_revert", [revert]);
});

test.each<[string, readonly string[], string]>([
  ["an amount without unit", ["open", "--to", "TO", "--deposit", "1", "--for", "1d"], "MONEY_MALFORMED"],
  ["an amount finer than a wei", ["open", "--to", "TO", "--deposit", "0.5wei", "--for", "1d"], "MONEY_MALFORMED"],
  ["no address", ["open", "--to", "bob", "--deposit", "1ETH", "--for", "1d"], "ADDRESS_MALFORMED"],
  ["no expiry", ["open", "--to", "TO", "--deposit", "1ETH"], "EXPIRY_MISSING"],
  ["two expiries", ["open", "--to", "TO", "--deposit", "1ETH", "--for", "1d", "--expires", "0"], "EXPIRY_MISSING"],
  ["no number", ["show", "first"], "CHANNEL_ID_MALFORMED"],
  ["no amount", ["pay", "1"], "AMOUNT_MISSING"],
  ["another contracts file", ["show", "1", "--contracts", "/none.json"], "CONTRACTS_FILE_UNREADABLE"],
])("%s is refused at the command line", async (_name, args, code) => {
  const given = args.map((arg) => (arg === "TO" ? payee : arg));
  const answer = args[0] === "pay" ? await offline(alice, ...given) : await channel(alice, ...given);
  expect(answer).toMatchObject({ exit: "usage", json: { code } });
});

test("without an Ethereum node, and with one that is gone, the command says so", async () => {
  expect((await alice.run("channel", "list", "--json")).json).toMatchObject({ code: "ETHEREUM_URL_MISSING" });
  const gone = await alice.run("channel", "list", "--ethereum", "http://127.0.0.1:1", "--json");
  expect(gone.json).toMatchObject({ code: "EVM_UNREACHABLE", hint: expect.stringContaining("Ethereum node") });
});

test("a key comes over from a Web3 keystore and is the same account", async () => {
  using carol = createTestCli();
  const [, , wallet] = evm.wallets;
  const [file, secret] = [join(carol.folder, "keystore.json"), join(carol.folder, "secret")];
  const account = { address: wallet?.address ?? "", privateKey: wallet?.privateKey ?? "" };
  writeFileSync(file, await encryptKeystoreJson(account, "mouse", { scrypt: { N: 1024, r: 8, p: 1 } }));
  writeFileSync(secret, "mouse\n", { mode: 0o600 });
  const imported = await carol.run("keys", "import", "carol", file, "--keystore-passphrase-file", secret, "--json");
  expect(imported.json).toMatchObject({ name: "carol", type: "secp256k1", ethereumAddress: wallet?.address });
  expect((await carol.run("keys", "show", "carol", "--json")).json).toEqual(imported.json);
  const wrong = await carol.run(
    "keys",
    "import",
    "dave",
    file,
    "--keystore-passphrase-file",
    carol.passphraseFile,
    "--json",
  );
  expect(wrong.json).toMatchObject({ code: "EVM_KEYSTORE_PASSPHRASE_WRONG" });
});

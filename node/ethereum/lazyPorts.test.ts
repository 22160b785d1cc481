import { expect, test } from "vitest";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { defaultOptions } from "../options.ts";
import { homeKeyOf } from "./homeKey.ts";
import { lazyEthereumPorts } from "./lazyPorts.ts";

const options = { ...defaultOptions(), ethereumUrl: "http://127.0.0.1:1", contractsFile: "/none/contracts.json" };

test("the ports are loaded with the first request and then answer as themselves", async () => {
  const key = generatePrivateKey("secp256k1");
  const { channels, ethereum } = lazyEthereumPorts(options, key);
  expect(ethereum?.canSend).toBe(true);
  expect(await ethereum?.catalogue()).toMatchObject({ address: homeKeyOf(publicKeyOf(key)).address, sends: true });
  expect(lazyEthereumPorts(options, undefined).ethereum?.canSend).toBe(false);
  const ledger = async () => expect.fail("nothing is asked of the ledger");
  const unreadable = { code: "CONTRACTS_FILE_UNREADABLE" };
  await expect(ethereum?.ask("channel", "show", { id: "1" }, ledger)).rejects.toMatchObject(unreadable);
  await expect(
    ethereum?.prepare("channel", "close", { texts: {}, from: `0x${"12".repeat(20)}`, ledger }),
  ).rejects.toMatchObject(unreadable);
  await expect(ethereum?.send("channel", "close", { texts: {}, ledger })).rejects.toMatchObject(unreadable);
  await expect(ethereum?.submit("0x12")).rejects.toMatchObject({ code: "TRANSACTION_UNREADABLE" });
  await expect(channels?.show(1n)).rejects.toMatchObject(unreadable);
  expect(await channels?.list("nobody")).toBeUndefined();
  expect(await channels?.check("no voucher", 0n)).toBeUndefined();
});

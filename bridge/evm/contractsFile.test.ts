import { expect, test } from "vitest";
import {
  addressOfContract,
  decodeContractsFile,
  encodeContractsFile,
  MAX_CONTRACTS_FILE_CHARS,
} from "./contractsFile.ts";

const ADDRESS = "0x700b6A60ce7EaaEA56F065753d8dcB9653dbAD35";
const FILE = { chainId: 31_337n, ledgerId: "0f".repeat(32), fromBlock: 7, contracts: { PaymentChannel: ADDRESS } };
const json = JSON.parse(encodeContractsFile(FILE)) as Record<string, unknown>;

test("a contracts file is read as it was written", () => {
  expect(decodeContractsFile(encodeContractsFile(FILE))).toEqual(FILE);
  expect(addressOfContract(FILE, "PaymentChannel")).toBe(ADDRESS);
});

test.each(["Bridge", "toString", "constructor"])("a contract that it does not have is absent: %s", (name) => {
  expect(() => addressOfContract(FILE, name)).toThrow(expect.objectContaining({ code: "EVM_CONTRACT_ABSENT" }));
});

test.each<[string, unknown]>([
  ["format", "energy-ledger-contracts/2"],
  ["chainId", 31_337],
  ["chainId", "0x7a69"],
  ["ledgerId", "0f"],
  ["fromBlock", -1],
  ["fromBlock", 1.5],
  ["contracts", null],
  ["contracts", { PaymentChannel: "0x12" }],
  // One letter has the wrong case: the checksum does not hold.
  ["contracts", { PaymentChannel: ADDRESS.replace("700b6A", "700b6a") }],
  ["contracts", { "": ADDRESS }],
  ["contracts", Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`C${i}`, ADDRESS]))],
])("a file with another %s is refused: %j", (name, value) => {
  const text = JSON.stringify({ ...json, [name]: value });
  expect(() => decodeContractsFile(text)).toThrow(expect.objectContaining({ code: "EVM_CONTRACTS_MALFORMED" }));
});

test("text that is no file is refused, and one that is too long before it is read", () => {
  for (const text of ["", "null", "[]", "{", `${JSON.stringify(json)}${" ".repeat(MAX_CONTRACTS_FILE_CHARS)}`])
    expect(() => decodeContractsFile(text)).toThrow(expect.objectContaining({ code: "EVM_CONTRACTS_MALFORMED" }));
});

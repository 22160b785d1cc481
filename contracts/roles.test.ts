import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { CONTRACTS_FOLDER } from "./build/compile.ts";
import { revertOf, startTestEvm } from "./testing.ts";
import { createRoleTables, weiOf } from "./testRoles.ts";

const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());
const tables = await createRoleTables(evm);
const types = tables.map(({ type }) => type);

/** What says that somebody is not who may. */
const NOT_ENTITLED = new Set([
  ...["AccessControlUnauthorizedAccount", "AccessControlInvalidDefaultAdmin", "AccessControlBadConfirmation"],
  ...["OwnableUnauthorizedAccount", "NotPayer", "NotPayee", "NotSeller", "NotBuyer", "OwnListing", "DisputeNotOver"],
  ...["NotYourOrder", "NotIssuer", "NotYours", "NotAdministrator", "NotRequesterRole", "NotRequester", "NotHolder"],
  ...["NotSettler", "NotTheSensor", "KeyNotOfSender", "ERC721InsufficientApproval", "ERC721InvalidApprover"],
]);

describe.each(tables)("$type.name", ({ type, at, people, rows }) => {
  test("has a row for each function that changes something, and no other", () => {
    const changing: string[] = [];
    type.interface.forEachFunction(({ name, constant }) => void (constant || changing.push(name)));
    const named = rows.map(([name]) => name.replace(/\(.*/, ""));
    expect([...new Set(named)].sort()).toEqual([...new Set(changing)].sort());
  });

  for (const [name, may, ...args] of rows)
    test(`${name} is for those it is for, and for nobody else`, async () => {
      const value = weiOf(args);
      const data = type.interface.encodeFunctionData(name, value === undefined ? args : args.slice(0, -1));
      const entitled: string[] = [];
      for (const [person, { address: from }] of Object.entries(people)) {
        const call = evm.provider.call({ to: at, data, from, value: value ?? 0n });
        const outcome = await revertOf(call, ...types).then(
          (revert) => revert.name,
          (error: Error) => error.message,
        );
        if (!NOT_ENTITLED.has(outcome)) entitled.push(person);
      }
      expect(entitled).toEqual(may === "all" ? Object.keys(people) : may);
    });
});

test("every contract with functions that change something has its table", () => {
  const folder = join(CONTRACTS_FOLDER, "abi");
  const changing = readdirSync(folder).filter((file) => {
    if (!file.endsWith(".json")) return false;
    const { abi } = JSON.parse(readFileSync(join(folder, file), "utf8")) as {
      abi: readonly { readonly type: string; readonly stateMutability?: string }[];
    };
    return abi.some(({ type, stateMutability = "" }) => type === "function" && stateMutability.endsWith("payable"));
  });
  expect(types.map(({ name }) => `${name}.json`).sort()).toEqual(changing.sort());
});

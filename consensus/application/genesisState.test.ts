import { expect, test } from "vitest";
import { MAX_VALIDATORS } from "#storage/limits.ts";
import { type GenesisMeter, GenesisStateError } from "./genesisState.ts";
import { createLedgerApplication } from "./ledgerApplication.ts";
import { MAX_REGULATORS } from "./members.ts";
import { accountOf, CHAIN_ID, createTestLedger, genesisKey, initChainRequest, testGenesis } from "./testLedger.ts";

const good = testGenesis();
const [meter] = good.meters ?? [];
const [member] = good.members ?? [];

function start(appState: unknown, validators = 4) {
  return createLedgerApplication({ chainId: CHAIN_ID }).initChain(initChainRequest(appState, validators));
}

test.each<[string, "GENESIS_FIELD_INVALID" | "GENESIS_FIELD_UNKNOWN", string, unknown]>([
  ["nothing", "GENESIS_FIELD_INVALID", "app_state", undefined],
  ["a list", "GENESIS_FIELD_INVALID", "app_state", []],
  ["a field more", "GENESIS_FIELD_UNKNOWN", "app_state.fees", { ...good, fees: 1 }],
  ["no owner", "GENESIS_FIELD_INVALID", "owner", { ...good, owner: undefined }],
  ["an owner that is no account", "GENESIS_FIELD_INVALID", "owner", { ...good, owner: "me" }],
  ["members that are no list", "GENESIS_FIELD_INVALID", "members", { ...good, members: {} }],
  ["a member twice", "GENESIS_FIELD_INVALID", "members[1].account", { ...good, members: [member, member] }],
  ["an unknown role", "GENESIS_FIELD_INVALID", "members[0].role", { ...good, members: [{ ...member, role: "king" }] }],
  [
    "another account's key",
    "GENESIS_FIELD_INVALID",
    "members[0].publicKey",
    { ...good, members: [{ ...member, publicKey: genesisKey("owner") }] },
  ],
  [
    "a key that is no base64",
    "GENESIS_FIELD_INVALID",
    "members[0].publicKey.value",
    { ...good, members: [{ ...member, publicKey: { type: "secp256k1", value: `${genesisKey("owner").value} ` } }] },
  ],
  [
    "a key of another type",
    "GENESIS_FIELD_INVALID",
    "members[0].publicKey.type",
    { ...good, members: [{ ...member, publicKey: { type: "rsa", value: "" } }] },
  ],
  [
    "too many regulators",
    "GENESIS_FIELD_INVALID",
    `members[${MAX_REGULATORS}]`,
    {
      ...good,
      members: Array.from({ length: MAX_REGULATORS + 1 }, (_, i) => ({
        account: accountOf(`r ${i}`),
        role: "regulator",
      })),
    },
  ],
  ["a meter twice", "GENESIS_FIELD_INVALID", "meters[1]", { ...good, meters: [meter, meter] }],
  ["a meter of a stranger", "GENESIS_FIELD_INVALID", "meters[0]", { ...good, members: [], meters: [meter] }],
  [
    "a seed that is no hex",
    "GENESIS_FIELD_INVALID",
    "meters[0].seedCommitment",
    { ...good, meters: [{ ...meter, seedCommitment: "x" }] },
  ],
  [
    "half a millisecond",
    "GENESIS_FIELD_INVALID",
    "meters[0].intervalMs",
    { ...good, meters: [{ ...meter, intervalMs: 0.5 }] },
  ],
  [
    "a meter's interval that is zero",
    "GENESIS_FIELD_INVALID",
    "meters[0].intervalMs",
    { ...good, meters: [{ ...meter, intervalMs: 0 }] },
  ],
  [
    "an administrator who is no member",
    "GENESIS_FIELD_INVALID",
    "meters[0]",
    { ...good, meters: [{ ...meter, administrator: accountOf("stranger") }] },
  ],
  [
    "a model that is no text",
    "GENESIS_FIELD_INVALID",
    "meters[0].model",
    { ...good, meters: [{ ...meter, model: 5 }] },
  ],
  [
    "a firmware hash that is not 32 bytes",
    "GENESIS_FIELD_INVALID",
    "meters[0].firmwareHash",
    { ...good, meters: [{ ...meter, firmwareHash: "00" }] },
  ],
  [
    "a validity that is no integer",
    "GENESIS_FIELD_INVALID",
    "meters[0].validUntilMs",
    { ...good, meters: [{ ...meter, validUntilMs: "never" }] },
  ],
  [
    "a validity before 1970",
    "GENESIS_FIELD_INVALID",
    "meters[0].validFromMs",
    { ...good, meters: [{ ...meter, validFromMs: -1 }] },
  ],
  [
    "more runs of sealed intervals than a period may keep",
    "GENESIS_FIELD_INVALID",
    "params.sealedRunsPerPeriod",
    { ...good, params: { sealedRunsPerPeriod: 257 } },
  ],
  [
    "a quota of nothing",
    "GENESIS_FIELD_INVALID",
    "params.quotaTxsPerBlock",
    { ...good, params: { quotaTxsPerBlock: 0 } },
  ],
  [
    "a quota below one transaction",
    "GENESIS_FIELD_INVALID",
    "params.quotaBytesPerBlock",
    { ...good, params: { quotaBytesPerBlock: 1 } },
  ],
  ["an unknown parameter", "GENESIS_FIELD_UNKNOWN", "params.feeMwh", { ...good, params: { feeMwh: 1 } }],
])("a genesis with %s is refused: %s %s", (_name, code, field, appState) => {
  let thrown: unknown;
  try {
    start(appState);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(GenesisStateError);
  expect((thrown as GenesisStateError).details).toMatchObject({ code, field });
});

test.each([0, MAX_VALIDATORS + 1])("a genesis with %i validators is refused", (count) => {
  expect(() => start(good, count)).toThrow(GenesisStateError);
});

test("the same genesis gives the same app hash, however often it is read; another one gives another", () => {
  const app = createLedgerApplication({ chainId: CHAIN_ID });
  const first = app.initChain(initChainRequest(good)).appHash;
  expect(first).toHaveLength(32);
  expect(app.initChain(initChainRequest(good)).appHash).toEqual(first);
  expect(start(JSON.parse(JSON.stringify(good))).appHash).toEqual(first);
  expect(start({ ...good, params: { maxFutureMs: 1 } }).appHash).not.toEqual(first);
  expect(start({ owner: good.owner }).appHash).not.toEqual(first);
});

test("accounts are numbered owner, members, devices; a key given in genesis is known at once", () => {
  const ledger = createTestLedger();
  const numberOf = (name: string) => ledger.query("/edream/account", accountOf(name))?.number;
  expect(["owner", "regulator", "dso", "prosumer", "device", "device import"].map(numberOf)).toEqual([
    "0",
    "1",
    "2",
    "6",
    "7",
    "8",
  ]);
  const app = createLedgerApplication({ chainId: CHAIN_ID });
  app.initChain(
    initChainRequest({ ...good, members: [{ ...member, publicKey: genesisKey("regulator") }], meters: [] }),
  );
  const data = Buffer.from(accountOf("regulator"));
  const { value } = app.query({ path: "/edream/account", data, height: 0, prove: false });
  expect(JSON.parse(Buffer.from(value).toString())).toMatchObject({ publicKey: { type: "secp256k1" } });
});

test("a meter of genesis may have a whole certificate", () => {
  const certificate = {
    administrator: accountOf("consumer"),
    model: "E360",
    firmwareHash: "ab".repeat(32),
    validFromMs: 1,
    validUntilMs: 2,
  };
  const ledger = createTestLedger({ genesis: { ...good, meters: [{ ...(meter as GenesisMeter), ...certificate }] } });
  ledger.block([]);
  expect(ledger.query("/edream/meter", meter?.meterId)).toMatchObject({
    ...certificate,
    validFromMs: "1",
    validUntilMs: "2",
  });
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson, changedSample } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { txId } from "#storage/types/block.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import { SigningError } from "#storage/types/signEncoded.ts";
import { decodeTransaction } from "#storage/types/transaction.ts";
import { type LedgerMessage, ledgerMessage, MESSAGE_NAMES } from "#storage/types/transactionMessages.ts";
import { LEDGER_CODES } from "./codes.ts";
import { createLedgerApplication } from "./ledgerApplication.ts";
import { QUERY_PATHS } from "./queries.ts";
import { jsonBytes } from "./queryTypes.ts";
import { decodeRecord } from "./stateRecords.ts";
import {
  accountOf,
  amendMessage,
  bigchainCreate,
  bigchainMessage,
  bigchainTransfer,
  bridgeKeyMessage,
  CHAIN_ID,
  codeName,
  configurationMessage,
  configureBridgeMessage,
  createTestLedger,
  EXPORT_METER,
  equivocationMessage,
  IMPORT_METER,
  INTERVAL_MS,
  output,
  type Person,
  rotationEquivocationMessage,
  START_MS,
  sealMessage,
  type TestLedger,
  validatorKey,
} from "./testLedger.ts";
import { type MessageMutation, messageMutation, mutateMessage } from "./testMutations.ts";

const salt = new Uint8Array(32).fill(5);
const period = { fromMs: BigInt(START_MS), untilMs: BigInt(START_MS + INTERVAL_MS) };
const flagged = (by: Person) =>
  ledgerMessage("MsgFlagReadings", {
    signer: accountOf(by),
    meterId: EXPORT_METER,
    intervalStartMs: period.fromMs,
    intervalEndMs: period.untilMs,
    kind: "spike",
    severity: "warning",
    score: 8400,
    detector: "isolated-spike/1",
    detailsHash: salt,
  });
const commitment = { case: "sumCommitment", value: commitSum({ sum: 700n, count: 15, salt }) } as const;

/** A ledger with everything that messages speak of: sealed intervals, open and hidden, an asset and its outputs. */
function createLedger(): { ledger: TestLedger; samples: readonly { message: LedgerMessage; by: readonly Person[] }[] } {
  const ledger = createTestLedger({ checker: true });
  ledger.send(
    [
      sealMessage(0),
      sealMessage(1, { energy: commitment }),
      amendMessage(0, 1),
      amendMessage(1, 1, { readingCount: 15, energy: commitment }),
    ],
    "device",
  );
  ledger.send(configurationMessage(1n), "prosumer");
  ledger.send(flagged("dso"), "dso");
  for (const [index, name] of ["second key 0", "second key 1", "second key 2"].entries())
    ledger.send(bridgeKeyMessage("dso", index, name), "dso");
  ledger.send(configureBridgeMessage(), "owner");
  const bigchainAsset = bigchainCreate({ meter: "m1" });
  ledger.send(bigchainMessage("dso", bigchainAsset), "dso");
  const register = (outputs: readonly ReturnType<typeof output>[], openings: readonly object[] = []) =>
    ledgerMessage("MsgRegisterEnergy", {
      owner: accountOf("prosumer"),
      meterId: EXPORT_METER,
      openings: openings as never,
      outputs: outputs as never,
    });
  const asset = ledger.sign(
    [register([output(400n, "prosumer"), output(300n, ["prosumer", "consumer"], 2)])],
    ["prosumer"],
  );
  ledger.block([asset]);
  const input = (outputIndex: number) => ({ txId: txId(asset), outputIndex });
  const authority = accountOf("regulator");
  const member = accountOf("newcomer");
  const opening = { intervalEndMs: BigInt(START_MS + 2 * INTERVAL_MS), sumMwh: 700n, salt };
  const updates = [{ publicKey: validatorKey(9).bytes, power: 3n }];
  return {
    ledger,
    samples: [
      { message: sealMessage(2), by: ["device"] },
      { message: sealMessage(2, { energy: commitment, registerEndMwh: 5n }), by: ["device"] },
      {
        message: sealMessage(0, { signer: accountOf("device import"), meterId: IMPORT_METER }),
        by: ["device import"],
      },
      { message: register([output(300n, "prosumer")], [opening]), by: ["prosumer"] },
      { message: register([output(1500n, "prosumer")], [opening, { ...opening, amendment: 1 }]), by: ["prosumer"] },
      { message: amendMessage(0, 2), by: ["device"] },
      { message: amendMessage(1, 2, { energy: commitment }), by: ["device"] },
      {
        message: ledgerMessage("MsgRecordErasure", {
          signer: accountOf("prosumer"),
          meterId: EXPORT_METER,
          ...period,
          readingCount: 3n,
          receiptHash: salt,
        }),
        by: ["prosumer"],
      },
      {
        message: ledgerMessage("MsgSealArchive", {
          signer: accountOf("dso"),
          meterId: EXPORT_METER,
          ...period,
          version: 1,
          cid: Buffer.concat([Buffer.of(1, 0x55, 0x12, 32), salt]),
          fileBytes: 700n,
          readingCount: 15n,
          fileHash: salt,
        }),
        by: ["dso"],
      },
      { message: flagged("aggregator"), by: ["aggregator"] },
      { message: bigchainMessage("aggregator", bigchainCreate({ fuzz: 1 })), by: ["aggregator"] },
      { message: bigchainMessage("dso", bigchainTransfer(bigchainAsset, "alice", "bob")), by: ["dso"] },
      { message: bridgeKeyMessage("dso", 3, "second key 3"), by: ["dso"] },
      { message: configureBridgeMessage({ cadenceMs: 5000n }), by: ["owner"] },
      { message: equivocationMessage("dso", "second key 1"), by: ["dso"] },
      { message: rotationEquivocationMessage("dso", "second key 1"), by: ["dso"] },
      {
        message: ledgerMessage("MsgEthereumEvents", {
          signer: accountOf("second key 0"),
          fromNonce: 1n,
          events: [{ emitter: new Uint8Array(20), kind: salt, payload: salt }],
        }),
        by: ["second key 0"],
      },
      {
        message: ledgerMessage("MsgWithdrawFlag", {
          signer: accountOf("dso"),
          meterId: EXPORT_METER,
          flag: 1n,
          reasonHash: salt,
        }),
        by: ["dso"],
      },
      { message: configurationMessage(2n, { priority: "urgent" }), by: ["prosumer"] },
      {
        message: ledgerMessage("MsgAcknowledgeDeviceConfiguration", {
          signer: accountOf("device"),
          meterId: EXPORT_METER,
          version: 1n,
          outcome: "rejected",
          code: 3,
          appliedMs: 1n,
        }),
        by: ["device"],
      },
      {
        message: ledgerMessage("MsgTransferEnergy", {
          signers: [accountOf("prosumer"), accountOf("consumer")],
          inputs: [input(0), input(1)],
          outputs: [output(200n, "consumer"), output(500n, ["producer", "dso"])] as never,
        }),
        by: ["prosumer", "consumer"],
      },
      { message: ledgerMessage("MsgEnrolMember", { authority, member, role: "producer" }), by: ["regulator"] },
      { message: ledgerMessage("MsgRemoveMember", { authority, member: accountOf("consumer") }), by: ["regulator"] },
      {
        message: ledgerMessage("MsgChangeRole", { authority, member: accountOf("dso"), role: "consumer" }),
        by: ["regulator"],
      },
      { message: ledger.enrolMeter({}), by: ["dso"] },
      {
        message: ledger.enrolMeter({
          administrator: accountOf("consumer"),
          model: "E360",
          firmwareHash: salt,
          validFromMs: 1n,
          validUntilMs: 2n,
        }),
        by: ["dso"],
      },
      {
        message: ledgerMessage("MsgRevokeMeter", {
          authority: accountOf("dso"),
          meterId: IMPORT_METER,
          reason: "moved out",
        }),
        by: ["dso"],
      },
      { message: ledgerMessage("MsgUpdateValidators", { authority, updates, proposalId: 1n }), by: ["regulator"] },
    ],
  };
}

const { samples: SAMPLES } = createLedger();
const MESSAGES = SAMPLES.map(({ message }) => message);

test("every message is among the samples, and all of them take effect as they are", () => {
  expect([...new Set(MESSAGES.map(({ name }) => name))].sort()).toEqual([...MESSAGE_NAMES].sort());
  for (const { message, by } of SAMPLES) expect(createLedger().ledger.send(message, by), message.name).toBe("OK");
});

/** A transaction as somebody could make it: messages changed and signed again, or its bytes changed after that. */
interface Candidate {
  readonly sample: number;
  readonly second: number | undefined;
  readonly mutations: readonly MessageMutation[];
  /** How far its sequence lies behind the next one. */
  readonly ahead: number;
}

const sampleIndex = fc.nat(SAMPLES.length - 1);
const candidate: fc.Arbitrary<Candidate> = fc.record({
  sample: sampleIndex,
  second: fc.option(sampleIndex, { nil: undefined, freq: 4 }),
  mutations: fc.array(messageMutation, { maxLength: 2 }),
  ahead: fc.constantFrom(0, 0, 0, 1),
});

/** Undefined where the change cannot be written or names a signer whose key nobody has. */
function transactionOf(ledger: TestLedger, { sample, second, mutations, ahead }: Candidate): Uint8Array | undefined {
  const [first, other] = [SAMPLES[sample], second === undefined ? undefined : SAMPLES[second]];
  const message = first === undefined ? undefined : mutateMessage(first.message, mutations, MESSAGES);
  if (first === undefined || message === undefined) return undefined;
  const messages = other === undefined ? [message] : [message, other.message];
  const by = [...new Set([...first.by, ...(other?.by ?? [])])];
  try {
    return ledger.sign(messages, by, ahead);
  } catch (error) {
    if (error instanceof SigningError) return undefined;
    throw error;
  }
}

const code = (response: { readonly code: number }) => codeName(response);
const KNOWN = new Set<string>(["OK", ...Object.keys(LEDGER_CODES)]);
const entriesOf = (ledger: TestLedger) =>
  [...ledger.disk].map(([key, value]) => [Buffer.from(key, "latin1"), value] as const);
const plain = (value: unknown) => jsonBytes(value).toString();

/** Energy is neither made nor lost: what is unspent was registered, and what was registered was produced. */
function expectEnergyConserved(ledger: TestLedger): void {
  let [unspent, registered] = [0n, 0n];
  for (const [key, value] of ledger.disk) {
    if (key.startsWith("output/")) unspent += decodeRecord("output", value).amountMwh;
    if (!key.startsWith("chain/")) continue;
    const chain = decodeRecord("chain", value);
    expect(chain.registeredMwh).toBeLessThanOrEqual(chain.producedMwh);
    registered += chain.registeredMwh;
  }
  expect(unspent).toBe(registered);
}

/** What took effect named meters exactly: an id that is merely taken for a meter's would be that meter under a second name. */
function expectMetersKnown(ledger: TestLedger, tx: Uint8Array): void {
  const decoded = decodeTransaction(tx);
  if (!decoded.accepted) throw new TypeError("it took effect");
  const { entries } = ledger.query("/edream/meters") as { entries: readonly { id: string }[] };
  const ids = entries.map(({ id }) => id);
  for (const { value } of decoded.tx.messages) if ("meterId" in value) expect(ids).toContain(value.meterId);
}

/** CheckTx lets it pass and proposers take it: who lost a race for an output learns of it by the result (bigchain.ts). */
const TOLD_BY_RESULT = "BIGCHAIN_REFUSED";

/** Rules that CheckTx leaves to the block, which alone knows its time. */
const OF_BLOCK_TIME = new Set(["INTERVAL_IN_FUTURE", "METER_NOT_VALID"]);

test(
  "CheckTx, proposal and block say the same of a changed and signed transaction, also after a restart, and energy is conserved",
  () => {
    const tried = new Map<string, number>();
    fuzz("signed messages", fc.array(candidate, { minLength: 1, maxLength: 6 }), 80, (candidates) => {
      const { ledger } = createLedger();
      for (const each of candidates) {
        const tx = transactionOf(ledger, each);
        if (tx === undefined) continue;
        const checked = code(ledger.app.dryCheckTx(tx));
        expect(KNOWN).toContain(checked);
        expect(code(ledger.app.checkTx({ tx, type: "new" }))).toBe(checked === TOLD_BY_RESULT ? "OK" : checked);
        const request = ledger.request([tx]);
        const restarted = createLedgerApplication({ chainId: CHAIN_ID, entries: entriesOf(ledger) });
        const processed = ledger.app.processProposal(request);
        expect(restarted.processProposal(request)).toEqual(processed);
        expect(processed.accepted).toBe(decodeTransaction(tx).accepted);
        const proposed = ledger.app.prepareProposal(request).txs;
        const finalised = ledger.block([tx]);
        // Node and restarted node come to one state, whatever one of them remembers.
        expect(plain(restarted.finalizeBlock(request))).toBe(plain(finalised));
        const executed = codeName(finalised.txResults[0]);
        expect(proposed.length).toBe(executed === "OK" || executed === TOLD_BY_RESULT ? 1 : 0);
        if (!OF_BLOCK_TIME.has(executed)) expect(executed).toBe(checked);
        if (executed === "OK") expectMetersKnown(ledger, tx);
        tried.set(executed, (tried.get(executed) ?? 0) + 1);
        expectEnergyConserved(ledger);
      }
    });
    // Changes that reach nothing but the decoder would show nothing.
    expect(tried.get("OK")).toBeGreaterThan(5);
    expect(tried.size).toBeGreaterThan(8);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "blocks of changed bytes are judged alike by all, and executed without a throw",
  () => {
    const { ledger: maker } = createLedger();
    const samples = SAMPLES.map(({ message, by }) => maker.sign([message], by));
    const txs = fc.array(changedSample(samples), { maxLength: 4 });
    fuzz("changed transactions", fc.tuple(txs, fc.nat(3000)), 120, ([list, maxTxBytes]) => {
      const { ledger } = createLedger();
      const { ledger: bystander } = createLedger();
      for (const tx of list) expect(KNOWN).toContain(code(ledger.app.checkTx({ tx, type: "new" })));
      const request = { ...ledger.request(list), maxTxBytes };
      const { txs: proposed } = ledger.app.prepareProposal(request);
      expect(bystander.app.processProposal({ ...request, txs: proposed })).toEqual({ accepted: true, reason: "" });
      expect(ledger.app.processProposal(request)).toEqual(bystander.app.processProposal(request));
      const finalised = ledger.block(list);
      expect(plain(finalised)).toBe(plain(bystander.block(list)));
      for (const result of finalised.txResults) expect(KNOWN).toContain(codeName(result));
      expectEnergyConserved(ledger);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a query of any path, data and height is answered, and changes nothing",
  () => {
    const { ledger } = createLedger();
    const texts = [
      "",
      accountOf("prosumer"),
      EXPORT_METER,
      `${START_MS} ${EXPORT_METER}`,
      "3",
      `{"account":${JSON.stringify(accountOf("prosumer"))},"limit":2,"after":"a"}`,
      JSON.stringify({ meter: EXPORT_METER, after: "0" }),
      `1 ${EXPORT_METER}`,
      `${START_MS + INTERVAL_MS} ${EXPORT_METER}`,
      `${START_MS}-${START_MS + INTERVAL_MS}-1 ${EXPORT_METER}`,
    ];
    const json = changedJson(texts.filter((text) => text.startsWith("{"))).map((text) => Buffer.from(text));
    const query = fc.record({
      path: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...QUERY_PATHS) }, fc.string()),
      data: fc.oneof(json, changedSample(texts.map((text) => Buffer.from(text)))),
      height: fc.oneof(fc.constant(0), fc.integer({ min: -1, max: 5 }), fc.maxSafeInteger()),
      prove: fc.boolean(),
    });
    const before = plain([ledger.app.info(), ledger.request([])]);
    fuzz("query", query, 500, (request) => {
      const answer = ledger.app.query(request);
      expect(KNOWN).toContain(code(answer));
      expect(answer.code === 0 || answer.value.length === 0).toBe(true);
    });
    expect(plain([ledger.app.info(), ledger.request([])])).toBe(before);
  },
  FUZZ_TIMEOUT_MS,
);

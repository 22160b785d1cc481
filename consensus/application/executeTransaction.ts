import { create, toBinary } from "@bufbuild/protobuf";
import type { AbciEvent, ExecTxResult } from "#consensus/abci.ts";
import { TxMsgDataSchema } from "#storage/proto/gen/cosmos/tx/v1beta1/tx_pb.ts";
import type { Params, Validators } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import type { SignatureCheck, Transaction } from "#storage/types/transaction.ts";
import type { LedgerMessage, MessageName, MessageValue } from "#storage/types/transactionMessages.ts";
import { MESSAGE_NAMES, typeUrlOf } from "#storage/types/transactionMessages.ts";
import { amendInterval } from "./amendments.ts";
import { sealArchive } from "./archives.ts";
import { carryBigchainTransaction } from "./bigchain.ts";
import { configureBridge, reportEquivocation } from "./bridge.ts";
import { registerBridgeKey } from "./bridgeKeys.ts";
import type { Failure } from "./codes.ts";
import { CODE_OK, CODESPACE, codeNumber, fail } from "./codes.ts";
import { acknowledgeDeviceConfiguration, setDeviceConfiguration } from "./configurations.ts";
import { registerEnergy, transferEnergy } from "./energy.ts";
import { recordErasure } from "./erasures.ts";
import { voteEthereumEvents } from "./ethereumEvents.ts";
import { event } from "./events.ts";
import { flagReadings, withdrawFlag } from "./flags.ts";
import { sealInterval } from "./intervals.ts";
import { changeRole, enrolMember, removeMember } from "./members.ts";
import type { MessageContext } from "./messageContext.ts";
import { deviceKeyOf, enrolMeter, revokeMeter } from "./meters.ts";
import type { BlockQuotas } from "./quotas.ts";
import type { SignatureVerdicts } from "./signatureVerdicts.ts";
import { newRecord } from "./stateRecords.ts";
import { updateValidators } from "./validators.ts";
import type { WorkingState } from "./workingState.ts";

/** What transactions are executed in: the state so far, and the facts that every node agrees on. */
export interface ExecutionSite {
  readonly chainId: string;
  readonly height: number;
  /** Unix ms of the block; undefined in CheckTx without a clock. */
  readonly timeMs: number | undefined;
  readonly params: Params;
  readonly validatorsBefore: Validators;
  readonly state: WorkingState;
  /** Undefined in CheckTx, which has its own rule. */
  readonly quotas: BlockQuotas | undefined;
  readonly verdicts: SignatureVerdicts;
  /** For signatures inside messages. */
  readonly verify: (check: SignatureCheck) => boolean;
}

type Rules = { readonly [N in MessageName]: (context: MessageContext, value: MessageValue<N>) => Failure | undefined };

const RULES: Rules = {
  MsgEnrolMember: enrolMember,
  MsgRemoveMember: removeMember,
  MsgChangeRole: changeRole,
  MsgEnrolMeter: enrolMeter,
  MsgRevokeMeter: revokeMeter,
  MsgSealInterval: sealInterval,
  MsgRegisterEnergy: registerEnergy,
  MsgTransferEnergy: transferEnergy,
  MsgUpdateValidators: updateValidators,
  MsgAmendInterval: amendInterval,
  MsgRecordErasure: recordErasure,
  MsgSealArchive: sealArchive,
  MsgFlagReadings: flagReadings,
  MsgWithdrawFlag: withdrawFlag,
  MsgSetDeviceConfiguration: setDeviceConfiguration,
  MsgAcknowledgeDeviceConfiguration: acknowledgeDeviceConfiguration,
  MsgBigchainTransaction: carryBigchainTransaction,
  MsgRegisterBridgeKey: registerBridgeKey,
  MsgConfigureBridge: configureBridge,
  MsgBridgeEquivocation: reportEquivocation,
  MsgEthereumEvents: voteEthereumEvents,
};

/**
 * Executes one transaction on `site.state`: all of it or, with a failure, nothing; with BIGCHAIN_REFUSED only that its signers' sequences and
 * quota are used up. Checks in this order:
 *   a) every signer has an account (ACCOUNT_UNKNOWN)
 *   b) every signature holds (SIGNATURE_INVALID)
 *   c) every sequence is the account's next (SEQUENCE_MISMATCH), the timeout height has not passed (TX_EXPIRED)
 *   d) the first signer's quota of the block is not used up (QUOTA_EXCEEDED)
 *   e) the messages' own rules, in order
 */
export function executeTransaction(site: ExecutionSite, tx: Transaction): readonly AbciEvent[] | Failure {
  site.state.begin();
  const outcome = executeOrFail(site, tx);
  if (!("code" in outcome)) {
    site.quotas?.charge(tx);
    return outcome;
  }
  site.state.rollback();
  if (isPaidFor(outcome)) {
    // As before: the signers were admitted a moment ago, on this same state.
    admitSigners(site, tx);
    site.quotas?.charge(tx);
  }
  return outcome;
}

/**
 * Whether a failed transaction has its place in a block nevertheless. A node that brings BigchainDB transactions of its clients sends one behind the other
 * under one account. Of two nodes' conflicting ones the loser must not keep the ones behind it waiting for its sequence, and its client must be told.
 */
export function isPaidFor({ code }: Failure): boolean {
  return code === "BIGCHAIN_REFUSED";
}

function executeOrFail(site: ExecutionSite, tx: Transaction): readonly AbciEvent[] | Failure {
  const refused = admitSigners(site, tx);
  if (refused !== undefined) return refused;
  if (tx.timeoutHeight > 0 && site.height > tx.timeoutHeight)
    return fail("TX_EXPIRED", `height ${site.height}, timeout height ${tx.timeoutHeight}`);
  const overQuota = site.quotas?.check(tx);
  if (overQuota !== undefined) return overQuota;

  const events: AbciEvent[] = tx.signers.map(({ account }) => event("tx", { signer: account }));
  const context: MessageContext = {
    state: site.state,
    params: site.params,
    chainId: site.chainId,
    tx,
    txIdHex: Buffer.from(tx.id.buffer, tx.id.byteOffset, tx.id.length).toString("hex"),
    timeMs: site.timeMs,
    height: site.height,
    validatorsBefore: site.validatorsBefore,
    verify: site.verify,
    events,
    nextOutputIndex: 0,
    attestations: 0,
  };
  for (const message of tx.messages) {
    const failure = execute(context, message);
    if (failure !== undefined) return failure;
  }
  return events;
}

function admitSigners(site: ExecutionSite, tx: Transaction): Failure | undefined {
  const { state } = site;
  for (const signer of tx.signers) {
    const { account } = signer;
    const record = state.get("account", account);
    if (record === undefined) return fail("ACCOUNT_UNKNOWN", account);
    if (!site.verdicts.holds(tx, signer, record.number))
      return fail("SIGNATURE_INVALID", `${account}, chain ${site.chainId}, account number ${record.number}`);
  }
  for (const { account, publicKey, sequence } of tx.signers) {
    const record = state.get("account", account);
    if (record === undefined) return fail("ACCOUNT_UNKNOWN", account);
    if (record.sequence !== sequence)
      return fail("SEQUENCE_MISMATCH", `account sequence mismatch, expected ${record.sequence}, got ${sequence}`);
    const next = { number: record.number, sequence: sequence + 1n };
    state.put(
      "account",
      account,
      newRecord("account", { ...next, publicKey: record.publicKey ?? deviceKeyOf(publicKey) }),
    );
  }
  return undefined;
}

function execute(context: MessageContext, message: LedgerMessage): Failure | undefined {
  const rule = RULES[message.name] as (context: MessageContext, value: LedgerMessage["value"]) => Failure | undefined;
  return rule(context, message.value);
}

const EMPTY = new Uint8Array(0);

/** The code and data a block keeps of a transaction; events are not hashed. */
export function resultOf(tx: Transaction | undefined, outcome: readonly AbciEvent[] | Failure): ExecTxResult {
  if ("code" in outcome) {
    const code = codeNumber(outcome.code);
    const log = `${outcome.code}: ${outcome.reason}`;
    return { code, codespace: CODESPACE, data: EMPTY, log, gasWanted: 0n, gasUsed: 0n, events: [] };
  }
  const data = tx === undefined ? EMPTY : responseData(tx);
  return { code: CODE_OK, codespace: "", data, log: "", gasWanted: 0n, gasUsed: 0n, events: outcome };
}

/** Responses carry nothing, but CosmJS expects one per message: TxMsgData of one message, by name. */
const RESPONSE_DATA = new Map(
  MESSAGE_NAMES.map((name) => {
    const msgResponses = [{ typeUrl: `${typeUrlOf(name)}Response` }];
    return [name, toBinary(TxMsgDataSchema, create(TxMsgDataSchema, { msgResponses }))];
  }),
);

function responseData(tx: Transaction): Uint8Array {
  // Repeated fields one after another are the list: the encodings of single responses can be joined.
  const parts = tx.messages.map(({ name }) => RESPONSE_DATA.get(name) ?? EMPTY);
  return parts.length === 1 ? (parts[0] ?? EMPTY) : Buffer.concat(parts);
}

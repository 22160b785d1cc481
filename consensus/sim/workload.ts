import { sha256Latin1 } from "#storage/crypto/hash.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { txId } from "#storage/types/block.ts";
import type { LedgerMessage } from "#storage/types/transactionMessages.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import type { GenesisAppState } from "../application/genesisState.ts";
import { createLedgerApplication } from "../application/ledgerApplication.ts";
import {
  accountOf,
  CHAIN_ID,
  DAY_MS,
  EXPORT_METER,
  initChainRequest,
  keyOf,
  output,
  START_MS,
  sealMessage,
  testGenesis,
} from "../application/testLedger.ts";

/** The chain of every run. Its transactions are the same in every run, so that each is signed once a process. */
export const SIM_CHAIN_ID = CHAIN_ID;

/** The first block's time; the intervals that devices seal lie in the morning before. */
export const GENESIS_MS = START_MS + DAY_MS / 2;

/** Members that only hold energy together. */
const NEIGHBOURS = Array.from({ length: 12 }, (_, index) => `neighbour ${index}`);

let appState: GenesisAppState | undefined;

export function simAppState(): GenesisAppState {
  if (appState === undefined) {
    const genesis = testGenesis();
    const neighbours = NEIGHBOURS.map((name) => ({ account: accountOf(name), role: "consumer" as const }));
    appState = { ...genesis, members: [...(genesis.members ?? []), ...neighbours] };
  }
  return appState;
}

/** A transaction of a client, and what it does if it takes effect. */
export interface ClientTx {
  readonly tx: Uint8Array;
  /** SHA-256 as latin1. */
  readonly id: string;
  /** Energy that it turns into outputs. */
  readonly registeredMwh: bigint;
}

const INTERVAL_MWH = 1000n;

type Signer = "device" | "prosumer" | "regulator" | "aggregator";

const accountNumbers = new Map<Signer, bigint>();

/** Accounts are numbered by the genesis state: asked of a ledger once. */
function accountNumber(name: Signer): bigint {
  if (accountNumbers.size === 0) {
    const app = createLedgerApplication({ chainId: CHAIN_ID });
    app.initChain(initChainRequest(simAppState()));
    for (const each of ["device", "prosumer", "regulator", "aggregator"] as const) {
      const request = { path: "/edream/account", data: Buffer.from(accountOf(each)), height: 0, prove: false };
      const { number } = JSON.parse(Buffer.from(app.query(request).value).toString()) as { number: string };
      accountNumbers.set(each, BigInt(number));
    }
  }
  return accountNumbers.get(name) as bigint;
}

function signed(name: Signer, sequence: number, message: LedgerMessage, registeredMwh = 0n): ClientTx {
  const signer = { privateKey: keyOf(name), accountNumber: accountNumber(name), sequence: BigInt(sequence) };
  const tx = signTransaction({ messages: [message], chainId: SIM_CHAIN_ID, signers: [signer] });
  return { tx, id: sha256Latin1(tx), registeredMwh };
}

/** Signed so far: with a fat registration among them, and without. */
const prepared = { fat: [] as ClientTx[], lean: [] as ClientTx[] };
const doubleSpends = { fat: new Map<number, ClientTx>(), lean: new Map<number, ClientTx>() };

export type WorkloadKind = keyof typeof prepared;

/**
 * Transaction number `index` of the clients, a third of them each: a device seals an interval; its owner registers the energy as
 * outputs; he passes one of them on. Each needs those before it. "fat": the first registration is so large that its block has three parts.
 */
export function clientTx(index: number, kind: WorkloadKind): ClientTx {
  const list = prepared[kind];
  while (list.length <= index) {
    const turn = Math.floor(list.length / 3);
    const step = list.length % 3;
    if (step === 0) list.push(signed("device", turn, sealMessage(turn)));
    else if (step === 1) list.push(registration(turn, kind === "fat" && turn === 0 ? FAT_OUTPUTS : 0));
    else list.push(transfer(turn, "producer", kind));
  }
  return list[index] as ClientTx;
}

/** Another use of the output that transaction `index` passes on, with the same sequence; undefined when that one is no transfer. */
export function doubleSpendOf(index: number, kind: WorkloadKind): ClientTx | undefined {
  if (index % 3 !== 2) return undefined;
  const turn = Math.floor(index / 3);
  let other = doubleSpends[kind].get(turn);
  if (other === undefined) {
    clientTx(index, kind);
    other = transfer(turn, "aggregator", kind);
    doubleSpends[kind].set(turn, other);
  }
  return other;
}

/** Outputs of 1 mWh beside the others: with their locks some 138 KB, two whole parts and one that is not. */
const FAT_OUTPUTS = 240;

let fattest: ReturnType<typeof output>[] | undefined;

/** Their addresses cost more than all else that a process prepares. */
function fatOutputs(count: number) {
  if (fattest === undefined) {
    const shared = output(1n, NEIGHBOURS);
    fattest = Array.from({ length: FAT_OUTPUTS }, () => shared);
  }
  return fattest.slice(0, count);
}

function registration(turn: number, extraOutputs: number): ClientTx {
  const rest = INTERVAL_MWH - 600n - BigInt(extraOutputs);
  const outputs = [output(600n, "prosumer"), output(rest, "consumer"), ...fatOutputs(extraOutputs)];
  const message = ledgerMessage("MsgRegisterEnergy", { owner: accountOf("prosumer"), meterId: EXPORT_METER, outputs });
  return signed("prosumer", 2 * turn, message, INTERVAL_MWH);
}

function transfer(turn: number, to: string, kind: WorkloadKind): ClientTx {
  const registered = prepared[kind][3 * turn + 1] as ClientTx;
  const message = ledgerMessage("MsgTransferEnergy", {
    signers: [accountOf("prosumer")],
    inputs: [{ txId: txId(registered.tx), outputIndex: 0 }],
    outputs: [output(250n, to), output(350n, "consumer")],
  });
  return signed("prosumer", 2 * turn + 1, message);
}

let oversized: readonly Uint8Array[] | undefined;

/**
 * Transactions of a Byzantine member, well-formed though without effect, that fit into a block of `maxBytes` by themselves but not
 * together with the rest of the block.
 */
export function oversizedTxs(maxBytes: number): readonly Uint8Array[] {
  if (oversized !== undefined) return oversized;
  const txs: Uint8Array[] = [];
  const bytesOf = (tx: Uint8Array) => tx.length + 4;
  for (let left = maxBytes - 100, outputs = FAT_OUTPUTS; outputs > 0; ) {
    const message = ledgerMessage("MsgRegisterEnergy", {
      owner: accountOf("aggregator"),
      meterId: EXPORT_METER,
      outputs: fatOutputs(outputs),
    });
    const { tx } = signed("aggregator", txs.length, message);
    if (bytesOf(tx) > left) outputs--;
    else {
      txs.push(tx);
      left -= bytesOf(tx);
      if (left < 400) break;
    }
  }
  oversized = txs;
  return txs;
}

const powerChanges = new Map<string, ClientTx>();

/** The regulator's vote, number `sequence`, for a validator's power; there is one regulator, so it is carried out at once. */
export function powerChange(sequence: number, validator: number, power: number): ClientTx {
  const name = `${sequence} ${validator} ${power}`;
  let change = powerChanges.get(name);
  if (change === undefined) {
    const publicKey = publicKeyOf(validatorKeyOf(validator)).bytes;
    const message = ledgerMessage("MsgUpdateValidators", {
      authority: accountOf("regulator"),
      proposalId: BigInt(sequence + 1),
      updates: [{ publicKey, power: BigInt(power) }],
    });
    change = signed("regulator", sequence, message);
    powerChanges.set(name, change);
  }
  return change;
}

/** The consensus key of node `index`. Made of a name, as all keys of the simulator. */
export function validatorKeyOf(index: number): PrivateKey {
  return keyOf(`device validator ${index}`);
}

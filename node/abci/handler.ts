import {
  ResponseProcessProposal_ProposalStatus as ProposalStatus,
  type Request,
  type RequestApplySnapshotChunk,
  type RequestFinalizeBlock,
  type RequestInitChain,
  type RequestOfferSnapshot,
  Response,
  ResponseVerifyVoteExtension_VerifyStatus as VoteExtensionStatus,
} from "cosmjs-types/tendermint/abci/types";
import type { Application, CheckTxResponse, FinalizeBlockResponse, StateWrite } from "#consensus/abci.ts";
import { genesisState } from "#consensus/engine/executor.ts";
import type { ChainState } from "#storage/db/chainState.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import { AbciError } from "./abciError.ts";
import {
  blockContextOf,
  commitInfoOf,
  eventsToAbci,
  numberOf,
  paramsOfAbci,
  publicKeyOfAbci,
  publicKeyToAbci,
  timeOf,
} from "./fields.ts";
import type { AbciConnection, AbciHandler } from "./server.ts";
import type { Snapshots } from "./snapshots.ts";

/** The type of the one proof operation of a query's answer: a state proof (consensus/README.md) in its bytes. */
export const STATE_PROOF_OP = "edream:state";

/** A finalised block that CometBFT wants committed. */
export interface CommittedHeight {
  readonly height: number;
  readonly txs: readonly Uint8Array[];
  readonly response: FinalizeBlockResponse;
  readonly writes: readonly StateWrite[];
}

/** What the handler needs beside the application. */
export interface AbciPorts {
  readonly app: Application;
  readonly genesis: Genesis;
  readonly snapshots: Snapshots;
  /** The mempool's word. `isNew` false: it was found valid before, and a block came between. */
  checkTx(tx: Uint8Array, isNew: boolean): Promise<CheckTxResponse>;
  /** What waits in this node's mempool, for a block with room for so many bytes: CometBFT's own is only its shadow. */
  txsToPropose(maxBytes: number): readonly Uint8Array[];
  /** Has signatures checked on the worker threads. */
  verifyAhead(txs: readonly Uint8Array[]): Promise<void>;
  /** The chain as genesis makes it; may come again until a block is committed. */
  onGenesis(state: ChainState): Promise<void>;
  /**
   * From here until `onCommit` resolves the state is in motion, and no transaction may be checked. Not from FinalizeBlock on: before CometBFT asks for
   * Commit it waits for the answers to every CheckTx it has sent (mempool FlushAppConn), so that a check that waited for the commit would wait for ever.
   */
  onCommitting(): void;
  /** On disk, all or nothing, when it resolves: the height to which blocks may be pruned, 0 for none. */
  onCommit(committed: CommittedHeight): Promise<number>;
  onException(error: unknown): void;
}

/** Answers ABCI requests out of the application (research/cometbft.md §3.2). Persistence happens in Commit and nowhere else. */
export function createAbciHandler(ports: AbciPorts): AbciHandler {
  const { app, genesis, snapshots } = ports;
  let finalized: (Omit<CommittedHeight, "writes"> & { readonly connection: AbciConnection }) | undefined;

  async function initChain(request: RequestInitChain) {
    checkGenesis(request, genesis);
    const state = genesisState(genesis, app);
    await ports.onGenesis(state);
    return { appHash: state.appHash, validators: [] };
  }

  async function finalizeBlock(request: RequestFinalizeBlock, connection: AbciConnection) {
    const context = blockContextOf(request);
    const { txs, hash } = request;
    await ports.verifyAhead(txs);
    finalized = { height: context.height, txs, response: UNKNOWN, connection };
    const response = app.finalizeBlock({
      ...context,
      txs,
      hash,
      decidedLastCommit: commitInfoOf(request.decidedLastCommit),
    });
    finalized = { ...finalized, response };
    return {
      events: eventsToAbci(response.events),
      txResults: response.txResults.map((result) => ({ ...result, info: "", events: eventsToAbci(result.events) })),
      validatorUpdates: response.validatorUpdates.map(({ publicKey, power }) => ({
        pubKey: publicKeyToAbci(publicKey),
        power,
      })),
      appHash: response.appHash,
    };
  }

  async function commit() {
    if (finalized === undefined)
      throw new AbciError({ code: "ABCI_OUT_OF_ORDER", call: "Commit", reason: "no block is finalised" });
    const { height, txs, response } = finalized;
    ports.onCommitting();
    const { writes } = app.commit();
    const retainHeight = await ports.onCommit({ height, txs, response, writes });
    finalized = undefined;
    return { retainHeight: BigInt(retainHeight) };
  }

  function offerSnapshot({ snapshot, appHash }: RequestOfferSnapshot) {
    if (snapshot === undefined)
      throw new AbciError({ code: "ABCI_FIELD_INVALID", field: "snapshot", reason: "missing" });
    const height = numberOf(snapshot.height, "snapshot.height", 1);
    return { result: snapshots.offer({ ...snapshot, height }, appHash) };
  }

  async function applySnapshotChunk({ index, chunk, sender }: RequestApplySnapshotChunk) {
    const { result, refetch } = await snapshots.apply(index, chunk);
    return { result, refetchChunks: [...refetch], rejectSenders: refetch.length > 0 ? [sender] : [] };
  }

  async function answer(request: Request, connection: AbciConnection): Promise<Draft> {
    if (request.echo) return { echo: { message: request.echo.message } };
    if (request.flush) return { flush: {} };
    if (request.checkTx)
      return { checkTx: checkTxToAbci(await ports.checkTx(request.checkTx.tx, request.checkTx.type === 0)) };
    if (request.query) return { query: query(request.query) };
    if (request.info) return { info: info() };
    if (request.initChain) return { initChain: await initChain(request.initChain) };
    if (request.prepareProposal) {
      const context = blockContextOf(request.prepareProposal);
      const maxTxBytes = numberOf(request.prepareProposal.maxTxBytes, "max_tx_bytes");
      const txs = ports.txsToPropose(maxTxBytes);
      await ports.verifyAhead(txs);
      return { prepareProposal: { txs: [...app.prepareProposal({ ...context, txs, maxTxBytes }).txs] } };
    }
    if (request.processProposal) {
      const { txs, hash } = request.processProposal;
      await ports.verifyAhead(txs);
      const { accepted } = app.processProposal({ ...blockContextOf(request.processProposal), txs, hash });
      return { processProposal: { status: accepted ? ProposalStatus.ACCEPT : ProposalStatus.REJECT } };
    }
    if (request.finalizeBlock) return { finalizeBlock: await finalizeBlock(request.finalizeBlock, connection) };
    if (request.commit) return { commit: await commit() };
    if (request.extendVote) return { extendVote: {} };
    if (request.verifyVoteExtension) return { verifyVoteExtension: { status: VoteExtensionStatus.ACCEPT } };
    if (request.listSnapshots) {
      const list = snapshots.list().map((snapshot) => ({ ...snapshot, height: BigInt(snapshot.height) }));
      return { listSnapshots: { snapshots: list } };
    }
    if (request.offerSnapshot) return { offerSnapshot: offerSnapshot(request.offerSnapshot) };
    if (request.loadSnapshotChunk) {
      const { height, format, chunk } = request.loadSnapshotChunk;
      return { loadSnapshotChunk: { chunk: snapshots.load(numberOf(height, "height"), format, chunk) } };
    }
    if (request.applySnapshotChunk) return { applySnapshotChunk: await applySnapshotChunk(request.applySnapshotChunk) };
    throw new AbciError({ code: "ABCI_REQUEST_UNKNOWN" });
  }

  function info() {
    const { data, version, lastBlockHeight, lastBlockAppHash } = app.info();
    // The version every header of this chain carries, which genesis.json fixes; CometBFT takes it from here for a new chain.
    const appVersion = BigInt(genesis.consensusParams.version.app);
    return { data, version, appVersion, lastBlockHeight: BigInt(lastBlockHeight), lastBlockAppHash };
  }

  function query({ path, data, height, prove }: NonNullable<Request["query"]>) {
    const answered = app.query({ path, data, height: numberOf(height, "height"), prove });
    const { code, log, key, value, proof, codespace } = answered;
    return {
      code,
      log,
      key,
      value,
      codespace,
      height: BigInt(answered.height),
      ...(proof.length > 0 ? { proofOps: { ops: [{ type: STATE_PROOF_OP, key, data: proof }] } } : {}),
    };
  }

  return {
    handle: async (request, connection) => Response.fromPartial<Draft>(await answer(request, connection)),
    onClose(connection) {
      // What was finalised over it and not committed is void.
      if (finalized?.connection === connection) finalized = undefined;
    },
    onException: ports.onException,
  };
}

/** A response of which fields that are zero are left out. */
type Draft = { readonly [Kind in keyof Response]?: Partial<NonNullable<Response[Kind]>> };

/** Until the application has answered. */
const UNKNOWN: FinalizeBlockResponse = { txResults: [], events: [], validatorUpdates: [], appHash: new Uint8Array(0) };

/** `data` stays empty: a client that reads its hex as base64 would fail on it (research/cometbft.md §1.2). */
function checkTxToAbci({ code, codespace, log, gasWanted }: CheckTxResponse) {
  return { code, codespace, log, gasWanted };
}

/** The engine must have been started from the genesis file of this home. @throws AbciError ABCI_GENESIS_MISMATCH */
function checkGenesis(request: RequestInitChain, genesis: Genesis): void {
  const given = {
    chain_id: request.chainId,
    genesis_time: timeOf(request.time, "time"),
    initial_height: numberOf(request.initialHeight, "initial_height", 1),
    consensus_params: paramsOfAbci(request.consensusParams),
    validators: request.validators.map(({ pubKey, power }) => keyText(publicKeyOfAbci(pubKey), power)).sort(),
    app_state: Buffer.from(request.appStateBytes).toString("utf8") || "null",
  };
  const ours = {
    chain_id: genesis.chainId,
    genesis_time: genesis.genesisTime,
    initial_height: genesis.initialHeight,
    consensus_params: genesis.consensusParams,
    validators: genesis.validators.map(({ publicKey, power }) => keyText(publicKey, power)).sort(),
    app_state: genesis.appState ?? null,
  };
  for (const [field, value] of Object.entries(ours))
    if (
      canonical(value) !==
      canonical(field === "app_state" ? parsed(given.app_state) : given[field as keyof typeof given])
    )
      throw new AbciError({ code: "ABCI_GENESIS_MISMATCH", field });
}

function keyText({ type, bytes }: { type: string; bytes: Uint8Array }, power: bigint): string {
  return `${type} ${Buffer.from(bytes).toString("hex")} ${power}`;
}

/** Texts of equal values are equal, whatever the order of their fields. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === "bigint") return inner.toString();
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new AbciError({ code: "ABCI_GENESIS_MISMATCH", field: "app_state" });
  }
}

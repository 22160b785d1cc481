import assert from "node:assert";
import type {
  Application,
  BlockContext,
  CheckTxResponse,
  FinalizeBlockRequest,
  FinalizeBlockResponse,
  InitChainRequest,
  QueryResponse,
  StateWrite,
} from "#consensus/abci.ts";
import type { AssetState } from "#storage/assets/assetState.ts";
import { verifySignature as verifyDirectly } from "#storage/crypto/keys.ts";
import type { MountainRange } from "#storage/crypto/mountainRange.ts";
import { mountainRoot } from "#storage/crypto/mountainRange.ts";
import type { StateTree } from "#storage/crypto/stateTree.ts";
import { EMPTY_TREE, treeEntries, treeRoot } from "#storage/crypto/stateTree.ts";
import { MAX_BLOCK_BYTES } from "#storage/limits.ts";
import { timestampToMs } from "#storage/types/time.ts";
import type { SignatureCheck } from "#storage/types/transaction.ts";
import { Ancestors } from "./ancestors.ts";
import { type AppRoots, appHashOf } from "./appHash.ts";
import { assetStateOf, openAssetChecks } from "./bigchain.ts";
import type { BlockExecution } from "./blockExecution.ts";
import { executeBlock, protoSize, selectTransactions } from "./blockExecution.ts";
import type { Failure } from "./codes.ts";
import { CODE_OK, CODESPACE, codeNumber, fail } from "./codes.ts";
import { CommittedState, encodeChanges } from "./committedState.ts";
import { DecodedTransactions } from "./decodedTransactions.ts";
import type { ExecutionSite } from "./executeTransaction.ts";
import { executeTransaction, isPaidFor } from "./executeTransaction.ts";
import { ExecutionCache } from "./executionCache.ts";
import { writeGenesisState } from "./genesisState.ts";
import type { AppPosition } from "./persistence.ts";
import { loadState, positionWrites } from "./persistence.ts";
import { answerQuery } from "./queries.ts";
import { QueryIndex } from "./queryIndex.ts";
import type { KeptState, QuerySource, QueryVersion } from "./queryTypes.ts";
import { BlockQuotas, checkPending } from "./quotas.ts";
import { SignatureVerdicts } from "./signatureVerdicts.ts";
import { dryRun, simulate } from "./simulate.ts";
import { decodeRecord, recordKindOf, SINGLE } from "./stateRecords.ts";
import { validatorUpdates } from "./validators.ts";
import { WorkingState } from "./workingState.ts";

export interface LedgerApplicationOptions {
  readonly chainId: string;
  /** Everything that `commit` has ever answered as writes and that was not deleted; empty before the first block. */
  readonly entries?: Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
  /** Must answer what storage/crypto/keys.ts `verifySignature` answers, the same at every node; by default that function itself. */
  readonly verifySignature?: (check: SignatureCheck) => boolean;
  /** Unix ms, for CheckTx alone: without it, transactions from the future wait in the mempool until their time comes. */
  readonly clockMs?: () => number;
}

export interface LedgerApplication extends Application {
  /**
   * The signature checks that CheckTx or a block will still ask of `verifySignature` for these bytes, to be done beforehand. Empty
   * where there is nothing to check: it was done, the bytes do not decode, or an account does not exist yet.
   */
  signatureChecks(tx: Uint8Array): readonly SignatureCheck[];
  /**
   * Takes over another node's state in place of its own: what its `commit` has ever answered as writes and was not deleted. Nothing at all
   * brings it back to the time before InitChain. @throws an assertion when the entries are not whole; it must be restored again then
   */
  restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void;
  /** What CheckTx would answer, without the transaction counting as waiting. */
  dryCheckTx(tx: Uint8Array): CheckTxResponse;
  /** What is committed of BigchainDB transactions: every asset, and every output but those that were spent long ago. Until the next commit. */
  assetState(): AssetState;
  /** bech32 account that pays for the transaction's place; undefined if the bytes do not decode. */
  payerOf(tx: Uint8Array): string | undefined;
  /** The state after this block, for as long as the caller keeps it; undefined where it is none of the latest ones. */
  keepState(height: number): KeptState | undefined;
}

/** State versions that can still be queried and proved: a light node's header of h + 1 is always a block behind. */
const KEPT_VERSIONS = 16;

const EMPTY = new Uint8Array(0);

/**
 * The ledger's rules behind ABCI. Synchronous; every byte string is answered. What throws: a genesis that is not valid
 * (GenesisStateError), and calls that no consensus engine makes (assertion), because going on from there could only fork.
 */
export function createLedgerApplication(options: LedgerApplicationOptions): LedgerApplication {
  return new Ledger(options);
}

/** A finalised block that waits for its commit. */
interface PendingBlock {
  readonly site: ExecutionSite;
  readonly tree: StateTree;
  readonly range: MountainRange;
  readonly position: AppPosition;
  readonly writes: readonly StateWrite[];
  readonly blockHash: Uint8Array;
}

class Ledger implements LedgerApplication {
  readonly #chainId: string;
  readonly #verify: (check: SignatureCheck) => boolean;
  readonly #verdicts: SignatureVerdicts;
  readonly #clockMs: (() => number) | undefined;
  readonly #decoded = new DecodedTransactions();
  #position: AppPosition | undefined;
  #committed = new CommittedState(EMPTY_TREE);
  #ancestors = new Ancestors(1);
  #index = new QueryIndex();
  #versions: QueryVersion[] = [];
  /** Of InitChain: they go to disk with the first block. */
  #genesisWrites: readonly StateWrite[] = [];
  #checkSite: ExecutionSite | undefined;
  readonly #executions = new ExecutionCache(this.#decoded);
  #pending: PendingBlock | undefined;

  constructor(options: LedgerApplicationOptions) {
    this.#chainId = options.chainId;
    this.#verify =
      options.verifySignature ?? (({ publicKey, message, signature }) => verifyDirectly(publicKey, message, signature));
    this.#verdicts = new SignatureVerdicts(options.chainId, this.#verify);
    this.#clockMs = options.clockMs;
    this.#load(options.entries ?? []);
  }

  restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    this.#position = undefined;
    this.#genesisWrites = [];
    this.#load(entries);
  }

  #load(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    const loaded = loadState(entries);
    if (loaded === undefined) return;
    assert(loaded.position.chainId === this.#chainId, `state of chain ${loaded.position.chainId}`);
    this.#ancestors = loaded.ancestors;
    this.#start(loaded.position, loaded.tree);
    assert.deepEqual(this.#appHash(loaded.tree, loaded.ancestors.range), Uint8Array.from(loaded.position.appHash));
  }

  info() {
    return {
      data: "energy-ledger",
      version: "0.1.0",
      appVersion: 1,
      lastBlockHeight: this.#position?.height ?? 0,
      lastBlockAppHash: this.#position !== undefined && this.#position.height > 0 ? this.#position.appHash : EMPTY,
    };
  }

  initChain(request: InitChainRequest) {
    assert((this.#position?.height ?? 0) === 0, "InitChain after a block");
    assert(request.chainId === this.#chainId, `InitChain for chain ${request.chainId}`);
    const genesis = new WorkingState(new CommittedState(EMPTY_TREE));
    writeGenesisState(genesis, request.appState, request.validators);
    const { tree, writes } = encodeChanges(EMPTY_TREE, genesis.changes());
    this.#genesisWrites = writes;
    this.#ancestors = new Ancestors(request.initialHeight);
    const appHash = this.#appHash(tree, this.#ancestors.range);
    const maxBytes = request.consensusParams.block.maxBytes;
    const position: AppPosition = {
      chainId: this.#chainId,
      height: 0,
      appHash,
      initialHeight: request.initialHeight,
      maxBlockBytes: maxBytes === -1 ? MAX_BLOCK_BYTES : maxBytes,
      blockTimeMs: timestampToMs(request.time),
    };
    this.#start(position, tree);
    return { appHash, validators: [] };
  }

  checkTx({ tx }: { readonly tx: Uint8Array }): CheckTxResponse {
    const site = this.#siteForCheck();
    if (site === undefined) return checkResponse(fail("INTERNAL", "the chain has not begun"));
    const { decoded } = this.#decoded.decode(tx);
    if (!decoded.accepted) return checkResponse(decoded);
    const payer = decoded.tx.signers[0]?.account ?? "";
    const committed = this.#committed.get("account", payer);
    const tooMany = checkPending(decoded.tx, committed?.sequence ?? 0n, site.params);
    if (tooMany !== undefined) return checkResponse(tooMany);
    const outcome = executeTransaction(site, decoded.tx);
    return checkResponse("code" in outcome && !isPaidFor(outcome) ? outcome : undefined);
  }

  prepareProposal(request: BlockContext & { readonly txs: readonly Uint8Array[]; readonly maxTxBytes: number }) {
    const site = this.#siteForBlock(request);
    const { txs, execution } = selectTransactions(
      site,
      this.#decoded,
      request.misbehavior,
      request.txs,
      request.maxTxBytes,
    );
    this.#executions.keep(request, txs, execution);
    return { txs };
  }

  processProposal(request: BlockContext & { readonly txs: readonly Uint8Array[]; readonly hash: Uint8Array }) {
    const { maxBlockBytes } = this.#positionOrFail();
    const bytes = request.txs.reduce((sum, tx) => sum + protoSize(tx), 0);
    if (bytes > maxBlockBytes)
      return { accepted: false, reason: `${bytes} bytes of transactions, at most ${maxBlockBytes}` };
    const { malformed } = this.#execute(request);
    return { accepted: malformed === undefined, reason: malformed ?? "" };
  }

  finalizeBlock(request: FinalizeBlockRequest): FinalizeBlockResponse {
    const before = this.#positionOrFail();
    const expected = nextHeight(before);
    assert(request.height === expected, `block ${request.height} where ${expected} is next`);
    const { site, events, results } = this.#execute(request);
    // Nothing but transactions and misbehaviour changes the state.
    const isEmpty = request.txs.length === 0 && events.length === 0;
    const { tree, writes } = encodeChanges(this.#committed.tree, site.state.changes());
    const range = isEmpty ? this.#ancestors.range : this.#ancestors.extendedRange();
    const appHash = isEmpty ? before.appHash : this.#appHash(tree, range);
    const position: AppPosition = {
      ...before,
      height: request.height,
      appHash,
      blockTimeMs: timestampToMs(request.time),
    };
    const blockHash = request.hash;
    this.#pending = { site, tree, range, position, writes, blockHash };
    const validators = site.state.get("validators", SINGLE) ?? site.validatorsBefore;
    return {
      txResults: results,
      events,
      validatorUpdates: validatorUpdates(site.validatorsBefore, validators),
      appHash,
    };
  }

  commit() {
    const block = this.#pending;
    if (block === undefined) return { retainHeight: 0, writes: [] };
    const writes = [
      ...this.#genesisWrites,
      ...block.writes,
      ...positionWrites(block.position, block.range.count, block.blockHash),
    ];
    this.#genesisWrites = [];
    this.#index.apply(block.site.state.changes(), this.#committed);
    this.#committed.advance(block.tree, block.site.state.changes());
    this.#ancestors.commit(block.range, block.blockHash);
    this.#advance(block.position);
    return { retainHeight: 0, writes };
  }

  query(request: Parameters<Application["query"]>[0]): QueryResponse {
    return answerQuery(request, this.#querySource(this.#versions));
  }

  keepState(height: number): KeptState | undefined {
    const version = this.#versions.find((one) => one.height === height);
    if (version === undefined) return undefined;
    const prove = (path: string, data: Uint8Array) =>
      answerQuery({ path, data, height: 0, prove: true }, this.#querySource([version]));
    return { height, prove };
  }

  #querySource(versions: readonly QueryVersion[]): QuerySource {
    return {
      versions,
      ancestors: this.#ancestors,
      index: this.#index,
      pendingSequence: (account) => this.#checkSite?.state.get("account", account)?.sequence,
      simulate: (txBytes) => simulate(this.#siteOrFail(), txBytes),
      quotaBytesPerBlock: () => this.#siteOrFail().params.quotaBytesPerBlock,
    };
  }

  dryCheckTx(tx: Uint8Array): CheckTxResponse {
    const site = this.#siteForCheck();
    if (site === undefined) return checkResponse(fail("INTERNAL", "the chain has not begun"));
    const outcome = dryRun(site, this.#decoded.decode(tx).decoded);
    return checkResponse("code" in outcome ? outcome : undefined);
  }

  signatureChecks(tx: Uint8Array): readonly SignatureCheck[] {
    const { decoded } = this.#decoded.decode(tx);
    const site = this.#siteForCheck();
    if (!decoded.accepted || site === undefined) return [];
    const ofSigners = this.#verdicts.open(decoded.tx, (account) => site.state.get("account", account)?.number);
    if (ofSigners === undefined) return [];
    const ofMessages = decoded.tx.messages.flatMap((message) =>
      message.name === "MsgBigchainTransaction" ? openAssetChecks(message.value, site.params) : [],
    );
    return ofMessages.length === 0 ? ofSigners : [...ofSigners, ...ofMessages];
  }

  assetState(): AssetState {
    return assetStateOf(this.#committed);
  }

  payerOf(tx: Uint8Array): string | undefined {
    const { decoded } = this.#decoded.decode(tx);
    return decoded.accepted ? decoded.tx.signers[0]?.account : undefined;
  }

  /** The state at genesis, or as it was loaded. */
  #start(position: AppPosition, tree: StateTree): void {
    this.#committed = new CommittedState(tree);
    this.#index = new QueryIndex();
    for (const [keyBytes, value] of treeEntries(tree)) {
      const key = Buffer.from(keyBytes).toString("latin1");
      const record = recordKindOf(key);
      assert(record !== undefined, `unknown state key ${key}`);
      const { kind, id } = record;
      if (QueryIndex.lists(kind)) this.#index.add(kind, id, decodeRecord(kind, value));
    }
    this.#versions = [];
    this.#advance(position);
  }

  /** A block is committed: what was built on the state before it is void. */
  #advance(position: AppPosition): void {
    this.#position = position;
    this.#pending = undefined;
    this.#executions.clear();
    this.#checkSite = undefined;
    const { tree } = this.#committed;
    const range = this.#ancestors.range;
    this.#versions.push({
      height: position.height,
      tree,
      roots: appRoots(tree, range),
    });
    if (this.#versions.length > KEPT_VERSIONS) this.#versions.shift();
  }

  #appHash(tree: StateTree, range: MountainRange): Uint8Array {
    return appHashOf(appRoots(tree, range));
  }

  #positionOrFail(): AppPosition {
    assert(this.#position !== undefined, "a block before InitChain");
    return this.#position;
  }

  /** The mempool's view: the committed state and, on top, every transaction that passed CheckTx since. */
  #siteForCheck(): ExecutionSite | undefined {
    if (this.#position === undefined) return undefined;
    this.#checkSite ??= this.#site(nextHeight(this.#position), undefined);
    if (this.#clockMs !== undefined) this.#checkSite = { ...this.#checkSite, timeMs: this.#clockMs() };
    return this.#checkSite;
  }

  #siteOrFail(): ExecutionSite {
    const site = this.#siteForCheck();
    assert(site !== undefined, "a query before InitChain");
    return site;
  }

  #siteForBlock(request: BlockContext): ExecutionSite {
    return this.#site(request.height, timestampToMs(request.time));
  }

  #site(height: number, timeMs: number | undefined): ExecutionSite {
    const state = new WorkingState(this.#committed);
    const params = state.get("params", SINGLE);
    const validatorsBefore = state.get("validators", SINGLE);
    assert(params !== undefined && validatorsBefore !== undefined, "a block before InitChain");
    return {
      chainId: this.#chainId,
      height,
      timeMs,
      params,
      validatorsBefore,
      state,
      quotas: timeMs === undefined ? undefined : new BlockQuotas(params),
      verdicts: this.#verdicts,
      verify: this.#verify,
    };
  }

  /** Prepare, process and finalise of one block execute it once: the outcome depends on height, time, misbehaviour and transactions alone. */
  #execute(request: BlockContext & { readonly txs: readonly Uint8Array[] }): BlockExecution {
    const known = this.#executions.get(request, request.txs);
    if (known !== undefined) return known;
    const execution = executeBlock(this.#siteForBlock(request), this.#decoded, request.misbehavior, request.txs);
    this.#executions.keep(request, request.txs, execution);
    return execution;
  }
}

function appRoots(tree: StateTree, range: MountainRange): AppRoots {
  return { stateRoot: treeRoot(tree), mountainRoot: mountainRoot(range), ancestorCount: range.count };
}

function nextHeight({ height, initialHeight }: AppPosition): number {
  return height === 0 ? initialHeight : height + 1;
}

function checkResponse(failure: Failure | undefined): CheckTxResponse {
  if (failure === undefined) return { code: CODE_OK, codespace: "", log: "", gasWanted: 0n };
  const log = `${failure.code}: ${failure.reason}`;
  return { code: codeNumber(failure.code), codespace: CODESPACE, log, gasWanted: 0n };
}

import { join } from "node:path";
import type { Logger } from "pino";
import { bigchainRulesOf } from "#consensus/application/bigchain.ts";
import type { LedgerApplication } from "#consensus/application/ledgerApplication.ts";
import type { CommittedBlock } from "#consensus/engine/ports.ts";
import { createAssetQueries } from "#storage/assets/assetQueries.ts";
import type { AssetRules } from "#storage/assets/assetTransaction.ts";
import type { Ed25519Verify } from "#storage/assets/fulfillment.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import type { BlockStore } from "#storage/db/blockStore.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import type { Store } from "#storage/db/store.ts";
import { formatProofFile } from "#storage/types/proofFileJson.ts";
import type { SignatureCheck } from "#storage/types/transaction.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import { queryRecord } from "../api/ledgerQueries.ts";
import type { Mempool } from "../mempoolTypes.ts";
import type { ChainReader } from "../serve/chainReader.ts";
import { startAssetIndexer } from "./assetIndexer.ts";
import { createCarrier } from "./carrier.ts";
import { checkBody } from "./checkBody.ts";
import { type BigchainOptions, createBigchain } from "./createBigchain.ts";
import { ledgerChain } from "./ledgerChain.ts";
import type { BigchainDecision, BigchainPorts } from "./ports.ts";
import type { RequestHandler } from "./server.ts";

export interface BigchainNodeParts {
  readonly chainId: string;
  /** The node's data folder. */
  readonly data: string;
  /** Of the member who brings transactions and pays for their places. */
  readonly key: PrivateKey;
  /** With the blocks' results. */
  readonly store: Store;
  readonly blocks: BlockStore;
  readonly reader: ChainReader;
  readonly app: LedgerApplication;
  readonly mempool: Mempool;
  /** Remembers what it answers. */
  readonly verifySignature: (check: SignatureCheck) => boolean;
  readonly validators: () => ValidatorSet | undefined;
  readonly log: Logger;
  /** The index cannot go on. */
  readonly fail: (error: unknown) => void;
}

export interface BigchainNode extends AsyncDisposable {
  readonly url: string | undefined;
  readonly streamUrl: string | undefined;
  readonly handle: RequestHandler;
  /** A block has been committed. */
  onBlock(committed: CommittedBlock): void;
}

/** Transactions of one account that CheckTx lets wait: four blocks' worth of its quota (consensus/application/quotas.ts). */
const PENDING_BLOCKS = 4;

interface LedgerParams {
  readonly bigchainRules: string;
  readonly quotaTxsPerBlock: number;
}

/**
 * BigchainDB's interface of a full node: index, carrier, HTTP and stream. Resolves when the index has the whole chain.
 * @throws StoreError of the index; BigchainStartError
 */
export async function startBigchain(options: BigchainOptions, parts: BigchainNodeParts): Promise<BigchainNode> {
  const { chainId, key, blocks, reader, app, mempool, log, fail } = parts;
  await using opening = new AsyncDisposableStack();
  const index = await openLevelStore(join(parts.data, "bigchain"));
  opening.defer(() => index.close());
  const chain = ledgerChain(parts.store, blocks);
  const indexer = opening.use(
    await startAssetIndexer(index, chain, {
      onFault: fail,
      onGap: (from, to) =>
        log.warn({ from, to }, "Blocks were pruned before their BigchainDB transactions were indexed"),
    }),
  );
  if (indexer.firstHeight > 1)
    log.warn({ from: indexer.firstHeight }, "BigchainDB transactions of earlier blocks are not in the index");

  const query = (path: string, id: string) => queryRecord((request) => app.query(request), path, id);
  let params: LedgerParams | undefined;
  // The genesis has said them by the time anybody asks.
  const loadParams = async (): Promise<LedgerParams> => {
    params ??= (await query("/edream/params", "")) as LedgerParams | undefined;
    if (params === undefined) throw new Error("the ledger has no parameters");
    return params;
  };
  const rules = async (): Promise<AssetRules> => bigchainRulesOf((await loadParams()) as { bigchainRules: string });
  const account = accountOfKey(publicKeyOf(key));

  const carrier = createCarrier(
    { chainId, key },
    {
      async account() {
        const found = (await query("/edream/account", account)) as
          | { readonly number: string; readonly sequence: string; readonly pendingSequence?: string }
          | undefined;
        if (found === undefined) return undefined;
        return { number: BigInt(found.number), next: BigInt(found.pendingSequence ?? found.sequence) };
      },
      add: (txs) => mempool.addBatch(txs),
      has: (txIdHex) => mempool.has(txIdHex),
      // A node under CometBFT starts before its chain has begun; whoever submits has asked for the rules before.
      maxPending: () => PENDING_BLOCKS * (params?.quotaTxsPerBlock ?? 0),
      nowMs: () => performance.now(),
    },
    { log },
  );
  opening.defer(() => carrier.close());

  const queries = createAssetQueries(index);
  const verify: Ed25519Verify = (bytes, message, signature) =>
    parts.verifySignature({ publicKey: { type: "ed25519", bytes }, message, signature });
  const decisionListeners = new Set<(decision: BigchainDecision) => void>();
  const ports: BigchainPorts = {
    queries,
    validate: async (body) => checkBody(body, queries, await rules(), { verify, committed: app.assetState() }),
    submit: (id, json, spends) => carrier.submit(id, json, spends),
    height: () => indexer.height,
    validators: () =>
      parts.validators()?.validators.map(({ publicKey, votingPower }) => ({
        type: publicKey.type,
        publicKey: Buffer.from(publicKey.bytes).toString("base64"),
        votingPower: Number(votingPower),
      })) ?? [],
    async proof(ledgerTxId) {
      const file = await reader.proofFile(ledgerTxId);
      return file && formatProofFile(file);
    },
    subscribe(listener) {
      decisionListeners.add(listener);
      return () => void decisionListeners.delete(listener);
    },
  };
  const bigchain = await createBigchain(options, ports, { log });
  opening.defer(() => bigchain.close());
  opening.defer(
    indexer.subscribe((decision) => {
      if (carrier.decided(decision)) for (const listener of decisionListeners) listener(decision);
    }),
  );
  opening.defer(
    indexer.onHeight((height) => {
      // What a later block has is not in the mempool either, and is told in a moment.
      if (height === blocks.height()) carrier.caughtUp();
    }),
  );
  // Blocks that came while the index was being opened.
  indexer.onBlock();

  const resources = opening.move();
  return {
    url: bigchain.url,
    streamUrl: bigchain.streamUrl,
    handle: bigchain.handle,
    onBlock(committed) {
      chain.note(committed);
      indexer.onBlock();
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

import { createHash } from "node:crypto";
import { pino } from "pino";
import type { ExecTxResult, QueryRequest, QueryResponse } from "#consensus/abci.ts";
import { codeNumber } from "#consensus/application/codes.ts";
import { encodeIdentity, formatAccount } from "#storage/crypto/identity.ts";
import type { Block } from "#storage/types/block.ts";
import { type BlockId, NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import type { Commit } from "#storage/types/commit.ts";
import type { Header } from "#storage/types/header.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import { defaultOptions, type NodeOptions } from "../options.ts";
import { type Api, createApi } from "./createApi.ts";
import { createMetrics } from "./metrics.ts";
import type { ApiPorts, CommittedTransaction, NodeEvent, NodeStatus, SubmitResult } from "./ports.ts";

/** An in-memory node behind the API: what is submitted lands in a "block" when the test says so. */
export interface TestNode {
  readonly ports: ApiPorts;
  readonly submitted: Uint8Array[];
  readonly committed: Map<string, CommittedTransaction>;
  readonly emit: (event: NodeEvent) => void;
  /** State records by `PATH DATA`, in the form of the ledger application's answers. */
  readonly records: Map<string, unknown>;
  /** How many listeners `subscribe` has now. */
  readonly listeners: () => number;
  /** What the next submissions are answered; undefined accepts them. */
  refusal: Omit<SubmitResult, "txId"> | undefined;
  ready: boolean;
}

export const BYTES_32 = new Uint8Array(32).fill(7);
/** The account whose address is twenty bytes of 3, in both forms. */
export const TEST_ACCOUNT = formatAccount(new Uint8Array(20).fill(3));
export const TEST_IDENTITY = encodeIdentity(new Uint8Array(20).fill(3));

/** What every output of the test node was spent by. */
const SPENDER = new Uint8Array(32).fill(9);

const OUTPUT_ID = `${"07".repeat(32)}:0`;
const OUTPUT = { amountMwh: "5000000", quantity: "electricity", threshold: 1, accounts: [TEST_ACCOUNT] };
const METER = {
  owner: TEST_ACCOUNT,
  quantity: "electricity",
  direction: "export",
  intervalMs: "900000",
  revoked: false,
};

const RECORDS: Readonly<Record<string, unknown>> = {
  [`/edream/account ${TEST_ACCOUNT}`]: { id: TEST_ACCOUNT, number: "4", sequence: "9", pendingSequence: "11" },
  [`/edream/member ${TEST_ACCOUNT}`]: { id: TEST_ACCOUNT, role: "prosumer" },
  "/edream/meter m1": { id: "m1", ...METER },
  "/edream/chain m1": { id: "m1", producedMwh: "5000000", registeredMwh: "0" },
  [`/edream/output ${OUTPUT_ID}`]: { id: OUTPUT_ID, ...OUTPUT },
};

const LISTS: Readonly<Record<string, unknown>> = {
  "/edream/members": { entries: [{ id: TEST_ACCOUNT, role: "prosumer" }] },
  "/edream/meters": { entries: [{ id: "m1", ...METER }], next: "m1" },
  "/edream/meters after m1": { entries: [{ id: "m2", ...METER, revoked: true }] },
  "/edream/exclusions": {
    entries: [{ id: "03".repeat(20), reason: "duplicateVote", height: "4", timeMs: "1700000000000" }],
  },
  "/edream/outputs": { entries: [{ id: OUTPUT_ID, ...OUTPUT }] },
};

function testStateQuery(records: ReadonlyMap<string, unknown>, { path, data, height }: QueryRequest): QueryResponse {
  const text = Buffer.from(data).toString();
  const { after } = text.startsWith("{") ? (JSON.parse(text) as { after?: string }) : {};
  const list = LISTS[after === undefined ? path : `${path} after ${after}`];
  const known = list ?? records.get(`${path} ${text}`);
  const code =
    known !== undefined ? 0 : path === "/unknown" ? codeNumber("QUERY_PATH_UNKNOWN") : codeNumber("QUERY_NOT_FOUND");
  const log = code === 0 ? "" : path;
  const value = Buffer.from(known === undefined ? "" : JSON.stringify(known));
  return { code, codespace: "", log, key: data, value, proof: new Uint8Array(0), height: height === 0 ? 5 : height };
}

const BYTES_20 = new Uint8Array(20).fill(3);

export const TEST_STATUS: NodeStatus = {
  role: "full",
  moniker: "test",
  chainId: "edream-test",
  peerId: "12D3KooWTest",
  version: "0.1.0",
  height: 5,
  round: 0,
  blockHash: BYTES_32,
  appHash: BYTES_32,
  blockTimeMs: 1_700_000_000_000,
  earliestHeight: 1,
  catchingUp: false,
  peers: 1,
  validatorAddress: undefined,
};

export const OK_RESULT: ExecTxResult = {
  code: 0,
  codespace: "",
  data: new Uint8Array(0),
  log: "",
  gasWanted: 1n,
  gasUsed: 1n,
  events: [{ type: "seal", attributes: [{ key: "meter", value: "m1", index: true }] }],
};

const TIME = { seconds: 1_700_000_000n, nanos: 0 };
const BLOCK_ID: BlockId = { hash: BYTES_32, partSetHeader: { total: 1, hash: BYTES_32 } };

export function testHeader(height: number): Header {
  return {
    version: { block: 11n, app: 1n },
    chainId: "edream-test",
    height,
    time: TIME,
    lastBlockId: NIL_BLOCK_ID,
    lastCommitHash: BYTES_32,
    dataHash: BYTES_32,
    validatorsHash: BYTES_32,
    nextValidatorsHash: BYTES_32,
    consensusHash: BYTES_32,
    appHash: BYTES_32,
    lastResultsHash: BYTES_32,
    evidenceHash: BYTES_32,
    proposerAddress: BYTES_20,
  };
}

export function testCommit(height: number): Commit {
  const signature = { validatorAddress: BYTES_20, timestamp: TIME, signature: new Uint8Array(64) };
  return { height, round: 0, blockId: BLOCK_ID, signatures: [{ blockIdFlag: "commit", ...signature }] };
}

function testValidators(): ValidatorSet {
  const validator = {
    address: BYTES_20,
    publicKey: { type: "ed25519" as const, bytes: BYTES_32 },
    votingPower: 10n,
    proposerPriority: -3n,
  };
  return { validators: [validator], proposer: validator, totalVotingPower: 10n };
}

export function testBlock(height: number): Block {
  return {
    header: testHeader(height),
    txs: [Uint8Array.of(1, 2, 3)],
    evidence: [],
    lastCommit: { height: height - 1, round: 0, blockId: NIL_BLOCK_ID, signatures: [] },
  };
}

export function createTestNode(): TestNode {
  const listeners = new Set<(event: NodeEvent) => void>();
  const committed = new Map<string, CommittedTransaction>();
  const records = new Map(Object.entries(RECORDS));
  const atHeight = <T>(build: (height: number) => T) => {
    return (height: number) => (height >= 1 && height <= TEST_STATUS.height ? build(height) : undefined);
  };
  const node: TestNode = {
    submitted: [],
    committed,
    records,
    refusal: undefined,
    ready: true,
    emit: (event) => {
      for (const listener of listeners) listener(event);
    },
    listeners: () => listeners.size,
    ports: {
      status: () => TEST_STATUS,
      readiness: () => (node.ready ? { ready: true } : { ready: false, reason: "behind by 12 blocks" }),
      peers: () => [{ peerId: "12D3KooWPeer", addresses: ["/ip4/127.0.0.1/tcp/1"], direction: "outbound", height: 5 }],
      mempool: () => ({ txs: node.submitted.length, bytes: 0, maxTxs: 10, maxBytes: 1000 }),
      subscribe: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      submit: async (tx) => {
        const txId = new Uint8Array(createHash("sha256").update(tx).digest());
        if (node.refusal !== undefined) return { txId, ...node.refusal };
        node.submitted.push(tx);
        return { txId, code: 0, codespace: "", log: "" };
      },
      transaction: async (txId) => committed.get(Buffer.from(txId).toString("hex")),
      transactionsBy: async ({ by, value, limit, cursor }) => ({
        transactions: [{ txId: BYTES_32, height: by === "height" ? Number(value) : 5, index: 0 }].slice(0, limit),
        next: cursor === undefined ? "5-0" : undefined,
      }),
      block: async (at) => {
        const height = typeof at === "number" ? at : Buffer.compare(at, BYTES_32) === 0 ? 5 : 0;
        return atHeight((n) => ({ block: testBlock(n), blockId: BLOCK_ID, sizeBytes: 400 }))(height);
      },
      header: atHeight(testHeader),
      commit: atHeight(testCommit),
      validators: atHeight(testValidators),
      proof: async (txId) => {
        const found = committed.get(Buffer.from(txId).toString("hex"));
        if (found === undefined) return undefined;
        const validators = [{ publicKey: { type: "ed25519" as const, bytes: BYTES_32 }, power: 10n }];
        const { height, tx } = found;
        return {
          chainId: "edream-test",
          txId,
          tx,
          path: [],
          header: testHeader(height),
          commit: testCommit(height),
          validators,
        };
      },
      spenderOf: () => SPENDER,
      stateQuery: (query) => testStateQuery(records, query),
    },
  };
  return node;
}

/** The API over real HTTP on a free port, closed by `await using`. */
export async function startTestApi(
  node: { readonly ports: ApiPorts } = createTestNode(),
  options: Partial<NodeOptions> = {},
): Promise<Api & AsyncDisposable> {
  const api = await createApi(
    { ...defaultOptions(), apiPort: 0, apiDocs: false, apiRequestsPerSecond: 100_000, ...options },
    node.ports,
    { metrics: createMetrics(), log: pino({ level: "silent" }) },
  );
  return { ...api, [Symbol.asyncDispose]: api.close };
}

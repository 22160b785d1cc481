import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeepPartial } from "cosmjs-types/helpers";
import { Request, Response } from "cosmjs-types/tendermint/abci/types";
import { createLedgerApplication, type LedgerApplication } from "#consensus/application/ledgerApplication.ts";
import { CHAIN_ID, initChainRequest, testGenesis } from "#consensus/application/testLedger.ts";
import { addressOf } from "#storage/crypto/keys.ts";
import { appStateOperations, loadAppState } from "#storage/db/appState.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { commitHeight, type Store } from "#storage/db/store.ts";
import { formatGenesis, type Genesis, parseGenesis } from "#storage/types/genesis.ts";
import { createFrameReader, encodeFrame } from "../network/framing.ts";
import { type AbciPorts, type CommittedHeight, createAbciHandler } from "./handler.ts";
import { createAbciServer } from "./server.ts";
import { createSnapshots } from "./snapshots.ts";

/** The genesis of consensus/application/testLedger.ts. */
export function abciGenesis(): Genesis {
  const { time, chainId, validators, consensusParams, appState } = initChainRequest(testGenesis());
  const named = validators.map(({ publicKey, power }) => ({
    address: addressOf(publicKey),
    publicKey,
    power,
    name: "",
  }));
  const genesis = { genesisTime: time, chainId, initialHeight: 1, consensusParams, validators: named };
  return parseGenesis(formatGenesis({ ...genesis, appHash: new Uint8Array(0), appState }));
}

/** What CometBFT sends at the start of a chain with that genesis. */
export function initChainOf({ genesisTime, chainId, consensusParams, validators, appState }: Genesis) {
  const { block, evidence, validator, version } = consensusParams;
  return {
    time: genesisTime,
    chainId,
    consensusParams: {
      block: { maxBytes: BigInt(block.maxBytes), maxGas: BigInt(block.maxGas) },
      evidence: {
        maxAgeNumBlocks: BigInt(evidence.maxAgeNumBlocks),
        maxAgeDuration: { seconds: BigInt(evidence.maxAgeDurationMs / 1000), nanos: 0 },
        maxBytes: BigInt(evidence.maxBytes),
      },
      validator: { pubKeyTypes: [...validator.pubKeyTypes] },
      version: { app: BigInt(version.app) },
      abci: { voteExtensionsEnableHeight: 0n },
    },
    validators: validators.map(({ publicKey, power }) => ({ pubKey: { ed25519: publicKey.bytes }, power })),
    appStateBytes: Buffer.from(JSON.stringify(appState)),
    initialHeight: 1n,
  };
}

/** One application behind a socket, on a disk in memory that outlives it. */
export interface TestAbci extends AsyncDisposable {
  readonly path: string;
  readonly app: LedgerApplication;
  readonly store: Store;
  readonly exceptions: readonly unknown[];
  readonly committed: readonly CommittedHeight[];
  /** What the node's mempool would propose. */
  readonly waiting: Uint8Array[];
}

export async function startTestAbci(
  options: { readonly store?: Store; readonly directory?: string; readonly ports?: Partial<AbciPorts> } = {},
): Promise<TestAbci> {
  const own = options.directory === undefined ? mkdtempSync(join(tmpdir(), "abci-")) : undefined;
  const directory = options.directory ?? (own as string);
  const store = options.store ?? createMemoryStore();
  const entries: (readonly [Uint8Array, Uint8Array])[] = [];
  for await (const entry of loadAppState(store)) entries.push(entry);
  const app = createLedgerApplication({ chainId: CHAIN_ID, entries });
  const exceptions: unknown[] = [];
  const committed: CommittedHeight[] = [];
  const waiting: Uint8Array[] = [];
  const path = join(directory, "abci.sock");
  const server = await createAbciServer(
    path,
    createAbciHandler({
      app,
      genesis: abciGenesis(),
      snapshots: createSnapshots({ directory: join(directory, "snapshots"), store, app, onRestored: () => undefined }),
      checkTx: async (tx, isNew) => app.checkTx({ tx, type: isNew ? "new" : "recheck" }),
      txsToPropose: () => waiting,
      verifyAhead: async () => undefined,
      onGenesis: async () => undefined,
      onCommitting: () => undefined,
      async onCommit(height) {
        await commitHeight(store, appStateOperations(height.writes));
        committed.push(height);
        return 0;
      },
      onException: (error) => exceptions.push(error),
      ...options.ports,
    }),
  );
  return {
    path,
    app,
    store,
    exceptions,
    committed,
    waiting,
    async [Symbol.asyncDispose]() {
      await server.close();
      if (own !== undefined) rmSync(own, { recursive: true, force: true });
    },
  };
}

/** A request of which fields that are zero are left out. */
export function requestOf(request: DeepPartial<Request>): Request {
  return Request.fromPartial(request as Parameters<typeof Request.fromPartial>[0]);
}

/** One connection of an engine. */
export interface AbciClient {
  readonly socket: Socket;
  /** Sends without waiting; answers come in the order of the requests. */
  send(request: DeepPartial<Request>): Promise<Response>;
  /** Sends bytes as they are. */
  sendRaw(bytes: Uint8Array): void;
  closed: Promise<void>;
  close(): Promise<void>;
}

export async function connectAbci(path: string): Promise<AbciClient> {
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  const waiting: ((response: Response) => void)[] = [];
  const reader = createFrameReader(64 * 1024 * 1024, (frame) => waiting.shift()?.(Response.decode(frame)));
  socket.on("data", (chunk) => reader.push(chunk));
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return {
    socket,
    closed,
    send(request) {
      const response = new Promise<Response>((resolve) => waiting.push(resolve));
      socket.write(encodeFrame(Request.encode(requestOf(request)).finish()));
      return response;
    },
    sendRaw: (bytes) => void socket.write(bytes),
    async close() {
      socket.destroy();
      await closed;
    },
  };
}

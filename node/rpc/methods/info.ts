import { addressOf } from "#storage/crypto/keys.ts";
import type { BlockMeta } from "#storage/db/blockStore.ts";
import { formatGenesis, type Genesis } from "#storage/types/genesis.ts";
import { findValidator } from "#storage/types/validatorSet.ts";
import { UINT } from "../argumentKinds.ts";
import { goJson, RawJson } from "../cometJson/goJson.ts";
import { type ChainEnd, NO_BLOCK, netInfoJson, statusJson } from "../cometJson/nodeInfo.ts";
import { base64, int64 } from "../cometJson/primitives.ts";
import { GENESIS_CHUNK_BYTES } from "../limits.ts";
import { type Methods, method } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import { methodError } from "../rpcError.ts";
import { latestUncommittedHeight } from "./validators.ts";

/** What a node says of itself (rpc/core/status.go, net.go, health.go). */
export function infoMethods(ports: RpcPorts, rpcAddress: () => string): Methods {
  const { chain, node } = ports;
  const genesis = genesisOf(ports.genesis);

  async function endOf(height: number): Promise<ChainEnd> {
    const meta = height === 0 ? undefined : await chain.meta(height);
    return meta === undefined ? NO_BLOCK : chainEnd(meta);
  }

  return {
    health: method({}, () => ({})),

    status: method({}, async () => {
      const [latest, earliest, validators] = await Promise.all([
        endOf(chain.height()),
        endOf(chain.base()),
        chain.validators(latestUncommittedHeight(ports)),
      ]);
      const { publicKey } = node;
      const address = addressOf(publicKey);
      const power = (validators && findValidator(validators, address)?.validator.votingPower) ?? 0n;
      const nodeInfo = { ...node.info(), rpcAddress: rpcAddress() };
      return statusJson({
        nodeInfo,
        latest,
        earliest,
        catchingUp: node.isCatchingUp(),
        validator: { address, publicKey, power },
      });
    }),

    net_info: method({}, () => netInfoJson(node.listeners(), node.peers())),

    genesis: method(
      {},
      () => {
        if (genesis.chunks().length > 1)
          throw methodError("genesis response is large, please use the genesis_chunked API instead");
        return genesis.whole();
      },
      { isFinal: () => true },
    ),

    genesis_chunked: method(
      { chunk: UINT },
      ({ chunk }) => {
        const chunks = genesis.chunks();
        const data = chunks[Number(chunk)];
        if (data === undefined) throw methodError(`there are ${chunks.length - 1} chunks, ${chunk} is invalid`);
        return { chunk: int64(chunk), total: int64(chunks.length), data: base64(data) };
      },
      { isFinal: () => true },
    ),
  };
}

function chainEnd({ blockId, header }: BlockMeta): ChainEnd {
  return { hash: blockId.hash, appHash: header.appHash, height: header.height, time: header.time };
}

/** The genesis document as JSON, made when it is first asked for: most nodes are never. */
function genesisOf(genesis: Genesis) {
  let made: string | undefined;
  const text = () => {
    made ??= goJson(JSON.parse(formatGenesis(genesis)));
    return made;
  };
  return {
    whole: () => new RawJson(`{"genesis":${text()}}`),
    chunks: () => chunksOf(Buffer.from(text(), "utf8"), GENESIS_CHUNK_BYTES),
  };
}

export function chunksOf(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

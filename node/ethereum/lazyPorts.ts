import type { PrivateKey } from "#storage/crypto/keys.ts";
import type { ApiPorts } from "../api/ports.ts";
import type { NodeOptions } from "../options.ts";

type EthereumPorts = Required<Pick<ApiPorts, "channels" | "ethereum">>;

/**
 * What the API asks of contracts, and does there. The library that talks to Ethereum is loaded with the first request: a node that is never asked
 * starts a quarter of a second of processor time earlier.
 */
export function lazyEthereumPorts(
  options: NodeOptions,
  actor: PrivateKey | undefined,
): Pick<ApiPorts, "channels" | "ethereum"> {
  let loading: Promise<EthereumPorts> | undefined;
  const ports = () => {
    loading ??= loadPorts(options, actor);
    return loading;
  };
  return {
    channels: {
      show: async (...given) => (await ports()).channels.show(...given),
      list: async (...given) => (await ports()).channels.list(...given),
      check: async (...given) => (await ports()).channels.check(...given),
    },
    ethereum: {
      canSend: actor !== undefined,
      catalogue: async () => (await ports()).ethereum.catalogue(),
      ask: async (...given) => (await ports()).ethereum.ask(...given),
      prepare: async (...given) => (await ports()).ethereum.prepare(...given),
      send: async (...given) => (await ports()).ethereum.send(...given),
      submit: async (...given) => (await ports()).ethereum.submit(...given),
    },
  };
}

async function loadPorts(options: NodeOptions, actor: PrivateKey | undefined): Promise<EthereumPorts> {
  const [{ channelPort }, { ethereumPort }, { walletOf }] = await Promise.all([
    import("../bridge/channelPort.ts"),
    import("./ethereumPort.ts"),
    import("#bridge/evm/keys.ts"),
  ]);
  const parts = { nowMs: Date.now, fetch };
  const wallet = actor && walletOf(actor);
  return { channels: channelPort(options, parts), ethereum: ethereumPort(options, { ...parts, wallet }) };
}

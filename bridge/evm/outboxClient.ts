import { getAddress, isError, toQuantity } from "ethers";
import { Outbox } from "#contracts/abi/Outbox.ts";
import type { OutboxClient, OutboxEvent } from "../outboxObserver.ts";
import { type BridgeClientOptions, openProvider } from "./bridgeClient.ts";

/** Reads an outbox at one Ethereum node. */
export function openOutboxClient(options: Omit<BridgeClientOptions, "privateKey">): OutboxClient & Disposable {
  const provider = openProvider(options);
  const address = getAddress(options.contract);
  const outbox = Outbox.at(address, provider);
  const topic = Outbox.interface.getEvent("OutboxEvent")?.topicHash;
  return {
    chainId: async () => BigInt(await provider.send("eth_chainId", [])),
    async finalized() {
      const block: { readonly number: string } | null = await provider.send("eth_getBlockByNumber", [
        "finalized",
        false,
      ]);
      return block === null ? 0 : Number(block.number);
    },
    async chain(block) {
      try {
        const { eventNonce, hash } = await outbox.chain({ blockTag: block });
        return { eventNonce, hash };
      } catch (error) {
        if (isError(error, "BAD_DATA")) return undefined;
        throw error;
      }
    },
    async events(fromBlock, toBlock) {
      const range = { fromBlock: toQuantity(fromBlock), toBlock: toQuantity(toBlock) };
      const logs: readonly Log[] = await provider.send("eth_getLogs", [{ address, topics: [topic], ...range }]);
      return logs.map(eventOf);
    },
    [Symbol.dispose]: () => provider.destroy(),
  };
}

interface Log {
  readonly topics: readonly string[];
  readonly data: string;
}

function eventOf({ topics, data }: Log): OutboxEvent {
  const { eventNonce, emitter, kind, payload } = Outbox.interface.decodeEventLog("OutboxEvent", data, topics);
  return { nonce: eventNonce, emitter: String(emitter).toLowerCase(), kind, payload };
}

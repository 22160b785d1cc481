import type { EthereumGroup } from "./group.ts";

/** By the first word of their commands, and their part of the path. Each is loaded when it is asked for. */
export const ETHEREUM_GROUPS: Readonly<Record<string, () => Promise<EthereumGroup>>> = {
  channel: async () => (await import("./channel/channelGroup.ts")).channelGroup,
  market: async () => (await import("./market/marketGroup.ts")).marketGroup,
  data: async () => (await import("./data/dataGroup.ts")).dataGroup,
  registry: async () => (await import("./registry/registryGroup.ts")).registryGroup,
  flexibility: async () => (await import("./flexibility/flexibilityGroup.ts")).flexibilityGroup,
};

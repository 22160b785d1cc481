import { PROSUMER_KEY_NAME } from "#node/cli/keyNames.ts";
import type { World } from "./world.ts";

/** An actor with money of its own on Ethereum. */
export interface Funded {
  readonly address: string;
  /** Wei that it has more, or less, than when it was funded. */
  readonly change: () => Promise<bigint>;
}

/** Gives the prosumer of a node its first ether, or another key of that home. */
export async function fund(world: World, name: string, wei: bigint, key = PROSUMER_KEY_NAME): Promise<Funded> {
  const { ethereumAddress } = await world.run(name, "keys", "show", key);
  const address = String(ethereumAddress);
  const sent = await world.treasury.sendTransaction({ to: address, value: wei });
  await sent.wait();
  const before = await world.provider.getBalance(address);
  return { address, change: async () => (await world.provider.getBalance(address)) - before };
}

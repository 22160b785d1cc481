import {
  type BaseContract,
  type ContractTransactionReceipt,
  HDNodeWallet,
  isError,
  JsonRpcProvider,
  Mnemonic,
} from "ethers";
import { type Anvil, type AnvilOptions, startAnvil } from "#bridge/evm/anvil.ts";
import type { ContractType } from "./contractType.ts";

/** An EVM of its own for one test file, with its funded accounts. */
export interface TestEvm extends AsyncDisposable {
  readonly anvil: Anvil;
  readonly provider: JsonRpcProvider;
  /** 10 000 ether each; the key of account i is the same in every run. */
  readonly wallets: readonly TestWallet[];
  /** Runs `body` and takes back whatever it did to the chain. */
  isolated(body: () => Promise<void>): () => Promise<void>;
  /** Seconds since 1970 of the latest block. */
  now(): Promise<number>;
  /** Mines a block at this time, seconds since 1970. */
  mineAt(seconds: number): Promise<void>;
}

export type TestWallet = HDNodeWallet;

/** What anvil funds (its default mnemonic). */
const MNEMONIC = "test test test test test test test test test test test junk";

/** A block for each transaction: a test awaits every receipt, or asks for `blockSeconds` (`startAnvil`). */
export async function startTestEvm(options: AnvilOptions = {}): Promise<TestEvm> {
  const anvil = await startAnvil(options);
  const provider = providerOf(anvil);
  const mnemonic = Mnemonic.fromPhrase(MNEMONIC);
  const wallets = Array.from({ length: options.accounts ?? 10 }, (_, i) =>
    HDNodeWallet.fromMnemonic(mnemonic, `m/44'/60'/0'/0/${i}`).connect(provider),
  );
  return {
    anvil,
    provider,
    wallets,
    isolated: (body) => async () => {
      const snapshot = await provider.send("evm_snapshot", []);
      try {
        await body();
      } finally {
        await provider.send("evm_revert", [snapshot]);
      }
    },
    now: async () => (await provider.getBlock("latest"))?.timestamp ?? 0,
    mineAt: async (seconds) => {
      await provider.send("evm_setNextBlockTimestamp", [seconds]);
      await provider.send("evm_mine", []);
    },
    [Symbol.asyncDispose]: async () => {
      provider.destroy();
      await anvil.close();
    },
  };
}

/** Tuned for a node on this machine: no answers kept, no requests held back to be sent together. */
export function providerOf({ url, chainId }: Pick<Anvil, "url" | "chainId">): JsonRpcProvider {
  return new JsonRpcProvider(url, chainId, {
    staticNetwork: true,
    cacheTimeout: -1,
    pollingInterval: 10,
    batchMaxCount: 1,
  });
}

/** What a contract reverted with: the error's name, and its arguments. */
export interface Revert {
  readonly name: string;
  readonly args: readonly unknown[];
}

/**
 * The custom error of one of these contracts that the call or transaction reverts with. Anything else, success too, is thrown, so that a test
 * cannot pass for another reason.
 */
export async function revertOf(
  promise: Promise<unknown>,
  ...types: readonly Pick<ContractType<BaseContract, readonly unknown[], unknown>, "interface">[]
): Promise<Revert> {
  let outcome: unknown;
  try {
    outcome = await promise;
  } catch (error) {
    if (!isError(error, "CALL_EXCEPTION")) throw error;
    for (const { interface: contractInterface } of types) {
      const parsed = error.data ? contractInterface.parseError(error.data) : null;
      if (parsed !== null) return { name: parsed.name, args: parsed.args.toArray() };
    }
    throw error;
  }
  throw new Error(`no revert: ${String(outcome)}`);
}

/** Sends, waits for the receipt, and answers it. */
export async function mined(
  sent: Promise<{ wait(): Promise<ContractTransactionReceipt | null> }>,
): Promise<ContractTransactionReceipt> {
  const receipt = await (await sent).wait();
  if (receipt === null) throw new Error("no receipt");
  return receipt;
}

import {
  type BaseContract,
  Contract,
  ContractFactory,
  type ContractRunner,
  Interface,
  type InterfaceAbi,
  type Log,
  type Overrides,
} from "ethers";

/**
 * A contract of `abi/`: its interface and bytecode, with the types that were generated for its functions (C), what its constructor takes (A)
 * and its events (E).
 */
export interface ContractType<C extends BaseContract, A extends readonly unknown[], E> {
  readonly name: string;
  readonly interface: Interface;
  /** Creation bytecode, 0x and hex. */
  readonly bytecode: string;
  /** The deployed contract at this address; nothing is asked of the network. */
  at(address: string, runner: ContractRunner): C;
  /** Deploys it and waits for the receipt. */
  deploy(runner: ContractRunner, args: A, overrides?: Overrides): Promise<C>;
  /** The events of this name among the logs, in their order; logs of other addresses too, if they look alike. */
  events<N extends keyof E & string>(logs: readonly Pick<Log, "topics" | "data">[], name: N): readonly E[N][];
}

export function contractType<C extends BaseContract, A extends readonly unknown[], E>(
  name: string,
  artifact: { readonly abi: InterfaceAbi; readonly bytecode: string },
): ContractType<C, A, E> {
  const contractInterface = new Interface(artifact.abi);
  const at = (address: string, runner: ContractRunner) =>
    new Contract(address, contractInterface, runner) as unknown as C;
  return {
    name,
    interface: contractInterface,
    bytecode: artifact.bytecode,
    at,
    deploy: async (runner, args, overrides = {}) => {
      const factory = new ContractFactory(contractInterface, artifact.bytecode, runner);
      const deployed = await factory.deploy(...args, overrides);
      await deployed.waitForDeployment();
      return at(await deployed.getAddress(), runner);
    },
    events: (logs, eventName) =>
      logs.flatMap((log) => {
        const parsed = contractInterface.parseLog(log);
        return parsed?.name === eventName ? [parsed.args.toObject() as never] : [];
      }),
  };
}

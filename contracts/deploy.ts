import { getCreateAddress, type JsonRpcProvider, type Wallet } from "ethers";
import { EvmError } from "#bridge/evm/evmError.ts";
import { askingEvm, requireCode } from "#bridge/evm/evmErrors.ts";
import {
  awaitTransaction,
  type SendOptions,
  type SentTransaction,
  type SignedTransaction,
  signTransaction,
  type Transaction,
} from "#bridge/evm/sendTransaction.ts";
import { Flexibility } from "./abi/Flexibility.ts";
import { Outbox } from "./abi/Outbox.ts";
import { type Addresses, DEPLOYABLES, type DeploymentTerms, nextToDeploy } from "./deployment.ts";

/** A contract whose transaction is signed: noted before it is sent, so that nothing is deployed twice after a crash. */
export interface StartedContract {
  readonly address: string;
  readonly txHash: string;
}

/** What a transaction of the deployment did and cost; without address it gave the role to that contract. */
export interface DeploymentStep extends Omit<SentTransaction, "logs" | "valueWei"> {
  readonly name: string;
  readonly address: string | undefined;
}

/** A call that only the outbox's administrator can make. */
export interface CallLeft {
  readonly contract: "Outbox";
  readonly to: string;
  readonly call: string;
  /** 0x and hex. */
  readonly data: string;
}

export interface Deployment {
  readonly contracts: Addresses;
  readonly callsLeft: readonly CallLeft[];
}

export interface DeployOptions extends Omit<SendOptions, "interfaces" | "dryRun"> {
  /** Noted by an earlier run of the same deployment, by name. */
  readonly started: Readonly<Record<string, StartedContract>>;
  /** Keeps what will be sent next; nothing is sent before it resolves. */
  readonly onStart: (contracts: Readonly<Record<string, StartedContract>>) => Promise<void>;
  /** Once for each transaction, when it is in a block; of an earlier run's too. */
  readonly onStep: (step: DeploymentStep) => void;
}

/**
 * Deploys every contract of a ledger and gives those that tell it something their role at the outbox, if the payer may. What does not need
 * each other is sent together: three rounds of deployments, one of roles. Goes on where an earlier run ended.
 * @throws EvmError as sendTransaction, BridgeError as encodeValset
 */
export async function deployContracts(
  wallet: Wallet,
  terms: DeploymentTerms,
  options: DeployOptions,
): Promise<Deployment> {
  const provider = wallet.provider as JsonRpcProvider;
  const contracts: Record<string, string> = {};
  await takeOver(provider, contracts, options);
  for (let next = nextToDeploy(contracts); next.length > 0; next = nextToDeploy(contracts)) {
    const work = next.map(({ name, creation }) => ({ name, transaction: { data: creation(terms, contracts) } }));
    const steps = await sendTogether(wallet, work, options, (started) => options.onStart(started));
    for (const { name, address } of steps) if (address !== undefined) contracts[name] = address;
    for (const { name } of next) await requireCode(provider, name, contracts[name] ?? "");
  }
  const flexibility = Flexibility.at(contracts.Flexibility ?? "", provider);
  const [token, positions] = await askingEvm([], () => Promise.all([flexibility.TOKEN(), flexibility.POSITIONS()]));
  return {
    contracts: { ...contracts, FlexibilityToken: token, FlexibilityPosition: positions },
    callsLeft: await giveRoles(wallet, contracts, options),
  };
}

/** What an earlier run has sent: taken once it is in a block; what no node knows any more is sent anew. */
async function takeOver(
  provider: JsonRpcProvider,
  contracts: Record<string, string>,
  options: DeployOptions,
): Promise<void> {
  for (const { name, interface: contractInterface } of DEPLOYABLES) {
    const started = options.started[name];
    if (started === undefined) continue;
    const { txHash, address } = started;
    const isKnown = await askingEvm([], async () => (await provider.getTransaction(txHash)) !== null);
    if (!isKnown) continue;
    const interfaces = [contractInterface];
    const receipt = await askingEvm(interfaces, () => provider.waitForTransaction(txHash, 1, options.receiptTimeoutMs));
    if (receipt?.status !== 1) continue;
    await requireCode(provider, name, address);
    contracts[name] = address;
    const { blockNumber, gasUsed, fee: feeWei } = receipt;
    options.onStep({ name, address, txHash, blockNumber, gasUsed, feeWei });
  }
}

interface Work {
  readonly name: string;
  readonly transaction: Transaction;
}

/** All are tried and signed before the first is sent: one that fails leaves no gap in the account's nonces. */
async function sendTogether(
  wallet: Wallet,
  work: readonly Work[],
  options: DeployOptions,
  beforeSending: (started: Readonly<Record<string, StartedContract>>) => Promise<void>,
): Promise<readonly DeploymentStep[]> {
  const provider = wallet.provider as JsonRpcProvider;
  const sending: SendOptions = { ...options, interfaces: DEPLOYABLES.map((each) => each.interface) };
  const first = await askingEvm([], () => provider.getTransactionCount(wallet.address, "pending"));
  const signed = await Promise.all(
    work.map(async ({ name, transaction }, i) => {
      const nonce = first + i;
      const creates = getCreateAddress({ from: wallet.address, nonce });
      const address = transaction.to === undefined ? creates : undefined;
      return { name, address, ...(await signTransaction(wallet, transaction, nonce, sending)) };
    }),
  );
  await requireFunds(wallet, provider, signed);
  const started = signed.flatMap(({ name, address, txHash }) =>
    address ? [[name, { address, txHash }] as const] : [],
  );
  await beforeSending(Object.fromEntries(started));
  for (const { raw } of signed) await askingEvm([], () => provider.broadcastTransaction(raw));
  return Promise.all(
    signed.map(async ({ name, address, ...transaction }) => {
      const { txHash, blockNumber, gasUsed, feeWei } = await awaitTransaction(provider, transaction, sending);
      const step = { name, address, txHash, blockNumber, gasUsed, feeWei };
      options.onStep(step);
      return step;
    }),
  );
}

/** Each by itself can be paid, as `signTransaction` has seen: all together too. @throws EvmError EVM_FUNDS_TOO_LOW */
async function requireFunds(
  { address }: Wallet,
  provider: JsonRpcProvider,
  signed: readonly SignedTransaction[],
): Promise<void> {
  const neededWei = signed.reduce((sum, { estimate }) => sum + estimate.maxCostWei, 0n);
  const balanceWei = await askingEvm([], () => provider.getBalance(address));
  if (balanceWei >= neededWei) return;
  const hint = "send ether to this address, and run the command again";
  throw new EvmError({ code: "EVM_FUNDS_TOO_LOW", address, balanceWei, neededWei, hint });
}

async function giveRoles(wallet: Wallet, contracts: Addresses, options: DeployOptions): Promise<readonly CallLeft[]> {
  const to = contracts.Outbox ?? "";
  const outbox = Outbox.at(to, wallet);
  const role = await askingEvm([], () => outbox.EMITTER_ROLE());
  const emitters = DEPLOYABLES.filter(({ isEmitter }) => isEmitter).map(({ name }) => name);
  const has = await askingEvm([], () =>
    Promise.all(emitters.map((name) => outbox.hasRole(role, contracts[name] ?? ""))),
  );
  const without = emitters.filter((_, i) => has[i] === false);
  const calls = without.map((name) => {
    const args = [role, contracts[name] ?? ""] as const;
    const data = Outbox.interface.encodeFunctionData("grantRole", args);
    return { name, left: { contract: "Outbox" as const, to, call: `grantRole(${args.join(", ")})`, data } };
  });
  const admin = await askingEvm([], () => outbox.defaultAdmin());
  if (admin !== wallet.address) return calls.map(({ left }) => left);
  const work = calls.map(({ name, left: { data } }) => ({ name, transaction: { to, data } }));
  if (work.length > 0) await sendTogether(wallet, work, options, async () => undefined);
  return [];
}

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { Wallet } from "ethers";
import { connectEvm } from "#bridge/evm/connectEvm.ts";
import { EvmError } from "#bridge/evm/evmError.ts";
import { type CallLeft, type DeploymentStep, deployContracts } from "#contracts/deploy.ts";
import { DEPLOYABLES, type DeploymentTerms } from "#contracts/deployment.ts";
import { decodeAccount } from "#storage/crypto/identity.ts";
import { formatDetails } from "#storage/error.ts";
import {
  type DeploymentFile,
  deploymentPath,
  loadDeployment,
  saveContracts,
  saveDeployment,
} from "../../bridge/deploymentFile.ts";
import { ledgerTerms } from "../../bridge/deploymentTerms.ts";
import { CliError, cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import { ethereumUrlOf, ownWallet } from "../ethereum.ts";
import type { CliIo } from "../io.ts";
import { accountOf, showKey } from "../keyStore.ts";
import { formatMoney, parseMoney } from "../money.ts";
import { facts, show } from "../output.ts";
import { ethereumAddress } from "../paymentChannel.ts";
import { parseDuration } from "../quantities.ts";
import { signingAccount } from "../submit.ts";

interface DeployFlags {
  readonly ethereum?: string;
  readonly key?: string;
  readonly maxFee?: string;
  readonly owner?: string;
  readonly treasury?: string;
  readonly microgrid?: string;
  readonly rotationDelay?: string;
  readonly fromHeight?: string;
  readonly output?: string;
}

const DEFAULT_ROTATION_DELAY = "1h";

export function deployCommand(bridge: Command, io: CliIo): void {
  bridge
    .command("deploy")
    .description("Deploy every contract of this ledger on Ethereum, for the validators that have bound second keys")
    .option("--ethereum <url>", "JSON-RPC of an Ethereum node (default: ethereumUrl of the home)")
    .option("--key <name>", "Ethereum key that pays (default: the one that init made, or the only one)")
    .option("--max-fee <amount>", "pay at most this for a unit of gas, for example 50gwei (default: 500gwei)")
    .option("--owner <address>", "may recover the bridge and gives roles; best a multisig (default: the payer)")
    .option("--treasury <address>", "gets the energy market's tax (default: the owner)")
    .option("--microgrid <account>", "ledger account that holds the energy on offer (default: the payer's)")
    .option(
      "--rotation-delay <duration>",
      `least time between two changes of the validators, at most 7d (default: ${DEFAULT_ROTATION_DELAY})`,
    )
    .option(
      "--from-height <n>",
      "first block that is anchored; the node must keep all from there on (default: the next)",
    )
    .option("-o, --output <file>", "where the addresses are written (default: contracts.json in the home)")
    .addHelpText(
      "after",
      `\nA run that breaks off has noted what it has sent beside the output, in FILE.part: run it again, and it goes on.\n${example(
        "bridge deploy --ethereum http://127.0.0.1:8545 --key deployer",
      )}`,
    )
    .action(async (flags: DeployFlags, command: Command) => {
      const context = commandContext(io, command);
      await deploy(context, flags);
    });
}

async function deploy(context: CommandContext, flags: DeployFlags): Promise<void> {
  const { io, json, options } = context;
  const given = termsGiven(flags);
  const output = flags.output ?? (options.contractsFile || join(options.home, "contracts.json"));
  if (existsSync(output)) {
    const hint = "the ledger has its contracts; for new ones name another file with --output, or move this one away";
    throw cliError("usage", "CONTRACTS_FILE_EXISTS", `${output} exists already`, hint);
  }
  const part = deploymentPath(output);
  const begun = loadDeployment(part);
  using connection = await connectEvm({
    url: ethereumUrlOf(context, flags),
    fetch: io.fetch,
    ...(begun === undefined ? {} : { chainId: begun.chainId }),
  });
  const { chainId, node } = connection;
  const wallet = await ownWallet(context, flags.key, connection);
  const terms = begun === undefined ? await newTerms(context, flags, given, wallet) : sameTerms(begun, given);
  let file: DeploymentFile = begun ?? { chainId, terms, started: {} };
  if (!json) io.out(facts(headOf({ chainId, node, terms, wallet })));

  const steps: DeploymentStep[] = [];
  const started = performance.now();
  const deployed = await deployContracts(wallet, terms, {
    started: file.started,
    pollingMs: 200,
    ...(flags.maxFee === undefined ? {} : { maxFeePerGasWei: parseMoney(flags.maxFee) }),
    async onStart(contracts) {
      file = { ...file, started: { ...file.started, ...contracts } };
      await saveDeployment(part, file);
    },
    onStep(step) {
      steps.push(step);
      if (!json) io.out(lineOf(step));
    },
  }).catch((error: unknown) => {
    throw brokenOff(error, steps, part);
  });
  const fromBlock = Math.min(...steps.map(({ blockNumber }) => blockNumber));
  const ledgerId = Buffer.from(terms.ledgerId).toString("hex");
  const { contracts, callsLeft } = deployed;
  await saveContracts(output, { chainId, ledgerId, fromBlock, contracts });
  rmSync(part, { force: true });

  const gasUsed = steps.reduce((sum, step) => sum + step.gasUsed, 0n);
  const feeWei = steps.reduce((sum, step) => sum + step.feeWei, 0n);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const view = {
    ...{ file: output, chainId: `${chainId}`, ledgerId, fromBlock, fromHeight: terms.initialHeight, contracts },
    ...{ payer: wallet.address, owner: terms.owner, callsLeft, gasUsed: `${gasUsed}`, feeWei: `${feeWei}`, seconds },
    transactions: steps.map((step) => ({ ...step, gasUsed: `${step.gasUsed}`, feeWei: `${step.feeWei}` })),
  };
  show(io, json, view, () =>
    facts([
      ["in all", `${steps.length} transactions, ${gasUsed} gas, ${formatMoney(feeWei)}`],
      ["addresses", output],
      ...callsLeft.map(callLine),
      ["next", "copy the file into every home, then `energy-ledger bridge configure`"],
    ]),
  );
}

/** As the flags and the ledger say. */
async function newTerms(
  context: CommandContext,
  { key }: DeployFlags,
  given: GivenTerms,
  wallet: Wallet,
): Promise<DeploymentTerms> {
  const own = accountOf(showKey(context.paths.keys, signingAccount(context, key).name).publicKey).account;
  const owner = given.owner ?? wallet.address;
  return {
    ...(await ledgerTerms(context.client(), context.paths.genesis, given.initialHeight)),
    owner,
    treasury: given.treasury ?? owner,
    microgrid: given.microgrid ?? decodeAccount(own),
    minRotationDelay: given.minRotationDelay ?? parseDuration(DEFAULT_ROTATION_DELAY) / 1000,
  };
}

/** As it was begun. @throws CliError DEPLOYMENT_DIFFERS */
function sameTerms({ terms }: DeploymentFile, given: GivenTerms): DeploymentTerms {
  const inWords = (value: unknown) => formatDetails({ code: "", value });
  const differs = Object.entries(given).find(([name, value]) => {
    return value !== undefined && inWords(value) !== inWords(terms[name as keyof GivenTerms]);
  });
  if (differs === undefined) return terms;
  const hint = "leave the flag out to go on as it was begun, or name another file with --output to begin anew";
  throw cliError("usage", "DEPLOYMENT_DIFFERS", `the deployment was begun with another ${differs[0]}`, hint);
}

type GivenTerms = ReturnType<typeof termsGiven>;

/** Read before anything is asked of anybody. @throws CliError, IdentityError */
function termsGiven({ owner, treasury, microgrid, rotationDelay, fromHeight }: DeployFlags) {
  if (fromHeight !== undefined && !/^[1-9]\d{0,14}$/.test(fromHeight))
    throw cliError("usage", "FROM_HEIGHT_INVALID", `${fromHeight} is no height`, "give a whole number from 1 on");
  return {
    owner: owner === undefined ? undefined : ethereumAddress(owner),
    treasury: treasury === undefined ? undefined : ethereumAddress(treasury),
    microgrid: microgrid === undefined ? undefined : decodeAccount(microgrid),
    minRotationDelay: rotationDelay === undefined ? undefined : Math.ceil(parseDuration(rotationDelay) / 1000),
    initialHeight: fromHeight === undefined ? undefined : Number(fromHeight),
  };
}

function headOf(about: { chainId: bigint; node: string; terms: DeploymentTerms; wallet: Wallet }) {
  const { chainId, node, terms, wallet } = about;
  return [
    ["Ethereum", `chain ${chainId} at ${node}`],
    ["payer", wallet.address],
    ["owner", terms.owner],
    ["validators", `${terms.members.length} second keys`],
    ["anchors from", `block ${terms.initialHeight}`],
    ["contracts", DEPLOYABLES.length],
  ] as const;
}

function lineOf({ name, address, gasUsed, feeWei }: DeploymentStep): string {
  const cost = `${gasUsed} gas, ${formatMoney(feeWei)}`;
  return `${name.padEnd(20)}  ${(address ?? "may tell the ledger").padEnd(42)}  ${cost}\n`;
}

function callLine({ to, call, data }: CallLeft) {
  return ["left to the owner", `${call} at the outbox ${to}: ${data}`] as const;
}

/** The error as it came, with what to do about what is on the chain already. */
function brokenOff(error: unknown, steps: readonly DeploymentStep[], part: string): unknown {
  if (!(error instanceof EvmError) || !existsSync(part)) return error;
  const { code, hint: _hint, ...shown } = error.details as EvmError["details"] & { readonly hint?: string };
  const there = steps.flatMap(({ name, address }) => (address === undefined ? [] : [`${name} ${address}`]));
  const hint = `${_hint ?? ""}${_hint ? "; then " : ""}run the command again: it goes on from ${part}`;
  const message = `${formatDetails({ code: "broken off:", ...shown })}; on the chain: ${there.join(", ") || "nothing yet"}`;
  return new CliError({ code, message, hint, exit: "failure", deployed: there });
}

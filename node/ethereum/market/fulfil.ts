import type { Command } from "commander";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { cliError } from "../../cli/cliError.ts";
import { type CommandContext, commandContext, example } from "../../cli/context.ts";
import { contractsOf, withContractsFlag } from "../../cli/ethereum.ts";
import type { CliIo } from "../../cli/io.ts";
import { facts, show } from "../../cli/output.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { signingAccount, signMessages } from "../../cli/submit.ts";
import { type Duty, memoOf, type Rest, readDuties } from "./duties.ts";
import { dutyJson, dutyTable, fromEvent } from "./dutyQuery.ts";

/** Duties of one transaction: their numbers must have room in its memo. */
const MAX_AT_ONCE = 16;

interface FulfilFlags {
  readonly key?: string;
  readonly contracts?: string;
  readonly from?: string;
  readonly dryRun?: boolean;
}

/** The microgrid's part on the ledger: it needs a key of the home and no Ethereum node. */
export function fulfilCommand(group: Command, io: CliIo): void {
  withContractsFlag(
    group
      .command("fulfil")
      .description("As the microgrid's operator: give on the ledger what the market has told it, once for each event")
      .option("--from <n>", fromEvent.about)
      .option("--key <name>", "the microgrid's key (default: the one that init made for it, or the only one)")
      .option("--dry-run", "only show what would be given"),
  )
    .addHelpText("after", example("market fulfil --key operator"))
    .action(async (flags: FulfilFlags, command: Command) => {
      const context = commandContext(io, command);
      const from = flags.from === undefined ? 1 : (fromEvent.parse(flags.from) ?? 1);
      await fulfil(context, flags, from);
    });
}

async function fulfil(context: CommandContext, flags: FulfilFlags, from: number): Promise<void> {
  const { name, account } = signingAccount(context, flags.key);
  const market = addressOfContract(contractsOf(context, flags), EnergyMarket.name);
  const client = context.client();
  const { duties, rests } = await readDuties(client.get, market, from);
  const due = duties.filter(({ doneBy }) => doneBy === undefined);
  const given: Duty[] = [];
  const transactions: string[] = [];
  for (const [backing, rest] of rests) {
    const own = due.filter((duty) => duty.backing === backing && duty.to !== undefined);
    if (own.length === 0) continue;
    if (rest.account !== account) throw notOurs(rest, account);
    let next = rest;
    for (let first = 0; first < own.length; first += MAX_AT_ONCE) {
      const part = own.slice(first, first + MAX_AT_ONCE);
      if (flags.dryRun === true) {
        given.push(...part);
        continue;
      }
      const [txId, left] = await give(context, name, next, part);
      given.push(...part.map((duty) => ({ ...duty, doneBy: txId })));
      transactions.push(txId);
      next = left;
    }
  }
  const left = due.filter(({ event }) => !given.some((one) => one.event === event));
  const view = { dryRun: flags.dryRun === true, transactions, given: given.map(dutyJson), left: left.map(dutyJson) };
  show(context.io, context.json, view, () => {
    const total = given.reduce((sum, { energyMwh }) => sum + energyMwh, 0n);
    const head = facts([
      [flags.dryRun === true ? "would be given" : "given", `${formatEnergy(total)} for ${given.length} events`],
      ["cannot be given", left.length === 0 ? undefined : `${left.length}: a meter without owner, or nothing is left`],
    ]);
    return `${head}${dutyTable([...given, ...left])}`;
  });
}

/** One transfer out of what is left behind an advert; the change stays with the microgrid. @throws CliError ENERGY_INSUFFICIENT */
async function give(
  context: CommandContext,
  keyName: string,
  rest: Rest,
  duties: readonly Duty[],
): Promise<readonly [txId: string, left: Rest]> {
  const sum = duties.reduce((total, { energyMwh }) => total + energyMwh, 0n);
  if (sum > rest.amountMwh) {
    const message = `${rest.txId}:${rest.index} holds ${rest.amountMwh} mWh, ${sum} mWh are due`;
    const hint =
      "the microgrid's account has spent energy that was advertised: transfer it back, and settle it by hand";
    throw cliError("refused", "ENERGY_INSUFFICIENT", message, hint);
  }
  const outputs = duties.map(({ energyMwh, to = "" }) => ({
    amountMwh: energyMwh,
    lock: { threshold: 1, accounts: [to] },
  }));
  const amountMwh = rest.amountMwh - sum;
  const change = { amountMwh, lock: { threshold: 1, accounts: [rest.account] } };
  const message = ledgerMessage("MsgTransferEnergy", {
    signers: [rest.account],
    inputs: [{ txId: new Uint8Array(Buffer.from(rest.txId, "hex")), outputIndex: rest.index }],
    outputs: amountMwh === 0n ? outputs : [...outputs, change],
  });
  const memo = memoOf(duties.map(({ event }) => event));
  const { txId } = await context.client().submit(await signMessages(context, [message], [keyName], memo), "commit");
  return [txId, { txId, index: outputs.length, amountMwh, account: rest.account }];
}

function notOurs(rest: Rest, account: string) {
  const message = `${rest.txId}:${rest.index} is locked to ${rest.account}, the key is ${account}`;
  return cliError("usage", "NOT_THE_MICROGRID", message, "run it with the microgrid's key: --key NAME");
}

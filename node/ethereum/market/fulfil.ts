import type { Command } from "commander";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { CliError, cliError } from "../../cli/cliError.ts";
import { type CommandContext, commandContext, example } from "../../cli/context.ts";
import { contractsOf, withContractsFlag } from "../../cli/ethereum.ts";
import type { CliIo } from "../../cli/io.ts";
import { facts, printable, show } from "../../cli/output.ts";
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
  const reasons = new Map<number, string>();
  for (const [backing, rest] of rests) {
    const own = due.filter((duty) => duty.backing === backing && duty.to !== undefined);
    if (own.length === 0) continue;
    if (rest.account !== account) throw notOurs(rest, account);
    if (flags.dryRun === true) given.push(...own);
    else given.push(...(await giveAll(context, name, rest, own, reasons)));
  }
  const left = due
    .filter(({ event }) => !given.some((one) => one.event === event))
    .map((duty) => ({ duty, reason: reasons.get(duty.event) ?? reasonOf(duty) }));
  const view = {
    dryRun: flags.dryRun === true,
    transactions: [...new Set(given.flatMap(({ doneBy }) => doneBy ?? []))],
    given: given.map(dutyJson),
    left: left.map(({ duty, reason }) => ({ ...dutyJson(duty), reason })),
  };
  show(context.io, context.json, view, () => {
    const total = given.reduce((sum, { energyMwh }) => sum + energyMwh, 0n);
    const head = facts([
      [flags.dryRun === true ? "would be given" : "given", `${formatEnergy(total)} for ${given.length} events`],
      ...left.map(({ duty, reason }) => [`event ${duty.event} cannot be given`, printable(reason)] as const),
    ]);
    return `${head}${dutyTable([...given, ...left.map(({ duty }) => duty)])}`;
  });
}

const reasonOf = ({ to, meterId }: Duty) =>
  to === undefined ? `meter ${meterId} has no owner on the ledger` : "nothing is left of the output behind the advert";

/** In as few transfers as can be; who cannot be given anything (a member that was removed) holds up nobody else. */
async function giveAll(
  context: CommandContext,
  keyName: string,
  rest: Rest,
  duties: readonly Duty[],
  reasons: Map<number, string>,
): Promise<readonly Duty[]> {
  const given: Duty[] = [];
  const waiting = partsOf(duties);
  let next = rest;
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift())
    try {
      const [txId, left] = await give(context, keyName, next, part);
      given.push(...part.map((duty) => ({ ...duty, doneBy: txId })));
      next = left;
    } catch (error) {
      if (!(error instanceof CliError) || error.code !== "TRANSACTION_REFUSED") throw error;
      const [only, ...others] = part;
      if (only !== undefined && others.length === 0) reasons.set(only.event, error.details.message);
      else waiting.unshift(...part.map((duty) => [duty]));
    }
  return given;
}

function partsOf(duties: readonly Duty[]): (readonly Duty[])[] {
  const count = Math.ceil(duties.length / MAX_AT_ONCE);
  return Array.from({ length: count }, (_, i) => duties.slice(i * MAX_AT_ONCE, (i + 1) * MAX_AT_ONCE));
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

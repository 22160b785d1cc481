import { AbiCoder, getAddress, id } from "ethers";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { Flexibility } from "#contracts/abi/Flexibility.ts";
import { CliError } from "../../cli/cliError.ts";
import { formatMoney } from "../../cli/money.ts";
import { table } from "../../cli/output.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { type ActionContext, query } from "../action.ts";

/** What Flexibility.sol gives the outbox, by the hash of the kind: names and types of the payload. */
const KINDS = new Map(
  (
    [
      [
        "Requested",
        ["requestId", "requester", "quantity", "isIncrease", "startMs", "intervalMs", "intervalCount"],
        ["uint256", "address", "uint8", "bool", "uint64", "uint32", "uint16"],
      ],
      ["Accepted", ["positionId", "requestId", "meterKey", "energyMwh"], ["uint256", "uint256", "bytes32", "uint64"]],
      [
        "Closed",
        ["positionId", "requestId", "meterKey", "deliveredMwh", "shortfallMwh", "penaltyWei"],
        ["uint256", "uint256", "bytes32", "uint64", "uint256", "uint256"],
      ],
    ] as const
  ).map(([kind, names, types]) => [id(`Flexibility.${kind}`), { kind, names, types }] as const),
);

/** The newest ones that are looked through; the ledger keeps 4096. */
const MAX_LOOKED = 500;

/** A record of the ledger as `/edream/ethereum-event` has it. */
interface Applied {
  readonly event: { readonly emitter: string; readonly kind: string; readonly payload: string };
  readonly height: string;
}

export const told = query({
  name: "told",
  about: "What the contract has told the ledger, once more than two thirds of the validators have voted for it",
  example: "",
  contract: Flexibility,
  params: {},
  async ask(context) {
    const lane = await record<{ readonly eventNonce: string }>(context, "/edream/ethereum", "");
    const last = Number(lane?.eventNonce ?? 0);
    const events = [];
    for (let number = Math.max(1, last - MAX_LOOKED + 1); number <= last; number++) {
      const shown = eventOf(context, number, await record<Applied>(context, "/edream/ethereum-event", `${number}`));
      if (shown !== undefined) events.push(shown);
    }
    const rows = events.map((one) => [`${one.event}`, one.height, one.kind, wordsOf(one)]);
    return { answer: { events }, text: table(["EVENT", "BLOCK", "KIND", "SAYS"], rows) };
  },
});

interface ToldEvent {
  /** Number in the outbox. */
  readonly event: number;
  /** Of the ledger's block. */
  readonly height: string;
  readonly kind: string;
  readonly [field: string]: unknown;
}

function wordsOf(told: ToldEvent): string {
  const number = (name: string) => BigInt(String(told[name]));
  if (told.kind === "Requested") {
    const wanted = `${told.isIncrease === "true" ? "more" : "less"} load of ${told.quantity === "0" ? "electricity" : "ev"}`;
    const start = new Date(Number(number("startMs"))).toISOString();
    return `request ${told.requestId}: ${wanted}, ${told.intervalCount} × ${number("intervalMs") / 1000n} s from ${start}`;
  }
  const of = `contract ${told.positionId} of request ${told.requestId}`;
  if (told.kind === "Accepted") return `${of}: ${formatEnergy(number("energyMwh"))} of each interval`;
  const [delivered, missing] = [formatEnergy(number("deliveredMwh")), formatEnergy(number("shortfallMwh"))];
  return `${of}: ${delivered} delivered, ${missing} missing, penalty ${formatMoney(number("penaltyWei"))}`;
}

/** Undefined for what another contract has told. */
function eventOf({ file }: ActionContext, number: number, applied: Applied | undefined): ToldEvent | undefined {
  if (applied === undefined) return undefined;
  const { emitter, kind: kindHash, payload } = applied.event;
  const known = KINDS.get(`0x${kindHash}`);
  if (known === undefined || getAddress(`0x${emitter}`) !== addressOfContract(file, Flexibility.name)) return undefined;
  const values = AbiCoder.defaultAbiCoder().decode([...known.types], `0x${payload}`);
  const fields = known.names.map((name, i) => [name, String(values[i])] as const);
  return { event: number, height: applied.height, kind: known.kind, ...Object.fromEntries(fields) };
}

async function record<T>({ ledger }: ActionContext, path: string, data: string): Promise<T | undefined> {
  const query = new URLSearchParams({ path, data: Buffer.from(data).toString("hex") });
  try {
    const { value } = await ledger<{ readonly value: string }>(`/state?${query}`);
    return JSON.parse(Buffer.from(value, "base64").toString("utf8")) as T;
  } catch (error) {
    if (error instanceof CliError && error.details.message.startsWith("QUERY_NOT_FOUND")) return undefined;
    throw error;
  }
}

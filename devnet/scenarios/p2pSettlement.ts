import { OPERATOR_KEY_NAME } from "#node/cli/keyNames.ts";
import { formatMoney } from "#node/cli/money.ts";
import { formatEnergy } from "#node/cli/quantities.ts";
import { cost } from "./cost.ts";
import {
  type Actors,
  type Answer,
  at,
  type Backing,
  BIDDER,
  BOUGHT_WH,
  BUYER,
  MWH_PER_WH,
  OPERATOR,
  type Paid,
  PRODUCER,
  type Purchase,
} from "./p2pCast.ts";
import type { Story } from "./story.ts";
import type { World } from "./world.ts";

/** What the market has decided takes effect on the ledger. */
export async function comeBack(
  world: World,
  story: Story,
  backing: Backing,
  sales: readonly Purchase[],
): Promise<void> {
  const due = await world.until(async () => {
    const { duties } = await world.run(OPERATOR, "market", "duties");
    const told = duties as readonly Answer[];
    return told.length === sales.length + 1 ? told : undefined;
  });
  story.tell("The validators", "vote onto the ledger what the market has told it", {
    events: due
      .map(({ kind, energyMwh, to }) => `${kind} of ${formatEnergy(BigInt(String(energyMwh)))} to ${to}`)
      .join("; "),
  });
  const given = await world.run(OPERATOR, "market", "fulfil", "--key", OPERATOR_KEY_NAME);
  const [txId] = given.transactions as readonly string[];
  story.tell("The microgrid's operator", "hands the energy over on the ledger", {
    "ledger transaction": String(txId),
    "given for events": (given.given as readonly Answer[]).map(({ event }) => event).join(", "),
  });
  const again = await world.run(OPERATOR, "market", "fulfil", "--key", OPERATOR_KEY_NAME);
  story.claim("nothing is given twice", (again.transactions as readonly string[]).length === 0);

  const held = await Promise.all(
    [PRODUCER, BUYER, BIDDER].map(async (name) => {
      const { account } = await world.run(name, "keys", "show", "prosumer");
      return { name, outputs: await outputsOf(world, String(account)) };
    }),
  );
  const inGrid = await outputsOf(world, backing.microgrid);
  const sum = (outputs: readonly Answer[]) =>
    outputs.reduce((total, { amountMwh }) => total + BigInt(String(amountMwh)), 0n);
  const { storedWh } = await world.run(OPERATOR, "market", "terms");
  const bought = held.find(({ name }) => name === BUYER)?.outputs[0];
  const asset = await world.run(BUYER, "query", "asset", String(bought?.output), ...at(world));
  const steps = asset.steps as readonly Answer[];
  story.tell("Everybody", "looks at the energy on the ledger", {
    producer: `${formatEnergy(sum(held[0]?.outputs ?? []))}, what it did not advertise`,
    "first consumer": formatEnergy(sum(held[1]?.outputs ?? [])),
    "second consumer": formatEnergy(sum(held[2]?.outputs ?? [])),
    "microgrid, still on offer": formatEnergy(sum(inGrid)),
    "provenance of the first consumer's": steps.map(({ type, txId: id }) => `${type} ${id}`).join(", "),
  });
  story.claim(
    "each consumer has what it bought",
    held.slice(1).every(({ outputs }) => sum(outputs) === BOUGHT_WH * MWH_PER_WH),
  );
  story.claim(
    "its provenance is complete and leads back to the producer's meter",
    asset.complete === true &&
      steps.some(({ meterId, txId: id }) => meterId === backing.meterId && id === backing.registration),
  );
  story.claim(
    "the microgrid holds what the market has on offer",
    sum(inGrid) === BigInt(String(storedWh)) * MWH_PER_WH,
  );
  const all = [...held.flatMap(({ outputs }) => outputs), ...inGrid];
  story.claim("no energy was made or lost: all of it is what was registered", sum(all) === backing.amountMwh);
}

async function outputsOf(world: World, account: string): Promise<readonly Answer[]> {
  const { outputs } = await world.run(OPERATOR, "query", "outputs", account);
  return outputs as readonly Answer[];
}

/** Who has what, and that all of it is accounted for. */
export async function count(world: World, story: Story, actors: Actors, paid: Paid): Promise<void> {
  const { producer, buyer, bidder } = actors;
  const fetched = await Promise.all([PRODUCER, BIDDER].map((name) => world.run(name, "market", "withdraw")));
  const tax = await world.run(OPERATOR, "market", "withdraw", "--key", OPERATOR_KEY_NAME);
  for (const [who, answer] of [
    ["The producer", fetched[0]],
    ["The second consumer", fetched[1]],
    ["The treasury", tax],
  ] as const)
    story.tell(who, "fetches its money", {
      amount: formatMoney(BigInt(String(answer?.amountWei))),
      ...cost(answer ?? {}),
    });
  const [more, less, lessToo] = [await producer.change(), await buyer.change(), await bidder.change()];
  story.tell("Everybody", "counts", {
    paid: `${formatMoney(paid.total)} for ${formatEnergy(2n * BOUGHT_WH * MWH_PER_WH)}`,
    "the producer has more": `${formatMoney(more)}, after ${formatMoney(world.feesOf(PRODUCER))} for gas`,
    "the first consumer has less": `${formatMoney(-less)}, with ${formatMoney(world.feesOf(BUYER))} for gas`,
    "the second consumer has less": `${formatMoney(-lessToo)}, with ${formatMoney(world.feesOf(BIDDER))} for gas`,
    "the treasury got": formatMoney(paid.tax),
  });
  story.claim("what was paid is share and tax", paid.total === paid.share + paid.tax);
  story.claim("the producer's balance grew by its shares less its gas", more === paid.share - world.feesOf(PRODUCER));
  story.claim(
    "the consumers' balances fell by the price and their gas",
    less === -paid.total / 2n - world.feesOf(BUYER) && lessToo === -paid.total / 2n - world.feesOf(BIDDER),
  );
  story.claim("the treasury could fetch the tax", tax.amountWei === `${paid.tax}`);
  const left = await world.provider.getBalance(world.contract("EnergyMarket"));
  story.claim("nothing is left in the contract", left === 0n);
}

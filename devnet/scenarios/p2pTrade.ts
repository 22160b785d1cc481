import { join } from "node:path";
import { parseEther } from "ethers";
import { formatEnergy } from "#node/cli/quantities.ts";
import { cost } from "./cost.ts";
import { fund } from "./fund.ts";
import {
  type Actors,
  type Answer,
  at,
  type Backing,
  BIDDER,
  BUYER,
  meterOf,
  OPERATOR,
  PRODUCER,
  REGISTERED,
  REGULATOR_KEY,
} from "./p2pCast.ts";
import { deliver, trade } from "./p2pMarket.ts";
import { comeBack, count } from "./p2pSettlement.ts";
import type { ScenarioPlay } from "./scenario.ts";
import type { Story } from "./story.ts";
import { startWorld, type World } from "./world.ts";

/**
 * Seed 004, chapter 5: a producer registers what its panels have fed in, locks it to the microgrid and advertises it; one consumer buys at the minimum price, a second one
 * bids too little, is told why, and places an order that is matched by itself. Each is paid for when the consumer's own meter has sealed the energy; what the contract
 * decides comes back onto the ledger by the validators' votes, and the microgrid hands the energy over there.
 */
export const p2pTrade: ScenarioPlay = async (options, story) => {
  const meters = { intervalMs: 5000, readingMs: 1000, realTime: [BUYER, BIDDER], pastSpeed: 3600 };
  await using world = await startWorld({ ...options, light: 3, bridge: true, ...meters }, story);
  const actors = await takeIn(world, story);
  const backing = await produce(world, story);
  const sales = await trade(world, story, backing);
  const paid = await deliver(world, story, sales);
  await comeBack(world, story, backing, sales);
  await count(world, story, actors, paid);
};

async function takeIn(world: World, story: Story): Promise<Actors> {
  await world.run(OPERATOR, "keys", "new", REGULATOR_KEY);
  const one = parseEther("1");
  const regulator = (await fund(world, OPERATOR, one, REGULATOR_KEY)).address;
  const producer = await fund(world, PRODUCER, one);
  const buyer = await fund(world, BUYER, one);
  const bidder = await fund(world, BIDDER, one);
  story.tell("The ledger", "runs with a bridge to an Ethereum of its own, and all contracts there", {
    chain: world.net.chainId,
    "ledger id": world.ledgerId,
    EnergyMarket: world.contract("EnergyMarket"),
    producer: producer.address,
    consumers: `${buyer.address}, ${bidder.address}`,
  });
  const appointed = await world.run(OPERATOR, "market", "appoint-regulator", regulator);
  story.tell("The owner", "appoints a regulator", { regulator, ...cost(appointed) });
  const by = ["--key", REGULATOR_KEY];
  await world.run(OPERATOR, "market", "enrol-producer", producer.address, ...by);
  const bound = world.run(PRODUCER, "market", "bind-account");
  for (const [consumer, household] of [
    [buyer, 1],
    [bidder, 2],
  ] as const)
    await world.run(
      OPERATOR,
      "market",
      "enrol-consumer",
      consumer.address,
      "--meter",
      meterOf(household, "import"),
      ...by,
    );
  const { participants } = await world.run(OPERATOR, "market", "participants");
  story.tell("The regulator", "takes in a producer and two consumers with their meters", {
    participants: (participants as readonly Answer[])
      .map(({ role, meterId }) => [role, meterId].filter(Boolean).join(" "))
      .join(", "),
  });
  const { ledgerAccount } = await bound;
  const { account } = await world.run(PRODUCER, "keys", "show", "prosumer");
  story.claim("the market derives the producer's account on the ledger from its key", ledgerAccount === account);
  return { producer, buyer, bidder, regulator };
}

async function produce(world: World, story: Story): Promise<Backing> {
  const meterId = meterOf(0, "export");
  const file = join(world.directory, "produced.json");
  const wanted = 1_200_000n;
  await world.until(async () => ((await openedSum(world, PRODUCER, meterId)) >= wanted ? true : undefined));
  const opened = await world.run(PRODUCER, "meters", "openings", meterId, "-o", file);
  const registered = await world.run(
    PRODUCER,
    ...["tx", "register", "--meter", meterId, "--amount", REGISTERED, "--openings", file, ...at(world)],
  );
  const registration = String(registered.txId);
  story.tell("The producer", "registers what its panels have fed in, by the sums that its meter committed to", {
    meter: meterId,
    "sealed intervals": `${opened.openings}, ${formatEnergy(BigInt(String(opened.sumMwh)))}`,
    registered: REGISTERED,
    "ledger transaction": registration,
    "in block": String(registered.height),
  });
  const { microgrid } = await world.run(PRODUCER, "market", "terms");
  const sent = await world.run(
    PRODUCER,
    ...["tx", "transfer", "--input", `${registration}:0`, "--to", `${microgrid}=${REGISTERED}`, ...at(world)],
  );
  const pointer = `${sent.txId}:0`;
  story.tell("The producer", "locks it to the microgrid, and cannot take it back", {
    microgrid: String(microgrid),
    output: pointer,
    "in block": String(sent.height),
  });
  return { pointer, registration, microgrid: String(microgrid), meterId, amountMwh: wanted };
}

/** mWh of the final intervals that a light node can open. */
async function openedSum(world: World, name: string, meterId: string, fromMs = 0): Promise<bigint> {
  const path = `/openings?meter=${encodeURIComponent(meterId)}&from=${fromMs}`;
  const { openings } = await world.ask<{
    openings: readonly { readonly sumMwh: string; readonly amendment?: number }[];
  }>(name, path);
  return openings.reduce((sum, { sumMwh, amendment = 0 }) => sum + (amendment === 0 ? BigInt(sumMwh) : 0n), 0n);
}

import { join } from "node:path";
import { parseEther } from "ethers";
import { marketPrice } from "#bridge/market.ts";
import { OPERATOR_KEY_NAME } from "#node/cli/keyNames.ts";
import { formatMoney } from "#node/cli/money.ts";
import { formatEnergy } from "#node/cli/quantities.ts";
import { householdMeters } from "#node/meter/householdSource.ts";
import { cost } from "./cost.ts";
import { type Funded, fund } from "./fund.ts";
import type { ScenarioPlay } from "./scenario.ts";
import type { Story } from "./story.ts";
import { startWorld, type World } from "./world.ts";

/** Owner of ledger and market, whose account on the ledger is the microgrid's. */
const OPERATOR = "validator0";
const REGULATOR_KEY = "regulator";
/** Has panels. */
const PRODUCER = "light0";
const BUYER = "light1";
const BIDDER = "light2";

const REGISTERED = "1.2kWh";
const ADVERTISED = "1kWh";
/** What meters that measure now can deliver while one looks on: a household takes as much in 5 to 30 seconds. */
const BOUGHT = "1Wh";
const BOUGHT_WH = 1n;
const MWH_PER_WH = 1000n;
/** A price at which nothing comes out even. */
const PRICE_WEI_PER_KWH = parseEther("0.002") + 7n;
const TAX_BPS = 500n;

type Answer = Readonly<Record<string, unknown>>;

interface Actors {
  readonly producer: Funded;
  readonly buyer: Funded;
  readonly bidder: Funded;
  readonly regulator: string;
}

/** A purchase that waits for its energy. */
interface Purchase {
  readonly who: string;
  readonly name: string;
  readonly meterId: string;
  readonly saleId: string;
  readonly total: bigint;
}

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

/** The ledger's node that everybody asks: a light node has no proofs for contracts. */
const at = (world: World) => ["--node", world.node(OPERATOR).apiUrl];

const meterOf = (household: number, direction: "import" | "export") =>
  householdMeters({ households: 1, firstHousehold: household }).find((meter) => meter.direction === direction)
    ?.meterId ?? "";

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

/** The output on the ledger that will stand behind the advert. */
interface Backing {
  readonly pointer: string;
  readonly registration: string;
  readonly microgrid: string;
  readonly meterId: string;
  readonly amountMwh: bigint;
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

async function trade(world: World, story: Story, { pointer }: Backing): Promise<readonly Purchase[]> {
  const price = `${PRICE_WEI_PER_KWH}wei`;
  const offered = await world.run(
    PRODUCER,
    ...["market", "advertise", ADVERTISED, "--price", price, "--backing", pointer, "--wait", "5m", ...at(world)],
  );
  const advertId = String(offered.advertId);
  story.tell(
    "The producer",
    "advertises; the market verifies under an anchor that the energy is in the microgrid, unspent and the producer's",
    {
      advert: advertId,
      energy: ADVERTISED,
      "least price of a kWh": formatMoney(PRICE_WEI_PER_KWH),
      ...cost(offered),
    },
  );
  const { adverts } = (await world.run(BUYER, "market", "adverts")) as { adverts: readonly Answer[] };
  const rule = marketPrice({
    minPriceWeiPerKwh: PRICE_WEI_PER_KWH,
    energyWh: BOUGHT_WH,
    ageSeconds: 0,
    taxBps: TAX_BPS,
  });
  const bought = await world.run(BUYER, "market", "buy", advertId, "--energy", BOUGHT);
  const total = BigInt(String(bought.totalWei));
  story.tell("The first consumer", "sees the advert and buys in its first hour, at the minimum price", {
    sale: String(bought.saleId),
    energy: BOUGHT,
    total: formatMoney(total),
    ...cost(bought),
  });
  story.claim(
    "the price is the minimum one, rounded up to the wei: 10 % more for each hour, none has passed",
    adverts[0]?.priceWeiPerKwh === `${PRICE_WEI_PER_KWH}` && total === rule?.total,
  );

  const bid = ["market", "buy", advertId, "--energy", BOUGHT, "--max", `${total - 1n}wei`];
  const refusal = await world.run(BIDDER, ...bid).then(() => "", String);
  story.tell("The second consumer", "offers a wei less, and is told why that is not enough", {
    words: wordsOf(refusal),
  });
  story.claim(
    "what the contract refuses is said in words, and costs nothing",
    refusal.includes("costs more now than the highest total") && world.feesOf(BIDDER) === 0n,
  );
  const ordered = await world.run(BIDDER, "market", "order", BOUGHT, "--max-price", price, "--for", "1h");
  story.tell("The second consumer", "leaves a bid with its money instead", {
    order: String(ordered.orderId),
    escrow: formatMoney(BigInt(String(ordered.escrowWei))),
    ...cost(ordered),
  });
  const matched = await world.run(OPERATOR, "market", "match", "--key", REGULATOR_KEY);
  const [match] = matched.sales as readonly Answer[];
  story.tell("Somebody", "has orders and adverts matched, without naming any", {
    sale: `${match?.saleId}, of order ${match?.orderId} with advert ${match?.advertId}`,
    total: formatMoney(BigInt(String(match?.totalWei))),
    ...cost(matched),
  });
  story.claim("the order costs what buying would have cost", match?.totalWei === `${total}`);
  const meter = (household: number) => meterOf(household, "import");
  return [
    { who: "The first consumer", name: BUYER, meterId: meter(1), saleId: String(bought.saleId), total },
    { who: "The second consumer", name: BIDDER, meterId: meter(2), saleId: String(match?.saleId), total },
  ];
}

/** What a person reads of a command that has failed. */
function wordsOf(refusal: string): string {
  const json = refusal.slice(refusal.indexOf("{"));
  const { message, hint } = JSON.parse(json) as { readonly message: string; readonly hint: string };
  return `${message}; ${hint}`;
}

interface Paid {
  readonly total: bigint;
  readonly share: bigint;
  readonly tax: bigint;
}

/** Each consumer shows, interval after interval, what its meter has sealed since it bought. */
async function deliver(world: World, story: Story, sales: readonly Purchase[]): Promise<Paid> {
  const settled = await Promise.all(sales.map((sale) => deliverOne(world, sale)));
  let [total, share, tax] = [0n, 0n, 0n];
  for (const [i, { intervals, last }] of settled.entries()) {
    const sale = sales[i] as Purchase;
    const paid = { share: BigInt(String(last.shareWei)), tax: BigInt(String(last.taxWei)) };
    story.tell(sale.who, "has been delivered: its meter's sealed intervals show it, and the sale is paid", {
      sale: sale.saleId,
      meter: sale.meterId,
      "by intervals": intervals.map(({ energyMwh }) => formatEnergy(BigInt(String(energyMwh)))).join(" + "),
      "to the producer": formatMoney(paid.share),
      "to the treasury": formatMoney(paid.tax),
      ...cost(last),
    });
    const shown = intervals.reduce((sum, { energyMwh }) => sum + BigInt(String(energyMwh)), 0n);
    story.claim(
      "the intervals have delivered what was bought, and not a milliwatt hour more",
      shown === BOUGHT_WH * MWH_PER_WH,
    );
    const rule = marketPrice({
      minPriceWeiPerKwh: PRICE_WEI_PER_KWH,
      energyWh: BOUGHT_WH,
      ageSeconds: 0,
      taxBps: TAX_BPS,
    });
    story.claim("share and tax are as the rule says, to the wei", rule?.share === paid.share && rule.tax === paid.tax);
    [total, share, tax] = [total + sale.total, share + paid.share, tax + paid.tax];
  }
  return { total, share, tax };
}

/** Until the sale is paid: what opens the sums is the consumer's own light node's, the proofs are from the ledger's. */
async function deliverOne(world: World, { name, saleId }: Purchase) {
  const intervals: Answer[] = [];
  const command = ["market", "settle", saleId, "--wait", "5m", ...at(world)];
  const last = await world.until(async () => {
    const answer = await world.run(name, ...command).catch(ifNotYet);
    const [sale] = (answer?.sales ?? []) as readonly Answer[];
    if (answer === undefined || sale === undefined) return undefined;
    intervals.push(sale);
    return sale.status === "paid" ? { ...answer, ...sale } : undefined;
  });
  return { intervals, last: last as Answer };
}

/** The meter has not sealed its next interval yet. */
function ifNotYet(error: unknown): undefined {
  if (/INTERVAL_MISSING|OPENING_MISSING/.test(String(error))) return undefined;
  throw error;
}

/** What the market has decided takes effect on the ledger. */
async function comeBack(world: World, story: Story, backing: Backing, sales: readonly Purchase[]): Promise<void> {
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

async function count(world: World, story: Story, actors: Actors, paid: Paid): Promise<void> {
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

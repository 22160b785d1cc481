import { parseEther } from "ethers";
import { formatMoney, parseMoney } from "#node/cli/money.ts";
import { cost } from "./cost.ts";
import { auction, BUYER, cheatedSale, disputedSale, OWNER, RIVAL, SECOND_OFFER } from "./dataSales.ts";
import { type Funded, fund } from "./fund.ts";
import type { ScenarioPlay } from "./scenario.ts";
import { makeArchive } from "./sealedArchive.ts";
import type { Story } from "./story.ts";
import { startWorld, type World } from "./world.ts";

/** Publisher and verifier are services with keys of their own beside the first validator, whose operator owns the contracts. */
const SERVICES = "validator0";
const PUBLISHER = "publisher";
const VERIFIER = "verifier";

interface Actors {
  readonly owner: Funded;
  readonly buyer: Funded;
  readonly rival: Funded;
  readonly publisher: Funded;
  readonly verifier: Funded;
}

/** Wei that went from one to another, as the contract said it in each sale. */
interface Sold {
  readonly auction: { readonly price: bigint; readonly fee: bigint };
  /** What the owner lost for the wrong key. */
  readonly bond: bigint;
  readonly disputed: {
    readonly price: bigint;
    readonly deposit: bigint;
    readonly reward: bigint;
    /** Of the verifier's decision. */
    readonly gas: bigint;
  };
}

/**
 * Seed 000 with the actors of its Fig. 6: a prosumer (data owner) sells an archive of its meter's readings (asset) to one of two consumers, brought by a publisher, on
 * the word of the ledger. The archive's key goes encrypted to the buyer, who reads and compares before it pays. In a second sale the seller hands over another key, and
 * the buyer's proof of that brings it price and bond; in a third the buyer is the one who lies, and a verifier decides.
 */
export const sellData: ScenarioPlay = async (options, story) => {
  // The buyers' own meters are not looked at: an interval an hour.
  const idle = { intervalMs: 3_600_000, readingMs: 60_000, realTime: [BUYER, RIVAL] };
  await using world = await startWorld({ ...options, light: 3, bridge: true, ...idle }, story);
  for (const key of [PUBLISHER, VERIFIER]) await world.run(SERVICES, "keys", "new", key);
  const one = parseEther("1");
  const actors: Actors = {
    owner: await fund(world, OWNER, one),
    buyer: await fund(world, BUYER, one),
    rival: await fund(world, RIVAL, one),
    publisher: await fund(world, SERVICES, one, PUBLISHER),
    verifier: await fund(world, SERVICES, one, VERIFIER),
  };
  story.tell("The ledger", "runs with a bridge to an Ethereum of its own, and all contracts there", {
    chain: world.net.chainId,
    validators: `${options.validators}`,
    "ledger id": world.ledgerId,
    DataMarketplace: world.contract("DataMarketplace"),
    owner: actors.owner.address,
    publisher: actors.publisher.address,
    buyers: `${actors.buyer.address}, ${actors.rival.address}`,
    verifier: actors.verifier.address,
  });
  const archive = await makeArchive(world, OWNER, story);
  const { file, keyFile, ...sold } = await auction(world, story, actors.publisher.address, archive);
  const bond = await cheatedSale(world, story, archive);
  const verifier = { home: SERVICES, key: VERIFIER, address: actors.verifier.address };
  const disputed = await disputedSale(world, story, verifier, { archive, file, keyFile });
  await settle(world, story, actors, { auction: sold, bond, disputed });
};

/** Everybody fetches its money, and it is what the sales said. */
async function settle(
  world: World,
  story: Story,
  actors: Actors,
  { auction: sold, bond, disputed }: Sold,
): Promise<void> {
  const serviceGas = new Map([[VERIFIER, disputed.gas]]);
  for (const [who, home, key] of [
    ["The owner", OWNER, undefined],
    ["The rival", RIVAL, undefined],
    ["The publisher", SERVICES, PUBLISHER],
    ["The verifier", SERVICES, VERIFIER],
  ] as const) {
    const withdrawn = await world.run(home, "data", "withdraw", ...(key === undefined ? [] : ["--key", key]));
    if (key !== undefined) serviceGas.set(key, (serviceGas.get(key) ?? 0n) + BigInt(String(withdrawn.feeWei)));
    const amount = formatMoney(BigInt(String(withdrawn.amountWei)));
    story.tell(who, "fetches its money", { amount, ...cost(withdrawn) });
  }
  const { price, fee } = sold;
  const { deposit, reward } = disputed;
  const counts = [
    {
      who: "owner",
      wei: price - fee - bond + disputed.price + deposit - reward,
      gas: world.feesOf(OWNER),
      is: "both prices and what was left of the buyer's stake, less the publisher's share and its lost bond",
    },
    {
      who: "buyer",
      wei: -price - disputed.price - deposit,
      gas: world.feesOf(BUYER),
      is: "less both prices and its stake",
    },
    { who: "rival", wei: bond, gas: world.feesOf(RIVAL), is: "the bond of who cheated it" },
    { who: "publisher", wei: fee, gas: serviceGas.get(PUBLISHER) ?? 0n, is: "its share" },
    { who: "verifier", wei: reward, gas: serviceGas.get(VERIFIER) ?? 0n, is: "its reward" },
  ] as const;
  const changes = await Promise.all(counts.map(({ who }) => actors[who].change()));
  const told = counts.map(({ who, gas }, i) => [
    who,
    `${formatMoney(changes[i] ?? 0n)}, with ${formatMoney(gas)} for gas`,
  ]);
  story.tell("Everybody", "counts", Object.fromEntries(told));
  story.claim(
    "the highest offer was paid, and a fortieth of it to the publisher",
    price === parseMoney(SECOND_OFFER) && fee === price / 40n,
  );
  for (const [i, { who, wei, gas, is }] of counts.entries())
    story.claim(`the ${who} has ${is}, and has paid its gas`, changes[i] === wei - gas);
  const left = await world.provider.getBalance(world.contract("DataMarketplace"));
  story.claim("nothing is left in the contract", left === 0n);
}

import { join } from "node:path";
import { parseEther } from "ethers";
import { formatMoney, parseMoney } from "#node/cli/money.ts";
import { formatEnergy } from "#node/cli/quantities.ts";
import { householdMeters } from "#node/meter/householdSource.ts";
import { verifySumOpening } from "#storage/types/intervalHash.ts";
import { cost } from "./cost.ts";
import { fund } from "./fund.ts";
import type { ScenarioOptions, ScenarioPlay } from "./scenario.ts";
import { startWorld, type World } from "./world.ts";

/** Wei for a kWh: about a quarter of a euro, at D5.1's 122.43 EUR an ether. */
const PRICE_WEI_PER_KWH = parseEther("0.002");
const DEPOSIT = "0.05ETH";
const INTERVALS = 3;
/** After this many the producer claims for the first time. */
const FIRST_CLAIM = 2;

const CONSUMER = "light0";
const PRODUCER = "light1";

/** A sealed interval of the consumer's meter, as the producer is shown it. */
interface Interval {
  readonly txId: string;
  readonly height: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly readings: number;
  readonly sumMwh: bigint;
  readonly salt: string;
  readonly commitment: string;
}

/**
 * Seed 004 §5.5: a consumer pays a producer for the energy it has taken, interval after interval, by vouchers; only the channel's opening, the producer's claims and
 * what both withdraw are transactions on Ethereum. What was taken is what the consumer's meter sealed on the ledger: the producer opens the committed
 * sum and verifies the interval's proof before it believes a voucher to be enough.
 */
export const payAsYouGo: ScenarioPlay = async (options, story) => {
  await using world = await startWorld({ ...options, light: 2, bridge: true }, story);
  const meterId = householdMeters({ households: 1, firstHousehold: 0 })[0]?.meterId ?? "";
  story.tell("The ledger", "runs, and an Ethereum of its own", {
    chain: world.net.chainId,
    validators: `${options.validators}`,
    "ledger id": world.ledgerId,
    "Ethereum chain": `${world.chainId}`,
  });

  const address = world.contract("PaymentChannel");
  const consumer = await fund(world, CONSUMER, parseEther("1"));
  const producer = await fund(world, PRODUCER, parseEther("1"));
  story.tell("The operator", "has deployed the contracts, and gives both sides an ether", {
    PaymentChannel: address,
    Bridge: world.contract("Bridge"),
    consumer: consumer.address,
    producer: producer.address,
  });

  const on = ["--ethereum", world.ethereumUrl];
  const opened = await world.run(
    CONSUMER,
    "channel",
    "open",
    "--to",
    producer.address,
    "--deposit",
    DEPOSIT,
    "--for",
    "30d",
    ...on,
  );
  const channelId = String(opened.channelId);
  story.tell("The consumer", "opens a channel", {
    channel: channelId,
    deposit: DEPOSIT,
    expires: String(opened.expires),
    ...cost(opened),
  });

  const voucher = join(options.directory, "voucher.json");
  let [taken, owed, paid] = [0n, 0n, 0n];
  // What the meter sealed before is not paid for by this channel.
  let lastEndMs = await lastSealedMs(world, meterId);
  for (let number = 1; number <= INTERVALS; number++) {
    const interval = await nextInterval(world, meterId, lastEndMs);
    lastEndMs = interval.endMs;
    const proof = await proved(world, options, interval);
    taken += interval.sumMwh;
    // Rounded up: the producer is never short of a wei.
    owed = (taken * PRICE_WEI_PER_KWH + 999_999n) / 1_000_000n;
    await world.run(CONSUMER, "channel", "pay", channelId, "--total", `${owed}wei`, "-o", voucher);
    story.tell("The consumer", `pays for interval ${number} by a voucher`, {
      interval: `${time(interval.startMs)} to ${time(interval.endMs)}, ${interval.readings} readings`,
      energy: formatEnergy(interval.sumMwh),
      "ledger transaction": interval.txId,
      "in block": `${interval.height}, hash ${proof.blockHash}`,
      "owed in all": formatMoney(owed),
    });
    story.claim("the interval's proof holds under the block hash of another node", proof.verified);
    story.claim("the energy is what the meter committed to", opensCommitment(interval));
    story.claim(
      "the bridge contract takes the interval's proof under an anchor",
      await provedOnChain(world, options, interval),
    );
    const checked = await world.run(PRODUCER, "channel", "check", voucher, "--at-least", `${owed}wei`, ...on);
    story.claim("the producer finds the voucher good for all that was taken", checked.holds === true);
    if (number === FIRST_CLAIM) {
      const claimed = await world.run(PRODUCER, "channel", "claim", voucher, ...on);
      paid += BigInt(String(claimed.creditedWei));
      story.tell("The producer", "claims what it is owed so far; the channel stays open", {
        credited: formatMoney(paid),
        ...cost(claimed),
      });
    }
  }

  const closed = await world.run(PRODUCER, "channel", "claim", voucher, "--close", ...on);
  paid += BigInt(String(closed.creditedWei));
  const returned = BigInt(String(closed.returnedWei));
  story.tell("The producer", "claims the last voucher and closes", {
    "credited in all": formatMoney(paid),
    "returned to the consumer": formatMoney(returned),
    ...cost(closed),
  });
  for (const [name, who] of [
    [PRODUCER, "The producer"],
    [CONSUMER, "The consumer"],
  ] as const) {
    const withdrawn = await world.run(name, "channel", "withdraw", ...on);
    const amount = formatMoney(BigInt(String(withdrawn.amountWei)));
    story.tell(who, "fetches its money", { amount, ...cost(withdrawn) });
  }

  const [ofProducer, ofConsumer] = [await producer.change(), await consumer.change()];
  story.tell("Everybody", "counts", {
    "energy taken": formatEnergy(taken),
    "paid for it": formatMoney(paid),
    "the producer has more": `${formatMoney(ofProducer)}, after ${formatMoney(world.feesOf(PRODUCER))} for gas`,
    "the consumer has less": `${formatMoney(-ofConsumer)}, with ${formatMoney(world.feesOf(CONSUMER))} for gas`,
  });
  story.claim("what was paid is the price of the energy that was sealed, to the wei", paid === owed);
  story.claim("what was escrowed is what was paid and what came back", parseMoney(DEPOSIT) === paid + returned);
  story.claim("the producer's balance grew by the price less its gas", ofProducer === paid - world.feesOf(PRODUCER));
  story.claim("the consumer's balance fell by the price and its gas", ofConsumer === -paid - world.feesOf(CONSUMER));
  story.claim("nothing is left in the contract", (await world.provider.getBalance(address)) === 0n);
};

interface Opening {
  readonly intervalEndMs: number;
  readonly amendment?: number;
  readonly sumMwh: string;
  readonly salt: string;
}

/** What opens the sums of final intervals that end behind `afterMs`, at most 1000 of them, from the meter's own light node. */
async function openingsAfter(world: World, meterId: string, afterMs: number): Promise<readonly Opening[]> {
  const path = `/openings?meter=${encodeURIComponent(meterId)}&from=${afterMs + 1}`;
  const { openings } = await world.ask<{ openings: readonly Opening[] }>(CONSUMER, path);
  return openings.filter(({ amendment = 0 }) => amendment === 0);
}

async function lastSealedMs(world: World, meterId: string): Promise<number> {
  return (await openingsAfter(world, meterId, 0)).at(-1)?.intervalEndMs ?? 0;
}

/** A final interval of the meter that ends behind `afterMs`: its transaction from a validator, what opens its sum from the meter's own light node. */
async function nextInterval(world: World, meterId: string, afterMs: number): Promise<Interval> {
  const meter = encodeURIComponent(meterId);
  return world.until(async () => {
    const [opening] = await openingsAfter(world, meterId, afterMs);
    if (opening === undefined) return undefined;
    const { transactions } = await world.ask<{ transactions: readonly { txId: string; height: number }[] }>(
      "validator0",
      `/transactions?meter=${meter}`,
    );
    for (const { txId, height } of transactions) {
      const { messages } = await world.ask<{ messages: readonly Record<string, string>[] }>(
        "validator0",
        `/transactions/${txId}`,
      );
      const sealed = messages.find(
        (message) => message.meterId === meterId && Number(message.intervalEndMs) === opening.intervalEndMs,
      );
      if (sealed === undefined) continue;
      return {
        ...{ txId, height, startMs: Number(sealed.intervalStartMs), endMs: opening.intervalEndMs },
        ...{ readings: Number(sealed.readingCount), commitment: String(sealed.sumCommitment) },
        ...{ sumMwh: BigInt(opening.sumMwh), salt: opening.salt },
      };
    }
    return undefined;
  });
}

/** The producer fetches the transaction's proof, and verifies it under the hash of that block at another validator. */
async function proved(world: World, { directory, validators }: ScenarioOptions, { txId, height }: Interval) {
  const file = join(directory, `${txId}.json`);
  await world.run(PRODUCER, "prove", txId, "-o", file, "--node", world.node("validator0").apiUrl);
  const other = `validator${validators - 1}`;
  const { hash } = await world.until(async () => {
    // The hash of a block is in the next header.
    const next = await world
      .ask<{ lastBlockId: { hash: string } }>(other, `/headers/${height + 1}`)
      .catch(() => undefined);
    return next?.lastBlockId;
  });
  const { verified } = await world.run(PRODUCER, "verify", file, "--trusted-hash", hash);
  return { verified: verified === true, blockHash: hash };
}

/** The same to whoever believes Ethereum only: the contract is asked, once the validators' anchor has the block. */
async function provedOnChain(world: World, { directory }: ScenarioOptions, { txId, height }: Interval) {
  await world.anchored(height);
  const file = join(directory, `${txId}.bridge.json`);
  await world.run(PRODUCER, "bridge", "prove", txId, "-o", file, "--node", world.node("validator0").apiUrl);
  const verified = await world.run(PRODUCER, "bridge", "verify", file);
  return verified.txId === `0x${txId}` && verified.height === height;
}

function opensCommitment({ commitment, sumMwh, readings, salt }: Interval): boolean {
  const opening = { sum: sumMwh, count: readings, salt: new Uint8Array(Buffer.from(salt, "hex")) };
  return verifySumOpening(new Uint8Array(Buffer.from(commitment, "hex")), opening).accepted;
}

const time = (ms: number) => new Date(ms).toISOString();

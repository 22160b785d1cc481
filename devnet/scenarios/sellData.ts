import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEther } from "ethers";
import { sealKey } from "#bridge/ecies.ts";
import { formatMoney, parseMoney } from "#node/cli/money.ts";
import { formatEnergy } from "#node/cli/quantities.ts";
import { pointText, publicPoint } from "#node/ethereum/data/dataParams.ts";
import { readMdmsCsv } from "#node/mdms/mdmsCsv.ts";
import { householdMeters } from "#node/meter/householdSource.ts";
import { verifySumOpening } from "#storage/types/intervalHash.ts";
import { type Funded, fund } from "./fund.ts";
import type { ScenarioPlay } from "./scenario.ts";
import type { Story } from "./story.ts";
import { startWorld, type World } from "./world.ts";

/** Of the owner's meter, a quarter of an hour each. */
const INTERVALS = 6;
const INTERVAL_MS = 15 * 60_000;

const RESERVE = "0.02ETH";
const FIRST_OFFER = "0.03ETH";
const SECOND_OFFER = "0.05ETH";
const BUY_NOW = "0.1ETH";
const PUBLISHER_SHARE = "2.5%";
const BOND = "0.01ETH";

const OWNER = "light0";
const BUYER = "light1";
const RIVAL = "light2";
/** Brings buyers; a key of its own at the first validator, which runs the service. */
const PUBLISHER_HOME = "validator0";
const PUBLISHER_KEY = "publisher";

type Answer = Readonly<Record<string, unknown>>;

interface Actors {
  readonly owner: Funded;
  readonly buyer: Funded;
  readonly rival: Funded;
  readonly publisher: Funded;
}

/** An archive that its owner has sealed on the ledger, and what the ledger knows of its intervals. */
interface SealedArchive {
  readonly txId: string;
  readonly cid: string;
  readonly meterId: string;
  readonly intervals: readonly SealedInterval[];
}

/** With its sum opened by the owner's light node. */
interface SealedInterval {
  readonly endMs: number;
  readonly readings: number;
  readonly sumMwh: bigint;
  readonly isOpened: boolean;
}

/**
 * Seed 000 with the actors of its Fig. 6: a prosumer (data owner) sells an archive of its meter's readings (asset) to one of two consumers, found by a publisher, on
 * the word of the ledger. The archive's key goes encrypted to the buyer, who reads and compares before it pays; in a second sale the seller hands over another
 * key, and the buyer's proof of that brings it price and bond.
 */
export const sellData: ScenarioPlay = async (options, story) => {
  // The buyers' own meters are not looked at: an interval an hour.
  const idle = { intervalMs: 3_600_000, readingMs: 60_000, realTime: [BUYER, RIVAL] };
  await using world = await startWorld({ ...options, light: 3, bridge: true, ...idle }, story);
  await world.run(PUBLISHER_HOME, "keys", "new", PUBLISHER_KEY);
  const one = parseEther("1");
  const actors: Actors = {
    owner: await fund(world, OWNER, one),
    buyer: await fund(world, BUYER, one),
    rival: await fund(world, RIVAL, one),
    publisher: await fund(world, PUBLISHER_HOME, one, PUBLISHER_KEY),
  };
  story.tell("The ledger", "runs with a bridge to an Ethereum of its own, and all contracts there", {
    chain: world.net.chainId,
    validators: `${options.validators}`,
    "ledger id": world.ledgerId,
    DataMarketplace: world.contract("DataMarketplace"),
    owner: actors.owner.address,
    publisher: actors.publisher.address,
    buyers: `${actors.buyer.address}, ${actors.rival.address}`,
  });
  const archive = await makeArchive(world, story);
  const sale = await firstSale(world, story, actors, archive);
  const bond = await secondSale(world, story, archive);
  await settle(world, story, actors, { ...sale, bond });
};

/** The ledger's node that everybody asks: a light node has no proofs for contracts. */
const at = (world: World) => ["--node", world.node("validator0").apiUrl];

async function makeArchive(world: World, story: Story): Promise<SealedArchive> {
  const meterId = householdMeters({ households: 1, firstHousehold: 0 })[0]?.meterId ?? "";
  const intervals = await world.until(() => sealedIntervals(world, meterId));
  const fromMs = (intervals[0]?.endMs ?? 0) - INTERVAL_MS;
  const untilMs = intervals.at(-1)?.endMs ?? 0;
  const span = ["--meter", meterId, "--from", `${fromMs}`, "--to", `${untilMs}`];
  const made = await world.run(OWNER, "archive", "make", ...span, ...at(world));
  const { txId, height } = made.sealed as { readonly txId: string; readonly height: number };
  const cid = String(made.cid);
  story.tell("The owner", `makes an archive of ${INTERVALS} intervals that its meter has sealed`, {
    meter: meterId,
    period: `${time(fromMs)} to ${time(untilMs)}`,
    readings: `${made.readingCount}, in ${made.fileBytes} bytes, encrypted`,
    cid,
    "ledger transaction": txId,
    "in block": `${height}`,
  });
  const compared = await world.run(OWNER, "archive", "verify", cid, "--meter", meterId, "--intervals", ...at(world));
  const { intact = 0 } = (compared.intervals ?? {}) as { readonly intact?: number };
  story.claim("its readings are those of the sealed intervals, each and every one", intact === INTERVALS);
  const sealed = intervals.reduce((sum, { readings }) => sum + readings, 0);
  story.claim("their number is the number that was sealed", made.readingCount === sealed);
  return { txId, cid, meterId, intervals };
}

/** Intervals of the meter in a row, of its latest ones, that the ledger and the owner's light node have. */
async function sealedIntervals(world: World, meterId: string): Promise<readonly SealedInterval[] | undefined> {
  const meter = encodeURIComponent(meterId);
  const { openings } = await world.ask<{ openings: readonly Opening[] }>(OWNER, `/openings?meter=${meter}`);
  const final = openings.filter(({ amendment = 0 }) => amendment === 0);
  const path = `/transactions?meter=${meter}&limit=50`;
  const { transactions } = await world.ask<{ transactions: readonly { txId: string }[] }>("validator0", path);
  const row: SealedInterval[] = [];
  // Newest first.
  for (const { txId } of transactions) {
    const { messages } = await world.ask<{ messages: readonly Answer[] }>("validator0", `/transactions/${txId}`);
    for (const message of messages) {
      const interval = openedInterval(message, meterId, final);
      if (interval === undefined) continue;
      if (row[0] !== undefined && row[0].endMs !== interval.endMs + INTERVAL_MS) row.length = 0;
      row.unshift(interval);
      if (row.length === INTERVALS) return row;
    }
  }
  return undefined;
}

function openedInterval(message: Answer, meterId: string, openings: readonly Opening[]): SealedInterval | undefined {
  const endMs = Number(message.intervalEndMs);
  const opening = message.meterId === meterId ? openings.find((each) => each.intervalEndMs === endMs) : undefined;
  if (opening === undefined) return undefined;
  const [readings, sumMwh] = [Number(message.readingCount), BigInt(opening.sumMwh)];
  const opened = { sum: sumMwh, count: readings, salt: bytesOf(opening.salt) };
  return {
    endMs,
    readings,
    sumMwh,
    isOpened: verifySumOpening(bytesOf(String(message.sumCommitment)), opened).accepted,
  };
}

interface Opening {
  readonly intervalEndMs: number;
  readonly amendment?: number;
  readonly sumMwh: string;
  readonly salt: string;
}

/** Two bid until the deadline; the key goes to the winner, who reads, compares and pays. */
async function firstSale(world: World, story: Story, { publisher }: Actors, archive: SealedArchive) {
  const terms = ["--reserve", RESERVE, "--buy-now", BUY_NOW, "--for", "1h", "--wait", "60s"];
  const service = ["--publisher", publisher.address, "--publisher-share", PUBLISHER_SHARE];
  const listed = await world.run(OWNER, "data", "list", archive.txId, ...terms, ...service, ...at(world));
  const id = String(listed.listingId);
  story.tell("The owner", "lists the archive; the contract verifies that it is its owner who sealed it", {
    listing: id,
    price: `${RESERVE} to ${BUY_NOW}, offers until ${listed.until}`,
    "publisher's share": PUBLISHER_SHARE,
    "bond for the right key": formatMoney(BigInt(String(listed.bondWei))),
    ...cost(listed),
  });
  const listing = await world.run(BUYER, "data", "listing", id);
  const described = listing.archive as Answer;
  story.claim(
    "a buyer reads from the listing which meter's readings they are, and the ledger's transaction",
    described.meterId === archive.meterId &&
      described.ledgerTransaction === `0x${archive.txId}` &&
      listing.cid === archive.cid,
  );

  for (const [who, name, amount] of [
    ["The rival", RIVAL, FIRST_OFFER],
    ["The buyer", BUYER, SECOND_OFFER],
  ] as const) {
    const offered = await world.run(name, "data", "offer", id, "--amount", amount);
    const outbid = offered.outbid === null ? undefined : String(offered.outbid);
    story.tell(who, "makes a one-time key and an offer", { amount, outbids: outbid, ...cost(offered) });
  }
  const back = await world.run(RIVAL, "data", "withdraw");
  story.tell("The rival", "is outbid, and fetches its money", { amount: amountOf(back), ...cost(back) });
  story.claim("who was outbid has the whole offer back", back.amountWei === `${parseMoney(FIRST_OFFER)}`);

  await world.provider.send("evm_increaseTime", [3600]);
  await world.until(async () =>
    (await world.run(BUYER, "data", "listing", id)).phase === "awaitsKey" ? true : undefined,
  );
  const released = await world.run(OWNER, "data", "release", id);
  story.tell("The owner", "hands the key over when the hour is over, in a box for the buyer", {
    box: String(released.box),
    ...cost(released),
  });
  const keyFile = join(world.directory, "seller.key");
  const [first, last] = [archive.intervals[0], archive.intervals.at(-1)];
  const span = ["--from", `${(first?.endMs ?? 0) - INTERVAL_MS}`, "--to", `${last?.endMs ?? 0}`];
  await world.run(OWNER, "archive", "key", "--meter", archive.meterId, ...span, "-o", keyFile);
  const key = readFileSync(keyFile, "utf8").trim();
  const sent = await world.provider.getTransaction(String(released.txHash));
  story.claim("the key itself is not in the transaction", sent !== null && !sent.data.includes(key));

  const file = join(world.directory, "archive.bin");
  await world.run(OWNER, "archive", "get", archive.cid, "-o", file);
  const csv = join(world.directory, "readings.csv");
  const bought = join(world.directory, "buyer.key");
  const to = ["--file", file, "-o", csv, "--key-output", bought];
  const opened = await world.run(BUYER, "data", "open", id, ...to, ...at(world));
  const readings = [];
  for await (const { value } of readMdmsCsv([readFileSync(csv)])) readings.push(BigInt(value));
  const read = readings.reduce((total, value) => total + value, 0n);
  story.tell("The buyer", "opens the box, decrypts the archive and reads it", {
    file: `${String(opened.cid)}, as the ledger has it`,
    readings: `${readings.length}`,
    energy: formatEnergy(read),
    "sealed by": String(opened.sealedBy),
  });
  const { intervals } = archive;
  const committed = intervals.reduce((total, { sumMwh }) => total + sumMwh, 0n);
  story.claim("the file is the one whose hash is on the ledger and in the listing", opened.intact === true);
  story.claim("the key is the owner's", readFileSync(bought, "utf8").trim() === key);
  story.claim(
    "as many readings as the meter sealed",
    readings.length === intervals.reduce((total, each) => total + each.readings, 0),
  );
  story.claim(
    "and their sum is what the meter committed to",
    read === committed && intervals.every(({ isOpened }) => isOpened),
  );

  const accepted = await world.run(BUYER, "data", "accept", id);
  const [share, fee] = [BigInt(String(accepted.shareWei)), BigInt(String(accepted.publisherFeeWei))];
  story.tell("The buyer", "accepts", {
    "to the owner": `${formatMoney(share)} and its bond`,
    "to the publisher": formatMoney(fee),
    ...cost(accepted),
  });
  return { price: share + fee, fee };
}

/** The seller releases a key that it makes up; what the buyer can do about it. @returns the bond that the seller loses */
async function secondSale(world: World, story: Story, archive: SealedArchive): Promise<bigint> {
  const terms = ["--reserve", RESERVE, "--buy-now", BUY_NOW, "--bond", BOND, "--for", "1h", "--wait", "60s"];
  const listed = await world.run(OWNER, "data", "list", archive.txId, ...terms, ...at(world));
  const id = String(listed.listingId);
  const offered = await world.run(RIVAL, "data", "offer", id, "--amount", BUY_NOW);
  story.tell("The rival", "buys the second listing of the archive at once", {
    listing: id,
    price: formatMoney(BigInt(String(offered.priceWei))),
    ...cost(offered),
  });

  const { offers } = (await world.run(OWNER, "data", "offers", id)) as { offers: readonly Answer[] };
  const buyer = publicPoint("").parse(String(offers.at(-1)?.publicKey));
  const context = { chainId: world.chainId, contract: world.contract("DataMarketplace"), listingId: BigInt(id) };
  const { ephemeral, box } = sealKey(randomBytes(32), buyer, context, randomBytes(32));
  const made = ["--ephemeral", pointText(ephemeral), "--box", Buffer.from(box).toString("hex")];
  const released = await world.run(OWNER, "data", "release", id, ...made);
  story.tell("The owner", "cheats: it hands over a box with another key", {
    box: String(released.box),
    ...cost(released),
  });

  const refusal = await world.run(RIVAL, "data", "open", id, ...at(world)).then(() => "", String);
  story.claim("the buyer's own command finds that the key is wrong", refusal.includes("RELEASED_KEY_WRONG"));
  const proved = await world.run(RIVAL, "data", "prove-wrong-key", id);
  const bond = BigInt(String(proved.bondWei));
  story.tell("The rival", "proves it to the contract, which opens the box itself", {
    "price back": formatMoney(BigInt(String(proved.priceWei))),
    "and the bond": formatMoney(bond),
    ...cost(proved),
  });
  story.claim("the seller loses its bond to the buyer", bond === parseMoney(BOND));
  return bond;
}

async function settle(
  world: World,
  story: Story,
  { owner, buyer, rival, publisher }: Actors,
  { price, fee, bond }: { readonly price: bigint; readonly fee: bigint; readonly bond: bigint },
): Promise<void> {
  let publisherGas = 0n;
  for (const [who, name, ...key] of [
    ["The owner", OWNER],
    ["The rival", RIVAL],
    ["The publisher", PUBLISHER_HOME, "--key", PUBLISHER_KEY],
  ] as [string, string, ...string[]][]) {
    const withdrawn = await world.run(name, "data", "withdraw", ...key);
    if (name === PUBLISHER_HOME) publisherGas = BigInt(String(withdrawn.feeWei));
    story.tell(who, "fetches its money", { amount: amountOf(withdrawn), ...cost(withdrawn) });
  }
  const changes = {
    owner: await owner.change(),
    buyer: await buyer.change(),
    rival: await rival.change(),
    publisher: await publisher.change(),
  };
  story.tell("Everybody", "counts", {
    "paid for the archive": `${formatMoney(price)}, ${formatMoney(fee)} of it to the publisher`,
    "the owner has more": `${formatMoney(changes.owner)}, without a bond of ${formatMoney(bond)}, after ${formatMoney(world.feesOf(OWNER))} for gas`,
    "the buyer has less": `${formatMoney(-changes.buyer)}, with ${formatMoney(world.feesOf(BUYER))} for gas`,
    "the rival has more": `${formatMoney(changes.rival)}, after ${formatMoney(world.feesOf(RIVAL))} for gas`,
    "the publisher has more": `${formatMoney(changes.publisher)}, after ${formatMoney(publisherGas)} for gas`,
  });
  story.claim("the highest offer was paid", price === parseMoney(SECOND_OFFER));
  story.claim("the publisher has its share of it", fee === price / 40n && changes.publisher === fee - publisherGas);
  story.claim(
    "the owner has the price less that share, its lost bond and its gas",
    changes.owner === price - fee - bond - world.feesOf(OWNER),
  );
  story.claim("the buyer has paid the price and its gas", changes.buyer === -price - world.feesOf(BUYER));
  story.claim("the rival has the bond of who cheated it, less its gas", changes.rival === bond - world.feesOf(RIVAL));
  const left = await world.provider.getBalance(world.contract("DataMarketplace"));
  story.claim("nothing is left in the contract", left === 0n);
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const time = (ms: number) => new Date(ms).toISOString();
const amountOf = ({ amountWei }: Answer) => formatMoney(BigInt(String(amountWei)));

/** Gas and money of a command's transaction, as facts of a step. */
function cost({ txHash, blockNumber, gasUsed, feeWei }: Answer): Readonly<Record<string, string>> {
  return {
    "Ethereum transaction": String(txHash),
    "in its block": String(blockNumber),
    gas: `${gasUsed}, ${formatMoney(BigInt(String(feeWei)))}`,
  };
}

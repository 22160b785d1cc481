import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sealKey } from "#bridge/ecies.ts";
import { formatMoney, parseMoney } from "#node/cli/money.ts";
import { formatEnergy } from "#node/cli/quantities.ts";
import { pointText, publicPoint } from "#node/ethereum/data/dataParams.ts";
import { readMdmsCsv } from "#node/mdms/mdmsCsv.ts";
import { cost } from "./cost.ts";
import { at, type SealedArchive } from "./sealedArchive.ts";
import type { Story } from "./story.ts";
import type { World } from "./world.ts";

export const OWNER = "light0";
export const BUYER = "light1";
export const RIVAL = "light2";

const RESERVE = "0.02ETH";
const FIRST_OFFER = "0.03ETH";
export const SECOND_OFFER = "0.05ETH";
export const BUY_NOW = "0.1ETH";
const PUBLISHER_SHARE = "2.5%";
const BOND = "0.01ETH";

type Answer = Readonly<Record<string, unknown>>;

/** Two bid until the deadline; the key goes to the winner, who reads, compares and pays. */
export async function auction(world: World, story: Story, publisher: string, archive: SealedArchive) {
  const terms = ["--reserve", RESERVE, "--buy-now", BUY_NOW, "--for", "1h", "--wait", "60s"];
  const service = ["--publisher", publisher, "--publisher-share", PUBLISHER_SHARE];
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

  const file = join(world.directory, "archive.bin");
  await world.run(OWNER, "archive", "get", archive.cid, "-o", file);
  const compared = ["--meter", archive.meterId, "--file", file, "--sealed-only"];
  const { intact } = await world.run(BUYER, "archive", "verify", archive.cid, ...compared, ...at(world));
  story.claim("it has the encrypted file, which is the sealed one, before it offers anything", intact === true);

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
  await world.run(OWNER, "archive", "key", ...archive.span, "-o", keyFile);
  const key = readFileSync(keyFile, "utf8").trim();
  const sent = await world.provider.getTransaction(String(released.txHash));
  story.claim("the key itself is not in the transaction", sent !== null && !sent.data.includes(key));

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
  return { price: share + fee, fee, file, keyFile };
}

/** A listing of the archive that one buyer takes for buy-now. @returns its number */
async function soldAtOnce(world: World, archive: SealedArchive, buyer: string): Promise<string> {
  const terms = ["--reserve", RESERVE, "--buy-now", BUY_NOW, "--bond", BOND, "--for", "1h", "--wait", "60s"];
  const listed = await world.run(OWNER, "data", "list", archive.txId, ...terms, ...at(world));
  const id = String(listed.listingId);
  await world.run(buyer, "data", "offer", id, "--amount", BUY_NOW);
  return id;
}

/** The seller releases a key that it makes up; what the buyer can do about it. @returns the bond that the seller loses */
export async function cheatedSale(world: World, story: Story, archive: SealedArchive): Promise<bigint> {
  const id = await soldAtOnce(world, archive, RIVAL);
  story.tell("The rival", "buys another listing of the archive at once", { listing: id, price: BUY_NOW });

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

/** Who decides a dispute: a key of a node's home, which the contracts' owner there has appointed. */
export interface Verifier {
  readonly home: string;
  readonly key: string;
  readonly address: string;
}

/** The buyer says that the right key is wrong; a verifier looks, and decides for the seller. */
export async function disputedSale(
  world: World,
  story: Story,
  { home, key, address }: Verifier,
  given: { readonly archive: SealedArchive; readonly file: string; readonly keyFile: string },
) {
  const { archive, file, keyFile } = given;
  const id = await soldAtOnce(world, archive, BUYER);
  await world.run(OWNER, "data", "release", id);
  const reason = join(world.directory, "reason.txt");
  writeFileSync(reason, "The key that I was given does not open the archive.\n");
  const disputed = await world.run(BUYER, "data", "dispute", id, "--reason", reason);
  const deposit = BigInt(String(disputed.valueWei));
  story.tell("The buyer", "buys once more, is given the right key, and says that it does not open the archive", {
    listing: id,
    price: BUY_NOW,
    "at stake": formatMoney(deposit),
    "reason's SHA-256": String(disputed.reasonHash),
    ...cost(disputed),
  });
  await world.run(home, "data", "appoint-verifier", address);
  const shown = ["--meter", archive.meterId, "--file", file, "--key-file", keyFile];
  const { intact } = await world.run(home, "archive", "verify", archive.cid, ...shown);
  const decided = await world.run(home, "data", "decide", id, "--winner", "seller", "--key", key);
  const reward = BigInt(String(decided.rewardWei));
  story.tell("The verifier", "is shown the key, opens the archive with it, and decides for the owner", {
    "its reward": formatMoney(reward),
    ...cost(decided),
  });
  story.claim("the verifier finds the archive intact under the key that was promised", intact === true);
  story.claim("a tenth of the loser's stake is the verifier's", reward === deposit / 10n);
  return { deposit, reward, price: parseMoney(BUY_NOW), gas: BigInt(String(decided.feeWei)) };
}

const amountOf = ({ amountWei }: Answer) => formatMoney(BigInt(String(amountWei)));

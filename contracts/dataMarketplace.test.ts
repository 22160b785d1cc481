import { hexlify, ZeroAddress, ZeroHash } from "ethers";
import { afterAll, describe, expect, test } from "vitest";
import {
  type BoxOpening,
  keyHashOf,
  openingOfWrongKey,
  openKey,
  publicPointOf,
  releaseHashOf,
  sealKey,
} from "#bridge/ecies.ts";
import { Bridge } from "./abi/Bridge.ts";
import { DataMarketplace } from "./abi/DataMarketplace.ts";
import { ReentrantReceiver } from "./abi/harness/ReentrantReceiver.ts";
import {
  BOND,
  BUY_NOW,
  CID,
  createTestDataMarketplace,
  FILE_HASH,
  KEY,
  RESERVE,
  secret,
} from "./testDataMarketplace.ts";
import { mined, revertOf, startTestEvm } from "./testing.ts";

const DAY = 86_400;
const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());
const made = await createTestDataMarketplace(evm);
const { owner, verifier, buyer, rival, publisher, seller, archive, interval, deadline, market, buyerKey } = made;
const { as, shown, termsWith, pointOf, list, offer, context, boxOf, release, prove } = made;

const isolated = (name: string, body: () => Promise<void>) => test(name, () => evm.isolated(body)());
const refused = (sent: Promise<unknown>) => revertOf(sent, DataMarketplace, Bridge);
const nameOf = async (sent: Promise<unknown>) => (await refused(sent)).name;
const credits = (...wallets: { address: string }[]) =>
  Promise.all(wallets.map(({ address }) => market.credit(address)));
const statusOf = async () => Number((await market.listingOf(1)).status);
const [RELEASED, DISPUTED, PAID, REFUNDED, ENDED] = [2, 3, 4, 5, 6];
/** Sold for 4000 to `buyer` and released with this key. */
const sold = async (key: Uint8Array) => {
  await mined(offer(4000n));
  await evm.mineAt(deadline);
  const given = await boxOf(key);
  await mined(release(given));
  return given;
};

describe("a listing", () => {
  isolated("is of an archive that its seller has sealed on the ledger, and says which file it is", async () => {
    const receipt = await mined(list());
    const [listed] = DataMarketplace.events(receipt.logs, "Listed");
    expect([listed?.listingId, listed?.seller, listed?.fileHash, listed?.cid, listed?.bond]).toEqual([
      ...[2n, seller.address, hexlify(FILE_HASH), hexlify(CID), BOND],
    ]);
    expect(await nameOf(list({}, BOND, buyer))).toBe("NotArchiveOwner");
    expect(await nameOf(as(seller).list(termsWith(), pointOf(buyer), ...shown(archive), { value: BOND }))).toBe(
      "KeyNotOfSender",
    );
    const [message, proof] = shown(archive);
    const changed = Uint8Array.from(message);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    expect(await nameOf(as(seller).list(termsWith(), pointOf(seller), changed, proof, { value: BOND }))).toBe(
      "MessageNotInBlock",
    );
    expect(await nameOf(as(seller).list(termsWith(), pointOf(seller), ...shown(interval), { value: BOND }))).toBe(
      "MessageNotInBlock",
    );
  });

  isolated("needs a key's hash, a range, a near deadline, a publisher with its part, and a bond", async () => {
    const now = await evm.now();
    const wrong: [string, object, bigint?][] = [
      ["KeyHashZero", { keyHash: ZeroHash }],
      ["PriceRangeInvalid", { reserve: 0 }],
      ["PriceRangeInvalid", { reserve: BUY_NOW + 1n }],
      ["DeadlineInvalid", { deadline: now - 1 }],
      ["DeadlineInvalid", { deadline: now + 91 * DAY }],
      ["PublisherInvalid", { publisherBps: 1001 }],
      ["PublisherInvalid", { publisherBps: 0 }],
      ["PublisherInvalid", { publisher: ZeroAddress }],
      ["BondTooSmall", {}, BOND - 1n],
      ["BondTooSmall", { buyNow: BUY_NOW + 1n }],
    ];
    for (const [name, fields, value] of wrong) expect(await nameOf(list(fields, value)), name).toBe(name);
    await mined(list({ publisher: ZeroAddress, publisherBps: 0 }));
  });

  isolated("without offers is ended by its seller, or by anyone after the deadline; the bond goes back", async () => {
    expect(await nameOf(as(rival).end(1))).toBe("NotSeller");
    await mined(list());
    await mined(as(seller).end(1));
    expect([await statusOf(), ...(await credits(seller))]).toEqual([ENDED, BOND]);
    expect(await nameOf(as(seller).end(1))).toBe("NotTakingOffers");
    expect(await nameOf(offer(RESERVE))).toBe("NotTakingOffers");
    await evm.mineAt(deadline);
    expect(await nameOf(release(await boxOf(KEY)))).toBe("NotWaitingForKey");
    await mined(as(rival).end(2));
    expect(await credits(seller)).toEqual([2n * BOND]);
    expect(await nameOf(market.end(3))).toBe("ListingUnknown");
  });
});

describe("offers", () => {
  isolated("begin at the reserve and rise by 5 %; the highest wins, who is outbid has its money back", async () => {
    expect(await refused(offer(999n))).toEqual({ name: "OfferTooLow", args: [999n, 1000n] });
    await mined(offer(1001n));
    // 1001 and 50.05 more, rounded up; as much as the highest is not enough: the earlier one stays.
    for (const value of [1001n, 1051n]) expect((await refused(offer(value, rival))).args).toEqual([value, 1052n]);
    const receipt = await mined(offer(1052n, rival));
    expect(DataMarketplace.events(receipt.logs, "Outbid")).toEqual([
      { listingId: 1n, buyer: buyer.address, price: 1001n },
    ]);
    expect(await credits(buyer, rival)).toEqual([1001n, 0n]);
    const { buyer: winner, price } = await market.listingOf(1);
    expect([winner, price]).toEqual([rival.address, 1052n]);
    expect(await nameOf(as(seller).end(1))).toBe("HasOffer");
    expect(await nameOf(as(seller).offer(1, publicPointOf(buyerKey), { value: 5000n }))).toBe("OwnListing");
  });

  isolated("that reach buy-now end the sale at once, for that price", async () => {
    await mined(offer(9900n));
    expect(await market.minimumOffer(1)).toBe(BUY_NOW);
    await mined(offer(12_000n, rival));
    expect(await credits(buyer, rival)).toEqual([9900n, 2000n]);
    expect(await nameOf(offer(20_000n))).toBe("NotTakingOffers");
    await mined(release(await boxOf(KEY)));
    expect(await statusOf()).toBe(RELEASED);
  });

  isolated("end with the deadline, and name a key that is a point of the curve", async () => {
    const { x, y } = publicPointOf(buyerKey);
    for (const point of [
      { x, y: y + 1n },
      { x: 0n, y: 0n },
      { x: 2n ** 256n - 1n, y },
      { x: y, y: x },
    ])
      expect(await nameOf(as(buyer).offer(1, point, { value: 5000n }))).toBe("BuyerKeyInvalid");
    // In the very second.
    await evm.provider.send("evm_setNextBlockTimestamp", [deadline]);
    const last = as(buyer).offer(1, publicPointOf(buyerKey), { value: 5000n, gasLimit: 300_000 });
    await expect(mined(last)).rejects.toThrow("reverted");
    expect((await market.listingOf(1)).price).toBe(0n);
    expect(await nameOf(offer(5000n))).toBe("NotTakingOffers");
  });
});

describe("the key", () => {
  isolated("goes encrypted to the buyer, who opens the archive's key and pays", async () => {
    const given = await sold(KEY);
    const [told] = DataMarketplace.events((await mined(as(buyer).accept(1))).logs, "SalePaid");
    expect([told?.share, told?.publisherFee]).toEqual([3900n, 100n]);
    expect((await market.listingOf(1)).releaseHash).toBe(releaseHashOf(given));
    const [released] = await market.queryFilter(market.getEvent("KeyReleased"));
    const [, , x, y, box] = (released as unknown as { args: [bigint, string, bigint, bigint, string] }).args;
    const read = { ephemeral: { x, y }, box: Buffer.from(box.slice(2), "hex") };
    expect(Buffer.from(openKey(read, buyerKey, await context()))).toEqual(Buffer.from(KEY));
    expect(await credits(seller, publisher)).toEqual([3900n + BOND, 100n]);
    expect(await nameOf(as(buyer).accept(1))).toBe("NotReleased");
  });

  isolated("is released by the seller alone, after the offers, in time and under a real point", async () => {
    await mined(offer(4000n));
    const given = await boxOf(KEY);
    expect(await nameOf(release(given))).toBe("StillTakingOffers");
    await evm.mineAt(deadline);
    for (const other of [buyer, owner, verifier]) expect(await nameOf(release(given, other))).toBe("NotSeller");
    expect(await nameOf(release({ ...given, ephemeral: { x: 1n, y: 1n } }))).toBe("EphemeralKeyInvalid");
    expect(await nameOf(market.refundUnreleased(1))).toBe("ReleaseNotOver");
    await evm.mineAt(deadline + 2 * DAY);
    expect(await nameOf(release(given))).toBe("ReleaseOver");
  });

  isolated("not released in time costs the seller its bond", async () => {
    await mined(offer(4000n));
    await evm.mineAt(deadline + 2 * DAY);
    await mined(as(rival).refundUnreleased(1));
    expect([await statusOf(), ...(await credits(buyer, seller))]).toEqual([REFUNDED, 5000n, 0n]);
    expect(await nameOf(market.refundUnreleased(1))).toBe("NotWaitingForKey");
    expect(await nameOf(as(seller).end(1))).toBe("NotTakingOffers");
  });

  isolated("that nobody disputes for two days is paid by anyone's call", async () => {
    const given = await sold(KEY);
    expect(await nameOf(as(rival).accept(1))).toBe("DisputeNotOver");
    await evm.mineAt(Number((await market.listingOf(1)).until));
    const opening = { privateKey: BigInt(hexlify(buyerKey)), shared: given.ephemeral };
    expect(await nameOf(prove(given, opening))).toBe("DisputeOver");
    expect(await nameOf(as(buyer).dispute(1, ZeroHash, { value: 200n }))).toBe("DisputeOver");
    await mined(as(rival).accept(1));
    expect(await statusOf()).toBe(PAID);
  });
});

describe("a wrong key", () => {
  isolated("is proved to the contract by the buyer, who gets price and bond", async () => {
    const given = await sold(secret("another key"));
    const opening = openingOfWrongKey(given, buyerKey, await context(), keyHashOf(KEY)) as BoxOpening;
    expect(await nameOf(prove(given, opening, rival))).toBe("NotBuyer");
    expect(await nameOf(prove({ ...given, box: KEY }, opening))).toBe("ReleaseMismatch");
    const { privateKey, shared } = opening;
    const wrong: BoxOpening[] = [
      { privateKey: privateKey + 1n, shared },
      { privateKey: 0n, shared },
      { privateKey, shared: given.ephemeral },
      { privateKey, shared: { x: shared.x, y: 2n ** 256n - 2n ** 32n - 977n - shared.y } },
    ];
    for (const one of wrong) expect(await nameOf(prove(given, one))).toBe("OpeningWrong");
    const other = secret("key of another buyer");
    expect(
      await nameOf(prove(given, { privateKey: BigInt(hexlify(other)), shared }, buyer, publicPointOf(other))),
    ).toBe("OpeningWrong");
    await mined(prove(given, opening));
    expect([await statusOf(), ...(await credits(buyer, seller, publisher))]).toEqual([REFUNDED, 5000n, 0n, 0n]);
    expect(await nameOf(as(buyer).accept(1))).toBe("NotReleased");
  });

  isolated("is not shown by another private key, however right its point: the right key stays paid for", async () => {
    const given = await sold(KEY);
    const other = openingOfWrongKey(given, secret("any other key"), await context(), keyHashOf(KEY)) as BoxOpening;
    expect(await nameOf(prove(given, other))).toBe("OpeningWrong");
    await mined(as(buyer).accept(1));
  });

  isolated("is none when it is the committed one, also for keys and ephemerals of either parity", async () => {
    const parities = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const [key, ephemeral] = [secret(`one-time ${i}`), secret(`ephemeral ${i}`)];
      const [to, from] = [publicPointOf(key), publicPointOf(ephemeral)];
      parities.add(`${to.y % 2n}${from.y % 2n}`);
      await evm.isolated(async () => {
        await mined(offer(BUY_NOW, buyer, key));
        const given = sealKey(KEY, to, await context(), ephemeral);
        await mined(release(given));
        expect(openingOfWrongKey(given, key, await context(), keyHashOf(KEY))).toBeUndefined();
        const opening = openingOfWrongKey(given, key, await context(), ZeroHash) as BoxOpening;
        expect(await nameOf(prove(given, opening, buyer, to))).toBe("KeyRight");
      })();
    }
    expect(parities.size).toBeGreaterThanOrEqual(3);
  });
});

describe("what no proof decides", () => {
  const disputed = async () => {
    await sold(KEY);
    await mined(as(buyer).dispute(1, ZeroHash, { value: 200n }));
  };

  isolated("is the buyer's to dispute, with a deposit, and a verifier's to decide", async () => {
    await sold(KEY);
    for (const other of [seller, rival])
      expect(await nameOf(as(other).dispute(1, ZeroHash, { value: 200n }))).toBe("NotBuyer");
    expect(await refused(as(buyer).dispute(1, ZeroHash, { value: 199n }))).toEqual({
      name: "DepositTooSmall",
      args: [199n, 200n],
    });
    expect(await nameOf(as(verifier).decide(1, true))).toBe("NotDisputed");
    await mined(as(buyer).dispute(1, ZeroHash, { value: 200n }));
    expect(await statusOf()).toBe(DISPUTED);
    for (const other of [owner, seller, buyer, rival, publisher])
      expect(await nameOf(as(other).decide(1, true))).toBe("AccessControlUnauthorizedAccount");
    expect(await nameOf(as(buyer).accept(1))).toBe("NotReleased");
  });

  isolated("takes a deposit that is rounded up to the wei", async () => {
    await mined(offer(4001n));
    await evm.mineAt(deadline);
    await mined(release(await boxOf(KEY)));
    expect((await refused(as(buyer).dispute(1, ZeroHash, { value: 200n }))).args).toEqual([200n, 201n]);
    await mined(as(buyer).dispute(1, ZeroHash, { value: 201n }));
  });

  isolated("for the seller: price, bond and nine tenths of the deposit; the verifier has its reward", async () => {
    await disputed();
    await mined(as(verifier).decide(1, true));
    expect(await credits(seller, publisher, verifier, buyer)).toEqual([3900n + BOND + 180n, 100n, 20n, 0n]);
    expect(await nameOf(as(verifier).decide(1, false))).toBe("NotDisputed");
  });

  isolated("for the buyer: price, deposit and nine tenths of the bond", async () => {
    await disputed();
    await mined(as(verifier).decide(1, false));
    expect(await credits(seller, publisher, verifier, buyer)).toEqual([0n, 0n, 100n, 4000n + 200n + 900n]);
  });

  isolated("by nobody in two weeks: each has its own back", async () => {
    await disputed();
    const { until } = await market.listingOf(1);
    expect(await nameOf(market.refundUndecided(1))).toBe("DisputeNotOver");
    await evm.mineAt(Number(until));
    expect(await nameOf(as(verifier).decide(1, true))).toBe("DisputeOver");
    await mined(as(rival).refundUndecided(1));
    expect(await credits(seller, buyer)).toEqual([BOND, 4200n]);
    expect(await nameOf(market.refundUndecided(1))).toBe("NotDisputed");
  });

  isolated("by no verifier that has a part in it; the owner makes and removes them", async () => {
    await disputed();
    const role = await market.VERIFIER_ROLE();
    expect(await nameOf(as(verifier).grantRole(role, rival))).toBe("AccessControlUnauthorizedAccount");
    for (const involved of [seller, buyer, publisher]) {
      await mined(market.grantRole(role, involved));
      expect(await nameOf(as(involved).decide(1, true))).toBe("VerifierInvolved");
    }
    await mined(market.revokeRole(role, verifier));
    expect(await nameOf(as(verifier).decide(1, true))).toBe("AccessControlUnauthorizedAccount");
  });
});

isolated("a bidder that refuses ether or comes back in the middle stops nobody", async () => {
  const attacker = await ReentrantReceiver.deploy(rival, []);
  const address = await market.getAddress();
  const { interface: calls } = DataMarketplace;
  await mined(
    attacker.execute(address, 1000n, calls.encodeFunctionData("offer", [1, publicPointOf(secret("its key"))]), {
      value: 1000n,
    }),
  );
  const withdrawing = calls.encodeFunctionData("withdraw", [await attacker.getAddress()]);
  await mined(attacker.prepare(address, withdrawing, true));
  await mined(offer(2000n));
  await mined(attacker.prepare(address, withdrawing, false));
  await mined(attacker.execute(address, 0n, withdrawing));
  expect([await attacker.hasCalled(), await attacker.hasSucceeded()]).toEqual([true, false]);
  expect(await evm.provider.getBalance(attacker)).toBe(1000n);
  expect(await evm.provider.getBalance(market)).toBe(2000n + BOND);
  await expect(rival.sendTransaction({ to: address, value: 1n })).rejects.toThrow("reverted");
});

isolated("a marketplace needs its bridge", async () => {
  expect(await nameOf(DataMarketplace.deploy(owner, [owner, rival]))).toBe("BridgeMissing");
});

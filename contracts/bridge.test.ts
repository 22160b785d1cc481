import { secp256k1 } from "@noble/curves/secp256k1.js";
import { computeAddress, concat, getCreateAddress, hexlify, toBeHex, ZeroHash } from "ethers";
import { afterAll, describe, expect, test } from "vitest";
import { anchorOfEvent } from "#bridge/contractEvents.ts";
import { verifyTxProof } from "#bridge/proofs.ts";
import { bundleSignatures, signDigest } from "#bridge/signatures.ts";
import { anchorDigest, anchorHash, freezeDigest, valsetUpdateDigest } from "#bridge/typedData.ts";
import { encodeValset, sortValset, type ValsetMember } from "#bridge/valset.ts";
import { sealMessage } from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { txId } from "#storage/types/transaction.ts";
import { Bridge } from "./abi/Bridge.ts";
import { deployTestBridge, signBy, TEST_LEDGER_ID, testValidators } from "./testBridge.ts";
import { mined, revertOf, startTestEvm } from "./testing.ts";

const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());

/** One bridge for all tests: three blocks behind it, the first two anchored. */
const made = await deployTestBridge(evm);
const { bridge, ledger, validators, domain } = made;
const seals = [0, 1, 2].map((index) => ledger.sign([sealMessage(index)], ["device"], index));
const failing = ledger.sign([sealMessage(2)], ["device"], 7);
made.block([]);
const executed = made.block([...seals, failing]);
const first = await made.anchor();
const proofs = seals.map((tx) => made.proveTx(tx));
made.block([]);
const next = made.nextAnchor();
const valset = encodeValset(validators);
const DAY_S = 24 * 3600;

const send = (anchor = next, by = validators) => made.submit(anchor, by);
const sendRaw = (anchor: typeof next, signers: bigint, signatures: Uint8Array, set = valset) =>
  bridge.submitAnchor.staticCall(anchor, set, signers, signatures);
const signedNext = () => signBy(validators, validators, anchorDigest(domain, next));

describe("an anchor", () => {
  test("is kept as the hash of what was signed, and told in an event with all its fields", async () => {
    expect(await bridge.anchorHash(first.seq)).toBe(anchorHash(first));
    const head = await bridge.head();
    expect([head.seq, head.toHeight, head.time]).toEqual([1n, 2n, BigInt(first.time)]);
    const logs = await bridge.queryFilter("Anchored");
    expect(Bridge.events(logs, "Anchored")).toMatchObject([
      {
        seq: 1n,
        fromHeight: 1n,
        toHeight: 2n,
        root: hexlify(first.root),
        lastHeaderHash: hexlify(first.lastHeaderHash),
      },
    ]);
  });

  test("is read back from its event, whole", async () => {
    const [event] = Bridge.events(await bridge.queryFilter("Anchored"), "Anchored");
    expect(anchorHash(anchorOfEvent(event as NonNullable<typeof event>))).toBe(await bridge.anchorHash(first.seq));
    expect(() => anchorOfEvent({ ...(event as NonNullable<typeof event>), toHeight: 2n ** 53n })).toThrow(
      "BRIDGE_HEIGHT_OUTSIDE",
    );
  });

  test(
    "needs strictly more than two thirds of the power: three of four validators do, two do not",
    evm.isolated(async () => {
      const two = validators.slice(0, 2);
      expect(await revertOf(send(next, two), Bridge)).toEqual({ name: "PowerTooLow", args: [20n, 40n] });
      await send(next, validators.slice(0, 3));
    }),
  );

  test("with exactly two thirds of the power is refused", async () => {
    const three = testValidators(3);
    const small = await deployTestBridge(evm, { validators: three });
    small.block([]);
    const exact = small.submit(small.nextAnchor(), three.slice(1));
    expect(await revertOf(exact, Bridge)).toEqual({ name: "PowerTooLow", args: [20n, 30n] });
    await small.submit(small.nextAnchor(), three);
  });

  const wrong: [string, Partial<typeof next>, string][] = [
    ["a sequence that was used", { seq: 1n }, "SequenceWrong"],
    ["a sequence that skips one", { seq: 3n }, "SequenceWrong"],
    ["another validator set's number", { valsetNonce: 1n }, "ValsetNonceWrong"],
    ["a gap before its first height", { fromHeight: 4, toHeight: 4 }, "FromHeightWrong"],
    ["a height that is anchored already", { fromHeight: 2 }, "FromHeightWrong"],
    ["no heights", { toHeight: 2 }, "RangeWrong"],
    ["more heights than one anchor may have", { toHeight: 3 + 2 ** 20 }, "RangeWrong"],
    ["the time of the anchor before", { time: first.time }, "TimeNotAfter"],
    ["no root", { root: new Uint8Array(32) }, "RootZero"],
    ["no header", { lastHeaderHash: new Uint8Array(32) }, "RootZero"],
  ];
  for (const [what, fields, name] of wrong)
    test(`with ${what} is refused, whoever signed it`, async () => {
      expect((await revertOf(send({ ...next, ...fields }), Bridge)).name).toBe(name);
    });

  test("may be an hour ahead of Ethereum's clock and no more", async () => {
    const nowMs = (await evm.now()) * 1000;
    const early = { ...next, time: nowMs + 3600_000 + 60_000 };
    expect((await revertOf(send(early), Bridge)).name).toBe("TimeInFuture");
    await evm.isolated(async () => {
      await send({ ...next, time: nowMs + 3600_000 });
    })();
  });

  test("with an overflowing or empty validator set in its call is refused: the set is the one that was agreed", async () => {
    const { signers, signatures } = signedNext();
    for (const set of [
      new Uint8Array(0),
      new Uint8Array(28 * 257),
      valset.subarray(28),
      Buffer.concat([valset, valset]),
    ])
      expect((await revertOf(sendRaw(next, signers, signatures, set), Bridge)).name).toBe("ValsetUnknown");
  });
});

describe("signatures of an anchor", () => {
  const digest = anchorDigest(domain, next);
  const sorted = sortValset(validators);
  const keyOf = (address: string) => validators.find((one) => one.address === address)?.privateKey as Uint8Array;
  const each = sorted.map(({ address }) => signDigest(keyOf(address), digest));
  const joined = (parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

  test("of a validator that is not in the set do not count", async () => {
    const [stranger] = testValidators(1, "stranger");
    const forged = [signDigest(stranger?.privateKey as Uint8Array, digest), ...each.slice(1)];
    expect(await revertOf(sendRaw(next, 0b1111n, joined(forged)), Bridge)).toEqual({
      name: "SignatureWrong",
      args: [0n],
    });
  });

  test("of one validator in the places of others do not count", async () => {
    const repeated = [each[0], each[0], each[0]].map((one) => one as Uint8Array);
    expect(await revertOf(sendRaw(next, 0b111n, joined(repeated)), Bridge)).toEqual({
      name: "SignatureWrong",
      args: [1n],
    });
  });

  test("with the larger of the two possible s are refused, where the smaller is taken", async () => {
    // Only 2^127 values above n / 2 fit into the encoding at all. A key is made for which one of them is a signature of this digest:
    // s = (z + r d) / k, so d = (s k - z) / r. The contract's address, which z depends on, is known before it is deployed.
    const owner = evm.wallets[0] as (typeof evm.wallets)[0];
    const order = secp256k1.Point.Fn.ORDER;
    const inverse = (value: bigint) => secp256k1.Point.Fn.inv(value);
    const contract = getCreateAddress({ from: owner.address, nonce: await owner.getNonce() });
    const anchor = { ...next, seq: 1n, fromHeight: 1, toHeight: 1 };
    const z = BigInt(anchorDigest({ ...domain, contract }, anchor));
    const [k, high] = [12_345n, 2n ** 255n - 1n];
    const point = secp256k1.Point.BASE.multiply(k).toAffine();
    const key = ((((high * k - z) * inverse(point.x)) % order) + order) % order;
    const crafted = { address: computeAddress(toBeHex(key, 32)), power: 1n };
    const set = encodeValset([crafted]);
    const other = await Bridge.deploy(owner, [TEST_LEDGER_ID, 1, 0, set, owner.address]);
    expect(await other.getAddress()).toBe(contract);

    const encoded = (s: bigint, parity: bigint) => concat([toBeHex(point.x, 32), toBeHex(s | (parity << 255n), 32)]);
    const parity = point.y & 1n;
    const submit = (signature: string) => other.submitAnchor.staticCall(anchor, set, 1n, signature);
    expect(await revertOf(submit(encoded(high, parity)), Bridge)).toEqual({ name: "SignatureWrong", args: [0n] });
    await submit(encoded(order - high, parity ^ 1n));
  });

  test("for another chain, another contract or another ledger do not count", async () => {
    const domains = [
      { ...domain, chainId: 1n },
      { ...domain, contract: evm.wallets[0]?.address ?? "" },
      { ...domain, ledgerId: sha256(Buffer.from("another ledger")) },
    ];
    for (const other of domains) {
      const { signatures } = signBy(validators, validators, anchorDigest(other, next));
      expect((await revertOf(sendRaw(next, 0b1111n, signatures), Bridge)).name).toBe("SignatureWrong");
    }
  });

  test("with one bit changed, one missing, or bytes behind them are refused", async () => {
    const changed = joined(each);
    changed[70] = (changed[70] ?? 0) ^ 1;
    expect(await revertOf(sendRaw(next, 0b1111n, changed), Bridge)).toEqual({ name: "SignatureWrong", args: [1n] });
    const short = joined(each.slice(0, 3));
    expect(await revertOf(sendRaw(next, 0b1111n, short), Bridge)).toEqual({ name: "SignatureWrong", args: [3n] });
    // The missing one behind the end of the call's own bytes.
    const { provider } = evm;
    const data = bridge.interface.encodeFunctionData("submitAnchor", [next, valset, 0b1111n, short]);
    const appended = concat([data, each[3] as Uint8Array]);
    const call = provider.call({ to: await bridge.getAddress(), data: appended });
    expect(await revertOf(call, Bridge)).toEqual({ name: "SignatureWrong", args: [3n] });
    const long = joined([...each, new Uint8Array(64)]);
    expect((await revertOf(sendRaw(next, 0b1111n, long), Bridge)).name).toBe("SignaturesLengthWrong");
    expect((await revertOf(sendRaw(next, 0b11111n, long), Bridge)).name).toBe("SignerUnknown");
    expect((await revertOf(sendRaw(next, 0n, new Uint8Array(0)), Bridge)).name).toBe("PowerTooLow");
  });

  test("are joined by the set's order, without strangers' and second ones", () => {
    const [stranger] = testValidators(1, "stranger");
    const rubbish = [new Uint8Array(64), new Uint8Array(3), signDigest(stranger?.privateKey as Uint8Array, digest)];
    const bundle = bundleSignatures(validators, digest, [...rubbish, ...[...each].reverse(), ...each]);
    expect(bundle).toEqual({ signers: 0b1111n, signatures: joined(each), power: 40n });
  });
});

describe("a validator set", () => {
  const others = testValidators(5, "next");
  const update = { nonce: 1n, effectiveHeight: 3, members: others };
  const rotate = (
    fields: Partial<typeof update> = {},
    set: Uint8Array = encodeValset(fields.members ?? others),
    by = validators,
  ) => {
    const given = { ...update, ...fields };
    const { signers, signatures } = signBy(validators, by, valsetUpdateDigest(domain, given));
    return bridge.updateValset.staticCall(given.nonce, given.effectiveHeight, set, valset, signers, signatures);
  };
  const later = (body: () => Promise<void>) =>
    evm.isolated(async () => {
      await evm.mineAt((await evm.now()) + 3601);
      await body();
    });

  test(
    "hands over to the next one, whose validators alone count from then on",
    later(async () => {
      const { signers, signatures } = signBy(validators, validators, valsetUpdateDigest(domain, update));
      await mined(bridge.updateValset(1, 3, encodeValset(others), valset, signers, signatures));
      expect(await bridge.valsetHash()).not.toBe(ZeroHash);
      const anchor = { ...next, valsetNonce: 1n };
      const digest = anchorDigest(domain, anchor);
      const old = signBy(validators, validators, digest);
      expect((await revertOf(sendRaw(anchor, old.signers, old.signatures), Bridge)).name).toBe("ValsetUnknown");
      // A removed validator's signature in the place of a member.
      const removed = [signDigest(validators[0]?.privateKey as Uint8Array, digest)];
      const kept = others.slice(1).map(({ privateKey }) => signDigest(privateKey, digest));
      const set = encodeValset(others);
      const mixed = new Uint8Array(Buffer.concat([...removed, ...kept]));
      expect((await revertOf(sendRaw(anchor, 0b11111n, mixed, set), Bridge)).name).toBe("SignatureWrong");
      const good = signBy(others, others, digest);
      await mined(bridge.submitAnchor(anchor, set, good.signers, good.signatures));
      // What the old set anchored stays proved.
      await bridge.verifyTx(txId(seals[0] as Uint8Array), proofs[0] as (typeof proofs)[0]);
    }),
  );

  test(
    "is refused when it is empty, too large, out of order, or has a member without power or address",
    later(async () => {
      const bytes = encodeValset(others);
      const powerless = Uint8Array.from(bytes);
      powerless.fill(0, 20, 28);
      const nobody = Uint8Array.from(bytes);
      nobody.fill(0, 0, 20);
      const cases: [Uint8Array, string][] = [
        [new Uint8Array(0), "ValsetLengthWrong"],
        [bytes.subarray(1), "ValsetLengthWrong"],
        [new Uint8Array(28 * 257), "ValsetLengthWrong"],
        [Buffer.concat([bytes.subarray(28), bytes.subarray(0, 28)]), "ValsetOrderWrong"],
        [Buffer.concat([bytes, bytes.subarray(-28)]), "ValsetOrderWrong"],
        [nobody, "ValsetOrderWrong"],
        [powerless, "ValsetPowerZero"],
      ];
      for (const [set, name] of cases) expect((await revertOf(rotate({}, set), Bridge)).name).toBe(name);
    }),
  );

  test(
    "is refused with another number, before its height, or by too few",
    later(async () => {
      expect((await revertOf(rotate({ nonce: 2n }), Bridge)).name).toBe("ValsetNonceWrong");
      expect((await revertOf(rotate({ nonce: 0n }), Bridge)).name).toBe("ValsetNonceWrong");
      expect(await revertOf(rotate({ effectiveHeight: 4 }), Bridge)).toEqual({
        name: "EffectiveHeightWrong",
        args: [3n, 4n],
      });
      expect((await revertOf(rotate({}, undefined, validators.slice(2)), Bridge)).name).toBe("PowerTooLow");
      const claimed = others.map((one) => ({ ...one, power: 11n }));
      expect((await revertOf(rotate({}, encodeValset(claimed)), Bridge)).name).toBe("SignatureWrong");
    }),
  );

  test("stays for an hour at least", async () => {
    expect((await revertOf(rotate(), Bridge)).name).toBe("RotationTooEarly");
  });

  test("of 256 validators with the largest powers is taken, and none of them overflows the sum", async () => {
    const many: ValsetMember[] = testValidators(256, "many", 2n ** 64n - 1n).map(({ address, power }) => ({
      address,
      power,
    }));
    const owner = evm.wallets[0]?.address ?? "";
    const large = await Bridge.deploy(evm.wallets[0] as (typeof evm.wallets)[0], [
      TEST_LEDGER_ID,
      1,
      0,
      encodeValset(many),
      owner,
    ]);
    expect((await large.status()).totalPower).toBe(256n * (2n ** 64n - 1n));
  });
});

describe("a proof", () => {
  const [tx0] = seals as [Uint8Array];
  const [proof0] = proofs as [(typeof proofs)[0]];

  test("shows that a transaction is in an anchored block and succeeded, to the contract as to this program", async () => {
    expect(executed.txResults.map(({ code }) => code === 0)).toEqual([true, true, true, false]);
    for (const [i, tx] of seals.entries()) {
      const proof = proofs[i] as (typeof proofs)[0];
      expect((await bridge.verifyTx(txId(tx), proof)).height).toBe(2n);
      expect(verifyTxProof(txId(tx), proof)).toEqual({ accepted: true });
    }
  });

  test("of a transaction that failed cannot be made, and the block's own data root does not serve", async () => {
    expect(() => made.proveTx(failing)).toThrow("BRIDGE_TX_ABSENT");
    const all = [...seals, failing];
    for (let index = 0; index < all.length; index++) {
      const guess = { ...proof0, index, path: [...proof0.path] };
      expect((await revertOf(bridge.verifyTx(txId(failing), guess), Bridge)).name).toMatch(
        /^(TxNotInBlock|IndexOutOfRange|PathLengthWrong)$/,
      );
    }
  });

  test("under another transaction count, index or path is refused", async () => {
    const { blockProof } = proof0;
    const leafWith = (fields: object) => ({
      ...proof0,
      blockProof: { ...blockProof, leaf: { ...blockProof.leaf, ...fields } },
    });
    const cases: [string, object, string][] = [
      ["count", leafWith({ txCount: 4 }), "BlockNotInAnchor"],
      ["time", leafWith({ time: blockProof.leaf.time + 1 }), "BlockNotInAnchor"],
      ["height within", leafWith({ height: 1 }), "BlockNotInAnchor"],
      ["height outside", leafWith({ height: 3 }), "HeightOutOfRange"],
      ["root", leafWith({ txRoot: txId(tx0) }), "BlockNotInAnchor"],
      ["index", { ...proof0, index: 1 }, "TxNotInBlock"],
      ["index beyond", { ...proof0, index: 3 }, "IndexOutOfRange"],
      ["short path", { ...proof0, path: proof0.path.slice(1) }, "PathLengthWrong"],
      ["long path", { ...proof0, path: [...proof0.path, new Uint8Array(32)] }, "PathLengthWrong"],
      ["anchor", { ...proof0, blockProof: { ...blockProof, anchor: { ...first, root: txId(tx0) } } }, "AnchorUnknown"],
      ["no anchor", { ...proof0, blockProof: { ...blockProof, anchor: { ...first, seq: 9n } } }, "AnchorUnknown"],
    ];
    for (const [what, proof, name] of cases)
      expect((await revertOf(bridge.verifyTx(txId(tx0), proof as typeof proof0), Bridge)).name, what).toBe(name);
  });

  test(
    "is consumed once by each contract, and by one contract not for another",
    evm.isolated(async () => {
      const other = bridge.connect(evm.wallets[1] as (typeof evm.wallets)[0]) as typeof bridge;
      await mined(other.consumeTx(txId(tx0), proof0));
      await mined(bridge.consumeTx(txId(tx0), proof0));
      const again = await revertOf(bridge.consumeTx(txId(tx0), proof0), Bridge);
      expect(again).toEqual({ name: "TxAlreadyConsumed", args: [evm.wallets[0]?.address, hexlify(txId(tx0))] });
      expect(await bridge.isConsumed(evm.wallets[1]?.address ?? "", txId(tx0))).toBe(true);
      expect(await bridge.isConsumed(evm.wallets[2]?.address ?? "", txId(tx0))).toBe(false);
    }),
  );
});

describe("a freeze", () => {
  const freeze = (nonce: bigint, on: boolean, by = validators) => {
    const { signers, signatures } = signBy(validators, by, freezeDigest(domain, { nonce, on }));
    return mined(bridge.setFrozen(nonce, on, valset, signers, signatures));
  };

  test(
    "by more than a third stops anchors and proofs; more than two thirds end it; every one counts once",
    evm.isolated(async () => {
      expect((await revertOf(freeze(1n, true, validators.slice(0, 1)), Bridge)).name).toBe("PowerTooLow");
      expect((await revertOf(freeze(2n, true), Bridge)).name).toBe("FreezeNonceWrong");
      expect((await revertOf(freeze(1n, false), Bridge)).name).toBe("FreezeUnchanged");
      await freeze(1n, true, validators.slice(0, 2));
      expect((await revertOf(send(), Bridge)).name).toBe("BridgeFrozen");
      const proof = proofs[0] as (typeof proofs)[0];
      expect((await revertOf(bridge.verifyTx(txId(seals[0] as Uint8Array), proof), Bridge)).name).toBe("BridgeFrozen");
      expect((await revertOf(freeze(1n, true), Bridge)).name).toBe("FreezeNonceWrong");
      expect((await revertOf(freeze(2n, false, validators.slice(0, 2)), Bridge)).name).toBe("PowerTooLow");
      await freeze(2n, false, validators.slice(0, 3));
      await bridge.verifyTx(txId(seals[0] as Uint8Array), proof);
    }),
  );
});

describe("recovery", () => {
  const fresh = encodeValset(testValidators(4, "fresh"));
  const stranger = bridge.connect(evm.wallets[1] as (typeof evm.wallets)[0]) as typeof bridge;

  test(
    "takes the owner, 30 days of silence and 7 days' notice",
    evm.isolated(async () => {
      expect((await revertOf(stranger.proposeRecovery(fresh), Bridge)).name).toBe("OwnableUnauthorizedAccount");
      expect((await revertOf(bridge.proposeRecovery(fresh), Bridge)).name).toBe("LedgerNotSilent");
      await evm.mineAt((await evm.now()) + 30 * DAY_S);
      await mined(bridge.proposeRecovery(fresh));
      expect((await revertOf(bridge.executeRecovery(valset), Bridge)).name).toBe("RecoveryUnknown");
      expect((await revertOf(bridge.executeRecovery(fresh), Bridge)).name).toBe("RecoveryTooEarly");
      await evm.mineAt((await evm.now()) + 7 * DAY_S);
      expect((await revertOf(stranger.executeRecovery(fresh), Bridge)).name).toBe("OwnableUnauthorizedAccount");
      await mined(bridge.executeRecovery(fresh));
      expect((await bridge.head()).valsetNonce).toBe(1n);
      expect((await revertOf(bridge.executeRecovery(fresh), Bridge)).name).toBe("RecoveryUnknown");
    }),
  );

  test(
    "ends with a word of the validators, and with one of the owner",
    evm.isolated(async () => {
      await evm.mineAt((await evm.now()) + 30 * DAY_S);
      await mined(bridge.proposeRecovery(fresh));
      await send();
      await evm.mineAt((await evm.now()) + 7 * DAY_S);
      expect((await revertOf(bridge.executeRecovery(fresh), Bridge)).name).toBe("LedgerNotSilent");
      await mined(bridge.cancelRecovery());
      expect((await revertOf(bridge.cancelRecovery(), Bridge)).name).toBe("RecoveryUnknown");
    }),
  );
});

test(
  "a proposal from before validators were heard is over, however long they are silent again",
  evm.isolated(async () => {
    const fresh = encodeValset(testValidators(4, "fresh"));
    await evm.mineAt((await evm.now()) + 30 * DAY_S);
    await mined(bridge.proposeRecovery(fresh));
    await send();
    await evm.mineAt((await evm.now()) + 30 * DAY_S);
    expect((await revertOf(bridge.executeRecovery(fresh), Bridge)).name).toBe("RecoveryUnknown");
    // Once more, with its own notice.
    await mined(bridge.proposeRecovery(fresh));
    expect((await revertOf(bridge.executeRecovery(fresh), Bridge)).name).toBe("RecoveryTooEarly");
    await evm.mineAt((await evm.now()) + 7 * DAY_S);
    await mined(bridge.executeRecovery(fresh));
  }),
);

describe("a handover while it is frozen", () => {
  const others = testValidators(4, "next");
  const rotate = () => {
    const update = { nonce: 1n, effectiveHeight: 3, members: others };
    const { signers, signatures } = signBy(validators, validators, valsetUpdateDigest(domain, update));
    return mined(bridge.updateValset(1, 3, encodeValset(others), valset, signers, signatures));
  };
  const freeze = () => {
    const { signers, signatures } = signBy(validators, validators, freezeDigest(domain, { nonce: 1n, on: true }));
    return mined(bridge.setFrozen(1n, true, valset, signers, signatures));
  };

  test(
    "is how a stolen key is removed, and is a word of the validators: no recovery is left",
    evm.isolated(async () => {
      const fresh = encodeValset(testValidators(4, "fresh"));
      await freeze();
      await evm.mineAt((await evm.now()) + 30 * DAY_S);
      await mined(bridge.proposeRecovery(fresh));
      await rotate();
      await evm.mineAt((await evm.now()) + 7 * DAY_S);
      expect((await revertOf(bridge.executeRecovery(fresh), Bridge)).name).toBe("LedgerNotSilent");
      expect((await bridge.status()).frozen).toBe(true);
    }),
  );

  test(
    "by recovery starts it again: the keys that have stopped it may be the lost ones",
    evm.isolated(async () => {
      const fresh = encodeValset(testValidators(4, "fresh"));
      await freeze();
      await evm.mineAt((await evm.now()) + 30 * DAY_S);
      await mined(bridge.proposeRecovery(fresh));
      await evm.mineAt((await evm.now()) + 7 * DAY_S);
      await mined(bridge.executeRecovery(fresh));
      expect((await bridge.status()).frozen).toBe(false);
    }),
  );
});

test("a bridge for no ledger, from no height, or that could hardly ever rotate is not deployed", async () => {
  const owner = evm.wallets[0] as (typeof evm.wallets)[0];
  const deploy = (id: Uint8Array, height: number, delay: number) =>
    Bridge.deploy(owner, [id, height, delay, valset, owner.address]);
  expect((await revertOf(deploy(new Uint8Array(32), 1, 0), Bridge)).name).toBe("LedgerIdZero");
  expect((await revertOf(deploy(TEST_LEDGER_ID, 0, 0), Bridge)).name).toBe("InitialHeightZero");
  expect((await revertOf(deploy(TEST_LEDGER_ID, 1, 8 * DAY_S), Bridge)).name).toBe("RotationDelayTooLong");
});

import { id, keccak256, ZeroHash } from "ethers";
import { afterAll, expect, test } from "vitest";
import { EMPTY_OUTBOX_CHAIN, outboxChainAfter } from "#bridge/contractEvents.ts";
import { Outbox } from "./abi/Outbox.ts";
import { mined, revertOf, startTestEvm, type TestWallet } from "./testing.ts";

const evm = await startTestEvm();
afterAll(() => evm[Symbol.asyncDispose]());
const [admin, market, stranger] = evm.wallets as [TestWallet, TestWallet, TestWallet];
const outbox = await Outbox.deploy(admin, [admin.address]);
const EMITTER_ROLE = await outbox.EMITTER_ROLE();
await mined(outbox.grantRole(EMITTER_ROLE, market.address));
const byMarket = outbox.connect(market) as typeof outbox;
const KIND = id("Test.Happened");

test(
  "events are numbered from 1 without a gap, and one hash stands for all of them",
  evm.isolated(async () => {
    let chain = EMPTY_OUTBOX_CHAIN;
    for (const [i, payload] of ["0x", "0x01", `0x${"ff".repeat(1024)}`].entries()) {
      const receipt = await mined(byMarket.emitEvent(KIND, payload));
      const payloadHash = keccak256(payload);
      const eventNonce = BigInt(i + 1);
      expect(Outbox.events(receipt.logs, "OutboxEvent")).toEqual([
        { eventNonce, emitter: market.address, kind: KIND, payloadHash, payload },
      ]);
      chain = outboxChainAfter(chain, [{ eventNonce, emitter: market.address, kind: KIND, payloadHash }]);
      expect(await outbox.chain()).toEqual([eventNonce, chain.hash]);
    }
  }),
);

test("nobody but an emitter speaks, what is too long or of no kind is not said, and no number is lost by it", async () => {
  const asStranger = outbox.connect(stranger) as typeof outbox;
  const refusals = [
    [() => asStranger.emitEvent(KIND, "0x"), "AccessControlUnauthorizedAccount"],
    [() => outbox.emitEvent(KIND, "0x"), "AccessControlUnauthorizedAccount"],
    [() => byMarket.emitEvent(KIND, `0x${"00".repeat(1025)}`), "PayloadTooLarge"],
    [() => byMarket.emitEvent(ZeroHash, "0x"), "KindZero"],
    [() => asStranger.grantRole(EMITTER_ROLE, stranger.address), "AccessControlUnauthorizedAccount"],
  ] as const;
  for (const [call, name] of refusals) expect((await revertOf(call(), Outbox)).name).toBe(name);
  expect((await outbox.chain()).eventNonce).toBe(0n);
});

test("logs of which one is left out, changed or twice do not lead to the contract's chain", () => {
  const event = (eventNonce: bigint, payload = "0x") => {
    return { eventNonce, emitter: market.address, kind: KIND, payloadHash: keccak256(payload) };
  };
  const truth = outboxChainAfter(EMPTY_OUTBOX_CHAIN, [event(1n), event(2n)]);
  expect(outboxChainAfter(EMPTY_OUTBOX_CHAIN, [event(1n, "0x01"), event(2n)])).not.toEqual(truth);
  for (const events of [[event(2n)], [event(1n), event(1n)], [event(1n), event(3n)]])
    expect(() => outboxChainAfter(EMPTY_OUTBOX_CHAIN, events)).toThrow("BRIDGE_EVENT_NONCE");
});

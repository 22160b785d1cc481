import { test } from "vitest";
import { startTestNode, until, untilPeers } from "./testNode.ts";

/** Transactions of 250 bytes from one host to another in batches of 64, both on this thread: a figure for both ends on one core. */
const TX_BYTES = 250;
const COUNT = 64_000;
const AT_ONCE = 1280;

test("gossip transactions between two hosts", async () => {
  let received = 0;
  await using a = await startTestNode();
  await using b = await startTestNode(
    // The rate limit of one peer, 64 000 of these transactions a second, is below what the wire can do.
    { persistentPeers: [a.address], byteRate: { perSecond: 1e12, burst: 1e12 } },
    {
      async onTxs(txs) {
        received += txs.length;
        return { decision: "accept" };
      },
    },
  );
  await untilPeers(a, b);
  const rates: number[] = [];
  let serial = 0;
  for (let round = 0; round < 5; round++) {
    received = 0;
    const start = performance.now();
    for (let sent = 0; sent < COUNT; sent += AT_ONCE) {
      const txs = Array.from({ length: AT_ONCE }, () => {
        const tx = Buffer.alloc(TX_BYTES);
        tx.writeUInt32BE(serial++);
        return tx;
      });
      a.network.publishTxs(txs);
      await until(() => received >= sent + AT_ONCE - 64, "delivery");
    }
    await until(() => received === COUNT, "delivery of all");
    rates.push((COUNT * 1000) / (performance.now() - start));
  }
  rates.sort((x, y) => x - y);
  console.log(
    `${Math.round(rates[2] ?? 0)} tx/s (best ${Math.round(rates[4] ?? 0)}), ${JSON.stringify({
      messages: b.network.counters.gossipReceived,
      flooded: b.network.counters.gossipFlooded,
    })}`,
  );
}, 60_000);

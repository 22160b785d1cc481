import { expect, test } from "vitest";
import { event } from "./events/blockEvents.ts";
import { createSubscriptions, type RpcConnection } from "./subscriptions.ts";

/** A connection that keeps what it is sent. */
function createClient(isSlow = () => false): RpcConnection & { readonly received: readonly unknown[] } {
  const received: unknown[] = [];
  return { received, send: (text) => void received.push(JSON.parse(text)), isSlow };
}

const subscriptions = () => createSubscriptions({ maxClients: 3, maxPerClient: 2 });
const happened = (name: string, attributes: Record<string, string[]> = {}) =>
  event(name, () => ({ type: `tendermint/event/${name}`, value: {} }), new Map(Object.entries(attributes)));

test("an event goes to whom it matches, under the id and the words of the subscription, attributes in order", () => {
  const all = subscriptions();
  const [blocks, meters] = [createClient(), createClient()];
  all.subscribe(blocks, 7n, "tm.event = 'NewBlock'");
  all.subscribe(meters, "m", "tm.event='Tx' AND interval.meter='a'");
  all.publish(happened("Tx", { "z.a": ["1"], "interval.meter": ["b", "a"] }));
  all.publish(happened("Tx", { "interval.meter": ["c"] }));
  all.publish(happened("NewBlock"));
  expect(blocks.received).toEqual([
    {
      jsonrpc: "2.0",
      id: 7,
      result: {
        query: "tm.event = 'NewBlock'",
        data: { type: "tendermint/event/NewBlock", value: {} },
        events: { "tm.event": ["NewBlock"] },
      },
    },
  ]);
  expect(meters.received).toMatchObject([
    { id: "m", result: { events: { "interval.meter": ["b", "a"], "tm.event": ["Tx"], "z.a": ["1"] } } },
  ]);
  expect(JSON.stringify(meters.received[0])).toMatch(/interval\.meter.*tm\.event.*z\.a/);
});

test("what nobody listens to is never made", () => {
  const all = subscriptions();
  let made = 0;
  const counted = event("Vote", () => ({ made: ++made }));
  all.publish(counted);
  all.subscribe(createClient(), 1n, "tm.event='NewBlock'");
  all.publish(counted);
  expect(made).toBe(0);
  const [a, b] = [createClient(), createClient()];
  all.subscribe(a, 1n, "tm.event='Vote'");
  all.subscribe(b, 1n, "tm.event EXISTS");
  all.publish(counted);
  expect([made, a.received.length, b.received.length]).toEqual([1, 1, 1]);
});

test("a client has so many subscriptions and no more, and only so many clients have any", () => {
  const all = subscriptions();
  const client = createClient();
  all.subscribe(client, 1n, "a.b=1");
  all.subscribe(client, 1n, "a.b=2");
  expect(() => all.subscribe(client, 1n, "a.b=3")).toThrow("max_subscriptions_per_client 2 reached");
  all.unsubscribe(client, "a.b = 2");
  all.subscribe(client, 1n, "a.b=3");
  const others = [createClient(), createClient()];
  for (const other of others) all.subscribe(other, 1n, "a.b=1");
  expect(all.clients).toBe(3);
  expect(() => all.subscribe(createClient(), 1n, "a.b=1")).toThrow("max_subscription_clients 3 reached");
  all.forget(others[0] as RpcConnection);
  all.subscribe(createClient(), 1n, "a.b=1");
  expect(all.clients).toBe(3);
});

test("a query may have 512 bytes", () => {
  const all = subscriptions();
  const query = (bytes: number) => `a.b='${"ä".repeat((bytes - 6) / 2)}'`;
  all.subscribe(createClient(), 1n, query(512));
  expect(() => all.subscribe(createClient(), 1n, query(514))).toThrow("maximum query length exceeded");
});

test("what ended is not told any more, and cannot end twice", () => {
  const all = subscriptions();
  const client = createClient();
  all.subscribe(client, 1n, "tm.event='A'");
  all.subscribe(client, 2n, "tm.event='B'");
  all.unsubscribe(client, "tm.event='A'");
  expect(() => all.unsubscribe(client, "tm.event='A'")).toThrow("subscription not found");
  all.publish(happened("A"));
  all.publish(happened("B"));
  expect(client.received).toMatchObject([{ id: 2 }]);
  all.unsubscribeAll(client);
  expect(() => all.unsubscribeAll(client)).toThrow("subscription not found");
  all.publish(happened("B"));
  expect(client.received).toHaveLength(1);
});

test("a client that reads too slowly loses all its subscriptions and is told so, once for each; the others go on", () => {
  const all = subscriptions();
  let slow = false;
  const [client, other] = [createClient(() => slow), createClient()];
  all.subscribe(client, 1n, "tm.event='A'");
  all.subscribe(client, "two", "tm.event='B'");
  all.subscribe(other, 1n, "tm.event='A'");
  all.publish(happened("A"));
  slow = true;
  all.publish(happened("A"));
  all.publish(happened("A"));
  const data = "subscription was canceled (reason: client is not pulling messages fast enough)";
  const error = { code: -32000, message: "Server error", data };
  expect(client.received.slice(1)).toEqual([
    { jsonrpc: "2.0", id: 1, error },
    { jsonrpc: "2.0", id: "two", error },
  ]);
  expect(other.received).toHaveLength(3);
  expect(all.clients).toBe(1);
});

test("when the node stops every subscriber is told", () => {
  const all = subscriptions();
  const clients = [createClient(), createClient()];
  for (const client of clients) all.subscribe(client, 1n, "tm.event='A'");
  all.cancelAll("the node is stopping");
  for (const { received } of clients)
    expect(received).toMatchObject([{ error: { data: expect.stringContaining("the node is stopping") } }]);
  expect(all.clients).toBe(0);
});

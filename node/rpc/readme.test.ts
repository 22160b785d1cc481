import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as limits from "./limits.ts";
import { rpcMethods } from "./methods/rpcMethods.ts";
import { COMETBFT_VERSION } from "./networkPorts.ts";
import type { RpcPorts } from "./ports.ts";
import { RPC_ERRORS } from "./rpcError.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { HOSTILE_MESSAGES, HOSTILE_REQUESTS } from "./testdata/hostileRequests.ts";
import { createTxWaiters } from "./txWaiters.ts";

const README = readFileSync(new URL("./README.md", import.meta.url), "utf8");

/** The cells of a table's rows, without its head. */
function tableUnder(heading: string): readonly (readonly string[])[] {
  const section = README.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const parts = section.split("\n\n").map((part) => part.trim());
  const rows = parts.find((part) => part.startsWith("|"))?.split("\n") ?? [];
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const codesIn = (cell: string | undefined) => [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(([, code]) => code);

test("the table of methods lists exactly the methods there are, with their arguments in order", () => {
  // Methods are made of ports that nobody asks here.
  const methods = rpcMethods({ genesis: {}, consensus: {}, mempool: {} } as unknown as RpcPorts, {
    subscriptions: createSubscriptions({ maxClients: 1, maxPerClient: 1 }),
    waiters: createTxWaiters(),
    rpcAddress: () => "",
  });
  const listed = tableUnder("Methods").map(([name, args]) => [codesIn(name)[0], codesIn(args)]);
  const actual = Object.entries(methods).map(([name, { args }]) => [name, Object.keys(args)]);
  expect(listed.toSorted()).toEqual(actual.toSorted());
  for (const [name, , answers] of tableUnder("Methods"))
    expect(answers?.includes("websocket only")).toBe(methods[codesIn(name)[0] ?? ""]?.isWebsocketOnly);
});

test("the table of errors has exactly the codes there are", () => {
  const listed = tableUnder("Errors").map(([code, name]) => [codesIn(name)[0], Number(code)]);
  expect(listed).toEqual(Object.entries(RPC_ERRORS).map(([name, { code }]) => [name, code]));
});

test("the limits are those of the table", () => {
  const values = tableUnder("Limits").map(([, value]) => value ?? "");
  const KIB = 1024;
  const MIB = KIB * KIB;
  const spaced = (count: number) => count.toString().replace(/\B(?=(\d{3})+$)/g, " ");
  const beginnings = [
    `${spaced(limits.MAX_BODY_BYTES)} bytes`,
    `${limits.MAX_BATCH_REQUESTS}`,
    `${limits.MAX_HEADER_BYTES / KIB} KiB`,
    `${limits.REQUEST_TIMEOUT_MS / 1000} s`,
    `${limits.MAX_OPEN_CONNECTIONS}`,
    `${limits.MAX_SUBSCRIPTION_CLIENTS}`,
    `${limits.MAX_SUBSCRIPTIONS_PER_CLIENT}`,
    `${limits.MAX_QUERY_BYTES} bytes`,
    `${limits.MAX_UNREAD_BYTES / MIB} MiB`,
    `${limits.UNREAD_TIMEOUT_MS / 1000} s`,
    `asked every ${limits.SOCKET_PING_MS / 1000} s`,
    `${limits.MAX_WAITING_MESSAGES}`,
    `${limits.MAX_UNREAD_ANSWER_BYTES / MIB} MiB`,
    `${limits.BROADCAST_COMMIT_TIMEOUT_MS / 1000} s`,
    `${limits.DEFAULT_PER_PAGE}`,
    `${spaced(limits.MAX_SEARCHED_ENTRIES)}`,
    `${limits.MAX_RUNNING_SEARCHES}`,
  ];
  expect(values.map((value, row) => value.slice(0, beginnings[row]?.length))).toEqual(beginnings);
  expect(values.at(-1)).toBe(`${limits.MAX_RUNNING_SEARCHES}, ${limits.MAX_WAITING_SEARCHES}`);
  expect(README).toContain(`the last ${limits.MAX_BLOCKCHAIN_HEADERS} headers`);
  expect(README).toContain(`${limits.GENESIS_CHUNK_BYTES / MIB} MiB of it in base64`);
  expect(README).toContain(`at most ${limits.MAX_PER_PAGE} |`);
});

test("what was recorded is as much as it says", () => {
  const messages = HOSTILE_MESSAGES.filter(({ silent }) => !silent);
  expect(README).toContain(`${HOSTILE_REQUESTS.length} hostile requests and ${messages.length} websocket messages`);
  expect(README).toContain(`CometBFT ${COMETBFT_VERSION} answered`);
});

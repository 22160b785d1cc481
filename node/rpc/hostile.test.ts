import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createTestNetwork, eventually, type TestNetwork } from "../testNetwork.ts";
import { DIFFERENCES, type Difference, MESSAGE_DIFFERENCES, WITHOUT_CRASH } from "./testdata/differences.ts";
import { HOSTILE_MESSAGES, HOSTILE_REQUESTS } from "./testdata/hostileRequests.ts";

interface RecordedAnswer {
  readonly status: number;
  readonly contentType: string | null;
  readonly cacheControl: string | null;
  readonly text: string;
}

const RECORDED = JSON.parse(readFileSync(new URL("./testdata/recorded.json", import.meta.url), "utf8")) as {
  readonly answers: Readonly<Record<string, RecordedAnswer>>;
  readonly messages: Readonly<Record<string, string>>;
};

/** A node's start on a busy machine. */
const START_MS = 60_000;

let net: TestNetwork;
let url: string;

beforeAll(async () => {
  net = await createTestNetwork({ validators: 1 });
  const node = await net.start("validator0", { rpcListen: "127.0.0.1:0", createEmptyBlocks: true });
  url = node.rpc?.url ?? "";
  // "blockchain the wrong way round" asks for heights up to 2.
  await eventually(async () => (await fetch(`${url}/block?height=2`)).status === 200 || undefined);
}, START_MS);

afterAll(() => net[Symbol.asyncDispose]());

/** The same but for the reason: `data` of the error. */
function withoutReason(text: string): unknown {
  const answer = JSON.parse(text) as { error?: { data?: string } };
  expect(answer.error?.data).toMatch(/./);
  return { ...answer, error: { ...answer.error, data: undefined } };
}

function expectSame(name: string, difference: Difference | undefined, ours: RecordedAnswer, theirs: RecordedAnswer) {
  switch (difference) {
    case undefined:
      return expect(ours).toEqual(theirs);
    case "wording":
      expect({ ...ours, text: "" }).toEqual({ ...theirs, text: "" });
      expect(ours.text).not.toBe(theirs.text);
      return expect(withoutReason(ours.text)).toEqual(withoutReason(theirs.text));
    case "notCached":
      expect(theirs.cacheControl).toBe("public, max-age=86400");
      return expect(ours).toEqual({ ...theirs, cacheControl: null });
    case "noCrash":
      expect(theirs.text).toContain("reflect: Call with too few input arguments");
      return expect(ours).toEqual({ ...theirs, status: 200, text: `{"jsonrpc":"2.0","id":1,${WITHOUT_CRASH[name]}}` });
    case "strict":
      expect(theirs.text).toContain('"result"');
      return expect(ours.text).toContain('"code":-32700');
  }
}

test.each(HOSTILE_REQUESTS)("$name is answered as CometBFT answers it", async ({ name, method, path, body }) => {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
  const ours = {
    status: answer.status,
    contentType: answer.headers.get("content-type"),
    cacheControl: answer.headers.get("cache-control"),
    text: await answer.text(),
  };
  const theirs = RECORDED.answers[name];
  if (theirs === undefined) throw new Error("nothing is recorded under this name");
  expectSame(name, DIFFERENCES[name], ours, theirs);
});

test("websocket messages are answered as CometBFT answers them, in their order", async () => {
  const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`);
  await once(socket, "open");
  const plain = { status: 0, contentType: null, cacheControl: null };
  for (const { name, text, silent } of HOSTILE_MESSAGES) {
    socket.send(text);
    if (silent) continue;
    const [ours] = await once(socket, "message");
    const theirs = { ...plain, text: RECORDED.messages[name] ?? "" };
    expectSame(name, MESSAGE_DIFFERENCES[name], { ...plain, text: String(ours) }, theirs);
  }
  socket.close();
});

test("every difference is one of a request or message that was recorded", () => {
  expect(Object.keys(DIFFERENCES).filter((name) => RECORDED.answers[name] === undefined)).toEqual([]);
  expect(Object.keys(MESSAGE_DIFFERENCES).filter((name) => RECORDED.messages[name] === undefined)).toEqual([]);
});

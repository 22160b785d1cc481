#!/usr/bin/env node
/**
 * Records what a running CometBFT answers to the hostile requests, and the events of one height, as `recorded.json`:
 *   cometbft init --home H && cometbft node --home H --proxy_app=kvstore
 *   npm run -s node -- node/rpc/testdata/record.ts http://127.0.0.1:26657 > node/rpc/testdata/recorded.json
 */
import { once } from "node:events";
import { WebSocket } from "ws";
import { HOSTILE_MESSAGES, HOSTILE_REQUESTS } from "./hostileRequests.ts";
import { recordHeight } from "./recordHeight.ts";

const [url = "http://127.0.0.1:26657"] = process.argv.slice(2);
const answers: Record<string, object> = {};
for (const { name, method, path, body } of HOSTILE_REQUESTS) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
  answers[name] = {
    status: answer.status,
    contentType: answer.headers.get("content-type"),
    cacheControl: answer.headers.get("cache-control"),
    text: await answer.text(),
  };
}

const messages: Record<string, string> = {};
const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`);
await once(socket, "open");
for (const { name, text, silent } of HOSTILE_MESSAGES) {
  socket.send(text);
  if (!silent) messages[name] = String((await once(socket, "message"))[0]);
}
socket.close();

const events = await recordHeight(url);
process.stdout.write(`${JSON.stringify({ answers, messages, events }, null, 1)}\n`);

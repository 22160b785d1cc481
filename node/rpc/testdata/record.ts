#!/usr/bin/env node
/**
 * Records what a running CometBFT answers to the hostile requests, as `recorded.json`:
 *   cometbft init --home H && cometbft node --home H --proxy_app=kvstore
 *   npm run -s node -- node/rpc/testdata/record.ts http://127.0.0.1:26657 > node/rpc/testdata/recorded.json
 */
import { HOSTILE_REQUESTS } from "./hostileRequests.ts";

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
process.stdout.write(`${JSON.stringify(answers, null, 1)}\n`);

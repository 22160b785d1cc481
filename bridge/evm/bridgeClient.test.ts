import { expect, test } from "vitest";
import { openBridgeClient } from "./bridgeClient.ts";
import { openOutboxClient } from "./outboxClient.ts";
import { startTestRpc } from "./testRpc.ts";

const CONTRACT = `0x${"12".repeat(20)}`;
const PLACE = { chainId: 31_337n, contract: CONTRACT };

test("relayer and observer read no more of an answer than every other part, and wait no longer", async () => {
  await using rpc = await startTestRpc(async () => `0x${"00".repeat(4096)}`);
  using client = openBridgeClient({ ...PLACE, url: rpc.url, maxAnswerBytes: 1024 });
  await expect(client.chainId()).rejects.toMatchObject({ code: "EVM_ANSWER_TOO_LARGE" });
  using outbox = openOutboxClient({ ...PLACE, url: rpc.url, maxAnswerBytes: 1024 });
  await expect(outbox.events(1, 2)).rejects.toMatchObject({ code: "EVM_ANSWER_TOO_LARGE" });

  await using silent = await startTestRpc(() => new Promise(() => undefined));
  using waiting = openBridgeClient({ ...PLACE, url: silent.url, timeoutMs: 20 });
  await expect(waiting.blockNumber()).rejects.toMatchObject({ code: "EVM_UNREACHABLE" });
});

test("a client is opened while its node is away; what keys its URL has is in no error", async () => {
  const gone = await startTestRpc(async () => "0x1");
  await gone.close();
  const url = `${gone.url.replace("//", "//user:secret@")}/v3/secret?key=secret`;
  using client = openBridgeClient({ ...PLACE, url });
  const error = (await client.chainId().catch((thrown: unknown) => thrown)) as Error;
  expect(error.message).toContain("EVM_UNREACHABLE");
  expect(error.message).not.toContain("secret");
  // A node goes on with what needs no Ethereum, and its status says what is wrong.
  using nowhere = openBridgeClient({ ...PLACE, url: "localhost:8545" });
  await expect(nowhere.chainId()).rejects.toMatchObject({ code: "EVM_URL_MALFORMED" });
});

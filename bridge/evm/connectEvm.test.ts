import { expect, test } from "vitest";
import { connectEvm } from "./connectEvm.ts";
import { startTestRpc } from "./testRpc.ts";

const ANSWERS: readonly { readonly name: string; readonly answer: unknown; readonly code: string }[] = [
  { name: "no JSON", answer: "RAW:<html>", code: "EVM_ANSWER_MALFORMED" },
  { name: "no number", answer: "main", code: "EVM_ANSWER_MALFORMED" },
  { name: "nothing", answer: null, code: "EVM_ANSWER_MALFORMED" },
  { name: "another chain", answer: "0x1", code: "EVM_WRONG_CHAIN" },
  { name: "more than is read", answer: "x".repeat(5000), code: "EVM_ANSWER_TOO_LARGE" },
];

test.each(ANSWERS)("a node that answers $name to the first question is refused: $code", async ({ answer, code }) => {
  await using rpc = await startTestRpc(async () => answer);
  await expect(connectEvm({ url: rpc.url, chainId: 31_337n, maxAnswerBytes: 4096 })).rejects.toMatchObject({ code });
});

test("a node that is not there, or never answers, ends a question with its reason", async () => {
  const gone = await startTestRpc(async () => "0x1");
  await gone.close();
  await expect(connectEvm({ url: gone.url })).rejects.toMatchObject({
    code: "EVM_UNREACHABLE",
    details: { reason: "ECONNREFUSED" },
  });
  await using silent = await startTestRpc(() => new Promise(() => undefined));
  await expect(connectEvm({ url: silent.url, timeoutMs: 20 })).rejects.toMatchObject({
    code: "EVM_UNREACHABLE",
    details: { reason: "no answer within 20 ms" },
  });
});

test("a provider's key in the URL is in no error", async () => {
  const gone = await startTestRpc(async () => "0x1");
  await gone.close();
  const url = `${gone.url.replace("//", "//user:secret@")}/v3/secret?key=secret`;
  const error = (await connectEvm({ url }).catch((thrown: unknown) => thrown)) as Error;
  expect(error.message).toContain("EVM_UNREACHABLE");
  expect(error.message).not.toContain("secret");
});

test.each(["", "localhost:8545", "ftp://127.0.0.1", "ws://127.0.0.1:8545"])("%j is no URL of a node", async (url) => {
  await expect(connectEvm({ url })).rejects.toMatchObject({ code: "EVM_URL_MALFORMED" });
});

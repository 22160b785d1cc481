import { expect, test } from "vitest";
import { BridgeError, type BridgeErrorDetails } from "#bridge/bridgeError.ts";
import type { BridgePort } from "../../bridge/bridgePort.ts";
import { BYTES_32, createTestNode, startTestApi } from "../testPorts.ts";

const TX_ID = Buffer.from(BYTES_32).toString("hex");
const PROOFS = [`transactions/${TX_ID}`, `messages/${TX_ID}/3`, "blocks/7", "state?path=/edream/params"];

/** A full node whose bridge answers every proof so. */
async function askAll(prove: () => Promise<object | undefined>) {
  const node = createTestNode();
  const bridge: BridgePort = {
    status: () => ({}),
    steps: () => undefined,
    proveTx: prove,
    proveBlock: prove,
    proveMessage: prove,
    proveRecord: prove,
  };
  await using api = await startTestApi({ ...node, ports: { ...node.ports, bridge } });
  return await Promise.all(
    PROOFS.map(async (path) => {
      const answer = await fetch(`${api.url}/ledger/v1/bridge/proofs/${path}`);
      const { code, details } = (await answer.json()) as { readonly code?: string; readonly details?: object };
      return [answer.status, code, details];
    }),
  );
}

test.each<readonly [BridgeErrorDetails, number, string, object | undefined]>([
  [{ code: "BRIDGE_TX_ABSENT", txId: BYTES_32 }, 404, "NOT_FOUND", undefined],
  [{ code: "BRIDGE_MESSAGE_ABSENT", txId: BYTES_32, messageIndex: 3 }, 404, "NOT_FOUND", undefined],
  [{ code: "BRIDGE_BLOCK_ABSENT", height: 7 }, 404, "NOT_FOUND", undefined],
  [{ code: "BRIDGE_STATE_PROOF", reason: "a list" }, 422, "QUERY_REFUSED", undefined],
  [{ code: "BRIDGE_STATE_ABSENT", height: 812 }, 503, "NOT_READY", { provableHeight: 812 }],
  [{ code: "BRIDGE_RANGE", fromHeight: 1, blocks: 0 }, 500, "INTERNAL", undefined],
])("a proof that cannot be made is answered for what it is: %o", async (details, status, code, facts) => {
  const answers = await askAll(() => Promise.reject(new BridgeError(details)));
  expect(answers).toEqual(PROOFS.map(() => [status, code, facts]));
});

test("what is under no anchor yet, or is not there, is not found; without a bridge nothing is served", async () => {
  expect(await askAll(async () => undefined)).toEqual(PROOFS.map(() => [404, "NOT_FOUND", undefined]));
  await using api = await startTestApi(createTestNode());
  expect((await fetch(`${api.url}/ledger/v1/bridge/proofs/${PROOFS[0]}`)).status).toBe(501);
});

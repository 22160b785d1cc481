import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import type { LedgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { OPERATOR_KEY_NAME, PROSUMER_KEY_NAME } from "../cli/keyNames.ts";
import { accountOf } from "../cli/keyStore.ts";
import type { NodeOptions } from "../options.ts";
import type { RunningNode } from "../runningNode.ts";
import { createTestNetwork, eventually, type TestNetwork } from "../testNetwork.ts";

/** A person of a test's ledger. */
export interface TestAccount {
  readonly key: PrivateKey;
  /** bech32 */
  readonly account: string;
}

/** Validators, by default one that decides alone, with their RPC, on a ledger with a DSO and a prosumer. */
export interface TestRpc extends AsyncDisposable {
  readonly net: TestNetwork;
  /** The first validator. */
  readonly node: RunningNode;
  readonly url: string;
  /** Of all validators. */
  readonly urls: readonly string[];
  /** The first validator's operator: owns the ledger, and is a regulator. */
  readonly owner: TestAccount;
  readonly dso: TestAccount;
  readonly prosumer: TestAccount;
  /** Answer of a URI; waits for nothing. */
  get(path: string): Promise<Record<string, unknown> | undefined>;
  /** Signs with the account's next sequence, or one that is `ahead` of it. */
  sign(by: TestAccount, messages: readonly LedgerMessage[], ahead?: number): Promise<Uint8Array>;
}

export async function startTestRpc(options: Partial<NodeOptions> = {}, validators = 1): Promise<TestRpc> {
  const net = await createTestNetwork({ validators, full: 1, light: 1, engine: options.engine ?? "embedded" });
  const accountOfRole = (role: string) => accountOfKey(net.plan.nodes.find((node) => node.role === role)?.keys ?? {});
  const node = await net.start("validator0", { rpcListen: "127.0.0.1:0", ...options });
  const nodes = [node];
  for (let index = 1; index < validators; index++)
    nodes.push(await net.start(`validator${index}`, { rpcListen: "127.0.0.1:0", ...options }));
  const urls = nodes.map(({ rpc }) => rpc?.url ?? "");
  const [url = ""] = urls;
  const get = async (path: string) => {
    const answer = (await (await fetch(`${url}/${path}`)).json()) as { result?: Record<string, unknown> };
    return answer.result;
  };
  // Before the first block there is nothing to ask for.
  await eventually(() => get("block?height=1"));
  return {
    net,
    node,
    url,
    urls,
    owner: accountOfRole("validator"),
    dso: accountOfRole("full"),
    prosumer: accountOfRole("light"),
    get,
    async sign({ key, account }, messages, ahead = 0) {
      const data = Buffer.from(account).toString("hex");
      const answer = await get(`abci_query?path="/edream/account"&data=0x${data}`);
      const { value } = (answer as { response: { value: string } }).response;
      const record = JSON.parse(Buffer.from(value, "base64").toString()) as { number: string; sequence: string };
      const sequence = BigInt(record.sequence) + BigInt(ahead);
      const signers = [{ privateKey: key, accountNumber: BigInt(record.number), sequence }];
      return new Uint8Array(signTransaction({ messages, chainId: net.chainId, signers }));
    },
    [Symbol.asyncDispose]: () => net[Symbol.asyncDispose](),
  };
}

function accountOfKey(keys: Readonly<Record<string, PrivateKey>>): TestAccount {
  const key = keys[OPERATOR_KEY_NAME] ?? keys[PROSUMER_KEY_NAME];
  if (key === undefined) throw new Error("a planned node without an account");
  return { key, account: accountOf(publicKeyOf(key)).account };
}

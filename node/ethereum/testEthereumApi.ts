import { Wallet } from "ethers";
import type { Api } from "../api/createApi.ts";
import type { ApiPorts } from "../api/ports.ts";
import { createTestNode, startTestApi } from "../api/testPorts.ts";
import { defaultOptions, type NodeOptions } from "../options.ts";
import { ethereumPort } from "./ethereumPort.ts";

/** The REST API of a node beside a test's Ethereum node; with `wallet` it can send by itself. */
export async function startEthereumApi(
  options: Pick<NodeOptions, "ethereumUrl" | "contractsFile"> & Partial<NodeOptions>,
  parts: { readonly nowMs: () => number; readonly privateKey?: string; readonly ports?: Partial<ApiPorts> },
): Promise<Api & AsyncDisposable> {
  const node = createTestNode();
  const wallet = parts.privateKey === undefined ? undefined : new Wallet(parts.privateKey);
  const all = { ...defaultOptions(), ...options };
  const ethereum = ethereumPort(all, { nowMs: parts.nowMs, fetch, wallet });
  return startTestApi({ ...node, ports: { ...node.ports, ...parts.ports, ethereum } }, options);
}

/** A request to it, and what it answers as JSON. */
export async function askApi({ url }: Pick<Api, "url">, path: string, body?: object, token?: string) {
  const response = await fetch(`${url}/ledger/v1${path}`, {
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
  });
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
}

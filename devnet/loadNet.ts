import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { OPERATOR_KEY_NAME } from "#node/cli/keyNames.ts";
import { accountOf } from "#node/cli/keyStore.ts";
import { planNetwork, writeNetwork } from "#node/cli/networkPlan.ts";
import { freeNodePorts, freePorts } from "#node/freePorts.ts";
import type { NodeOptions } from "#node/options.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { genesisMetersOf, type LoadMeter } from "./benchLoad.ts";

export interface LoadNode {
  readonly name: string;
  readonly home: string;
  readonly apiUrl: string;
  /** libp2p address without peer id. */
  readonly multiaddr: string;
  /** BigchainDB's interface and its stream, where they were asked for. */
  readonly bigchainUrl: string | undefined;
  readonly bigchainStreamUrl: string | undefined;
}

/** Makes the homes of a net of validators on which these meters may seal intervals. */
export async function prepareLoadNet(
  directory: string,
  options: {
    readonly validators: number;
    readonly meters: readonly LoadMeter[];
    readonly chainId: string;
    readonly config: Partial<NodeOptions>;
    /** T_i of all meters. Default 15 minutes. */
    readonly intervalMs?: number;
    /** Every validator serves BigchainDB's interface. */
    readonly bigchain?: boolean;
  },
): Promise<{ readonly nodes: readonly LoadNode[] }> {
  const { validators, meters, chainId } = options;
  const passphrase = randomBytes(16).toString("hex");
  const passphraseFile = join(directory, "passphrase");
  writeFileSync(passphraseFile, `${passphrase}\n`, { mode: 0o600 });
  const ports = await freeNodePorts(validators);
  const bigchainPorts = options.bigchain === true ? await freePorts(2 * validators) : [];
  const bigchainOf = (index: number): readonly [http: string, stream: string] | undefined => {
    const [http, stream] = bigchainPorts.slice(2 * index, 2 * index + 2);
    return http === undefined ? undefined : [`127.0.0.1:${http}`, `127.0.0.1:${stream}`];
  };
  const plan = await planNetwork({
    chainId,
    validators,
    full: 0,
    light: 0,
    genesisTimeMs: Date.now(),
    host: "127.0.0.1",
    ports,
    ...(options.config.engine === undefined ? {} : { engine: options.config.engine }),
  });
  const owner = accountOf(publicKeyOf(plan.nodes[0]?.keys[OPERATOR_KEY_NAME] as PrivateKey)).account;
  const nodes = plan.nodes.map((node, index) => {
    const [bigchainListen, bigchainStreamListen] = bigchainOf(index) ?? [];
    const bigchain =
      bigchainListen === undefined || bigchainStreamListen === undefined
        ? {}
        : { bigchainListen, bigchainStreamListen };
    return { ...node, config: { ...node.config, ...options.config, ...bigchain, passphraseFile } };
  });
  const appState = { ...plan.appState, meters: genesisMetersOf(meters, owner, options.intervalMs) };
  await writeNetwork({ ...plan, nodes, appState }, directory, passphrase);
  return {
    nodes: nodes.map(({ name }, i) => ({
      name,
      home: join(directory, name),
      apiUrl: `http://127.0.0.1:${ports[i]?.api}`,
      multiaddr: `/ip4/127.0.0.1/tcp/${ports[i]?.p2p}`,
      bigchainUrl: bigchainOf(i) && `http://${bigchainOf(i)?.[0]}`,
      bigchainStreamUrl: bigchainOf(i) && `ws://${bigchainOf(i)?.[1]}`,
    })),
  };
}

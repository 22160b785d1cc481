import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLinkProxy, type LinkProxy } from "./linkProxy.ts";

/** Every link between two validators, by direction of the dial. */
export interface Links {
  /** Those between the two groups, whoever dials. */
  between(from: readonly string[], to: readonly string[]): readonly LinkProxy[];
  close(): Promise<void>;
}

const linkName = (from: string, to: string) => `${from}>${to}`;

/** Every validator's way to every other goes through a proxy, and nobody learns another way. */
export async function layLinks(
  nodes: readonly { readonly name: string; readonly home: string; readonly role: string }[],
): Promise<Links> {
  const links = new Map<string, LinkProxy>();
  const configOf = ({ home }: { readonly home: string }) =>
    JSON.parse(readFileSync(join(home, "config.json"), "utf8")) as {
      readonly p2pListen?: readonly string[];
      readonly seeds?: readonly string[];
      readonly persistentPeers?: readonly string[];
    };
  const portOf = (address: string) => Number(/\/tcp\/(\d+)/.exec(address)?.[1] ?? 0);
  const validators = nodes.filter(({ role }) => role === "validator");
  const named = new Map(validators.map((node) => [portOf(configOf(node).p2pListen?.[0] ?? ""), node.name]));
  for (const node of validators) {
    const config = configOf(node);
    const through = async (addresses: readonly string[] = []): Promise<string[]> => {
      const changed: string[] = [];
      for (const address of addresses) {
        const port = portOf(address);
        const peer = named.get(port);
        if (peer === undefined) continue;
        const name = linkName(node.name, peer);
        const link = links.get(name) ?? (await createLinkProxy(port));
        links.set(name, link);
        changed.push(address.replace(`/tcp/${port}`, `/tcp/${link.port}`));
      }
      return changed;
    };
    const seeds = await through(config.seeds);
    const persistentPeers = await through(config.persistentPeers);
    writeFileSync(
      join(node.home, "config.json"),
      JSON.stringify({ ...config, seeds, persistentPeers, peerDiscovery: false }),
    );
  }
  return {
    between: (from, to) =>
      from.flatMap((a) =>
        to.flatMap((b) => [links.get(linkName(a, b)), links.get(linkName(b, a))].filter((link) => link !== undefined)),
      ),
    async close() {
      await Promise.all([...links.values()].map((link) => link.close()));
    },
  };
}

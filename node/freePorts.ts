import { createServer } from "node:net";

/**
 * Asks the system for `count` free TCP ports on loopback. All are held open until the last is known, so that no two are
 * equal; a foreign process could still take one before the node binds it, which the node then reports by name.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Ports for so many nodes of one machine: libp2p, REST API, CometBFT. */
export async function freeNodePorts(nodes: number): Promise<readonly { p2p: number; api: number; comet: number }[]> {
  const ports = await freePorts(3 * nodes);
  const port = (index: number) => ports[index] ?? 0;
  return Array.from({ length: nodes }, (_, i) => ({ p2p: port(3 * i), api: port(3 * i + 1), comet: port(3 * i + 2) }));
}

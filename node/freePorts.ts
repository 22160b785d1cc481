import { createSocket } from "node:dgram";
import { createServer, type Server } from "node:net";

/**
 * Asks the system for `count` free TCP ports on loopback. All are held open until the last is known, so that no two are equal. Until this
 * process ends nobody else who asks here is given them, in whatever process: each is marked by a UDP socket, whose ports are apart from
 * those of TCP. A foreign process could still take one before the node binds it, which the node then reports by name.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const server = await listen();
    servers.push(server);
    const { port } = server.address() as { port: number };
    if (await mark(port)) ports.push(port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

/** False when somebody has marked the port before. */
function mark(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4").unref();
    socket.once("error", () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ address: "127.0.0.1", port, exclusive: true }, () => resolve(true));
  });
}

/** Ports for so many nodes of one machine: libp2p, REST API, CometBFT. */
export async function freeNodePorts(nodes: number): Promise<readonly { p2p: number; api: number; comet: number }[]> {
  const ports = await freePorts(3 * nodes);
  const port = (index: number) => ports[index] ?? 0;
  return Array.from({ length: nodes }, (_, i) => ({ p2p: port(3 * i), api: port(3 * i + 1), comet: port(3 * i + 2) }));
}

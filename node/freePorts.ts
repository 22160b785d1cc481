import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { createServer, type Server } from "node:net";

/**
 * Below the ports that systems give to outgoing connections (Linux from 32768, macOS and IANA from 49152): a port the system chose itself could
 * be given to a connection before the node binds it.
 */
const PORTS = { from: 15_000, to: 32_000 } as const;

/**
 * `count` free TCP ports on loopback. All are held open until the last is known, so that no two are equal. Until this
 * process ends nobody else who asks here is given them, in whatever process: each is marked by a UDP socket, whose ports are apart from
 * those of TCP. A foreign process could still take one before the node binds it, which the node then reports by name.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(PORTS.from, PORTS.to);
    const server = await listen(port);
    if (server === undefined) continue;
    servers.push(server);
    if (await mark(port)) ports.push(port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Undefined when the port is taken. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(undefined);
      else reject(error);
    });
    server.listen(port, "127.0.0.1", () => resolve(server));
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

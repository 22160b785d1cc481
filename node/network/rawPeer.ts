import { randomBytes } from "node:crypto";
import { gossipsub } from "@chainsafe/libp2p-gossipsub";
import type { Connection, Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { encodeFrame } from "./framing.ts";
import type { Host } from "./host.ts";
import { createHost } from "./host.ts";
import { protocolsOf } from "./protocols.ts";
import type { NodeStatus } from "./status.ts";
import { encodeStatus } from "./status.ts";
import { receiveOneFrame } from "./streams.ts";

/** A libp2p node without our manners, which opens any stream and writes any bytes. For tests of what others do to us. */
export interface RawPeer extends AsyncDisposable {
  readonly host: Host;
  readonly id: string;
  /** Connects, and passes the handshake unless told otherwise. */
  connect(address: string, status?: Partial<NodeStatus> | undefined): Promise<Connection>;
  /** Opens a stream, writes the bytes as they are, and leaves it open. */
  write(connection: Connection, protocol: string, bytes: Uint8Array): Promise<Stream>;
}

const STATUS: NodeStatus = {
  chainId: "test-1",
  role: "validator",
  height: 0,
  earliestHeight: 0,
  agent: "raw/0",
  addresses: [],
};

export async function startRawPeer(): Promise<RawPeer> {
  const protocols = protocolsOf(STATUS.chainId);
  const host = await createHost(
    { nodeKey: new Uint8Array(randomBytes(32)), role: "light", listen: [], agent: "raw/0" },
    protocols,
    { gossip: gossipsub({ globalSignaturePolicy: "StrictNoSign" }), isBanned: () => false },
  );
  await host.start();
  const write = async (connection: Connection, protocol: string, bytes: Uint8Array) => {
    const stream = await connection.newStream(protocol);
    stream.send(bytes);
    return stream;
  };
  return {
    host,
    id: host.peerId.toString(),
    write,
    async connect(address, status = {}) {
      const connection = await host.dial(multiaddr(address));
      const stream = await write(connection, protocols.status.id, encodeFrame(encodeStatus({ ...STATUS, ...status })));
      await receiveOneFrame(stream, 10_000, AbortSignal.timeout(10_000));
      await stream.close();
      return connection;
    },
    [Symbol.asyncDispose]: async () => host.stop(),
  };
}

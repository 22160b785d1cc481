import type { NodeRole } from "./options.ts";

/** A started node, as `startNode` returns it to the command line, the devnet and the tests. */
export interface RunningNode {
  readonly role: NodeRole;
  /** Where the REST API listens, for example `http://127.0.0.1:26680`; undefined when it is switched off. */
  readonly api: { readonly url: string } | undefined;
  /** Where CometBFT's RPC listens, for example `http://127.0.0.1:26657`; undefined when it is switched off. */
  readonly rpc?: { readonly url: string } | undefined;
  /** Where BigchainDB's HTTP API and event stream listen; undefined when they are switched off. */
  readonly bigchain?: { readonly url: string | undefined; readonly streamUrl: string | undefined } | undefined;
  /** libp2p peer id in base58. */
  readonly peerId: string;
  /** libp2p multiaddresses this node listens on, with its peer id. */
  readonly addresses: readonly string[];
  /** Closes everything in the reverse order of opening. Calling it twice is harmless. */
  readonly stop: () => Promise<void>;
  /** Settles when the node has stopped; rejects when it had to stop because of an error (a full disk, a broken database). */
  readonly done: Promise<void>;
  /** A light node takes no further readings; what it has is still sealed and proved. */
  readonly stopMetering?: () => void;
}

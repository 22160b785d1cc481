import type { Commit } from "./commit.ts";
import type { Evidence } from "./evidence.ts";
import type { Header } from "./header.ts";

export interface Block {
  readonly header: Header;
  readonly txs: readonly Uint8Array[];
  readonly evidence: readonly Evidence[];
  /** Commit of the previous block; at the initial height an empty commit. */
  readonly lastCommit: Commit;
}

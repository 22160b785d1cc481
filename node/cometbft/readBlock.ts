import { type Block, MAX_BLOCK_TXS } from "#storage/types/block.ts";
import { MAX_BLOCK_EVIDENCE } from "#storage/types/evidence.ts";
import { ArgumentFault } from "../rpc/argument.ts";
import { readEvidence } from "../rpc/cometJson/readEvidence.ts";
import type { JsonFields } from "../rpc/cometJson/readFields.ts";
import { readCommit, readHeader } from "../rpc/cometJson/readHeaders.ts";

/**
 * The `block` of CometBFT's RPC method of that name (research/cometbft.md §4.1). Nothing is checked beyond its form: whoever asked hashes what
 * comes out. @throws ArgumentFault
 */
export function readBlock(block: JsonFields): Block {
  const evidence = block.objectOrEmpty("evidence").list("evidence", MAX_BLOCK_EVIDENCE);
  return {
    header: readHeader(block.objectOrEmpty("header")),
    txs: block.objectOrEmpty("data").base64List("txs", MAX_BLOCK_TXS),
    evidence: evidence.map((each) => {
      const read = readEvidence(each.text("type"), each.objectOrEmpty("value"));
      if ("problem" in read) throw new ArgumentFault(read.problem);
      return read.evidence;
    }),
    lastCommit: readCommit(block.objectOrEmpty("last_commit")),
  };
}

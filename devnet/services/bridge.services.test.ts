import { equivocationSuite } from "#node/bridge/testEquivocationSuite.ts";
import { cometbftBinary } from "./cometbft.ts";

// Anchors, evidence and rotations over blocks that CometBFT orders. Building it takes a minute or two where it is not there yet.
equivocationSuite({
  engine: "cometbft",
  nodeOptions: async () => ({ cometbftBinary: await cometbftBinary() }),
  timeoutMs: 300_000,
});

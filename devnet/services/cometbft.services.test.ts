import { describe } from "vitest";
import { driverSuite } from "#node/testDriverSuite.ts";
import { COMETBFT_VERSIONS, cometbftBinary } from "./cometbft.ts";

/** Building the program the first time takes most of it. */
const TIMEOUT_MS = 600_000;

describe.each(COMETBFT_VERSIONS)("CometBFT %s as the engine", (version) => {
  driverSuite({
    engine: "cometbft",
    nodeOptions: async () => ({ cometbftBinary: await cometbftBinary(version) }),
    timeoutMs: TIMEOUT_MS,
  });
});

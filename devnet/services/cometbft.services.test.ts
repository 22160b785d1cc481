import { describe } from "vitest";
import { driverSuite } from "#node/testDriverSuite.ts";
import { COMETBFT_VERSIONS, cometbftBinary } from "./cometbft.ts";

/** Building the program takes some minutes the first time. */
const BUILD_TIMEOUT_MS = 900_000;
const TIMEOUT_MS = 120_000;

describe.each(COMETBFT_VERSIONS)("CometBFT %s as the engine", (version) => {
  driverSuite({
    engine: "cometbft",
    nodeOptions: async () => ({ cometbftBinary: await cometbftBinary(version) }),
    timeoutMs: TIMEOUT_MS,
    prepareTimeoutMs: BUILD_TIMEOUT_MS,
  });
});

import { afterAll, beforeAll } from "vitest";
import { assetStoreSuite } from "#storage/assets/assetStoreSuite.ts";
import { createDriverAssetStore } from "./driverAssetStore.ts";
import { createHttpAssetStore } from "./httpAssetStore.ts";
import { startTestBigchain, type TestBigchain } from "./testBigchain.ts";

let running: TestBigchain;

beforeAll(async () => {
  running = await startTestBigchain();
});

afterAll(() => running[Symbol.asyncDispose]());

assetStoreSuite("a node's interface", () => createHttpAssetStore({ url: running.url }));
assetStoreSuite("the official driver", () =>
  createDriverAssetStore({ url: running.url, streamUrl: running.bigchain.streamUrl }),
);

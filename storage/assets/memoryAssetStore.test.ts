import { assetStoreSuite } from "./assetStoreSuite.ts";
import { createMemoryAssetStore } from "./memoryAssetStore.ts";

assetStoreSuite("memory", () => {
  let nowMs = 0;
  return createMemoryAssetStore({
    nowMs: () => {
      nowMs += 1000;
      return nowMs;
    },
  });
});

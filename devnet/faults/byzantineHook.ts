import { registerHooks } from "node:module";

/**
 * Loaded before a node (`--import`): its consensus engine and its signer are those of `byzantineEngine.ts`, everything else is production
 * code. Told which behaviours to have over the process' IPC channel.
 */
const ROOT = new URL("../../", import.meta.url);
const BYZANTINE = new URL("byzantineEngine.ts", import.meta.url).href;
const REPLACED = new Set(["consensus/engine/engine.ts", "node/signerOpen.ts"].map((file) => new URL(file, ROOT).href));

registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context);
    if (!REPLACED.has(resolved.url) || context.parentURL === BYZANTINE) return resolved;
    return { ...resolved, url: BYZANTINE };
  },
});

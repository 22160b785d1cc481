import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * Runs before everything else in a light node's process, as a stripped copy of this file (lightProcess.ts), so it imports nothing of ours.
 * It does three things, and without any of them the node does the same in more memory:
 *  - our TypeScript is read as stripBefore.ts left it, so that Node does not load its own type stripper: 18 MB;
 *  - modules that libp2p's packages import and that a light node never calls are left out: 10 MB;
 *  - text is compared without the tables of human languages, 3 MB: libp2p sorts addresses by them, and any order will do for that.
 */
const { searchParams } = new URL(import.meta.url);
const root = searchParams.get("root") ?? "";

/** Who imports what, and the names it takes. A call fails by name; host.ts and nodeKey.ts see to it that none is made. */
const ABSENT: readonly { readonly from: string; readonly specifier: string; readonly names: readonly string[] }[] = [
  // Peers with keys other than Ed25519, which nodes of this ledger do not have; and keys from seeds, which nodeKey.ts derives natively.
  { from: "/@libp2p/crypto/", specifier: "@noble/curves/ed25519.js", names: ["ed25519"] },
  { from: "/@libp2p/crypto/", specifier: "@noble/curves/secp256k1.js", names: ["secp256k1"] },
  { from: "/@libp2p/crypto/", specifier: "@noble/hashes/sha2.js", names: ["sha256"] },
  // The default primitives of Noise, in WebAssembly and JavaScript; a light node brings its own (noiseCrypto.ts).
  { from: "/@chainsafe/libp2p-noise/", specifier: "./crypto/index.js", names: ["defaultCrypto"] },
  { from: "/@chainsafe/libp2p-noise/", specifier: "./crypto/js.js", names: ["pureJsCrypto"] },
  // Helpers for tests.
  { from: "/@libp2p/utils/", specifier: "./mock-muxer.js", names: [] },
  { from: "/@libp2p/utils/", specifier: "./mock-stream.js", names: [] },
  { from: "/@libp2p/utils/", specifier: "./stream-pair.js", names: [] },
];

registerHooks({
  resolve(specifier, context, next) {
    const { parentURL } = context;
    const absent = ABSENT.find((entry) => entry.specifier === specifier && parentURL?.includes(entry.from) === true);
    if (absent === undefined) return next(specifier, context);
    return { url: standIn(specifier, absent.names), format: "module", shortCircuit: true };
  },
  load(url, context, next) {
    if (!url.startsWith(root) || !url.endsWith(".ts") || url.includes("/node_modules/")) return next(url, context);
    const stripped = readStripped(url);
    return stripped === undefined ? next(url, context) : { format: "module", source: stripped, shortCircuit: true };
  },
});

// Only in this process, which sorts nothing for people.
String.prototype.localeCompare = function localeCompare(that: string): number {
  const text = String(this);
  if (text === that) return 0;
  return text < that ? -1 : 1;
};

/** A module whose exports can be imported and kept, but not used. */
function standIn(specifier: string, names: readonly string[]): string {
  const refuse = `() => { throw new Error(${JSON.stringify(`${specifier} is not loaded in a light node`)}); }`;
  const exports = names.map((name) => `export const ${name} = new Proxy({}, { get: refuse });`).join("\n");
  return `data:text/javascript,${encodeURIComponent(`const refuse = ${refuse};\n${exports}\nexport {};`)}`;
}

/** Undefined when the file was changed after stripping: Node then strips it as always. */
function readStripped(url: string): string | undefined {
  try {
    const source = readFileSync(fileURLToPath(url));
    return readFileSync(new URL(`${hash("sha256", source)}.js`, import.meta.url), "utf8");
  } catch {
    return undefined;
  }
}

import { registerHooks } from "node:module";
import { workerData } from "node:worker_threads";
import { MUTANTS } from "#consensus/sim/mutants.ts";

/** Loads the simulator with one production source changed. The hook sees only modules loaded after it, so they are imported here. */
const { mutant: name } = workerData as { readonly mutant: string };
const mutant = MUTANTS.find((each) => each.name === name);
if (mutant === undefined) throw new TypeError(`no mutant ${name}`);
const root = new URL("../../", import.meta.url);
const target = new URL(mutant.file, root).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== target || loaded.source === undefined || loaded.source === null) return loaded;
    const source = Buffer.from(loaded.source as Uint8Array).toString("utf8");
    if (!source.includes(mutant.find)) throw new TypeError(`${name} does not fit ${mutant.file}`);
    return { ...loaded, source: source.replace(mutant.find, () => mutant.replace) };
  },
});

await import("./sim.worker.ts");

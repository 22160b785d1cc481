import { cp, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileContracts } from "#contracts/build/compile.ts";
import type { Mutant, MutantGroup } from "#contracts/mutants/mutant.ts";

const PROJECT = join(import.meta.dirname, "..", "..");

/** The contracts' unit tests alone, run where they are. */
const VITEST_CONFIG = `export default {
  test: {
    experimental: { viteModuleRunner: false },
    include: ["contracts/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
};
`;

/** A copy of the project in which contracts can be broken: `contracts/` is its own, everything else is the project's. */
export interface BrokenTree extends AsyncDisposable {
  readonly root: string;
  /** Breaks one source, and what is deployed of it. @throws CompileError COMPILE_FAILED */
  apply(group: MutantGroup, mutant: Mutant | undefined): Promise<void>;
  /** Back to what was. */
  restore(group: MutantGroup, mutant: Mutant): Promise<void>;
}

export async function createBrokenTree(): Promise<BrokenTree> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "energy-ledger-mutants-")));
  for (const name of await readdir(PROJECT)) {
    if (name === "contracts" || name.startsWith(".git")) continue;
    await symlink(join(PROJECT, name), join(root, name));
  }
  const own = join(PROJECT, "contracts");
  await cp(own, join(root, "contracts"), { recursive: true, filter: (path) => path !== join(own, "out") });
  await writeFile(join(root, "vitest.mutants.config.mjs"), VITEST_CONFIG);

  const artifactPath = ({ contract }: MutantGroup) => join(root, "contracts", "abi", `${contract}.json`);
  return {
    root,
    async apply(group, mutant) {
      const changed: Record<string, string> = {};
      if (mutant !== undefined) {
        const { file, find, replace } = mutant;
        // A function, because "$" means something in a text.
        changed[file] = (await readFile(join(own, file), "utf8")).replace(find, () => replace);
        await writeFile(join(root, "contracts", file), changed[file]);
      }
      const artifacts = compileContracts({ only: group.source, changed });
      const made = artifacts.find(({ name }) => name === group.contract);
      if (made === undefined) throw new Error(`${group.source} has no ${group.contract}`);
      // The tests know the errors by the ABI that is committed, also those that nothing throws any more.
      const { abi } = JSON.parse(await readFile(join(own, "abi", `${group.contract}.json`), "utf8")) as {
        abi: unknown;
      };
      await writeFile(artifactPath(group), JSON.stringify({ abi, bytecode: made.bytecode }));
    },
    async restore(group, { file }) {
      await cp(join(own, file), join(root, "contracts", file));
      await cp(join(own, "abi", `${group.contract}.json`), artifactPath(group));
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

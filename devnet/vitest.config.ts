import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const SERVICES = "**/*.services.test.ts";
const FAULTS = [
  "devnet/faults/faults.test.ts",
  "devnet/scenarios/scenarios.test.ts",
  "devnet/scenarios/scenariosFaults.test.ts",
];

/**
 * Groups of tests, one after another: of the code, side by side; of whole networks of processes, which need the machine for themselves; of faults on such
 * networks and of scenarios with Ethereum, minutes of both (`npm run test:faults`); and of what needs programs of others (`npm run test:services`).
 */
export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    experimental: { viteModuleRunner: false },
    // For what hangs; how fast something is, is no test's business.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "code",
          include: ["{storage,consensus,bridge,contracts,node,devnet/sim}/**/*.test.ts"],
          exclude: [...configDefaults.exclude, SERVICES],
          // Vitest would leave one core to itself.
          maxWorkers: Math.max(2, availableParallelism()),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "networks",
          include: ["devnet/**/*.test.ts"],
          exclude: [...configDefaults.exclude, SERVICES, ...FAULTS, "devnet/sim/**"],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      { extends: true, test: { name: "faults", include: FAULTS, maxWorkers: 1, sequence: { groupOrder: 2 } } },
      {
        extends: true,
        test: { name: "services", include: [SERVICES], maxWorkers: 1, sequence: { groupOrder: 3 } },
      },
    ],
  },
});

import { equivocationSuite } from "./testEquivocationSuite.ts";

equivocationSuite({ engine: "embedded", nodeOptions: async () => ({}), timeoutMs: 120_000 });

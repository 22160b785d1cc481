import { driverSuite } from "./testDriverSuite.ts";

driverSuite({ engine: "embedded", nodeOptions: async () => ({}), timeoutMs: 60_000 });

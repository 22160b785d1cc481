import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createSmallApi, type UnsealedAnswer } from "../api/smallApi.ts";
import { createTestNode } from "../api/testPorts.ts";
import { defaultOptions } from "../options.ts";
import { homeOf } from "./testLedgerNode.ts";

const METER = "dsmr:4530/import";
const ANSWER: UnsealedAnswer = {
  late: [
    {
      meterId: METER,
      reason: "before-first-interval",
      readings: 90,
      fromMs: 1_790_000_000_000,
      toMs: 1_790_003_600_000,
    },
    { meterId: METER, reason: "gap", readings: 1, fromMs: 1_790_010_000_000, toMs: 1_790_010_000_000 },
  ],
  refused: [
    { meterId: METER, startMs: 0, endMs: 900_000, amendment: 2, readings: 4, code: "INTERVAL_NOT_SEALED" },
    { meterId: METER, startMs: 0, endMs: 900_000, readings: 4, code: "9999" },
  ],
};

async function setUp(answer: UnsealedAnswer | undefined) {
  const asked: (string | undefined)[] = [];
  const ports = {
    ...createTestNode().ports,
    metrics: () => "",
    ...(answer === undefined
      ? {}
      : {
          async unsealed(meterId: string | undefined) {
            asked.push(meterId);
            return meterId === undefined || meterId === METER ? answer : undefined;
          },
        }),
  };
  const api = await createSmallApi({ ...defaultOptions(), apiPort: 0 }, ports, { log: pino({ level: "silent" }) });
  onTestFinished(() => api.close());
  const cli = await homeOf("prosumer");
  return {
    asked,
    url: api.url,
    run: (...args: readonly string[]) => cli.run("meter", "unsealed", ...args, "--node", api.url),
  };
}

test("meter unsealed lists what is kept and not sealed with count, range, reason and what can be done", async () => {
  const { run, asked } = await setUp(ANSWER);
  const { out, exit } = await run();
  expect(exit).toBe("ok");
  expect(out).toMatch(
    /^dsmr:4530\/import +90 +2026-09-21T14:13:20.000Z +2026-09-21T15:13:20.000Z +before-first-interval: older than/m,
  );
  expect(out).toMatch(/^dsmr:4530\/import +1 .* gap: of a time for which no interval was sealed/m);
  expect(out).toMatch(
    /^dsmr:4530\/import +4 .* amendment 2 was refused, INTERVAL_NOT_SEALED: no interval with this start/m,
  );
  expect(out).toMatch(/ the interval was refused, 9999: /);
  expect(out).toContain("latenessMs");
  expect((await run(METER, "--json")).json).toEqual(ANSWER);
  expect(asked).toEqual([undefined, METER]);
});

test("a node with nothing unsealed says so, one that meters nothing and an impossible meter are errors", async () => {
  const { run, url } = await setUp({ late: [], refused: [] });
  expect((await run()).out).toContain("Everything that is kept is sealed");
  expect((await fetch(`${url}/ledger/v1/unsealed?meter=${"a".repeat(300)}`)).status).toBe(400);
  const unknown = await run("dsmr:9/import");
  expect([unknown.exit, unknown.err]).toEqual([
    "notFound",
    expect.stringContaining("this node has closed no interval of meter dsmr:9/import"),
  ]);
  const none = await setUp(undefined);
  expect((await none.run()).err).toContain("this node meters nothing");
});

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBigchain, type TestBigchain } from "../bigchain/testBigchain.ts";
import { freePorts } from "../freePorts.ts";
import { createTestCli } from "./testIo.ts";

const cli = createTestCli();
let ledger: TestBigchain;

beforeAll(async () => {
  ledger = await startTestBigchain();
  expect((await cli.run("keys", "new", "aggregator", "--type", "ed25519")).exit).toBe("ok");
});

afterAll(async () => {
  await ledger[Symbol.asyncDispose]();
  cli[Symbol.dispose]();
});

const START_MS = Date.parse("2019-03-18T16:00:00Z");

/** D5.1's Figure 16, with the value to tell. */
const notification = (value: string) => ({
  subscriptionId: "5c8fbdc3f382b7ba2d5c660d",
  originator: "localhost",
  contextResponses: [
    {
      contextElement: {
        type: "SMX",
        isPattern: "false",
        id: "urn:ngsi-ld:SMX:BBB6099",
        attributes: [
          {
            name: "P",
            type: "W",
            value,
            metadatas: [{ name: "TimeInstant", type: "ISO8601", value: "2019-03-18T16:13:45.275Z" }],
          },
        ],
      },
    },
    { statusCode: { code: "200", reasonPhrase: "OK" } },
  ],
});

async function inputsFile(): Promise<{ readonly file: string; readonly url: string }> {
  const [port] = await freePorts(1);
  const file = join(cli.folder, `inputs-${port}.json`);
  writeFileSync(
    file,
    JSON.stringify({ version: 1, inputs: [{ name: "broker", type: "ngsi", options: { port } }], devices: [] }),
  );
  return { file, url: `http://127.0.0.1:${port}/ngsi/notify` };
}

for (const [meter, value, word, ...driver] of [
  ["BBB6099", "-84.891", "891"],
  ["BBB6100", "-85.892", "892", "--driver"],
] as const)
  test(`a broker's notification is on the chain when its quarter of an hour is over ${driver}`, async () => {
    const { file, url } = await inputsFile();
    let nowMs = START_MS + 14 * 60_000;
    let interrupt = () => undefined as unknown;
    let started = "";
    const running = cli.runWith(
      {
        nowMs: () => nowMs,
        out: (text) => {
          started += text;
        },
        onInterrupt: (listener) => {
          interrupt = listener;
          return () => undefined;
        },
      },
      ...["aggregator", "run", "--inputs", file, "--store", ledger.url, ...driver, "--json"],
    );
    while (started === "") await new Promise((resolve) => setTimeout(resolve, 10));
    expect(JSON.parse(started)).toMatchObject({ event: "started", inputs: ["broker"], everyMs: 900_000 });
    const body = JSON.stringify(notification(value)).replace("BBB6099", meter);
    const post = () => fetch(url, { method: "POST", body, headers: { "content-type": "application/json" } });
    expect((await post()).status).toBe(204);
    expect((await post()).status).toBe(204);
    nowMs = START_MS + 20 * 60_000;
    const found = async () => (await ledger.assets.search("metadata", word)).length;
    while ((await found()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    interrupt();
    expect((await running).exit).toBe("ok");
    expect(await ledger.assets.search("metadata", word)).toMatchObject([
      { document: { recvTime: "2019-03-18T16:15:00.000Z", attrName: "P", attrType: "W", attrValue: value, count: 1 } },
    ]);
    const { json, exit } = await cli.run("aggregator", "status", "--json");
    expect(exit).toBe("ok");
    const record = { meterId: `ngsi:urn:ngsi-ld:SMX:${meter}`, registered: true };
    expect(json).toMatchObject({ waiting: 0, meters: expect.arrayContaining([expect.objectContaining(record)]) });
    expect((await cli.run("aggregator", "status")).out).toContain("yes");
  });

test.each([
  ["no inputs", ["--inputs", "/nowhere.json", "--store", "http://127.0.0.1:1"], "INPUTS_MISSING"],
  ["an interval that is none", ["--inputs", "x", "--store", "http://127.0.0.1:1", "--every", "0"], "FLAG_INVALID"],
])("%s is a mistake of usage", async (_name, flags, code) => {
  const { exit, json } = await cli.run("aggregator", "run", ...flags, "--json");
  expect([exit, json.code]).toEqual(["usage", code]);
});

test("a URL that is none, and a key that is not there, are said to be", async () => {
  const { file } = await inputsFile();
  const flags = ["aggregator", "run", "--inputs", file, "--json", "--store"];
  expect((await cli.run(...flags, "localhost:9984")).json.code).toBe("STORE_URL_MALFORMED");
  expect((await cli.run(...flags, ledger.url, "--key", "nobody")).json.code).toBe("KEY_UNKNOWN");
});

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { CHAIN_ID } from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { periodSeed } from "#storage/types/intervalSecrets.ts";
import { deviceKeyOf, meterSecretOf } from "../light/meterKeys.ts";
import { telegramOf } from "../meter/dsmr/testTelegrams.ts";
import { listenLine } from "../meter/stream/testLine.ts";
import { loadKey } from "./keyStore.ts";
import { createTestCli, TEST_PASSPHRASE, type TestCli } from "./testIo.ts";
import { homeOf, startLedgerNode } from "./testLedgerNode.ts";

const DEVICE = "dsmr:4530303434303037";
/** A Dutch meter: its registers are those of the tariffs, and of gas. */
const TELEGRAM = telegramOf([
  "1-3:0.2.8(50)",
  "0-0:1.0.0(251121100000W)",
  "0-0:96.1.1(4530303434303037)",
  "1-0:1.8.1(000123.456*kWh)",
  "1-0:1.8.2(000200.000*kWh)",
  "1-0:2.8.1(000001.000*kWh)",
  "1-0:2.8.2(000002.000*kWh)",
  "1-0:1.7.0(00.500*kW)",
  "1-0:2.7.0(00.000*kW)",
]);

/** A converter that sends what a meter does, again and again. */
async function meter(bytes: Uint8Array): Promise<number> {
  const line = await listenLine((socket) => {
    socket.write(bytes);
    const timer = setInterval(() => socket.write(bytes), 20);
    socket.on("close", () => clearInterval(timer));
  });
  onTestFinished(() => line[Symbol.asyncDispose]());
  return line.port;
}

async function home(): Promise<TestCli> {
  const cli = createTestCli();
  onTestFinished(() => cli[Symbol.dispose]());
  expect((await cli.run("init", "--chain-id", "my-ledger")).exit).toBe("ok");
  return cli;
}

const dsmr = (port: number) => [
  "--type",
  "dsmr",
  "--set",
  "connection.type=tcp",
  "--set",
  "connection.host=127.0.0.1",
  "--set",
  `connection.port=${port}`,
];
const nowMs = () => Date.UTC(2025, 10, 21, 9, 0, 1);

test("a meter is added by flags alone: heard, written down, with its keys and how it is enrolled", async () => {
  const cli = await home();
  const port = await meter(TELEGRAM);
  const flags = ["--zone", "Europe/Amsterdam", "--fuse-w", "17250", "--every", "10s", "--json"];
  const { exit, json } = await cli.runWith({ nowMs }, "meter", "add", ...dsmr(port), ...flags);
  expect(exit).toBe("ok");
  expect(json).toMatchObject({ input: { name: "dsmr", type: "dsmr" }, devices: [DEVICE], keyCreated: true });
  const meterIds = ["import.t1", "import.t2", "export.t1", "export.t2"].map((suffix) => `${DEVICE}/${suffix}`);
  const meters = json.meters as readonly Record<string, string>[];
  expect(meters.map(({ meterId }) => meterId).toSorted()).toEqual(meterIds.toSorted());
  expect((json.readings as unknown[]).length).toBeGreaterThanOrEqual(5);

  const key = await loadKey(join(cli.home, "keys"), "meter", TEST_PASSPHRASE);
  const [first] = meters;
  const meterId = String(first?.meterId);
  const secret = meterSecretOf(key, meterId);
  const seed = periodSeed({ ledgerId: "my-ledger", meterId, secret }, Date.UTC(2025, 10, 21));
  expect(first).toMatchObject({
    deviceKey: Buffer.from(publicKeyOf(deviceKeyOf(key, meterId)).bytes).toString("hex"),
    seedCommitment: Buffer.from(sha256(seed)).toString("hex"),
    quantity: "electricity",
    direction: meterId.includes("export") ? "export" : "import",
    owner: expect.stringMatching(/^edream1/),
  });
  expect(json).not.toHaveProperty("note");
  expect((json.enrol as readonly string[])[0]).toContain(`meters enrol ${meterId} --owner edream1`);
  const file = JSON.parse(readFileSync(join(cli.home, "meters.json"), "utf8"));
  expect(file.devices).toMatchObject([
    { device: DEVICE, zone: "Europe/Amsterdam", fuseW: 17250, everyMs: 10_000, channels: { "import.t1": "sealed" } },
  ]);
});

test("on a terminal everything that is missing is asked, and the first reading is shown", async () => {
  const cli = await home();
  const port = await meter(TELEGRAM);
  const asked: string[] = [];
  const answers: Record<string, string> = {
    "How is the meter connected?": "dsmr",
    "Address of the converter": "127.0.0.1",
  };
  const prompts = {
    async text(question: string, fallback?: string) {
      asked.push(question);
      return answers[question] ?? (question === "Its TCP port" ? String(port) : (fallback ?? ""));
    },
    async choose(question: string, choices: readonly { value: string }[]) {
      asked.push(question);
      return asked.length === 1 ? "dsmr" : (choices[0]?.value ?? "");
    },
  };
  const { exit, out, err } = await cli.runWith({ prompts, nowMs }, "meter", "add");
  expect(exit).toBe("ok");
  expect(asked).toEqual([
    "How is the meter connected?",
    "How is the meter connected?",
    "Address of the converter",
    "Its TCP port",
    "Country of the meter (D0: German optical port)",
    "Time zone of the connection",
    expect.stringContaining("fuse"),
  ]);
  expect(err).toContain("123.456");
  expect(out).toContain(`sealed as   ${DEVICE}/import.t1`);
  expect(out).toContain("energy-ledger meters enrol");
});

test("list, test and remove do what they say", async () => {
  const cli = await home();
  const port = await meter(TELEGRAM);
  await cli.runWith({ nowMs }, "meter", "add", ...dsmr(port), "--name", "p1");
  expect((await cli.run("meter", "list", "--json")).json).toMatchObject({ inputs: [{ name: "p1", type: "dsmr" }] });
  expect((await cli.run("meter")).out).toContain(DEVICE);
  const heard = await cli.runWith({ nowMs }, "meter", "test", "p1");
  expect(heard.out).toContain("123.456");
  expect((await cli.run("meter", "add", "--type", "simulator", "--name", "p1")).err).toContain("METER_INPUT_EXISTS");
  expect((await cli.run("meter", "remove", "p1", "--device", "dsmr:9")).err).toContain("METER_DEVICE_UNKNOWN");
  expect((await cli.run("meter", "remove", "p1", "--device", DEVICE)).exit).toBe("ok");
  expect((await cli.run("meter", "list", "--json")).json).toEqual({ inputs: [], devices: [] });
  expect(await cli.run("meter", "test", "p1")).toMatchObject({
    exit: "notFound",
    err: expect.stringContaining("METER_INPUT_UNKNOWN"),
  });
});

test("what goes wrong says what to do next, and leaves no file behind", async () => {
  const cli = await home();
  const silent = await meter(Buffer.from("\r\n"));
  const broken = await meter(Buffer.from(TELEGRAM.toString("latin1").replace("123.456", "123.457"), "latin1"));
  const codeOf = async (...args: readonly string[]) => {
    const { json } = await cli.runWith({ nowMs }, "meter", "add", ...args, "--json");
    return [json.code, json.hint];
  };
  expect(await codeOf()).toEqual(["METER_TYPE_MISSING", expect.stringContaining("--type: dsmr")]);
  expect(await codeOf("--type", "dsmr")).toEqual([
    "METER_OPTION_MISSING",
    expect.stringContaining("--set connection.type=tcp|serial"),
  ]);
  expect(await codeOf(...dsmr(silent), "--wait", "200ms")).toEqual([
    "METER_NOT_HEARD",
    expect.stringContaining("check the cable"),
  ]);
  expect(await codeOf(...dsmr(broken), "--wait", "300ms")).toEqual([
    "METER_NOT_UNDERSTOOD",
    expect.stringContaining("check the cable"),
  ]);
  expect(await codeOf(...dsmr(silent), "--set", "profile=XX")).toEqual([
    "METER_OPTION_WRONG",
    expect.stringContaining("--set"),
  ]);
  expect(await codeOf("--type", "dsmr", "--set", "port")).toEqual(["SETTING_MALFORMED", expect.any(String)]);
  expect(await codeOf("--type", "dsmr", "--options", "[]")).toEqual(["METER_OPTIONS_MALFORMED", expect.any(String)]);
  expect(await codeOf("--type", "simulator", "--no-listen")).toEqual([
    "METER_DEVICE_MISSING",
    expect.stringContaining("--device"),
  ]);
  const fuse = await codeOf("--type", "simulator", "--no-listen", "--device", "sim:*", "--fuse-w", "25 A");
  expect(fuse).toEqual(["METER_FUSE_MALFORMED", expect.any(String)]);
  expect(existsSync(join(cli.home, "meters.json"))).toBe(false);
});

test("flags that cannot be are refused before anything is listened to", async () => {
  const cli = await home();
  const wrong: readonly (readonly [string, ...string[]])[] = [
    ["METER_NAME_MALFORMED", "--name", "My Meter"],
    ["METER_DEVICE_MALFORMED", "--device", "a b"],
    ["METER_ZONE_UNKNOWN", "--zone", "Nowhere/X"],
    ["METER_FUSE_MALFORMED", "--fuse-w", "25A"],
    ["METER_FUSE_MALFORMED", "--fuse-w", "9999999999"],
    ["DURATION_MALFORMED", "--every", "often"],
    ["DURATION_MALFORMED", "--wait", "soon"],
    ["DURATION_MALFORMED", "--wait", "999d"],
  ];
  for (const [code, ...flags] of wrong) {
    const { exit, err } = await cli.runWith({ nowMs }, "meter", "add", "--type", "simulator", ...flags);
    expect([exit, err], flags.join(" ")).toEqual(["usage", expect.stringContaining(`[${code}]\n  write `)]);
    expect(err).not.toContain("Listening");
  }
});

test("a connection that fails says why and what to look at, and a file that cannot be read says so at once", async () => {
  const cli = await home();
  const port = await meter(Buffer.alloc(0));
  const run = async (...args: readonly string[]) => {
    const { json } = await cli.runWith({ nowMs }, "meter", "add", ...args, "--json");
    return [json.code, json.message, json.hint] as readonly string[];
  };
  // Of a port that was just let go nobody has taken hold yet.
  const gone = await listenLine();
  await gone[Symbol.asyncDispose]();
  const refused = await run(...dsmr(gone.port), "--wait", "500ms");
  expect(refused).toEqual([
    "METER_NOT_HEARD",
    expect.stringContaining("ECONNREFUSED"),
    expect.stringContaining("nothing listens at this address and port"),
  ]);
  expect((await run(...dsmr(port), "--wait", "300ms"))[2]).toContain("check the cable");

  const file = (name: string, text: string | Buffer): string => {
    const path = join(cli.folder, name);
    writeFileSync(path, text);
    return path;
  };
  const csv = (path: string) => run("--type", "csv", "--set", `path=${path}`, "--wait", "1h");
  expect(await csv(join(cli.folder, "none.csv"))).toEqual([
    "METER_OPTION_WRONG",
    expect.stringContaining("must be a file that can be read"),
    expect.stringContaining("--set PATH=VALUE"),
  ]);
  expect(await csv(cli.folder)).toEqual([
    "METER_CSV_UNREADABLE",
    expect.stringContaining("EISDIR"),
    expect.stringContaining("give the path of a file"),
  ]);
  expect(await csv(file("big.bin", Buffer.alloc(10 * 1024 * 1024, 0xe9)))).toEqual([
    "METER_CSV_UNREADABLE",
    expect.any(String),
    expect.stringContaining("4096 characters"),
  ]);
  expect(await csv(file("other.csv", "a,b\n1,2\n"))).toEqual([
    "METER_CSV_HEADER_UNKNOWN",
    expect.stringContaining("LCLid"),
    expect.stringContaining("export the readings again"),
  ]);
  expect(await csv(file("empty.csv", ""))).toEqual([
    "METER_CSV_EMPTY",
    expect.any(String),
    expect.stringContaining("copied whole"),
  ]);
});

test("a meters.json that is none, and a folder that is no home, are named with what to do", async () => {
  const cli = await home();
  writeFileSync(join(cli.home, "meters.json"), "{");
  expect((await cli.run("meter", "list")).err).toMatch(/METER_FILE_MALFORMED\]\n {2}correct meters.json/);
  writeFileSync(join(cli.home, "meters.json"), JSON.stringify({ version: 1, devices: [{ device: "a", fuseW: "x" }] }));
  const wrong = await cli.run("meter", "test", "p1");
  expect(wrong.err).toMatch(/devices\[0\]\.fuseW[\s\S]*METER_OPTION_INVALID\]\n {2}correct this option in meters.json/);
  const none = createTestCli();
  onTestFinished(() => none[Symbol.dispose]());
  for (const command of [["list"], ["test", "p1"], ["remove", "p1"], ["add", "--type", "simulator"]])
    expect((await none.run("meter", ...command)).err).toContain("name the home of a node with --home");
});

test("a meter can be written down unheard, and a second one takes a free name", async () => {
  const cli = await home();
  const add = () => cli.run("meter", "add", "--type", "simulator", "--no-listen", "--device", "sim:*", "--json");
  expect((await add()).json).toMatchObject({ input: { name: "simulator" }, devices: ["sim:*"], keyCreated: true });
  expect((await add()).json).toMatchObject({ input: { name: "simulator-2" }, keyCreated: false });
  expect((await cli.run("meter", "list", "--json")).json).toMatchObject({ devices: [{ device: "sim:*" }] });
});

test("with the key of a grid operator the ledger accepts the meter at once", async () => {
  const other = await home();
  const cli = await homeOf("dso", "prosumer");
  onTestFinished(() => cli[Symbol.dispose]());
  const genesis = readFileSync(join(other.home, "genesis.json"), "utf8").replaceAll("my-ledger", CHAIN_ID);
  writeFileSync(join(cli.home, "genesis.json"), genesis);
  const node = await startLedgerNode();
  onTestFinished(() => node.close());
  const port = await meter(TELEGRAM);
  const flags = ["--enrol-with", "dso", "--node", node.url, "--json"];
  const { exit, json } = await cli.runWith({ nowMs }, "meter", "add", ...dsmr(port), ...flags);
  expect([exit, json]).toMatchObject(["ok", { enrolled: { height: node.ledger.height } }]);
  const listed = await cli.run("meters", "list", "--node", node.url, "--json");
  const enrolled = (listed.json.meters as readonly { meterId: string }[]).map(({ meterId }) => meterId);
  expect(enrolled).toEqual(expect.arrayContaining([`${DEVICE}/import.t1`, `${DEVICE}/export.t2`]));
});

test("a home whose configuration names another source is told so", async () => {
  const cli = await home();
  const path = join(cli.home, "config.json");
  const add = (name: string) =>
    cli.run("meter", "add", "--type", "simulator", "--name", name, "--no-listen", "--device", `sim:${name}`, "--json");
  const config = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...config, meterSource: "simulator" }));
  expect((await add("a")).json.note).toContain("meterSource simulator");
  writeFileSync(path, JSON.stringify(config));
  expect((await add("b")).json).not.toHaveProperty("note");
});

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { eventually } from "#node/testNetwork.ts";
import { type RunningNet, startNet } from "./net.ts";
import { lightView, nodeView } from "./observe.ts";
import { runOperator } from "./operator.ts";
import { prepareNet } from "./prepare.ts";

/** A prosumer adds a meter, the grid operator's side lets the ledger accept it, and what is late becomes an amendment on the ledger. */
const TIMEOUT_MS = 120_000;
const HOUR_MS = 3_600_000;

const directory = mkdtempSync(join(tmpdir(), "energy-meters-"));
let net: RunningNet | undefined;

afterAll(async () => {
  await net?.stop();
  rmSync(directory, { recursive: true, force: true });
}, TIMEOUT_MS);

/** A file of half hours of one household. */
function file(name: string, household: string, slots: Readonly<Record<string, number>>): string {
  const rows = Object.entries(slots).map(([time, kwh]) => `${household},2013-01-02 ${time}:00, ${kwh} \r\n`);
  const path = join(directory, name);
  writeFileSync(path, `LCLid,tstp,energy(kWh/hh)\r\n${rows.join("")}`);
  return path;
}

/** Its configuration: hours, from meters.json. */
function readsInputs(home: string): void {
  const config = JSON.parse(readFileSync(join(home, "config.json"), "utf8"));
  for (const name of Object.keys(config).filter((each) => /^(meterSource|simulator)/.test(each))) delete config[name];
  writeFileSync(
    join(home, "config.json"),
    JSON.stringify({ ...config, meterIntervalMs: HOUR_MS, meterAmendAfterMs: 200 }),
  );
}

/** Adds a file of readings to a home; the answer says how its meter is enrolled. */
async function addFile(home: string, path: string): Promise<Record<string, string>> {
  const added = await runOperator(home, "meter", "add", "--type", "csv", "--set", `path=${path}`);
  return (added.meters as readonly Record<string, string>[])[0] ?? {};
}

async function enrol(home: string, meter: Record<string, string>): Promise<void> {
  await runOperator(
    ...([home, "meters", "enrol", String(meter.meterId), "--owner", String(meter.owner)] as const),
    ...["--device-key", `ed25519:${meter.deviceKey}`, "--seed-commitment", String(meter.seedCommitment)],
    ...["--interval", "1h"],
  );
}

test(
  "a meter is added and enrolled by commands, its hours become final, and a half hour that comes late an amendment",
  async () => {
    const meterId = "lcl:MAC000002/import";
    const prepared = await prepareNet({
      ...{ directory: join(directory, "net"), validators: 1, full: 0, light: 1, households: 1, dataFile: undefined },
    });
    const [validator, light] = prepared.nodes.map(({ home }) => home) as [string, string];
    readsInputs(light);
    const inTime = file("in-time.csv", "MAC000002", {
      "13:30": 0.1,
      "14:00": 0.2,
      "15:00": 0.4,
      "15:30": 0.5,
      "16:00": 0.6,
    });
    const meter = await addFile(light, inTime);
    expect(meter).toMatchObject({ meterId, quantity: "electricity", direction: "import" });
    net = startNet(prepared);
    const [first, second] = net.nodes;
    await eventually(async () => ((await nodeView(first?.apiUrl ?? ""))?.height ?? 0) > 0);
    await enrol(validator, meter);
    const view = async () => (await lightView(second?.apiUrl ?? ""))?.intervals;
    await eventually(async () => (await view())?.finalised === 2);
    expect(await view()).toMatchObject({ finalisedReadings: 3, finalisedMwh: "700000", rejected: 0 });

    const late = file("late.csv", "MAC000002", { "14:30": 0.3 });
    await runOperator(light, "meter", "add", "--type", "csv", "--name", "late", "--set", `path=${late}`);
    second?.process.kill("SIGTERM");
    await eventually(async () => (await view())?.finalised === 3);
    expect(await view()).toMatchObject({ finalisedReadings: 4, finalisedMwh: "1000000", rejected: 0 });
    const answer = await fetch(`${first?.apiUrl}/ledger/v1/meters/${encodeURIComponent(meterId)}/amendments`);
    const { amendments } = (await answer.json()) as { amendments: readonly Record<string, unknown>[] };
    expect(amendments).toHaveLength(1);
    expect(amendments[0]).toMatchObject({ readingCount: "1" });
  },
  TIMEOUT_MS,
);

test(
  "a grid operator's full node reads meters too, and what it did not send before it was stopped goes out afterwards",
  async () => {
    const prepared = await prepareNet({
      ...{ directory: join(directory, "dso"), validators: 1, full: 1, light: 0, households: 1, dataFile: undefined },
    });
    const [validator, full] = prepared.nodes.map(({ home }) => home) as [string, string];
    readsInputs(full);
    const meter = await addFile(
      full,
      file("dso.csv", "MAC000003", { "13:30": 0.1, "14:00": 0.2, "15:00": 0.4, "16:30": 0.5 }),
    );
    const dso = startNet(prepared);
    try {
      const [first, second] = dso.nodes;
      const chainOf = async () => {
        const answer = await fetch(`${first?.apiUrl}/ledger/v1/meters/${encodeURIComponent(meter.meterId ?? "")}`);
        return answer.ok ? JSON.stringify(await answer.json()) : "";
      };
      // Its intervals are closed before the ledger knows the meter: they wait, also while the node is away.
      const closed = () => existsSync(join(full, "data", "light", "CURRENT"));
      await eventually(async () => closed() && ((await nodeView(second?.apiUrl ?? ""))?.height ?? 0) > 1);
      second?.process.kill("SIGTERM");
      await enrol(validator, meter);
      await eventually(async () => /"intervalCount":"2"/.test(await chainOf()));
      expect(await chainOf()).toContain('"readingCount":"3"');
    } finally {
      await dso.stop();
    }
  },
  TIMEOUT_MS,
);

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
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

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 100));
}

/** A file of half hours of one household. */
function file(name: string, slots: Readonly<Record<string, number>>): string {
  const rows = Object.entries(slots).map(([time, kwh]) => `MAC000002,2013-01-02 ${time}:00, ${kwh} \r\n`);
  const path = join(directory, name);
  writeFileSync(path, `LCLid,tstp,energy(kWh/hh)\r\n${rows.join("")}`);
  return path;
}

test(
  "a meter is added and enrolled by commands, its hours become final, and a half hour that comes late an amendment",
  async () => {
    const meterId = "lcl:MAC000002/import";
    const prepared = await prepareNet({
      ...{ directory: join(directory, "net"), validators: 1, full: 0, light: 1, households: 1, dataFile: undefined },
    });
    const [validator, light] = prepared.nodes.map(({ home }) => home) as [string, string];
    const config = JSON.parse(readFileSync(join(light, "config.json"), "utf8"));
    for (const name of Object.keys(config).filter((each) => /^(meterSource|simulator)/.test(each))) delete config[name];
    const settings = { ...config, meterIntervalMs: HOUR_MS, meterAmendAfterMs: 200 };
    writeFileSync(join(light, "config.json"), JSON.stringify(settings));

    const inTime = file("in-time.csv", { "13:30": 0.1, "14:00": 0.2, "15:00": 0.4, "15:30": 0.5, "16:00": 0.6 });
    const added = await runOperator(light, "meter", "add", "--type", "csv", "--set", `path=${inTime}`);
    const [meter] = added.meters as readonly Record<string, string>[];
    expect(meter).toMatchObject({ meterId, quantity: "electricity", direction: "import" });
    net = startNet(prepared);
    const [first, second] = net.nodes;
    await until(async () => ((await nodeView(first?.apiUrl ?? ""))?.height ?? 0) > 0);
    await runOperator(
      ...([validator, "meters", "enrol", meterId, "--owner", String(meter?.owner)] as const),
      ...["--device-key", `ed25519:${meter?.deviceKey}`, "--seed-commitment", String(meter?.seedCommitment)],
      ...["--interval", "1h"],
    );
    const view = async () => (await lightView(second?.apiUrl ?? ""))?.intervals;
    await until(async () => (await view())?.finalised === 2);
    expect(await view()).toMatchObject({ finalisedReadings: 3, finalisedMwh: "700000", rejected: 0 });

    const late = file("late.csv", { "14:30": 0.3 });
    await runOperator(light, "meter", "add", "--type", "csv", "--name", "late", "--set", `path=${late}`);
    second?.process.kill("SIGTERM");
    await until(async () => (await view())?.finalised === 3);
    expect(await view()).toMatchObject({ finalisedReadings: 4, finalisedMwh: "1000000", rejected: 0 });
    const answer = await fetch(`${first?.apiUrl}/ledger/v1/meters/${encodeURIComponent(meterId)}/amendments`);
    const { amendments } = (await answer.json()) as { amendments: readonly Record<string, unknown>[] };
    expect(amendments).toHaveLength(1);
    expect(amendments[0]).toMatchObject({ readingCount: "1" });
  },
  TIMEOUT_MS,
);

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { householdMeters } from "#node/meter/householdSource.ts";
import { createStory } from "./story.ts";
import { startWorld } from "./world.ts";

const TIMEOUT_MS = 180_000;
const INTERVAL_MS = 3000;

interface Sealed {
  readonly intervalStartMs: number;
  readonly intervalEndMs: number;
}

test("a world with a bridge: contracts by commands, meters that measure now, anchors that wait for a killed relayer", {
  timeout: TIMEOUT_MS,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "energy-world-"));
  try {
    const story = createStory(() => undefined);
    const options = { directory, validators: 1, light: 2, blockSeconds: 1, bridge: true, intervalMs: INTERVAL_MS };
    const beganMs = Date.now();
    await using world = await startWorld({ ...options, realTime: ["light0"] }, story);
    for (const name of ["Bridge", "EnergyMarket", "FlexibilityToken", "DeviceRegistry"])
      expect(await world.provider.getCode(world.contract(name))).not.toBe("0x");
    expect(story.spent()).toMatchObject({ transactions: 1 });
    expect(world.feesOf("validator0")).toBe(story.spent().feeWei);

    const openings = async (name: string, household: number) => {
      const meter = householdMeters({ households: 1, firstHousehold: household })[0]?.meterId ?? "";
      const path = `/openings?meter=${encodeURIComponent(meter)}`;
      const { openings: sealed } = await world.ask<{ openings: readonly Sealed[] }>(name, path);
      return sealed.length === 0 ? undefined : sealed;
    };
    const now = await world.until(() => openings("light0", 0));
    expect(now[0]?.intervalEndMs).toBeGreaterThan(beganMs - INTERVAL_MS);
    const past = await world.until(() => openings("light1", 1));
    expect(past[0]?.intervalEndMs).toBeLessThan(beganMs - 20 * 24 * 3600 * 1000);

    const heightOf = async () => (await world.ask<{ height: number }>("validator0", "/status")).height;
    expect(await world.anchored(1)).toBeGreaterThan(0);
    const relayer = world.relayer();
    await relayer.kill();
    expect(relayer.pid()).toBeUndefined();
    const behind = await heightOf();
    relayer.start();
    await world.anchored(behind);
    expect(relayer.pid()).toBeDefined();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

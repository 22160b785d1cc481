import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  accountOf,
  CHAIN_ID,
  configurationMessage,
  createTestLedger,
  keyOf,
} from "#consensus/application/testLedger.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { signEncoded } from "#storage/types/signEncoded.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { attest } from "../devices/attestationFile.ts";
import { sealConfiguration } from "../devices/configurationBox.ts";
import { encodeContent, plaintextOf } from "../devices/configurationContent.ts";
import { documentOfSettings, SETTINGS_SCHEMA } from "../devices/testDevice.ts";
import { type MetersFile, NO_METERS } from "../meter/metersFile.ts";
import { defaultOptions } from "../options.ts";
import { startLightDevices } from "./lightDevices.ts";
import { deviceKeyOf } from "./meterKeys.ts";

const METER = "dsmr:1/import";
const METER_KEY = { type: "ed25519", bytes: new Uint8Array(32).fill(5) } as const;
const DEVICE = deviceKeyOf(METER_KEY, METER);
const BLOCK_MS = Date.UTC(2023, 10, 15, 12);

/** A ledger with a light node's meter, and a home on which its devices are started again and again. What the ledger says is taken as proved. */
function newHome() {
  const home = mkdtempSync(join(tmpdir(), "light-devices-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const ledger = createTestLedger({ checker: true });
  const deviceKey = { type: DEVICE.type, key: publicKeyOf(DEVICE).bytes };
  expect(ledger.send(ledger.enrolMeter({ meterId: METER, deviceKey } as never), "dso")).toBe("OK");
  const log: string[] = [];
  const faults = { latenessMs: -1 };
  const failed: unknown[] = [];
  const account = accountOfKey(publicKeyOf(DEVICE));
  return {
    ...{ ledger, log, faults, failed },
    async set(version: number, settings: object) {
      const document = documentOfSettings(settings);
      const about = { ledgerId: CHAIN_ID, meterId: METER, version, ...SETTINGS_SCHEMA };
      const attested = attest(document, about, keyOf("checker"), new Uint8Array(32).fill(version));
      const content = encodeContent({ ...attested, plaintext: plaintextOf(attested.salt, document) });
      const payload = await sealConfiguration(content, publicKeyOf(DEVICE), about, new Uint8Array(32).fill(version));
      const { plaintextHash } = attested;
      const fields = { meterId: METER, payload, plaintextHash, ...SETTINGS_SCHEMA, priority: "urgent" };
      expect(ledger.send(configurationMessage(BigInt(version), fields as never), "prosumer")).toBe("OK");
    },
    async start(closed: readonly string[] = []) {
      const devices = await startLightDevices(
        defaultOptions({ home, deviceMeters: [METER] }),
        { chainId: CHAIN_ID, meterKey: METER_KEY, metersFile: NO_METERS },
        {
          metersPerHeader: 4,
          outbox: { closedMeters: () => closed } as never,
          proofs: {
            async state(_path, _data, key) {
              const { value } = ledger.app.query({ path: "/edream/state", data: key, height: 0, prove: false });
              return { value: value.length === 0 ? undefined : value, height: ledger.height };
            },
          },
          async notice(_meterId, message) {
            const { number, sequence } = ledger.query("/edream/account", account) as {
              number: string;
              sequence: string;
            };
            const numbers = { accountNumber: BigInt(number), sequence: BigInt(sequence) };
            const signers = [{ privateKey: DEVICE, ...numbers }];
            return (
              ledger.block([signEncoded({ messages: [message], chainId: CHAIN_ID, signers })]).txResults[0]?.code ?? -1
            );
          },
          async startMeters({ meterIntervalMs }, { devices: rules }: MetersFile) {
            const latenessMs = rules[0]?.latenessMs;
            if (latenessMs === faults.latenessMs) throw new Error("a meter does not start");
            log.push(`start ${meterIntervalMs / 60_000} min, lateness ${latenessMs}`);
            return {
              stop: () => log.push("stop"),
              [Symbol.asyncDispose]: async () => void log.push("end"),
            } as never;
          },
          fail: (error) => failed.push(error),
          log: pino({ level: "silent" }),
        },
      );
      onTestFinished(() => devices[Symbol.asyncDispose]());
      return {
        devices,
        /** The next header; resolves when the device's answer to this version is on the ledger. */
        async header(version: number) {
          devices.onHeader({ appHash: ledger.block([]).appHash, timeMs: BLOCK_MS });
          await vi.waitFor(() => expect(devices.view()[0]).toMatchObject({ version, acknowledged: true }));
          return devices.view()[0];
        },
      };
    },
  };
}

test("a configuration starts the meters anew, and a later start begins with it", async () => {
  const home = newHome();
  const first = await home.start();
  await home.set(1, { latenessMs: 7, intervalMs: 1_800_000, clearSums: true });
  expect(await first.header(1)).toMatchObject({ appliedVersion: 1, outcome: "applied" });
  expect(home.log).toEqual(["start 15 min, lateness undefined", "end", "start 30 min, lateness 7"]);
  expect(first.devices.clearSums(METER)).toBe(true);
  await first.devices[Symbol.asyncDispose]();
  home.log.length = 0;
  const second = await home.start([METER]);
  expect(home.log).toEqual(["start 30 min, lateness 7"]);
  expect([second.devices.clearSums(METER), second.devices.clearSums("other")]).toEqual([true, undefined]);
});

test("what concerns no reading leaves the meters running", async () => {
  const home = newHome();
  const { devices, header } = await home.start();
  await home.set(1, { clearSums: true, tariffTableHash: "ab".repeat(32) });
  await header(1);
  expect([home.log.length, devices.clearSums(METER)]).toEqual([1, true]);
});

test("where the meters do not start, those before are started again, and the device says so", async () => {
  const home = newHome();
  const { devices, header } = await home.start();
  await home.set(1, { latenessMs: 7, clearSums: true });
  await header(1);
  home.faults.latenessMs = 13;
  await home.set(2, { latenessMs: 13 });
  expect(await header(2)).toMatchObject({ appliedVersion: 1, outcome: "rejected", code: 9 });
  expect(home.log.slice(-2)).toEqual(["end", "start 15 min, lateness 7"]);
  expect([devices.clearSums(METER), devices.meters() !== undefined, home.failed]).toEqual([true, true, []]);
});

test("another T_i is refused once an interval is closed", async () => {
  const home = newHome();
  const { header } = await home.start([METER]);
  await home.set(1, { intervalMs: 1_800_000 });
  expect(await header(1)).toMatchObject({ appliedVersion: 0, outcome: "rejected", code: 14 });
  expect(home.ledger.query("/edream/configuration", `1 ${METER}`)).toMatchObject({
    ...{ outcome: "rejected", code: 14, administrator: accountOf("prosumer") },
  });
});

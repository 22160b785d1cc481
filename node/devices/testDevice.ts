import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import {
  accountOf,
  CHAIN_ID,
  codeName,
  configurationMessage,
  createTestLedger,
  EXPORT_METER,
  keyOf,
  type Person,
  type TestLedger,
} from "#consensus/application/testLedger.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { plaintextHashOf } from "#storage/types/configurationAttestation.ts";
import { signEncoded, type UnsignedMessage } from "#storage/types/signEncoded.ts";
import { createProofs } from "../light/proofs.ts";
import { decodeProofRequest, encodeStateAnswer, type StateAnswer } from "../serve/messages.ts";
import { type Attestation, attest } from "./attestationFile.ts";
import { type ConfigurationContext, sealConfiguration } from "./configurationBox.ts";
import { encodeContent, plaintextOf, SALT_BYTES } from "./configurationContent.ts";
import { createDeviceAgent, type DeviceAgentPorts } from "./deviceAgent.ts";
import type { SettingsByMeter } from "./deviceSettings.ts";
import { openDeviceStates } from "./deviceStates.ts";

export const SETTINGS_SCHEMA = { schemaId: "edream-device-settings", schemaVersion: 1 } as const;

export const documentOfSettings = (settings: object): Uint8Array =>
  Buffer.from(JSON.stringify({ schema: SETTINGS_SCHEMA.schemaId, schemaVersion: 1, ...settings }));

/** What may be wrong with a configuration. */
export interface Faults {
  readonly document?: Uint8Array;
  /** Whose device it is encrypted to. */
  readonly to?: Person;
  readonly context?: Partial<ConfigurationContext>;
  readonly priority?: "normal" | "urgent";
  readonly schema?: { readonly schemaId: string; readonly schemaVersion: number };
  /** Changes what is in the box; the record on the ledger stays. */
  readonly change?: (content: Attestation) => Partial<Attestation>;
  readonly payload?: Uint8Array;
  /** Another text in the box than the one attested. */
  readonly boxed?: Uint8Array;
}

/** The ledger's message for version `version` of the export meter's device, all of it right but for the faults. */
export async function configurationOf(version: number, settings: object, faults: Faults = {}) {
  const document = faults.document ?? documentOfSettings(settings);
  const schema = faults.schema ?? SETTINGS_SCHEMA;
  const context = { ledgerId: CHAIN_ID, meterId: EXPORT_METER, version, ...faults.context };
  const salt = new Uint8Array(SALT_BYTES).fill(version);
  const about = { ledgerId: CHAIN_ID, meterId: EXPORT_METER, version, ...schema };
  const attested = attest(document, about, keyOf("checker"), salt);
  const { checkerKey, attestation } = { ...attested, ...faults.change?.(attested) };
  const content = encodeContent({ checkerKey, attestation, plaintext: plaintextOf(salt, faults.boxed ?? document) });
  const to = publicKeyOf(keyOf(faults.to ?? "device"));
  const ephemeral = new Uint8Array(32).fill(0x40 + (version % 64));
  const payload = faults.payload ?? (await sealConfiguration(content, to, context, ephemeral));
  return configurationMessage(BigInt(version), {
    payload,
    plaintextHash: plaintextHashOf(plaintextOf(salt, document)),
    ...schema,
    priority: faults.priority ?? "urgent",
  });
}

/** The device of the export meter over a ledger without a network: what it is told goes through real proofs. */
export async function startTestDevice(
  given: {
    readonly ledger?: TestLedger;
    readonly folder?: string;
    readonly ledgerId?: string;
    readonly pollMs?: number;
    readonly ports?: Partial<DeviceAgentPorts>;
  } = {},
) {
  const ledger = given.ledger ?? createTestLedger({ checker: true });
  const folder = given.folder ?? mkdtempSync(join(tmpdir(), "device-"));
  const applied: SettingsByMeter[] = [];
  const lies: string[] = [];
  const seen = { nowMs: Date.UTC(2023, 10, 15, 12), asked: 0 };
  /** Changes what the full node answers. */
  const liar: { change: ((answer: StateAnswer, path: string) => StateAnswer) | undefined } = { change: undefined };
  let appHash: Uint8Array = new Uint8Array(32);
  const proofs = createProofs({
    network: { protocols: {}, penalise: () => undefined } as never,
    peers: {
      rotate: () => undefined,
      async ask(_protocol: unknown, bytes: Uint8Array) {
        seen.asked += 1;
        const request = decodeProofRequest(bytes);
        if (!("query" in request)) throw new Error("not asked in this test");
        const { path, data, height } = request.query;
        const { value, proof } = ledger.app.query({ path, data, height: 0, prove: true });
        const answer: StateAnswer = { code: 0, height, key: data, value, proof };
        return { peer: "full", answer: encodeStateAnswer(liar.change?.(answer, path) ?? answer) };
      },
    } as never,
    header: async () => ({ appHash }) as never,
    update: async () => ledger.height + 1,
    onLie: (_peer, code) => lies.push(code),
  });
  const sent: string[] = [];
  const ports: DeviceAgentPorts = {
    meterIds: () => [EXPORT_METER],
    keyOf: () => keyOf("device"),
    proofs,
    states: await openDeviceStates(join(folder, "devices.json")),
    whyImpossible: () => undefined,
    apply: async (all) => void applied.push(all),
    async send(_meterId: string, message: UnsignedMessage) {
      const account = ledger.query("/edream/account", accountOf("device"));
      const numbers = { accountNumber: BigInt(String(account?.number)), sequence: BigInt(String(account?.sequence)) };
      const signers = [{ privateKey: keyOf("device"), ...numbers }];
      const result = ledger.block([signEncoded({ messages: [message], chainId: CHAIN_ID, signers })]).txResults[0];
      ({ appHash } = ledger.block([]));
      sent.push(codeName(result));
      return result?.code ?? -1;
    },
    nowMs: () => seen.nowMs,
    log: pino({ level: "silent" }),
    ...given.ports,
  };
  const options = { ledgerId: given.ledgerId ?? CHAIN_ID, pollMs: given.pollMs ?? 60_000, metersPerHeader: 4 };
  const agent = createDeviceAgent(options, ports);
  return {
    ...{ agent, ledger, folder, applied, lies, seen, liar, sent, states: ports.states },
    /** The next header, and everything that follows from it. */
    async header() {
      ({ appHash } = ledger.block([]));
      agent.onHeader({ appHash, timeMs: seen.nowMs });
      await agent.idle();
      // Answers go out beside.
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
    },
    /** The header of before, some time later. */
    async again() {
      agent.onHeader({ appHash, timeMs: seen.nowMs });
      await agent.idle();
    },
    record: (version: number) => ledger.query("/edream/configuration", `${version} ${EXPORT_METER}`),
    settings: () => applied.at(-1)?.get(EXPORT_METER),
    async [Symbol.asyncDispose]() {
      await agent[Symbol.asyncDispose]();
      if (given.folder === undefined) rmSync(folder, { recursive: true });
    },
  };
}

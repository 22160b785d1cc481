import type { Logger } from "pino";
import {
  type CertificateRecord,
  type ConfigurationRecord,
  certificateKey,
  configurationKey,
  configurationPayloadKey,
  decodeCertificateRecord,
  decodeConfigurationCounts,
  decodeConfigurationPayload,
  decodeConfigurationRecord,
  deviceKeyOfRecord,
} from "#consensus/application/deviceRecords.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { MAX_KEPT_CONFIGURATIONS } from "#storage/limits.ts";
import { acknowledgeConfigurationMessage } from "#storage/types/acknowledgeConfiguration.ts";
import type { UnsignedMessage } from "#storage/types/signEncoded.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import type { Proofs } from "../light/proofs.ts";
import type { DeviceSettings, Impossible, SettingsByMeter } from "./deviceSettings.ts";
import { type DeviceState, type DeviceStates, settingsOf } from "./deviceStates.ts";
import { readReceived } from "./receivedConfiguration.ts";
import { REJECTIONS, type Rejection } from "./rejections.ts";

/** Meters after which others have their turn: a node that looks its meters up in its own state would else do nothing else meanwhile. */
const METERS_AT_ONCE = 256;

/** Urgent: at configurations that are. All: at every one. */
type Look = "none" | "urgent" | "all";

/** A device's clock may be before the newest block's time by this much in what it says, ms: blocks come so often, and clocks are never quite the same. */
const MAX_AHEAD_MS = 10_000;

/** What a header says that this node has verified, or computed itself. */
export interface ChainTip {
  readonly appHash: Uint8Array;
  /** Of the block, Unix ms. */
  readonly timeMs: number;
}

export interface DeviceAgentPorts {
  /** Meters whose devices this node is. */
  readonly meterIds: () => readonly string[];
  readonly keyOf: (meterId: string) => PrivateKey;
  /** Records proved under headers that this node verified, or of the state that it has computed itself. */
  readonly proofs: Pick<Proofs, "state">;
  readonly states: DeviceStates;
  /** Why this node cannot do what the settings say. */
  readonly whyImpossible: (
    settings: DeviceSettings,
    about: { readonly meterId: string; readonly certificate: CertificateRecord; readonly others: SettingsByMeter },
  ) => Impossible | undefined;
  /** Brings the settings of all meters into force; resolves when they are, and when it rejects, those before must be brought back. */
  readonly apply: (all: SettingsByMeter) => Promise<void>;
  /** Sends what the device says; resolves to the ledger's code when that is final. */
  readonly send: (meterId: string, message: UnsignedMessage) => Promise<number>;
  readonly nowMs: () => number;
  readonly log: Logger;
}

export interface DeviceAgent extends AsyncDisposable {
  /**
   * With each verified header, and now and then with the newest one again, for what got no answer. Urgent configurations are applied now. Returns
   * at once.
   */
  onHeader(header: ChainTip): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/**
 * A device's part in its configuration: sees that there is a new one, believes nothing but what is proved, checks it, applies it, keeps it and
 * says so on the ledger. What went wrong on the way (no full node, no proof) is tried again with the next poll; what is wrong with the
 * configuration is answered with a code.
 */
export function createDeviceAgent(
  options: {
    readonly ledgerId: string;
    readonly pollMs: number;
    /** Meters asked about with one new header. A node with more asks about each in turn. */
    readonly metersPerHeader: number;
  },
  ports: DeviceAgentPorts,
): DeviceAgent {
  const { ledgerId, pollMs, metersPerHeader } = options;
  const { proofs, states, log } = ports;
  let lastAppHash: Uint8Array | undefined;
  let blockTimeMs = 0;
  let polledMs: number | undefined;
  let next = 0;
  let stopped = false;
  let running: Promise<void> | undefined;
  /** What has to be done when what runs is done. */
  let wanted: Look = "none";
  /** What got no answer, or none with a proof. */
  let missed: Look = "none";
  /** Answers on their way. */
  const sending = new Set<string>();

  function want(look: Look): void {
    if (wanted !== "all" && look !== "none") wanted = look;
  }

  function start(): void {
    if (running !== undefined || stopped || wanted === "none") return;
    const now = wanted;
    wanted = "none";
    running = look(now === "all")
      .catch((error: unknown) => {
        if (missed !== "all") missed = now;
        log.debug({ err: (error as Error).message }, "Will ask about configurations again");
      })
      .finally(() => {
        running = undefined;
        start();
      });
  }

  async function look(all: boolean): Promise<void> {
    const ids = ports.meterIds();
    if (ids.length === 0) return;
    const count = all ? ids.length : Math.min(metersPerHeader, ids.length);
    for (let index = 0; index < count && !stopped; index++) {
      const meterId = ids[(next + index) % ids.length] as string;
      await follow(meterId, all);
      if (index % METERS_AT_ONCE === METERS_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
    }
    next = (next + count) % ids.length;
  }

  async function follow(meterId: string, isPoll: boolean): Promise<void> {
    const state = states.get(meterId);
    if (state !== undefined && !state.answer.acknowledged) acknowledge(meterId, state);
    const counts = await recordAt("/edream/meter-counts", Buffer.from(meterId), Buffer.from(`counts/${meterId}`));
    if (counts === undefined) return;
    const { configurationVersion: version } = decodeConfigurationCounts(counts);
    const decided = state?.answer.version ?? 0;
    if (version <= decided) return;
    const record = await configurationOf(meterId, version);
    if (record === undefined || (record.priority !== "urgent" && !isPoll)) return;
    await decide(meterId, version, record);
    await supersede(meterId, decided, version);
  }

  async function configurationOf(meterId: string, version: number): Promise<ConfigurationRecord | undefined> {
    const id = Buffer.from(`${version} ${meterId}`);
    const value = await recordAt("/edream/configuration", id, configurationKey(meterId, version));
    return value === undefined ? undefined : decodeConfigurationRecord(value);
  }

  /** Undefined is known not to be on the ledger. @throws Error where nobody has proved the one or the other */
  async function recordAt(path: string, id: Uint8Array, key: Uint8Array): Promise<Uint8Array | undefined> {
    const answer = await proofs.state(path, id, key);
    if (answer === undefined) throw new Error(`no proof of ${path} ${Buffer.from(id).toString()}`);
    return answer.value;
  }

  async function decide(meterId: string, version: number, record: ConfigurationRecord): Promise<void> {
    const id = Buffer.from(`${version} ${meterId}`);
    const [payload, certificate] = await Promise.all([
      recordAt("/edream/configuration-payload", id, configurationPayloadKey(meterId, version)),
      certificateOf(meterId),
    ]);
    if (payload === undefined || certificate === undefined) return;
    const key = ports.keyOf(meterId);
    if (!isCertified(certificate, key)) {
      log.warn({ meter: meterId, version }, "This device has no valid certificate, and applies no configuration");
      return;
    }
    // Answered already, by this device before it lost its data: what is on the ledger is not said twice, and not contradicted.
    const isAnswered = record.outcome !== "";
    if (record.outcome === "rejected") {
      const answer = {
        version,
        outcome: "rejected",
        code: record.code,
        atMs: record.appliedMs,
        acknowledged: true,
      } as const;
      return states.put(meterId, { ...states.get(meterId), answer });
    }
    const sent = { record, payload: decodeConfigurationPayload(payload), certificate };
    const received = await readReceived(sent, key, { ledgerId, meterId, version });
    if (stopped) return;
    if ("rejection" in received) return reject(meterId, version, received.rejection, received.reason, isAnswered);

    const before = settingsOf(states);
    const others = new Map(before);
    others.delete(meterId);
    const { settings } = received;
    const impossible = ports.whyImpossible(settings, { meterId, certificate, others });
    if (impossible !== undefined) return reject(meterId, version, impossible.rejection, impossible.reason, isAnswered);
    const atMs = ports.nowMs();
    try {
      await ports.apply(new Map(others).set(meterId, settings));
    } catch (error) {
      await ports.apply(before);
      return reject(meterId, version, "APPLY_FAILED", (error as Error).message, isAnswered);
    }
    const appliedMs = Math.max(atMs, ports.nowMs());
    const state: DeviceState = {
      applied: { version, settings, atMs: appliedMs },
      answer: { version, outcome: "applied", code: 0, atMs: appliedMs, acknowledged: isAnswered },
    };
    await states.put(meterId, state);
    log.info({ meter: meterId, version, priority: record.priority }, "Applied a configuration");
    acknowledge(meterId, state);
  }

  async function reject(meterId: string, version: number, why: Rejection, reason: string, acknowledged: boolean) {
    const applied = states.get(meterId)?.applied;
    const answer = { version, outcome: "rejected", code: REJECTIONS[why], atMs: ports.nowMs(), acknowledged } as const;
    const state: DeviceState = applied === undefined ? { answer } : { applied, answer };
    await states.put(meterId, state);
    log.warn({ meter: meterId, version, code: why, reason }, "Rejected a configuration");
    acknowledge(meterId, state);
  }

  /** Every document is complete, so the newest one alone matters; of those it passed over the administrator hears that they never held. */
  async function supersede(meterId: string, decided: number, version: number): Promise<void> {
    for (let old = Math.max(decided + 1, version - MAX_KEPT_CONFIGURATIONS + 1); old < version; old++) {
      const record = await configurationOf(meterId, old);
      if (record === undefined || record.outcome !== "") continue;
      const code = REJECTIONS.SUPERSEDED;
      void say(meterId, { version: old, outcome: "rejected", code, appliedMs: ports.nowMs() });
    }
  }

  async function certificateOf(meterId: string): Promise<CertificateRecord | undefined> {
    const value = await recordAt("/edream/meter", Buffer.from(meterId), certificateKey(meterId));
    return value === undefined ? undefined : decodeCertificateRecord(value);
  }

  /** By block time: a device's own clock may be set. */
  function isCertified(certificate: CertificateRecord, key: PrivateKey): boolean {
    const { revoked, validFromMs, validUntilMs } = certificate;
    const certified = deviceKeyOfRecord(certificate);
    const own = publicKeyOf(key);
    if (certified?.type !== own.type || Buffer.compare(certified.bytes, own.bytes) !== 0) return false;
    return !revoked && blockTimeMs >= validFromMs && (validUntilMs === 0 || blockTimeMs <= validUntilMs);
  }

  function acknowledge(meterId: string, { answer }: DeviceState): void {
    const { version, outcome, code, atMs, acknowledged } = answer;
    const id = `${version} ${meterId}`;
    if (acknowledged || sending.has(id)) return;
    sending.add(id);
    void say(meterId, { version, outcome, code, appliedMs: atMs })
      .then((isKnown) => (isKnown ? states.acknowledged(meterId, version) : undefined))
      .catch((error: unknown) =>
        log.warn({ meter: meterId, err: error }, "Could not keep that the ledger has an answer"),
      )
      .finally(() => sending.delete(id));
  }

  /** Resolves to whether the ledger has the answer, or never will. */
  async function say(
    meterId: string,
    said: {
      readonly version: number;
      readonly outcome: "applied" | "rejected";
      readonly code: number;
      readonly appliedMs: number;
    },
  ): Promise<boolean> {
    try {
      const record = await configurationOf(meterId, said.version);
      if (record !== undefined && record.outcome !== "") return true;
      const signer = accountOfKey(publicKeyOf(ports.keyOf(meterId)));
      // The ledger takes no time of the future: a device whose clock is fast says the block's.
      const appliedMs = Math.max(1, Math.min(said.appliedMs, blockTimeMs + MAX_AHEAD_MS));
      const message = acknowledgeConfigurationMessage({ signer, meterId, ...said, appliedMs });
      const code = await ports.send(meterId, message);
      if (code !== 0) log.warn({ meter: meterId, version: said.version, code }, "The ledger refused a device's answer");
      // Refused for good (revoked, answered): said again it would be refused again.
      return true;
    } catch (error) {
      log.debug({ meter: meterId, err: (error as Error).message }, "Will answer again");
      return false;
    }
  }

  return {
    onHeader({ appHash, timeMs }) {
      blockTimeMs = timeMs;
      const nowMs = ports.nowMs();
      if (polledMs === undefined || nowMs - polledMs >= pollMs || nowMs < polledMs) {
        polledMs = nowMs;
        want("all");
      } else if (lastAppHash === undefined || Buffer.compare(lastAppHash, appHash) !== 0) {
        // A block that changed nothing set nothing.
        want("urgent");
      }
      lastAppHash = appHash;
      want(missed);
      missed = "none";
      start();
    },
    async idle() {
      while (running !== undefined) await running;
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
      await running;
    },
  };
}

import type { KeyObject } from "node:crypto";
import { sha256 } from "#storage/crypto/hash.ts";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import { countOf, type ExactJson, isList, member, showJson, textOf } from "../exactJson.ts";
import { type DecodedFrame, rejectedFrame, rejectedPart } from "../frame.ts";
import { Plausibility } from "../plausibility.ts";
import { readSignedTransfer } from "./dataTransfer.ts";
import { decodeMeterValues } from "./meterValues.ts";
import { decodeOcmf } from "./ocmf.ts";
import type { OcppVersion } from "./ocppMessage.ts";

export interface OcppSessionOptions {
  readonly version: OcppVersion;
  /** Of the charging station, as in its URL. */
  readonly chargerId: string;
  readonly publicKey: KeyObject | undefined;
  readonly maxPowerW: number;
  readonly heartbeatS: number;
  /** Cards that may charge; undefined: all. Who pays is not decided here. */
  readonly idTags: ReadonlySet<string> | undefined;
  /** A number that no transaction has had before. */
  readonly nextTransactionId: () => number;
}

/** answer: the payload of the CALLRESULT; undefined for an action that is not known. frame: what is to be stored before it is sent. */
export interface OcppOutcome {
  readonly answer: object | undefined;
  readonly frame: DecodedFrame | undefined;
}

/** What chargers tell of themselves, and want to be thanked for. */
const TOLD = new Set([
  "StatusNotification",
  "FirmwareStatusNotification",
  "DiagnosticsStatusNotification",
  "LogStatusNotification",
  "SecurityEventNotification",
  "SignedFirmwareStatusNotification",
  "NotifyEvent",
  "NotifyReport",
  "NotifyMonitoringReport",
  "NotifyChargingLimit",
  "NotifyDisplayMessages",
  "NotifyCustomerInformation",
  "ReportChargingProfiles",
  "ReservationStatusUpdate",
]);
/** Transactions remembered of one charger, ended ones too: signed values may come behind the end. And sockets whose registers are watched. */
const MAX_TRANSACTIONS = 256;
const MAX_SOCKETS = 256;
/** The largest number of a socket. */
const MAX_SOCKET = 9999;

/** One charging station: its messages in, what they are answered and what is stored of them out. Holds which transaction is at which socket. */
export class OcppSession {
  readonly #options: OcppSessionOptions;
  readonly #sockets = new Map<string, number>();
  readonly #watched = new Map<
    string,
    { plausibility: Plausibility; lastMs: number; transaction: string | undefined }
  >();

  constructor(options: OcppSessionOptions) {
    this.#options = options;
  }

  /** raw: the bytes of the whole message. Never throws. */
  handle(action: string, payload: ExactJson, raw: Uint8Array, nowMs: number): OcppOutcome {
    const { version, heartbeatS } = this.#options;
    const currentTime = new Date(nowMs).toISOString();
    const only = (answer: object): OcppOutcome => ({ answer, frame: undefined });
    if (action === "BootNotification") return only({ status: "Accepted", currentTime, interval: heartbeatS });
    if (action === "Heartbeat") return only({ currentTime });
    if (action === "Authorize")
      return only(
        version === "ocpp1.6" ? { idTagInfo: this.#tagInfo(payload) } : { idTokenInfo: this.#tagInfo(payload) },
      );
    if (action === "DataTransfer") return this.#transfer(payload, raw, nowMs);
    if (TOLD.has(action)) return only({});
    if (action === "MeterValues") return { answer: {}, frame: this.#meterValues(payload, raw, nowMs) };
    if (version === "ocpp1.6" && action === "StartTransaction") return this.#start(payload, raw, nowMs);
    if (version === "ocpp1.6" && action === "StopTransaction") return this.#stop(payload, raw, nowMs);
    if (version === "ocpp2.0.1" && action === "TransactionEvent") return this.#event(payload, raw, nowMs);
    return { answer: undefined, frame: undefined };
  }

  #meterValues(payload: ExactJson, raw: Uint8Array, nowMs: number): DecodedFrame {
    const socket = countOf(payload, this.#options.version === "ocpp1.6" ? "connectorId" : "evseId");
    const transaction = countOf(payload, "transactionId");
    if (socket === undefined) return rejectedFrame("bad-meter-id", showJson(payload));
    if (transaction !== undefined) this.#remember(String(transaction), socket);
    return this.#decode(socket, member(payload, "meterValue"), raw, nowMs, transaction?.toString());
  }

  #start(payload: ExactJson, raw: Uint8Array, nowMs: number): OcppOutcome {
    const transactionId = this.#options.nextTransactionId();
    const answer = { transactionId, idTagInfo: this.#tagInfo(payload) };
    const socket = countOf(payload, "connectorId");
    if (socket === undefined) return { answer, frame: rejectedFrame("bad-meter-id", showJson(payload)) };
    this.#remember(String(transactionId), socket);
    return {
      answer,
      frame: this.#decode(socket, [bareRegister(payload, "meterStart")], raw, nowMs, String(transactionId)),
    };
  }

  #stop(payload: ExactJson, raw: Uint8Array, nowMs: number): OcppOutcome {
    const transaction = String(countOf(payload, "transactionId"));
    const socket = this.#sockets.get(transaction);
    const answer = textOf(payload, "idTag") === undefined ? {} : { idTagInfo: this.#tagInfo(payload) };
    // The message does not say at which socket: a transaction that is unknown here cannot be put down to a meter.
    if (socket === undefined) return { answer, frame: rejectedFrame("bad-meter-id", showJson(payload)) };
    const data = member(payload, "transactionData");
    const values = [...(isList(data) ? data : []), bareRegister(payload, "meterStop")];
    const frame = this.#decode(socket, values, raw, nowMs, transaction);
    return { answer, frame };
  }

  #event(payload: ExactJson, raw: Uint8Array, nowMs: number): OcppOutcome {
    const hasToken = member(payload, "idToken") !== undefined;
    const answer = hasToken ? { idTokenInfo: this.#tagInfo(payload) } : {};
    const transaction = textOf(member(payload, "transactionInfo"), "transactionId")?.slice(0, 64);
    const named = countOf(member(payload, "evse"), "id");
    const socket = named ?? this.#sockets.get(transaction ?? "");
    if (named !== undefined && transaction !== undefined) this.#remember(transaction, named);
    const values = member(payload, "meterValue");
    if (values === undefined) return { answer, frame: undefined };
    if (socket === undefined) return { answer, frame: rejectedFrame("bad-meter-id", showJson(payload)) };
    const frame = this.#decode(socket, values, raw, nowMs, transaction);
    return { answer, frame };
  }

  /** Signed records in a vendor's own message; anything else in one is not for us. Rejected: nothing of it was believed. */
  #transfer(payload: ExactJson, raw: Uint8Array, receivedMs: number): OcppOutcome {
    const transfer = readSignedTransfer(payload);
    if (transfer === undefined) return { answer: { status: "UnknownVendorId" }, frame: undefined };
    const { transaction, records } = transfer;
    const socket = transfer.socket ?? this.#sockets.get(transaction ?? "");
    // A record names the meter, and not the socket: which one of several it is cannot be guessed.
    if (socket === undefined || socket > MAX_SOCKET)
      return { answer: { status: "Rejected" }, frame: rejectedFrame("bad-meter-id", showJson(payload)) };
    const meterId = `ocpp:${this.#options.chargerId}/${socket}`;
    const context = { meterId, receivedMs, rawHash: sha256(raw), publicKey: this.#options.publicKey };
    const frames = records.map((record) => decodeOcmf(record, context));
    const whole = {
      readings: frames.flatMap(({ readings }) => readings),
      rejected: frames.flatMap(({ rejected }) => rejected),
    };
    const frame = this.#judged(whole, meterId, transaction);
    return { answer: { status: frame.readings.length > 0 ? "Accepted" : "Rejected" }, frame };
  }

  #decode(
    socket: number,
    values: ExactJson | undefined,
    raw: Uint8Array,
    receivedMs: number,
    transaction: string | undefined,
  ): DecodedFrame {
    const { chargerId, publicKey, maxPowerW } = this.#options;
    const meterId = `ocpp:${chargerId}/${socket}`;
    if (socket > MAX_SOCKET) return rejectedFrame("bad-meter-id", meterId);
    const frame = decodeMeterValues(values, { meterId, receivedMs, rawHash: sha256(raw), publicKey, maxPowerW });
    return this.#judged(frame, meterId, transaction);
  }

  /**
   * Registers held against the ones before at the same socket: a charger that takes Wh for kWh moves by a thousandfold. A new transaction may begin with a
   * register of its own; what was kept back and comes late is not judged by what came after it.
   */
  #judged(frame: DecodedFrame, meterId: string, transaction: string | undefined): DecodedFrame {
    const times = [...new Set(frame.readings.map(({ timestampMs }) => timestampMs))].toSorted((a, b) => a - b);
    const readings: Reading[] = [];
    const rejected = [...frame.rejected];
    for (const timestampMs of times) {
      const moment = frame.readings.filter((reading) => reading.timestampMs === timestampMs);
      const total = (quantity: Reading["quantity"]) =>
        moment.find((one) => one.quantity === quantity && one.phase === 0)?.value;
      const [importMwh, exportMwh, powerMw] = [
        total("activeEnergyImport"),
        total("activeEnergyExport"),
        total("activePower"),
      ];
      const watch = this.#watch(meterId, transaction, timestampMs);
      const isJudged =
        (importMwh !== undefined || exportMwh !== undefined) && watch !== undefined && timestampMs > watch.lastMs;
      if (!isJudged) {
        readings.push(...moment);
        continue;
      }
      watch.lastMs = timestampMs;
      const verdict = watch.plausibility.judge({ timestampMs, importMwh, exportMwh, powerMw, resolutionMwh: 1000 });
      if (verdict.verdict === "implausible")
        rejected.push(
          ...moment.map(({ quantity, phase, value }) =>
            rejectedPart("implausible", `${meterId} ${quantity} L${phase} ${value}`),
          ),
        );
      else if (verdict.verdict === "accepted") readings.push(...moment);
      else
        readings.push(
          ...moment.map((one) => ({
            ...one,
            quality: one.quality | (verdict.isLower ? QUALITY.RESET : QUALITY.SUSPECT),
          })),
        );
    }
    return { readings, rejected };
  }

  #watch(meterId: string, transaction: string | undefined, timestampMs: number) {
    const known = this.#watched.get(meterId);
    const isNew =
      known === undefined ||
      (transaction !== undefined && known.transaction !== transaction && timestampMs > known.lastMs);
    if (!isNew) return known;
    if (known === undefined && this.#watched.size >= MAX_SOCKETS) return undefined;
    const plausibility = new Plausibility(this.#options.maxPowerW * 1000);
    const watch = { plausibility, lastMs: known?.lastMs ?? 0, transaction: transaction ?? known?.transaction };
    this.#watched.set(meterId, watch);
    return watch;
  }

  #remember(transaction: string, socket: number): void {
    this.#sockets.delete(transaction);
    this.#sockets.set(transaction, socket);
    if (this.#sockets.size > MAX_TRANSACTIONS) this.#sockets.delete(this.#sockets.keys().next().value as string);
  }

  #tagInfo(payload: ExactJson): { readonly status: "Accepted" | "Invalid" } {
    const tag = textOf(payload, "idTag") ?? textOf(member(payload, "idToken"), "idToken") ?? "";
    const { idTags } = this.#options;
    return { status: idTags === undefined || idTags.has(tag) ? "Accepted" : "Invalid" };
  }
}

/** meterStart and meterStop are Wh, without a word of it in the message. */
function bareRegister(payload: ExactJson, name: string): ExactJson {
  return {
    timestamp: member(payload, "timestamp") ?? null,
    sampledValue: [{ value: member(payload, name) ?? null, unit: "Wh" }],
  };
}

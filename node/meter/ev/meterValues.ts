import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Quantity, Reading } from "#storage/types/reading.ts";
import { MAX_DRIFT_MS } from "../ahead.ts";
import { type ExactJson, isList, JsonNumber, member, scaledInteger, showJson, textOf } from "../exactJson.ts";
import { type DecodedFrame, type RejectedPart, rejectedPart } from "../frame.ts";
import { type IsoTime, parseIsoTime } from "../isoTime.ts";
import type { RejectionReason } from "../source.ts";
import { unitExponent } from "../units.ts";
import { recordOf } from "./dataTransfer.ts";
import { decodeOcmf } from "./ocmf.ts";

export interface MeterValuesContext {
  readonly meterId: string;
  readonly receivedMs: number;
  readonly rawHash: Uint8Array;
  /** Of signed values, known from elsewhere. */
  readonly publicKey: KeyObject | undefined;
  /** Of the charging point, W. */
  readonly maxPowerW: number;
}

interface Measurand {
  readonly quantity: Quantity;
  /** Where the charger names none (OCPP 1.6 §7.35: Wh for energy). */
  readonly unit: string;
  readonly sign?: -1;
}

const MEASURANDS = new Map<string, Measurand>(
  Object.entries(JSON.parse(readFileSync(new URL("./measurands.json", import.meta.url), "utf8"))),
);
/** OCPP 1.6 §7.31, 2.0.1 §2.49: what a value without a measurand is. */
const DEFAULT_MEASURAND = "Energy.Active.Import.Register";
/** 100 %, in thousandths. */
const MAX_CHARGE = 100_000;

/**
 * The `meterValue` of OCPP 1.6 and 2.0.1 messages. In 1.6 values are texts with a unit, in 2.0.1 numbers with a unit and a power of ten; chargers mix
 * Wh and kWh in one message, so that each value is read in its own unit. Signed values go before their unsigned twins. Never throws.
 */
export function decodeMeterValues(meterValue: ExactJson | undefined, context: MeterValuesContext): DecodedFrame {
  const readings: Reading[] = [];
  const rejected: RejectedPart[] = [];
  if (!isList(meterValue)) return { readings, rejected: [rejectedPart("unknown-format", showJson(meterValue))] };
  for (const one of meterValue) {
    const time = parseIsoTime(textOf(one, "timestamp") ?? "");
    const sampled = member(one, "sampledValue");
    if (!isList(sampled)) rejected.push(rejectedPart("unknown-format", showJson(one)));
    else if (time === undefined)
      rejected.push(
        ...sampled.map((value) => rejectedPart("bad-timestamp", `${textOf(one, "timestamp")} ${showJson(value)}`)),
      );
    else new SampleCollector(time, context).read(sampled, readings, rejected);
  }
  return { readings, rejected };
}

/** The values of one moment. */
class SampleCollector {
  readonly #time: IsoTime;
  readonly #context: MeterValuesContext;
  readonly #found = new Map<string, { reading: Reading; measurands: Map<string, number> }>();

  constructor(time: IsoTime, context: MeterValuesContext) {
    this.#time = time;
    this.#context = context;
  }

  read(sampled: readonly ExactJson[], readings: Reading[], rejected: RejectedPart[]): void {
    const signed = sampled.map((value) => signedTextOf(value));
    const frames = signed.map((text) => (text === undefined ? undefined : decodeOcmf(text, this.#context)));
    const isForged = frames.some((frame) => frame?.rejected.some(({ reason }) => reason === "signature-wrong"));
    for (const [index, value] of sampled.entries()) {
      const frame = frames[index];
      if (frame !== undefined) {
        readings.push(...frame.readings);
        rejected.push(...frame.rejected);
        continue;
      }
      const reason = this.#add(value, isForged);
      if (reason !== undefined) rejected.push(rejectedPart(reason, showJson(value)));
    }
    readings.push(...[...this.#found.values()].map(({ reading }) => reading));
  }

  #add(json: ExactJson, isForged: boolean): RejectionReason | undefined {
    const name = textOf(json, "measurand") ?? DEFAULT_MEASURAND;
    const measurand = MEASURANDS.get(name);
    const phase = phaseOf(textOf(json, "phase"));
    if (textOf(json, "format") === "SignedData") return "unknown-format";
    if (measurand === undefined || phase === undefined) return "unknown-quantity";
    const { quantity } = measurand;
    // A charger whose signed register is forged is not believed without the signature either.
    if (isForged && /Energy/.test(quantity)) return "signature-wrong";
    const value = valueOfSample(json, measurand);
    if (typeof value !== "number") return value;
    const signed = measurand.sign === -1 && value !== 0 ? -value : value;
    if (value < 0 && quantity !== "activePower" && quantity !== "current") return "negative";
    const isTooMuch =
      (quantity === "activePower" && Math.abs(value) > this.#context.maxPowerW * 1000) ||
      (quantity === "stateOfCharge" && value > MAX_CHARGE);
    if (isTooMuch) return "over-limit";
    return this.#put(name, { quantity, phase, value: signed, kind: /Energy/.test(quantity) ? "register" : "instant" });
  }

  /** What flows in and what flows out are one signed number; anything else that comes twice must be the same. */
  #put(name: string, part: Pick<Reading, "quantity" | "phase" | "value" | "kind">): RejectionReason | undefined {
    const key = `${part.quantity} ${part.phase}`;
    const found = this.#found.get(key);
    const first = found?.measurands.get(name);
    if (first !== undefined) return first === part.value ? undefined : "conflict";
    const measurands = new Map([...(found?.measurands ?? []), [name, part.value]]);
    const value = [...measurands.values()].reduce((sum, one) => sum + one, 0);
    this.#found.set(key, { measurands, reading: this.#reading({ ...part, value }) });
    return undefined;
  }

  #reading(part: Pick<Reading, "quantity" | "phase" | "value" | "kind">): Reading {
    const { meterId, receivedMs, rawHash } = this.#context;
    const { ms, hasZone } = this.#time;
    const timeQuality = ms > receivedMs + MAX_DRIFT_MS ? "drifting" : hasZone ? "synced" : "no-zone";
    const time = { timestampMs: ms, periodMs: 0, receivedMs, timeSource: "meter" as const, timeQuality } as const;
    return { meterId, tariff: 0, ...part, ...time, quality: 0, rawHash };
  }
}

/** An OCMF record: the value itself in 1.6, signedMeterValue in 2.0.1. */
function signedTextOf(json: ExactJson): string | undefined {
  const value = textOf(json, "value");
  if (value?.startsWith("OCMF|")) return value;
  const data = textOf(member(json, "signedMeterValue"), "signedMeterData");
  return data === undefined ? undefined : recordOf(data);
}

function valueOfSample(json: ExactJson, { quantity, unit }: Measurand): number | RejectionReason {
  const measure = member(json, "unitOfMeasure");
  const named = textOf(json, "unit") ?? textOf(measure, "unit");
  const exponent = unitExponent(quantity, named ?? unit);
  if (exponent === undefined) return "unknown-unit";
  const multiplier = member(measure, "multiplier");
  const power = multiplier instanceof JsonNumber ? Number(multiplier.text) : 0;
  if (!Number.isInteger(power) || Math.abs(power) > 12) return "unknown-unit";
  const result = scaledInteger(member(json, "value"), exponent + power);
  return "reason" in result ? result.reason : result.value;
}

/** L1, L1-N: 1. None: the whole. Neutral, and voltages between phases, have no place. */
function phaseOf(text: string | undefined): number | undefined {
  if (text === undefined) return 0;
  const phase = /^L([123])(-N)?$/.exec(text)?.[1];
  return phase === undefined ? undefined : Number(phase);
}

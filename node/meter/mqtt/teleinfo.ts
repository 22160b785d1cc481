import { type ExactObject, JsonNumber, member, showJson } from "../exactJson.ts";
import type { MessageReadings, ValueSpec } from "./messageReadings.ts";
import type { MessageTime } from "./messageTime.ts";

const IMPORT = { quantity: "activeEnergyImport", kind: "register", exponent: 3 } as const;
const POWER = { quantity: "activePower", kind: "instant", exponent: 3 } as const;

/**
 * Labels of the French meters' customer output (TIC), historic and standard mode; energy in Wh, current in A. The cheaper hours are tariff 1: HC
 * before HP, HN before PM.
 */
const LABELS: ReadonlyMap<string, ValueSpec> = new Map<string, ValueSpec>([
  ["BASE", IMPORT],
  ["HCHC", { ...IMPORT, tariff: 1 }],
  ["HCHP", { ...IMPORT, tariff: 2 }],
  ["EJPHN", { ...IMPORT, tariff: 1 }],
  ["EJPHPM", { ...IMPORT, tariff: 2 }],
  ["EAST", IMPORT],
  ["EASF01", { ...IMPORT, tariff: 1 }],
  ["EASF02", { ...IMPORT, tariff: 2 }],
  ["EASF03", { ...IMPORT, tariff: 3 }],
  ["EASF04", { ...IMPORT, tariff: 4 }],
  ["EAIT", { quantity: "activeEnergyExport", kind: "register", exponent: 3 }],
  ["CCASN", { ...POWER, kind: "average", periodMs: 1_800_000 }],
  ["IINST", { quantity: "current", kind: "instant", exponent: 3 }],
  ["IINST1", { quantity: "current", kind: "instant", exponent: 3, phase: 1 }],
  ["IINST2", { quantity: "current", kind: "instant", exponent: 3, phase: 2 }],
  ["IINST3", { quantity: "current", kind: "instant", exponent: 3, phase: 3 }],
  ["URMS1", { quantity: "voltage", kind: "instant", exponent: 3, phase: 1 }],
  ["URMS2", { quantity: "voltage", kind: "instant", exponent: 3, phase: 2 }],
  ["URMS3", { quantity: "voltage", kind: "instant", exponent: 3, phase: 3 }],
]);

/** Apparent power, and registers of a fifth and further tariff. */
const UNKNOWN = /^(PAPP|SINST[SI]?\d?|BBRH[CP]J[BWR]|EASF(0[5-9]|10))$/;

/** The address of a meter: 12 digits, ADCO in historic and ADSC in standard mode. */
const ADDRESS = /^\d{12}$/;

/** Registers of the meter itself, under its own address: whatever dongle reads it. */
export function addTeleinfo(frame: MessageReadings, time: MessageTime, tic: ExactObject): void {
  const address = member(tic, "ADCO") ?? member(tic, "ADSC");
  const digits = address instanceof JsonNumber ? address.text.padStart(12, "0") : address;
  const isKnown = typeof digits === "string" && ADDRESS.test(digits);
  if (!isKnown || /^0+$/.test(digits)) {
    frame.reject(isKnown ? "sentinel" : "bad-meter-id", `ADCO ${showJson(address)}`);
    return;
  }
  for (const [label, value] of Object.entries(tic)) {
    const spec = LABELS.get(label);
    if (spec !== undefined) frame.add(`tic:${digits}`, time, spec, label, value);
    else if (UNKNOWN.test(label)) frame.reject("unknown-quantity", label);
  }
}

import { parseScaledDecimal } from "#storage/types/readingDecimal.ts";
import { electricityMeaning, unitOfCode } from "../obis.ts";
import type { MeasuredObject, ReadingCollector } from "../readingCollector.ts";
import type { RejectionReason } from "../source.ts";
import { unitExponent } from "../units.ts";
import type { AxdrValue } from "./axdr.ts";
import type { CosemObject } from "./cosemList.ts";
import type { Scale } from "./profiles.ts";

const OBIS = /^(\d+)-(\d+):(\d+)\.(\d+)\.(\d+)\.(\d+)$/;
const PRESENT = 255;
/** Of COSEM objects: attribute 2 is the value; 3 of a register is its scale. */
const VALUE_ATTRIBUTE = 2;

/**
 * The measurements among the objects of a list, with the scale of the frame or that of the profile, handed to `add`; the others rejected. Ids, versions
 * and clocks are texts and octets, and no measurements.
 */
export function cosemReadings(
  objects: readonly CosemObject[],
  scales: Readonly<Record<string, Scale>>,
  collector: ReadingCollector,
  add: (object: MeasuredObject) => void,
): void {
  for (const object of objects) {
    const { obis, value, attribute = VALUE_ATTRIBUTE } = object;
    if (value.type === "text" || value.type === "octets" || attribute !== VALUE_ATTRIBUTE) continue;
    const match = OBIS.exec(obis);
    const [a, , c, d, tariff, f] = (match?.slice(1).map(Number) ?? []) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const text = `${obis} ${textOf(value)}`;
    const meaning = a === 1 && f === PRESENT ? electricityMeaning(c, d) : undefined;
    if (meaning === undefined || meaning.kind === "max") {
      collector.reject("unknown-quantity", text);
      continue;
    }
    const scale = scaleOf(object, scales[`${c}.${d}`]);
    const exponent = scale === undefined ? undefined : unitExponent(meaning.quantity, scale.unit);
    const scaled = scaledValue(
      value,
      scale === undefined || exponent === undefined ? undefined : scale.scaler + exponent,
    );
    if ("rejected" in scaled) collector.reject(scaled.rejected, text);
    add({ meaning, tariff, value: "value" in scaled ? scaled.value : undefined, text });
  }
}

function scaleOf({ scaler, unitCode }: CosemObject, byProfile: Scale | undefined): Scale | undefined {
  if (scaler === undefined || unitCode === undefined) return byProfile;
  const unit = unitOfCode(unitCode);
  return unit === undefined ? undefined : { scaler, unit };
}

/** exponent: of ten, to the unit of the reading; undefined: not known. */
function scaledValue(
  value: AxdrValue,
  exponent: number | undefined,
): { readonly value: number } | { readonly rejected: RejectionReason } {
  if (value.type === "null") return { rejected: "empty-value" };
  if (value.type !== "integer") return { rejected: "unknown-format" };
  if (value.isAllOnes && value.name !== "boolean") return { rejected: "sentinel" };
  // A value finer than a thousandth of its unit is none that meters have: the scale is wrong.
  if (exponent === undefined || exponent < 0) return { rejected: "unknown-unit" };
  const parsed = parseScaledDecimal(value.value.toString(), exponent);
  return "fault" in parsed ? { rejected: "over-limit" } : parsed;
}

/** As it is shown of a rejected value. */
function textOf(value: AxdrValue): string {
  if (value.type === "integer") return `${value.name} ${value.value}`;
  return value.type === "float" ? `float ${value.value}` : value.type;
}

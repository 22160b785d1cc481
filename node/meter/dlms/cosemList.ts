import type { AxdrValue } from "./axdr.ts";
import { COSEM_TIME_BYTES } from "./cosemTime.ts";

/** One attribute of one object, as a meter pushes it. */
export interface CosemObject {
  /** "1-0:1.8.0.255" */
  readonly obis: string;
  readonly value: AxdrValue;
  /** Where the frame says them. */
  readonly scaler?: number;
  readonly unitCode?: number;
  readonly classId?: number;
  readonly attribute?: number;
}

/** How the values of a list are told apart. */
export type ListForm = "positional" | "alternating" | "scaled" | "self-describing" | "push-object-list";

export interface CosemList {
  readonly form: ListForm;
  readonly objects: readonly CosemObject[];
}

const CLOCK = "0-0:1.0.0.255";
const [LIST_VERSION, METER_ID, METER_TYPE] = ["1-1:0.2.129.255", "0-0:96.1.0.255", "0-0:96.1.7.255"];

/** Lists of Kaifa in Norway, whose values stand without codes, by their number of values. */
const IDENTITY = [LIST_VERSION, METER_ID, METER_TYPE];
const POWER = ["1-0:1.7.0.255", "1-0:2.7.0.255", "1-0:3.7.0.255", "1-0:4.7.0.255"];
const ONE_PHASE = ["1-0:31.7.0.255", "1-0:32.7.0.255"];
const THREE_PHASES = ["1-0:31.7.0.255", "1-0:51.7.0.255", "1-0:71.7.0.255"].concat([
  "1-0:32.7.0.255",
  "1-0:52.7.0.255",
  "1-0:72.7.0.255",
]);
const HOURLY = ["0-0:1.0.0.255", "1-0:1.8.0.255", "1-0:2.8.0.255", "1-0:3.8.0.255", "1-0:4.8.0.255"];
const POSITIONAL: ReadonlyMap<number, readonly string[]> = new Map(
  [
    POWER.slice(0, 1),
    [...IDENTITY, ...POWER, ...ONE_PHASE],
    [...IDENTITY, ...POWER, ...THREE_PHASES],
    [...IDENTITY, ...POWER, ...ONE_PHASE, ...HOURLY],
    [...IDENTITY, ...POWER, ...THREE_PHASES, ...HOURLY],
  ].map((codes) => [codes.length, codes]),
);

/** The objects of a pushed list in one of its five forms; undefined: in none of them. */
export function readCosemList(body: AxdrValue): CosemList | undefined {
  if (body.type !== "array" && body.type !== "structure") return undefined;
  const forms = [selfDescribing, pushObjectList, scaled, alternating, positional];
  for (const read of forms) {
    const list = read(body.items);
    if (list !== undefined) return list;
  }
  return undefined;
}

/** Aidon: {code, value, {scaler, unit}} or {code, value}. */
function selfDescribing(items: readonly AxdrValue[]): CosemList | undefined {
  const objects: CosemObject[] = [];
  for (const item of items) {
    if (item.type !== "structure" || item.items.length < 2 || item.items.length > 3) return undefined;
    const [code, value, scale] = item.items as [AxdrValue, AxdrValue, AxdrValue | undefined];
    const obis = obisOf(code);
    if (obis === undefined) return undefined;
    if (scale === undefined) {
      objects.push({ obis, value });
      continue;
    }
    const known = scaleOf(scale);
    if (known === undefined) return undefined;
    objects.push({ obis, value, ...known });
  }
  return objects.length === 0 ? undefined : { form: "self-describing", objects };
}

/** Iskra, L+G: the list of {class, code, attribute, index} comes first, and is the first of what it lists. */
function pushObjectList(items: readonly AxdrValue[]): CosemList | undefined {
  const [descriptions, ...values] = items;
  if (descriptions?.type !== "array" || descriptions.items.length !== items.length) return undefined;
  const objects: CosemObject[] = [];
  for (const [index, description] of descriptions.items.entries()) {
    if (description.type !== "structure" || description.items.length !== 4) return undefined;
    const [classId, code, attribute] = description.items as [AxdrValue, AxdrValue, AxdrValue];
    const obis = obisOf(code);
    if (classId.type !== "integer" || attribute.type !== "integer" || obis === undefined) return undefined;
    const value = values[index - 1];
    if (value === undefined) continue;
    objects.push({ obis, value, classId: Number(classId.value), attribute: Number(attribute.value) });
  }
  return { form: "push-object-list", objects };
}

/**
 * Austria's customer interface: the clock, then code, value, {scaler, unit} of each measurement, one behind the other; texts without a scale, and at the
 * end the number of the meter without a code.
 */
function scaled(items: readonly AxdrValue[]): CosemList | undefined {
  const objects: CosemObject[] = [];
  let scales = 0;
  let at = 0;
  const [first] = items;
  if (first?.type === "octets" && first.bytes.length === COSEM_TIME_BYTES) {
    objects.push({ obis: CLOCK, value: first });
    at = 1;
  }
  while (at < items.length) {
    const obis = obisOf(items[at] as AxdrValue);
    const value = items[at + 1];
    if (obis === undefined || value === undefined) {
      const isNumber = at === items.length - 1 && isText(items[at] as AxdrValue);
      if (!isNumber) return undefined;
      objects.push({ obis: METER_ID as string, value: items[at] as AxdrValue });
      break;
    }
    const scale = scaleOf(items[at + 2]);
    objects.push({ obis, value, ...scale });
    if (scale !== undefined) scales += 1;
    at += scale === undefined ? 2 : 3;
  }
  return scales === 0 ? undefined : { form: "scaled", objects };
}

function scaleOf(item: AxdrValue | undefined): { readonly scaler: number; readonly unitCode: number } | undefined {
  if (item?.type !== "structure" || item.items.length !== 2) return undefined;
  const [scaler, unit] = item.items;
  if (scaler?.type !== "integer" || unit?.type !== "integer") return undefined;
  return { scaler: Number(scaler.value), unitCode: Number(unit.value) };
}

/** Kamstrup, Kaifa in Sweden: code, value, code, value; before them a version of the list, between them values that a meter of one phase has not. */
function alternating(items: readonly AxdrValue[]): CosemList | undefined {
  const objects: CosemObject[] = [];
  const [first] = items;
  const version = first !== undefined && obisOf(first) === undefined && isText(first) ? first : undefined;
  if (version !== undefined) objects.push({ obis: LIST_VERSION as string, value: version });
  for (let at = version === undefined ? 0 : 1; at < items.length; ) {
    const code = items[at] as AxdrValue;
    if (code.type === "null") {
      at += 1;
      continue;
    }
    const obis = obisOf(code);
    const value = items[at + 1];
    if (obis === undefined || value === undefined) return undefined;
    objects.push({ obis, value });
    at += 2;
  }
  return objects.length > 1 ? { form: "alternating", objects } : undefined;
}

function positional(items: readonly AxdrValue[]): CosemList | undefined {
  const codes = POSITIONAL.get(items.length);
  if (codes === undefined) return undefined;
  return { form: "positional", objects: codes.map((obis, index) => ({ obis, value: items[index] as AxdrValue })) };
}

function obisOf(value: AxdrValue): string | undefined {
  if (value.type !== "octets" || value.bytes.length !== 6) return undefined;
  const [a, b, c, d, e, f] = value.bytes;
  return `${a}-${b}:${c}.${d}.${e}.${f}`;
}

function isText(value: AxdrValue): boolean {
  return value.type === "text" || value.type === "octets";
}

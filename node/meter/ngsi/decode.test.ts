import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { type Reading, validateReading } from "#storage/types/reading.ts";
import type { DecodedFrame } from "../frame.ts";
import { BUILT_IN_ATTRIBUTES, readAttributes } from "./attributes.ts";
import { decodeNgsi, type NgsiContext } from "./decode.ts";

const RECEIVED_MS = Date.UTC(2026, 0, 1);

function decode(message: unknown, context: Partial<NgsiContext> = {}): DecodedFrame {
  const body = Buffer.isBuffer(message)
    ? message
    : Buffer.from(typeof message === "string" ? message : JSON.stringify(message));
  const frame = decodeNgsi(body, {
    attributes: BUILT_IN_ATTRIBUTES,
    receivedMs: RECEIVED_MS,
    maxPowerW: 69_000,
    ...context,
  });
  for (const reading of frame.readings) validateReading(reading);
  return frame;
}

function sample(name: string): Buffer {
  return readFileSync(new URL(`./testdata/${name}`, import.meta.url));
}

function shown({ readings }: DecodedFrame): string[] {
  return readings.map(({ quantity, phase, kind, value }) => `${quantity} L${phase} ${kind} ${value}`);
}

function reasons({ rejected }: DecodedFrame): string[] {
  return rejected.map(({ reason }) => reason);
}

test("D5.1 Figure 16: NGSIv1, the unit is the type and the value a text", () => {
  const body = sample("ngsiv1-edream-smx-notification.json");
  const frame = decode(body);
  expect(frame).toStrictEqual({
    readings: [
      {
        meterId: "ngsi:urn:ngsi-ld:SMX:BBB6099",
        quantity: "activePower",
        kind: "instant",
        phase: 0,
        tariff: 0,
        value: -84_891,
        timestampMs: Date.UTC(2019, 2, 18, 16, 13, 45, 275),
        periodMs: 0,
        receivedMs: RECEIVED_MS,
        timeSource: "meter",
        timeQuality: "synced",
        quality: 0,
        rawHash: sha256(body),
      },
    ],
    rejected: [],
  });
});

test("Figure 16 as it is printed, with the status code beside the element, is read too", () => {
  const { contextResponses, ...rest } = JSON.parse(sample("ngsiv1-edream-smx-notification.json").toString());
  const [{ contextElement, statusCode }] = contextResponses;
  const frame = decode({ ...rest, contextResponses: [{ contextElement }, { statusCode }] });
  expect(shown(frame)).toStrictEqual(["activePower L0 instant -84891"]);
});

const COUNTERS = [
  "activeEnergyExport L0 register 1059801760",
  "activeEnergyImport L0 register 150781964480",
  "reactiveEnergyExport L0 register 93275021760",
  "reactiveEnergyImport L0 register 20490339200",
];
const MOMENTARY = [
  "activePower L0 KIND 31700270",
  "activePower L1 KIND 11996416",
  "activePower L2 KIND 9461502",
  "activePower L3 KIND 10242352",
  "current L1 KIND 56126",
  "current L2 KIND 45894",
  "current L3 KIND 50872",
  "frequency L0 KIND 50021",
  "voltage L1 KIND 234961",
  "voltage L2 KIND 234563",
  "voltage L3 KIND 235354",
];
/** Apparent and reactive power (total and per phase), two power factors, distortion of U and I, U between phases, current of N. */
const UNKNOWN = 2 + 2 + 2 + 2 + 1 + 1;

test.each(readdirSync(new URL("./testdata/", import.meta.url)).filter((name) => name.startsWith("sdm-")))(
  "%s: energy, power, voltage, current and frequency are read; the rest has no quantity",
  (name) => {
    const frame = decode(sample(name));
    const kinds = new Set(frame.readings.map(({ kind }) => kind));
    expect(kinds).toStrictEqual(
      new Set(
        name.includes("normalized") && name !== "sdm-ACMeasurement-example-normalized.json"
          ? kindsOf(name)
          : ["register", "instant"],
      ),
    );
    const neutral = shown(frame).map((line) => line.replace(/ (instant|average) /, " KIND "));
    expect(neutral.toSorted()).toStrictEqual([...COUNTERS, ...MOMENTARY].toSorted());
    expect(frame.rejected).toHaveLength(UNKNOWN);
    expect(new Set(reasons(frame))).toStrictEqual(new Set(["unknown-quantity"]));
  },
);

/** ThreePhaseAcMeasurement in NGSI-LD has properties with and without an interval. */
function kindsOf(name: string): string[] {
  return name.includes("ThreePhase") && name.endsWith("jsonld")
    ? ["register", "instant", "average"]
    : ["register", "average"];
}

test.each([
  ["sdm-ACMeasurement-example-normalized.json", "frequency", Date.UTC(2020, 2, 17, 8, 45), "meter"],
  ["sdm-ACMeasurement-example.json", "frequency", Date.UTC(2020, 2, 17, 8, 45), "meter"],
  ["sdm-ACMeasurement-example.jsonld", "frequency", Date.UTC(2020, 2, 17, 8, 45), "meter"],
  ["sdm-ACMeasurement-example-normalized.jsonld", "frequency", Date.UTC(2020, 1, 24, 22, 0, 0, 173), "meter"],
  [
    "sdm-ThreePhaseAcMeasurement-example-normalized.json",
    "activeEnergyImport",
    Date.UTC(2019, 0, 24, 22, 0, 0, 173),
    "meter",
  ],
  ["sdm-ThreePhaseAcMeasurement-example-normalized.jsonld", "frequency", Date.UTC(2019, 0, 24, 22, 0, 0, 173), "meter"],
  [
    "sdm-ThreePhaseAcMeasurement-example-normalized.jsonld",
    "activePower",
    Date.UTC(2019, 0, 24, 22, 0, 0, 173),
    "meter",
  ],
  ["sdm-ThreePhaseAcMeasurement-example.json", "frequency", RECEIVED_MS, "receiver"],
  ["sdm-ThreePhaseAcMeasurement-example.jsonld", "frequency", RECEIVED_MS, "receiver"],
] as const)("%s: %s has its time from where there is one", (name, quantity, timestampMs, timeSource) => {
  const reading = decode(sample(name)).readings.find((one) => one.quantity === quantity && one.phase === 0);
  expect(reading).toMatchObject({ timestampMs, timeSource });
});

test("a property without its own time has the receiver's, even beside others that have one", () => {
  const frame = decode(sample("sdm-ThreePhaseAcMeasurement-example-normalized.jsonld"));
  const times = frame.readings.filter(({ quantity, phase }) => quantity === "activePower" && phase === 1);
  expect(times[0]).toMatchObject({ timestampMs: RECEIVED_MS, timeSource: "receiver" });
});

test("an average is over its measurementInterval, 1 s", () => {
  const frame = decode(sample("sdm-ACMeasurement-example-normalized.jsonld"));
  expect(frame.readings.find(({ quantity }) => quantity === "voltage")).toMatchObject({
    kind: "average",
    periodMs: 1000,
  });
});

/** The forms in which Orion sends an entity with a room's temperature, and beside it a power. */
const NORMALIZED = {
  id: "Room1",
  type: "Room",
  temperature: { value: 23, type: "Number", metadata: {} },
  P: { value: 23.5, type: "Number", metadata: {} },
};
const KEY_VALUES = { id: "Room1", type: "Room", temperature: 23, P: 23.5 };

test.each([
  ["normalized", { subscriptionId: "12345", data: [NORMALIZED] }],
  ["keyValues", { subscriptionId: "12345", data: [KEY_VALUES] }],
  ["simplifiedNormalized", NORMALIZED],
  ["simplifiedKeyValues", KEY_VALUES],
  [undefined, [KEY_VALUES, { ...NORMALIZED, id: "Room2" }].slice(0, 1)],
])("Orion's format %s is understood; what has no meaning here is rejected", (attrsFormat, message) => {
  const frame = decode(message, { attrsFormat });
  expect(shown(frame)).toStrictEqual(["activePower L0 instant 23500"]);
  expect(reasons(frame)).toStrictEqual(["unknown-quantity"]);
});

test.each([
  ["values", { subscriptionId: "12345", data: [[23, 70]] }],
  ["values", { subscriptionId: "12345", data: [NORMALIZED] }],
  [undefined, { subscriptionId: "12345", data: [[23, 70]] }],
  [undefined, { type: "Room" }],
  [undefined, { contextResponses: {} }],
  [undefined, "[1"],
  [undefined, ""],
  [undefined, "null"],
])("a message without names, or that is no NGSI, is rejected as a whole: %s %j", (attrsFormat, message) => {
  expect(decode(message, { attrsFormat })).toMatchObject({ readings: [], rejected: [{ reason: "unknown-format" }] });
});

test("metadata that Orion adds of its own (actionType, previousValue) change nothing", () => {
  const metadata = {
    actionType: { type: "Text", value: "update" },
    previousValue: { type: "Number", value: 1 },
    M2: { type: "Number", value: 60 },
  };
  const frame = decode({
    subscriptionId: "s",
    data: [
      {
        id: "E1",
        type: "T",
        alterationType: { type: "Text", value: "entityChange", metadata: {} },
        A: { type: "Text", value: "foo", metadata },
        P: { type: "Number", value: 20, metadata },
      },
    ],
  });
  expect(shown(frame)).toStrictEqual(["activePower L0 instant 20000"]);
  expect(frame.rejected).toStrictEqual([]);
});

function power(attribute: object | number | string | null, more: object = {}): DecodedFrame {
  return decode({ data: [{ id: "m", type: "T", P: attribute, ...more }] });
}

test.each([
  [{ value: "-84.891" }, -84_891],
  [{ value: 1.5, metadata: { unit: { value: "kW" } } }, 1_500_000],
  [{ value: 1.5, metadata: { unitCode: { value: "KWT" } } }, 1_500_000],
  [{ type: "Property", value: 1.5, unitCode: "KWT" }, 1_500_000],
  [{ value: "1.5", type: "kW" }, 1_500_000],
  [{ type: "Property", value: 1500 }, 1_500_000],
  [1500, 1_500_000],
  ["1500", 1_500_000],
])("%j is %i mW", (attribute, value) => {
  expect(power(attribute).readings[0]?.value).toBe(value);
});

test.each([
  [{ value: "NaN" }, "not-a-number"],
  [{ value: "" }, "empty-value"],
  [{ value: null }, "null-value"],
  [null, "null-value"],
  [{ value: true }, "not-a-number"],
  [{ value: 1, metadata: { unitCode: { value: "KWH" } } }, "unknown-unit"],
  [{ type: "Property", value: 1, unitCode: "FOO" }, "unknown-unit"],
  [{ value: 1e6 }, "over-limit"],
  [{ value: 1, metadata: { TimeInstant: { value: "yesterday" } } }, "bad-timestamp"],
  [{ value: 1, metadata: { TimeInstant: { value: "0014-11-18T15:40:26Z" } } }, "bad-timestamp"],
  [{ value: { N: 3 } }, "unknown-quantity"],
  [
    { value: 1, metadata: { measurementType: { value: "minimum" }, measurementInterval: { value: 60 } } },
    "unknown-quantity",
  ],
])("%j is rejected: %s", (attribute, reason) => {
  expect(power(attribute)).toMatchObject({ readings: [], rejected: [{ reason }] });
});

test("a register below zero, and an id that is no meter id, are rejected", () => {
  expect(reasons(decode({ id: "m", totalActiveEnergyImport: -1 }))).toStrictEqual(["negative"]);
  expect(reasons(decode({ id: "a b", P: 1 }))).toStrictEqual(["bad-meter-id"]);
  expect(reasons(decode({ id: "m".repeat(200), P: 1 }))).toStrictEqual(["bad-meter-id"]);
});

test("times are taken in the documented order: attribute, entity, broker, receiver", () => {
  const iso = (day: number): string => `2025-01-0${day}T00:00:00Z`;
  const metadata = { TimeInstant: { value: iso(1) }, timestamp: { value: iso(2) }, dateModified: { value: iso(5) } };
  const { TimeInstant: _first, ...second } = metadata;
  const entity = { TimeInstant: { type: "DateTime", value: iso(3) }, dateObserved: iso(4) };
  const at = (metadataOf: object, more: object): [number, string] => {
    const { timestampMs, timeSource } = power({ value: 1, metadata: metadataOf }, more).readings[0] as Reading;
    return [new Date(timestampMs).getUTCDate(), timeSource];
  };
  expect(at(metadata, entity)).toStrictEqual([1, "meter"]);
  expect(at(second, entity)).toStrictEqual([2, "meter"]);
  expect(at({ dateModified: metadata.dateModified }, entity)).toStrictEqual([3, "meter"]);
  expect(at({ dateModified: metadata.dateModified }, { dateObserved: `${iso(1)}/${iso(4)}` })).toStrictEqual([
    4,
    "meter",
  ]);
  expect(at({ dateModified: metadata.dateModified }, {})).toStrictEqual([5, "network"]);
  expect(at({}, { dateModified: { type: "DateTime", value: iso(6) } })).toStrictEqual([6, "network"]);
  expect(at({}, {})).toStrictEqual([1, "receiver"]);
});

test("a time without a zone is UTC and says so; one that is ahead of the receiver drifts", () => {
  expect(power({ value: 1, metadata: { TimeInstant: { value: "2025-01-01T00:00:00" } } }).readings[0]).toMatchObject({
    timestampMs: Date.UTC(2025, 0, 1),
    timeQuality: "no-zone",
  });
  expect(
    power({ value: 1, metadata: { TimeInstant: { value: "2026-01-01T00:02:00Z" } } }).readings[0]?.timeQuality,
  ).toBe("drifting");
});

test("a query's answer without a time is rejected: it may be as old as it likes", () => {
  const frame = decode([{ id: "m", P: 1 }], { isQuery: true });
  expect(frame).toMatchObject({ readings: [], rejected: [{ reason: "bad-timestamp" }] });
});

test("NGSI-LD without its context has URIs for names", () => {
  const frame = decode({
    id: "urn:ngsi-ld:M:1",
    type: "T",
    "https://smartdatamodels.org/dataModel.Energy/totalActivePower": { type: "Property", value: 1 },
  });
  expect(shown(frame)).toStrictEqual(["activePower L0 instant 1000"]);
});

test("a user's own attributes stand over the built-in ones", () => {
  const attributes = readAttributes(
    { P: { quantity: "activePower", unit: "kW" }, U1: { quantity: "voltage", unit: "V", phase: 1 } },
    "ngsi.attributes",
  );
  expect(shown(decode({ id: "m", P: 1, U1: "230.1" }, { attributes }))).toStrictEqual([
    "activePower L0 instant 1000000",
    "voltage L1 instant 230100",
  ]);
  expect(() => readAttributes({ P: { quantity: "activePower", unit: "kWh" } }, "ngsi.attributes")).toThrow(
    "ngsi.attributes.P.unit",
  );
});

test("where a meter stands, and whose it is, is in no reading and in nothing that is rejected", () => {
  const frame = decode({
    id: "m",
    P: 1,
    location: { type: "geo:json", value: { type: "Point", coordinates: [43.66, 7.19] } },
    place: { type: "Point", coordinates: [43.66, 7.19] },
    owner: { type: "Text", value: "Ada" },
    name: "Ada's",
  });
  expect(JSON.stringify(frame)).not.toMatch(/43\.66|Ada/);
});

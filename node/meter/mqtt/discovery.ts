import { createHash } from "node:crypto";
import type { Quantity, Reading } from "#storage/types/reading.ts";
import { suffixOf } from "../series.ts";

/** How Home Assistant's MQTT sensors name a quantity, and in which unit they get it. exponent: from the ledger's unit to theirs. */
interface Sensor {
  readonly deviceClass: string;
  readonly unit: string;
  readonly unitName: string;
  readonly exponent: number;
  readonly name: string;
}

/** Reactive energy has no device class that every version knows; the state of charge is a battery's. */
const SENSORS: Partial<Readonly<Record<Quantity, Sensor>>> = {
  activeEnergyImport: { deviceClass: "energy", unit: "kWh", unitName: "kwh", exponent: 6, name: "Import" },
  activeEnergyExport: { deviceClass: "energy", unit: "kWh", unitName: "kwh", exponent: 6, name: "Export" },
  activePower: { deviceClass: "power", unit: "W", unitName: "w", exponent: 3, name: "Power" },
  voltage: { deviceClass: "voltage", unit: "V", unitName: "v", exponent: 3, name: "Voltage" },
  current: { deviceClass: "current", unit: "A", unitName: "a", exponent: 3, name: "Current" },
  frequency: { deviceClass: "frequency", unit: "Hz", unitName: "hz", exponent: 3, name: "Frequency" },
  stateOfCharge: { deviceClass: "battery", unit: "%", unitName: "percent", exponent: 3, name: "State of charge" },
  gasVolume: { deviceClass: "gas", unit: "m³", unitName: "m3", exponent: 6, name: "Gas" },
  waterVolume: { deviceClass: "water", unit: "m³", unitName: "m3", exponent: 6, name: "Water" },
  heat: { deviceClass: "energy", unit: "GJ", unitName: "gj", exponent: 6, name: "Heat" },
};

/** One sensor of a meter as Home Assistant knows it. */
export interface DiscoveredSensor {
  /** Member of the state. */
  readonly key: string;
  readonly configTopic: string;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface DiscoveryTopics {
  /** Where Home Assistant looks for sensors: "homeassistant". */
  readonly discoveryPrefix: string;
  /** Of the node's own topics: "eledger". */
  readonly baseTopic: string;
}

/** Characters of an object id that all versions take. */
const UNSAFE = /[^0-9A-Za-z_-]/g;
const SAFE_ID = /^[0-9A-Za-z_-]+$/;
/** Topics have a length, and names of meters may be of 96 characters. */
const HASH_CHARS = 8;

/**
 * A name for topics and object ids. Ids that would become the same by losing their colons and slashes are kept apart by a part of their hash.
 */
export function topicName(meterId: string): string {
  if (SAFE_ID.test(meterId)) return meterId;
  const hash = createHash("sha256").update(meterId).digest("hex").slice(0, HASH_CHARS);
  return `${meterId.replace(UNSAFE, "_")}_${hash}`;
}

export function stateTopic(topics: DiscoveryTopics, meterId: string): string {
  return `${topics.baseTopic}/${topicName(meterId)}/state`;
}

/** Holds "online" or "offline", which Home Assistant expects there if not told otherwise. */
export function onlineTopic(topics: DiscoveryTopics, meterId: string): string {
  return `${topics.baseTopic}/${topicName(meterId)}/online`;
}

/**
 * What Home Assistant must know of the series that a reading is of: undefined when it has no sensors for such. Registers only are `total_increasing`, as the
 * Energy dashboard wants them; energy of an interval would be added up there as if it were a register.
 */
export function sensorOf(topics: DiscoveryTopics, reading: Reading): DiscoveredSensor | undefined {
  const { meterId, quantity, kind, phase, tariff } = reading;
  const sensor = SENSORS[quantity];
  const isMomentary = kind === "instant";
  if (sensor === undefined || !(kind === "register" || isMomentary)) return undefined;
  const suffix = suffixOf(reading).replaceAll(".", "_");
  const id = topicName(meterId);
  const key = `${suffix}_${sensor.unitName}`;
  const place = `${phase === 0 ? "" : ` L${phase}`}${tariff === 0 ? "" : ` T${tariff}`}`;
  return {
    key,
    configTopic: `${topics.discoveryPrefix}/sensor/${id}/${suffix}/config`,
    config: {
      name: `${sensor.name}${place}`,
      unique_id: `${id}_${suffix}`,
      state_topic: stateTopic(topics, meterId),
      // A state holds what has been measured so far; a member may come later.
      value_template: `{{ value_json.${key} }}`,
      device_class: sensor.deviceClass,
      state_class: isMomentary ? "measurement" : "total_increasing",
      unit_of_measurement: sensor.unit,
      availability_topic: onlineTopic(topics, meterId),
      device: { identifiers: [id], name: `Meter ${meterId}` },
    },
  };
}

/** The value in Home Assistant's unit, by its digits: 13 779 338 000 mWh is "13779.338". */
export function stateText({ quantity, value }: Reading): string {
  const exponent = SENSORS[quantity]?.exponent ?? 0;
  const digits = String(Math.abs(value)).padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent);
  const fraction = digits.slice(digits.length - exponent).replace(/0+$/, "");
  return `${value < 0 ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

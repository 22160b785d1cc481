import type { StartInput } from "./input.ts";

/** What stands in `type` of an input in meters.json. */
export interface InputType {
  /** For `meter add`: what is connected this way. */
  readonly about: string;
  /** Its code, and only its: a node with a P1 cable carries no MQTT. */
  readonly load: () => Promise<StartInput<unknown>>;
}

function type<Options>(about: string, load: () => Promise<StartInput<Options>>): InputType {
  // Every start function checks its options itself: they come out of a file.
  return { about, load: load as () => Promise<StartInput<unknown>> };
}

/** A new protocol is one line here. */
export const INPUT_TYPES: Readonly<Record<string, InputType>> = {
  dsmr: type(
    "a smart meter's P1 or D0 port: serial cable, or a converter by TCP",
    async () => (await import("./dsmr/dsmrInput.ts")).startDsmrInput,
  ),
  iec62056: type(
    "meters that have to be asked (IEC 62056-21 modes A, B and C): optical head, RS-485 or 20 mA, by serial cable or TCP",
    async () => (await import("./iec62056/iec62056Input.ts")).startIec62056Input,
  ),
  dlms: type(
    "a smart meter's HAN port (push over HDLC or M-Bus): serial cable, or a converter by TCP",
    async () => (await import("./dlms/dlmsInput.ts")).startDlmsInput,
  ),
  mqtt: type("meters behind an MQTT broker", async () => (await import("./mqtt/mqttInput.ts")).startMqttInput),
  modbus: type(
    "meters on Modbus TCP, or RTU over TCP",
    async () => (await import("./modbus/modbusInput.ts")).startModbusInput,
  ),
  lorawan: type(
    "meters behind a LoRaWAN network server (ChirpStack, The Things Stack) with MQTT",
    async () => (await import("./lorawan/lorawanInput.ts")).startLorawanInput,
  ),
  ngsi: type(
    "FIWARE: notifications of a context broker",
    async () => (await import("./ngsi/ngsiInput.ts")).startNgsiInput,
  ),
  ocpp: type(
    "chargers of electric cars: OCPP 1.6 and 2.0.1",
    async () => (await import("./ev/ocppInput.ts")).startOcppInput,
  ),
  telemetry: type(
    "electric cars that post their state",
    async () => (await import("./ev/telemetryInput.ts")).startEvTelemetryInput,
  ),
  sessions: type(
    "a file of charging sessions",
    async () => (await import("./ev/sessionsInput.ts")).startEvSessionsInput,
  ),
  csv: type(
    "a file of half-hourly readings (Low Carbon London)",
    async () => (await import("./csvInput.ts")).startCsvInput,
  ),
  simulator: type("simulated households", async () => (await import("./simulatorInput.ts")).startSimulatorInput),
};

import { HTTP_RECEIVER_OPTIONS, readHttpReceiverOptions, startHttpReceiver } from "../httpReceiver.ts";
import type { InputPorts, MeterInput } from "../input.ts";
import { OptionReader } from "../inputOptions.ts";
import { decodeTelemetry, readTelemetryProfile, TELEMETRY_PROFILES, type TelemetryProfile } from "./telemetry.ts";

/** As it stands in `meters.json`; README.md has the meaning of each. */
export interface EvTelemetryInputOptions {
  readonly host?: string;
  readonly port: number;
  readonly path?: string;
  readonly token?: string;
  readonly maxBodyBytes?: number;
  readonly maxPending?: number;
  /** The name of a built-in profile, or a profile. */
  readonly profile?: string | object;
  readonly idSecret: string;
}

/** An endpoint to which the server of the on-board units posts. @throws MeterSourceError METER_OPTION_INVALID */
export async function startEvTelemetryInput(
  options: EvTelemetryInputOptions,
  ports: InputPorts,
): Promise<MeterInput & { readonly port: number }> {
  const reader = new OptionReader(options, "telemetry", [...HTTP_RECEIVER_OPTIONS, "profile", "idSecret"]);
  const receiver = readHttpReceiverOptions(reader, "/ev/telemetry");
  const profile = readProfile(reader);
  const idSecret = reader.text("idSecret", { pattern: /^[\x21-\x7e]{16,256}$/, form: "16 to 256 visible characters" });
  const http = await startHttpReceiver(receiver, ports, (body) =>
    decodeTelemetry(body, { profile, idSecret, receivedMs: ports.nowMs() }),
  );
  const name = `ev telemetry http ${receiver.host}:${http.port}${receiver.path}`;
  return { name, port: http.port, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() };
}

function readProfile(reader: OptionReader): TelemetryProfile {
  if (typeof reader.raw("profile") === "object")
    return readTelemetryProfile(reader.raw("profile"), "telemetry.profile");
  const name = reader.choice(
    "profile",
    TELEMETRY_PROFILES.map((profile) => profile.name),
    "obd",
  );
  return TELEMETRY_PROFILES.find((profile) => profile.name === name) as TelemetryProfile;
}

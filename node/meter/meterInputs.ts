import type { Reading } from "#storage/types/reading.ts";
import { ruleOf, treatmentOf } from "./deviceRules.ts";
import type { InputPorts, MeterInput } from "./input.ts";
import { INPUT_TYPES } from "./inputTypes.ts";
import type { InputEntry, MetersFile } from "./metersFile.ts";
import type { HomeAssistantOptions } from "./mqtt/homeAssistant.ts";
import { suffixOf } from "./series.ts";
import { MeterSourceError } from "./source.ts";

/** Starts one input. @throws MeterSourceError METER_OPTION_INVALID, which names the input */
export async function startInput(entry: InputEntry, ports: InputPorts): Promise<MeterInput> {
  const start = await INPUT_TYPES[entry.type]?.load();
  if (start === undefined) {
    const reason = `must be one of ${Object.keys(INPUT_TYPES).join(", ")}`;
    throw new MeterSourceError({ code: "METER_OPTION_INVALID", option: "type", value: entry.type, reason });
  }
  return start(entry.options, { ...ports, log: ports.log.child({ input: entry.name }) });
}

/** The inputs of a home's meters.json; with `homeAssistant` in it, Home Assistant is told what is on disk. @throws MeterSourceError METER_OPTION_INVALID */
export async function startMeters(file: MetersFile, ports: InputPorts): Promise<AsyncDisposable> {
  if (file.homeAssistant === undefined) return startInputs(file.inputs, ports);
  await using opening = new AsyncDisposableStack();
  const { startHomeAssistantOutput } = await import("./mqtt/homeAssistant.ts");
  // Its options come out of a file; it checks them itself.
  const output = opening.use(await startHomeAssistantOutput(file.homeAssistant as HomeAssistantOptions, ports));
  /** Not the meters of others that publish to the same broker, nor what the home ignores. */
  const isTold = (reading: Reading): boolean => {
    const rule = ruleOf(file.devices, reading.meterId);
    return rule !== undefined && treatmentOf(rule, suffixOf(reading)) !== "ignored";
  };
  const offer: InputPorts["offer"] = async (frame) => {
    await ports.offer(frame);
    output.observe({ ...frame, readings: frame.readings.filter(isTold) });
  };
  opening.use(await startInputs(file.inputs, { ...ports, offer }));
  return opening.move();
}

/** Starts all of them, or none: what has started is ended again when another cannot. @throws MeterSourceError */
export async function startInputs(entries: readonly InputEntry[], ports: InputPorts): Promise<AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  for (const entry of entries) {
    const input = opening.use(await startInput(entry, ports));
    ports.log.info({ input: entry.name, type: entry.type }, `Meters are read by ${input.name}`);
  }
  return opening.move();
}

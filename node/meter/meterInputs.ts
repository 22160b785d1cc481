import type { InputPorts, MeterInput } from "./input.ts";
import { INPUT_TYPES } from "./inputTypes.ts";
import type { InputEntry } from "./metersFile.ts";
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

/** Starts all of them, or none: what has started is ended again when another cannot. @throws MeterSourceError */
export async function startInputs(entries: readonly InputEntry[], ports: InputPorts): Promise<AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  for (const entry of entries) {
    const input = opening.use(await startInput(entry, ports));
    ports.log.info({ input: entry.name, type: entry.type }, `Meters are read by ${input.name}`);
  }
  return opening.move();
}

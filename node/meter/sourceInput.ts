import type { Reading } from "#storage/types/reading.ts";
import { type DecodedFrame, rejectedPart } from "./frame.ts";
import type { InputPorts, MeterInput } from "./input.ts";
import { SourceEndedError } from "./liveSource.ts";
import type { MeterSource } from "./source.ts";

/** Readings offered at once: each waits until the ones before are on disk. */
const MAX_FRAME_READINGS = 1000;

/** A source that is read to its end, as an input: a file or a simulation. `deviceOf`: its readings under the id of their device. */
export function inputOfSource(
  name: string,
  source: MeterSource,
  deviceOf: (reading: Reading) => Reading,
  { offer, log, fail }: InputPorts,
): MeterInput {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    let readings: Reading[] = [];
    let rejected: DecodedFrame["rejected"][number][] = [];
    const flush = async (): Promise<void> => {
      if (readings.length + rejected.length === 0) return;
      const frame = { readings, rejected };
      [readings, rejected] = [[], []];
      await offer(frame);
    };
    for await (const item of source.readings(stopping.signal)) {
      if (item.type === "reading") readings.push(deviceOf(item.reading));
      if (item.type === "rejected") rejected.push(rejectedPart(item.reason, item.text));
      if (item.type === "time" || readings.length + rejected.length >= MAX_FRAME_READINGS) await flush();
    }
    await flush();
    const { acceptedMwh: _energy, ...account } = source.account();
    log.info({ input: name, ...account }, "Input has been read to its end");
  };
  const running = run().catch((error: unknown) => {
    if (error instanceof SourceEndedError) return;
    log.error({ input: name, err: error }, "Input has failed");
    fail?.(error);
  });
  return {
    name,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

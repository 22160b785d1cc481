import type { StartInput } from "../input.ts";
import { OptionReader } from "../inputOptions.ts";
import { type ConnectionOptions, readConnection, type SerialDefaults } from "../stream/connection.ts";
import { startStreamInput } from "../stream/streamInput.ts";
import { decodeFrame } from "./decoder.ts";
import { DSMR_DECODER_OPTIONS, type DsmrDecoderOptions, readDsmrMeter } from "./dsmrOptions.ts";
import { createDsmrFramer } from "./telegramFramer.ts";

export interface DsmrInputOptions extends DsmrDecoderOptions {
  readonly connection: ConnectionOptions;
}

/** DSMR 4 and 5. DSMR 2.2 and 3.0 are 9600 baud, 7 data bits, even parity. */
const SERIAL: SerialDefaults = { baudRate: 115_200, dataBits: 8, parity: "none", stopBits: 1 };

/** Telegrams of a P1 or D0 port, by serial line or TCP. @throws MeterSourceError METER_OPTION_INVALID */
export const startDsmrInput: StartInput<DsmrInputOptions> = async (options, ports) => {
  const reader = new OptionReader(options, "dsmr", [...DSMR_DECODER_OPTIONS, "connection"]);
  const meter = readDsmrMeter(reader);
  const connection = await readConnection(reader.raw("connection"), "dsmr.connection", SERIAL);
  const framer = createDsmrFramer({ isCiphered: meter.keys !== undefined });
  const decode = (bytes: Uint8Array, receivedMs: number) => decodeFrame(meter, bytes, receivedMs);
  return startStreamInput("dsmr", connection, { framer, decode }, ports);
};

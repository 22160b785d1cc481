import type { StartInput } from "../input.ts";
import { OptionReader } from "../inputOptions.ts";
import { type ConnectionOptions, readConnection, type SerialDefaults } from "../stream/connection.ts";
import { startStreamInput } from "../stream/streamInput.ts";
import { createMeterDecoder } from "./decoder.ts";
import { DLMS_DECODER_OPTIONS, type DlmsDecoderOptions, readDlmsMeter } from "./dlmsOptions.ts";
import { createHdlcFramer } from "./hdlcFramer.ts";
import { createMbusFramer } from "./mbusFramer.ts";

export interface DlmsInputOptions extends DlmsDecoderOptions {
  readonly connection: ConnectionOptions;
}

/** Kaifa, Kamstrup and L+G, and the M-Bus. Iskra is 115 200 baud without parity. */
const SERIAL: SerialDefaults = { baudRate: 2400, dataBits: 8, parity: "even", stopBits: 1 };

/** Lists that a meter pushes over HDLC or the wired M-Bus, by serial line or TCP. @throws MeterSourceError METER_OPTION_INVALID */
export const startDlmsInput: StartInput<DlmsInputOptions> = async (options, ports) => {
  const reader = new OptionReader(options, "dlms", [...DLMS_DECODER_OPTIONS, "connection"]);
  const meter = readDlmsMeter(reader);
  const { decode, flush } = createMeterDecoder(meter);
  const connection = await readConnection(reader.raw("connection"), "dlms.connection", SERIAL);
  const framer = meter.link === "mbus" ? createMbusFramer() : createHdlcFramer();
  return startStreamInput("dlms", connection, { framer, decode, flush }, ports);
};

import type { StartInput } from "../input.ts";
import { OptionReader } from "../inputOptions.ts";
import { type ConnectionOptions, readConnection, type SerialDefaults } from "../stream/connection.ts";
import { sevenBitFramer } from "../stream/sevenBits.ts";
import { startStreamInput } from "../stream/streamInput.ts";
import { decodeFrame } from "./decoder.ts";
import { DSMR_DECODER_OPTIONS, type DsmrDecoderOptions, readDsmrMeter } from "./dsmrOptions.ts";
import { createDsmrFramer } from "./telegramFramer.ts";

export interface DsmrInputOptions extends DsmrDecoderOptions {
  readonly connection: ConnectionOptions;
  /** A converter by TCP that is set to 8N1 passes the parity of 7E1 on as the eighth bit. Default false. */
  readonly parityBit?: boolean;
}

/** DSMR 4 and 5. */
const SERIAL: SerialDefaults = { baudRate: 115_200, dataBits: 8, parity: "none", stopBits: 1 };
/** DSMR 2.2 and 3.0, for which it has to be said, and optical ports. */
const SERIAL_D0: SerialDefaults = { baudRate: 9600, dataBits: 7, parity: "even", stopBits: 1 };

/** Telegrams of a P1 or D0 port, by serial line or TCP. @throws MeterSourceError METER_OPTION_INVALID */
export const startDsmrInput: StartInput<DsmrInputOptions> = async (options, ports) => {
  const reader = new OptionReader(options, "dsmr", [...DSMR_DECODER_OPTIONS, "connection", "parityBit"]);
  const meter = readDsmrMeter(reader);
  const serial = reader.raw("profile") === "D0" ? SERIAL_D0 : SERIAL;
  const connection = await readConnection(reader.raw("connection"), "dsmr.connection", serial);
  const hasParity = reader.boolean("parityBit", false);
  // Ciphered telegrams have eight bits of their own.
  if (hasParity && meter.keys !== undefined) throw reader.fault("parityBit", "must be false with an encryptionKey");
  const telegrams = createDsmrFramer({ isCiphered: meter.keys !== undefined });
  const framer = hasParity ? sevenBitFramer(telegrams) : telegrams;
  const decode = (bytes: Uint8Array, receivedMs: number) => decodeFrame(meter, bytes, receivedMs);
  return startStreamInput("dsmr", connection, { framer, decode }, ports);
};

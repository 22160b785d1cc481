/** What a meter answers to a request: "/LGZ5\2ZMD3104107.B32". */
export interface Identification {
  /** Flag id of the maker, three letters. A small third letter: the meter answers within 20 ms instead of 200. */
  readonly maker: string;
  /** The maker's name of the meter. */
  readonly ident: string;
  /** By the baud rate character: A has none, B changes its rate by itself, C is asked to. */
  readonly mode: "A" | "B" | "C";
  readonly baudCharacter: string;
  /** Of the data, in mode B and C; of A it is that of the request. */
  readonly baudRate: number;
}

/** The rate of every request (IEC 62056-21 §4). */
export const INITIAL_BAUD = 300;
/** Characters of an identification; the standard has 16 behind the maker. */
export const MAX_IDENTIFICATION_BYTES = 64;
/** Bytes of one readout: 18 minutes at 300 baud. The longest known, of a large consumer's meter with 15 months, has 10 kB. */
export const MAX_READOUT_BYTES = 32_768;
/** Lines of one readout. */
export const MAX_READOUT_LINES = 1024;

const MODE_C: Readonly<Record<string, number>> = { 0: 300, 1: 600, 2: 1200, 3: 2400, 4: 4800, 5: 9600, 6: 19_200 };
const MODE_B: Readonly<Record<string, number>> = { A: 600, B: 1200, C: 2400, D: 4800, E: 9600, F: 19_200 };

/** IEC 62056-21 §6.3.2. undefined: no identification. */
export function readIdentification(line: string): Identification | undefined {
  const match = /^\/([A-Za-z]{3})([\x21-\x7e])([\x20-\x7e]{0,48})$/.exec(line);
  if (match === null) return undefined;
  const [, maker = "", baudCharacter = "", ident = ""] = match;
  const [c, b] = [MODE_C[baudCharacter], MODE_B[baudCharacter]];
  const common = { maker, ident, baudCharacter };
  if (c !== undefined) return { ...common, mode: "C", baudRate: c };
  if (b !== undefined) return { ...common, mode: "B", baudRate: b };
  return { ...common, ident: `${baudCharacter}${ident}`, mode: "A", baudRate: INITIAL_BAUD };
}

export function baudRateOf(character: string): number | undefined {
  return MODE_C[character];
}

const [STX, ETX] = [0x02, 0x03];

/** The block check character: all bytes behind STX, ETX included, one XORed with the other (ISO 1155). bytes: of seven bits. */
export function blockCheck(bytes: Uint8Array): number {
  return bytes.reduce((check, byte) => check ^ byte, 0) & 0x7f;
}

export type BlockResult =
  | { readonly block: string }
  /** More has to come. */
  | { readonly wait: true }
  | { readonly fault: "truncated" | "crc-wrong" | "too-long" };

/**
 * The data block out of a data message, STX block "!" CR LF ETX BCC, at the beginning of the bytes:
 *  a) it begins with STX (truncated: its beginning is missing);
 *  b) at most MAX_READOUT_BYTES (too-long);
 *  c) it ends with ETX and a right BCC (crc-wrong), and its block with "!" (truncated).
 */
export function readDataMessage(bytes: Uint8Array): BlockResult {
  if (bytes.length === 0) return { wait: true };
  if (bytes[0] !== STX) return { fault: "truncated" };
  const end = bytes.indexOf(ETX);
  if (end > MAX_READOUT_BYTES || (end < 0 && bytes.length > MAX_READOUT_BYTES)) return { fault: "too-long" };
  if (end < 0 || end + 1 >= bytes.length) return { wait: true };
  if (blockCheck(bytes.subarray(1, end + 1)) !== bytes[end + 1]) return { fault: "crc-wrong" };
  const block = Buffer.from(bytes.subarray(1, end)).toString("latin1");
  const bang = block.lastIndexOf("!");
  return bang < 0 ? { fault: "truncated" } : { block: block.slice(0, bang) };
}

/** One data set: "1.8.0*01(000123.456*kWh)", of the reduced form or with its medium and channel before it. */
export interface DataSet {
  /** "1.8.0" */
  readonly code: string;
  /** Of a past billing period; undefined: the present value. */
  readonly period: string | undefined;
  readonly values: readonly string[];
  readonly text: string;
}

const DATA_SET = /^(?:1-\d{1,3}:)?([0-9A-F]{1,3}(?:\.[0-9A-F]{1,3}){1,2})(?:[*&](\d{1,3}))?((?:\([^()]*\))+)$/;

/** Data sets of a block; a line holds one or several. What is in no known form is in `unknown`. */
export function readDataSets(
  block: string,
): { readonly sets: readonly DataSet[]; readonly unknown: readonly string[] } | { readonly fault: "too-long" } {
  const lines = block.split(/\r\n|\n|\r/);
  if (lines.length > MAX_READOUT_LINES) return { fault: "too-long" };
  const sets: DataSet[] = [];
  const unknown: string[] = [];
  for (const line of lines.map((each) => each.trim())) {
    // "1.8.0(1*kWh)1.8.1(2*kWh)": behind a value in parentheses a code begins the next one.
    for (const text of line === "" ? [] : line.split(/(?<=\))(?=[^(])/)) {
      const match = DATA_SET.exec(text.trim());
      if (match === null) {
        unknown.push(text);
        continue;
      }
      const [, code = "", period, rest = ""] = match;
      const isPresent = period === undefined || period === "255";
      sets.push({ code, period: isPresent ? undefined : period, values: rest.slice(1, -1).split(")("), text });
    }
  }
  return { sets, unknown };
}

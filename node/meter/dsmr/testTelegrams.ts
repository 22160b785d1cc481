import { readdirSync, readFileSync } from "node:fs";
import { crc16 } from "./crc16.ts";

const FOLDER = `${import.meta.dirname}/testdata`;

export const SAMPLE_FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".txt"));

export function sample(file: string): Buffer {
  return readFileSync(`${FOLDER}/${file}`);
}

/** A telegram with its CRC: "/" and the ident, an empty line, the lines, "!" and what belongs behind it. */
export function telegramOf(lines: readonly string[], ident = "ISK5\\2M550T-1012"): Buffer {
  return withCrc(`/${ident}\r\n\r\n${lines.map((line) => `${line}\r\n`).join("")}!`);
}

/** Everything up to "!", and the CRC of it. */
export function withCrc(text: string): Buffer {
  const body = Buffer.from(text.slice(0, text.indexOf("!") + 1), "latin1");
  return Buffer.concat([body, Buffer.from(`${crc16(body).toString(16).toUpperCase().padStart(4, "0")}\r\n`)]);
}

export function replaceText(bytes: Uint8Array, from: string, to: string): Buffer {
  const text = Buffer.from(bytes).toString("latin1");
  if (!text.includes(from)) throw new Error(`${from} is not in the telegram`);
  return Buffer.from(text.replace(from, to), "latin1");
}

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x8408 : crc >>> 1;
  return crc;
});

/** CRC-16/X25, the frame and header check sequence of HDLC (ISO/IEC 13239 Annex A); it stands little-endian in the frame. */
export function fcs16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return crc ^ 0xffff;
}

/** Whether the last two bytes are the check sequence of those before. */
export function endsWithFcs(bytes: Buffer): boolean {
  return bytes.length > 2 && bytes.readUInt16LE(bytes.length - 2) === fcs16(bytes.subarray(0, -2));
}

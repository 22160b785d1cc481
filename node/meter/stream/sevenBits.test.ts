import { expect, test } from "vitest";
import { createDsmrDecoder } from "../dsmr/decoder.ts";
import { createDsmrFramer } from "../dsmr/telegramFramer.ts";
import { sample } from "../dsmr/testTelegrams.ts";
import { hasEvenParity, sevenBitFramer, withEvenParity } from "./sevenBits.ts";

test("every byte of seven bits has an even number of ones with its parity, and without it back", () => {
  const all = Uint8Array.from({ length: 128 }, (_, byte) => byte);
  const sent = withEvenParity(all);
  for (const byte of sent) expect(byte.toString(2).replaceAll("0", "").length % 2).toBe(0);
  expect([...sent].filter((byte) => !hasEvenParity(byte))).toEqual([]);
  expect([...sent].map((byte) => byte & 0x7f)).toEqual([...all]);
});

test("telegrams with a parity are read as without one, and an object with a damaged byte is refused", () => {
  const telegram = sample("easymeter-q3db1024-d0.txt");
  const decode = (bytes: Uint8Array) => {
    const framer = sevenBitFramer(createDsmrFramer());
    const found = [...framer.push(withEvenParity(bytes)), ...framer.flush()].flatMap((one) =>
      "bytes" in one ? [one.bytes] : [],
    );
    expect(found).toHaveLength(1);
    return createDsmrDecoder({ profile: "D0", meterId: "x" }).decode(found[0] as Buffer, 0);
  };
  const whole = createDsmrDecoder({ profile: "D0", meterId: "x" }).decode(telegram, 0);
  const values = (frame: typeof whole) => frame.readings.map(({ quantity, value }) => [quantity, value]);
  expect(values(decode(telegram))).toEqual(values(whole));
  expect(whole.readings.length).toBeGreaterThan(1);

  const at = telegram.indexOf("1-0:1.8.0") + 14;
  const framer = sevenBitFramer(createDsmrFramer());
  const damaged = withEvenParity(telegram);
  damaged[at] = (damaged[at] as number) ^ 1;
  const [one] = [...framer.push(damaged), ...framer.flush()];
  const frame = createDsmrDecoder({ profile: "D0", meterId: "x" }).decode((one as { bytes: Buffer }).bytes, 0);
  expect(frame.readings).toHaveLength(whole.readings.length - 1);
  expect(frame.rejected.length).toBe(whole.rejected.length + 1);
});

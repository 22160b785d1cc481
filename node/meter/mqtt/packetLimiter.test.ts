import fc from "fast-check";
import { generate, type IPublishPacket, type Packet, parser } from "mqtt-packet";
import { expect, test } from "vitest";
import { PacketLimiter } from "./packetLimiter.ts";

const LIMIT = 300;

function publish(payloadBytes: number, messageId: number): Buffer {
  const payload = Buffer.alloc(payloadBytes, 0x61);
  return generate({ cmd: "publish", topic: "tele/plug/SENSOR", payload, qos: 1, messageId, dup: false, retain: false });
}

/** The bytes in pieces of these sizes. */
function* pieces(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let offset = 0;
  for (let index = 0; offset < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? bytes.length;
    yield bytes.subarray(offset, offset + size);
    offset += size;
  }
}

test("packets within the limit pass byte for byte, longer ones keep topic and id, however the bytes are cut", () => {
  const lengths = fc.array(fc.oneof(fc.nat(LIMIT + 50), fc.constant(20_000)), { maxLength: 6 });
  const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(lengths, sizes, (payloads, cuts) => {
      const packets = payloads.map((bytes, index) => publish(bytes, index + 1));
      const limiter = new PacketLimiter(LIMIT);
      const out = Buffer.concat(
        [...pieces(Buffer.concat([...packets, generate({ cmd: "pingresp" })]), cuts)].map(
          (piece) => limiter.take(piece) ?? Buffer.of(),
        ),
      );
      const seen: IPublishPacket[] = [];
      const commands: string[] = [];
      const reader = parser();
      reader.on("packet", (packet: Packet) => {
        commands.push(packet.cmd);
        if (packet.cmd === "publish") seen.push(packet);
      });
      reader.parse(out);
      // Topic with its length, and the id.
      const most = LIMIT - 20;
      expect(seen.map(({ payload, messageId, topic }) => [payload.length, messageId, topic])).toEqual(
        payloads.map((bytes, index) => [Math.min(bytes, most), index + 1, "tele/plug/SENSOR"]),
      );
      expect(commands.at(-1)).toBe("pingresp");
      if (payloads.every((bytes) => bytes <= most))
        expect(out).toEqual(Buffer.concat([...packets, generate({ cmd: "pingresp" })]));
    }),
  );
});

test.each([
  ["a length of five bytes", Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff, 1)],
  ["a SUBACK that is too long", Buffer.concat([Buffer.of(0x90, 0xff, 0x7f), Buffer.alloc(10)])],
])("%s is the end of the connection", (_name, bytes) => {
  expect(new PacketLimiter(LIMIT).take(bytes)).toBeUndefined();
});

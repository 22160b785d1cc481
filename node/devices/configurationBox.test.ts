import { createDecipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect, test } from "vitest";
import { type KeyType, publicKeyOf } from "#storage/crypto/keys.ts";
import { boxOverhead, openConfiguration, sealConfiguration } from "./configurationBox.ts";

interface Vector {
  readonly type: KeyType;
  readonly ledgerId: string;
  readonly meterId: string;
  readonly version: number;
  readonly devicePrivateKey: string;
  readonly devicePublicKey: string;
  readonly ephemeralPrivateKey: string;
  readonly content: string;
  readonly box: string;
}

const { vectors } = JSON.parse(readFileSync(`${import.meta.dirname}/testdata/configurationBox.json`, "utf8")) as {
  vectors: readonly Vector[];
};
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const deviceOf = ({ type, devicePrivateKey }: Vector) => ({ type, bytes: bytes(devicePrivateKey) });

test.each(vectors)("a box to a key of $type is sealed and opened as published", async (vector) => {
  const device = deviceOf(vector);
  const content = bytes(vector.content);
  expect(Buffer.from(publicKeyOf(device).bytes).toString("hex")).toBe(vector.devicePublicKey);
  const box = await sealConfiguration(content, publicKeyOf(device), vector, bytes(vector.ephemeralPrivateKey));
  expect(Buffer.from(box).toString("hex")).toBe(vector.box);
  expect(box.length).toBe(content.length + boxOverhead(vector.type));
  const opened = openConfiguration(box, device, vector);
  expect("content" in opened && Buffer.from(opened.content).toString("hex")).toBe(vector.content);
});

test.each(vectors)("another implementation of the curves opens the box to a key of $type by the layout", (vector) => {
  const box = bytes(vector.box);
  const isEd25519 = vector.type === "ed25519";
  const senderEnd = isEd25519 ? 34 : 35;
  const sender = box.subarray(2, senderEnd);
  const seed = bytes(vector.devicePrivateKey);
  const recipient = isEd25519
    ? ed25519.utils.toMontgomery(bytes(vector.devicePublicKey))
    : bytes(vector.devicePublicKey);
  const shared = isEd25519
    ? x25519.getSharedSecret(ed25519.utils.toMontgomerySecret(seed), sender)
    : secp256k1.getSharedSecret(seed, sender, true).subarray(1);
  const salt = Buffer.concat([sender, recipient]);
  const okm = hkdf(sha256, shared, salt, Buffer.from("edream device configuration 1"), 44);
  const decipher = createDecipheriv("aes-256-gcm", okm.subarray(0, 32), okm.subarray(32));
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  const version = Buffer.alloc(8, 0);
  version[7] = vector.version;
  decipher.setAAD(Buffer.concat([box.subarray(0, senderEnd), text(vector.ledgerId), text(vector.meterId), version]));
  decipher.setAuthTag(box.subarray(-16));
  const content = Buffer.concat([decipher.update(box.subarray(senderEnd, -16)), decipher.final()]);
  expect(content.toString("hex")).toBe(vector.content);
});

test.each(vectors)("no bit of a box to a key of $type can be changed, and it opens for nothing else", (vector) => {
  const box = bytes(vector.box);
  for (let bit = 0; bit < box.length * 8; bit++) {
    const changed = Uint8Array.from(box);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    // The highest bit of an X25519 key is not part of it (RFC 7748 §5), but it is authenticated.
    expect(openConfiguration(changed, deviceOf(vector), vector), `bit ${bit}`).toHaveProperty("rejection");
  }
  for (const context of [{ ledgerId: "other" }, { meterId: "lcl:other" }, { version: 4 }]) {
    const opened = openConfiguration(box, deviceOf(vector), { ...vector, ...context });
    expect(opened).toHaveProperty("rejection", "UNDECRYPTABLE");
  }
  for (const length of [0, 1, 2, boxOverhead(vector.type) - 1])
    expect(openConfiguration(box.subarray(0, length), deviceOf(vector), vector)).toHaveProperty(
      "rejection",
      "PAYLOAD_MALFORMED",
    );
  expect(openConfiguration(new Uint8Array(16 * 1024 + 1), deviceOf(vector), vector)).toHaveProperty(
    "rejection",
    "PAYLOAD_MALFORMED",
  );
});

test("what is too long, and a key that is no point, are refused before anything is encrypted", async () => {
  const [vector] = vectors as [Vector];
  const to = publicKeyOf(deviceOf(vector));
  const ephemeral = new Uint8Array(32).fill(9);
  const largest = 16 * 1024 - boxOverhead("ed25519");
  expect((await sealConfiguration(new Uint8Array(largest), to, vector, ephemeral)).length).toBe(16 * 1024);
  const tooLong = sealConfiguration(new Uint8Array(largest + 1), to, vector, ephemeral);
  await expect(tooLong).rejects.toMatchObject({ code: "CONFIGURATION_TOO_LARGE" });
  const badKeys = [
    { type: "ed25519", bytes: Uint8Array.from([1, ...new Uint8Array(31)]) },
    { type: "secp256k1", bytes: new Uint8Array(33).fill(2, 0, 1).fill(0xff, 1) },
  ] as const;
  for (const key of badKeys)
    await expect(sealConfiguration(new Uint8Array(9), key, vector, ephemeral), key.type).rejects.toMatchObject({
      code: "DEVICE_KEY_UNUSABLE",
    });
});

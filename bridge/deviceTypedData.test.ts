import { p256 } from "@noble/curves/nist.js";
import { getBytes, recoverAddress, Wallet } from "ethers";
import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import {
  deviceAcknowledgementDigest,
  deviceAttestationDigest,
  p256PublicKeyOf,
  signDeviceAcknowledgement,
  signDeviceAcknowledgementP256,
  signDeviceAttestation,
} from "./deviceTypedData.ts";

const domain = { chainId: 31_337n, contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3" };
const configHash = sha256(Buffer.from("plaintext"));
const attestation = { meterId: "a:1", version: 3, configHash, schemaId: "meter-options", schemaVersion: 1 };
const answer = { meterId: "a:1", version: 3, configHash, code: 0 };
const wallet = new Wallet(`0x${"11".repeat(32)}`);

test("what is signed is recovered under its own digest, and every field is in it", async () => {
  const signed = await signDeviceAttestation(wallet, domain, attestation);
  expect(recoverAddress(deviceAttestationDigest(domain, attestation), signed)).toBe(wallet.address);
  const acknowledged = await signDeviceAcknowledgement(wallet, domain, answer);
  expect(recoverAddress(deviceAcknowledgementDigest(domain, answer), acknowledged)).toBe(wallet.address);
  const digests = [
    deviceAttestationDigest(domain, attestation),
    ...[
      { meterId: "b:2" },
      { version: 4 },
      { configHash: sha256(configHash) },
      { schemaId: "x" },
      { schemaVersion: 2 },
    ].map((fields) => deviceAttestationDigest(domain, { ...attestation, ...fields })),
    deviceAttestationDigest({ ...domain, chainId: 1n }, attestation),
    deviceAcknowledgementDigest(domain, answer),
    deviceAcknowledgementDigest(domain, { ...answer, code: 1 }),
  ];
  expect(new Set(digests).size).toBe(digests.length);
});

test("a device's P-256 signature holds under its key of 64 bytes, with low s", () => {
  const key = sha256(Buffer.from("device"));
  const publicKey = p256PublicKeyOf(key);
  expect(publicKey.length).toBe(64);
  const signature = getBytes(signDeviceAcknowledgementP256(key, domain, answer));
  const point = Buffer.concat([Buffer.of(4), publicKey]);
  const digest = getBytes(deviceAcknowledgementDigest(domain, answer));
  expect(p256.verify(signature, digest, point, { prehash: false, lowS: true })).toBe(true);
});

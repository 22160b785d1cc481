import { p256 } from "@noble/curves/nist.js";
import { getBytes, hexlify, keccak256, type Signer, TypedDataEncoder, toUtf8Bytes } from "ethers";

/** The registry of devices on Ethereum (contracts/src/DeviceRegistry.sol) that something is signed for. */
export interface DeviceRegistryDomain {
  readonly chainId: bigint;
  /** The contract's address. */
  readonly contract: string;
}

/** A checker's word that the plaintext under `configHash` is well-formed in this schema. */
export interface DeviceAttestation {
  readonly meterId: string;
  /** One more than the device's last version. */
  readonly version: number;
  /** SHA256 of the plaintext, 32 bytes; `plaintextHashOf` of storage/types/configurationAttestation.ts. */
  readonly configHash: Uint8Array;
  readonly schemaId: string;
  readonly schemaVersion: number;
}

/** A device's word on what it did with a version: code 0 if applied, else why not, in its own numbers. */
export interface DeviceAcknowledgement {
  readonly meterId: string;
  readonly version: number;
  readonly configHash: Uint8Array;
  readonly code: number;
}

const ATTESTATION = {
  Attestation: [
    { name: "deviceId", type: "bytes32" },
    { name: "version", type: "uint32" },
    { name: "configHash", type: "bytes32" },
    { name: "schemaIdHash", type: "bytes32" },
    { name: "schemaVersion", type: "uint32" },
  ],
};

const ACKNOWLEDGEMENT = {
  Acknowledgement: [
    { name: "deviceId", type: "bytes32" },
    { name: "version", type: "uint32" },
    { name: "configHash", type: "bytes32" },
    { name: "isApplied", type: "bool" },
    { name: "code", type: "uint32" },
  ],
};

function domainOf({ chainId, contract }: DeviceRegistryDomain) {
  return { name: "EnergyLedgerDeviceRegistry", version: "1", chainId, verifyingContract: contract };
}

/** keccak256 of the meter's id: 0x and 32 bytes in hex. */
export function deviceIdOf(meterId: string): string {
  return keccak256(toUtf8Bytes(meterId));
}

function attestationValue({ meterId, version, configHash, schemaId, schemaVersion }: DeviceAttestation) {
  const deviceId = deviceIdOf(meterId);
  return { deviceId, version, configHash, schemaIdHash: keccak256(toUtf8Bytes(schemaId)), schemaVersion };
}

/** As DeviceRegistry.attestationDigest: 0x and 32 bytes in hex. */
export function deviceAttestationDigest(domain: DeviceRegistryDomain, attestation: DeviceAttestation): string {
  return TypedDataEncoder.hash(domainOf(domain), ATTESTATION, attestationValue(attestation));
}

/** Signs with the checker's key: 65 bytes, 0x and hex. */
export async function signDeviceAttestation(
  signer: Pick<Signer, "signTypedData">,
  domain: DeviceRegistryDomain,
  attestation: DeviceAttestation,
): Promise<string> {
  return signer.signTypedData(domainOf(domain), ATTESTATION, attestationValue(attestation));
}

function acknowledgementValue({ meterId, version, configHash, code }: DeviceAcknowledgement) {
  return { deviceId: deviceIdOf(meterId), version, configHash, isApplied: code === 0, code };
}

/** As DeviceRegistry.acknowledgementDigest: 0x and 32 bytes in hex. */
export function deviceAcknowledgementDigest(domain: DeviceRegistryDomain, answer: DeviceAcknowledgement): string {
  return TypedDataEncoder.hash(domainOf(domain), ACKNOWLEDGEMENT, acknowledgementValue(answer));
}

/** Signs with a device's secp256k1 key: 65 bytes, 0x and hex. */
export async function signDeviceAcknowledgement(
  signer: Pick<Signer, "signTypedData">,
  domain: DeviceRegistryDomain,
  answer: DeviceAcknowledgement,
): Promise<string> {
  return signer.signTypedData(domainOf(domain), ACKNOWLEDGEMENT, acknowledgementValue(answer));
}

/** Signs with a device's P-256 key, 32 bytes: r ‖ s with low s, 64 bytes, 0x and hex. The digest is signed as it is. */
export function signDeviceAcknowledgementP256(
  privateKey: Uint8Array,
  domain: DeviceRegistryDomain,
  answer: DeviceAcknowledgement,
): string {
  const digest = getBytes(deviceAcknowledgementDigest(domain, answer));
  return hexlify(p256.sign(digest, privateKey, { prehash: false, lowS: true }));
}

/** x ‖ y of a P-256 key, 64 bytes, as the registry's certificate has it. */
export function p256PublicKeyOf(privateKey: Uint8Array): Uint8Array {
  return p256.getPublicKey(privateKey, false).slice(1);
}

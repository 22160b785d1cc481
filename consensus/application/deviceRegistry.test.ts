import fc from "fast-check";
import { expect, test } from "vitest";
import { fuzz } from "#storage/fuzz/runs.ts";
import { keccak256 } from "#storage/types/ethereum.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { registryDeviceId } from "./registryStanding.ts";
import {
  accountOf,
  amendMessage,
  bridgeKeyMessage,
  configurationMessage,
  configureBridgeMessage,
  createTestLedger,
  EXPORT_METER,
  IMPORT_METER,
  sealMessage,
  type TestLedger,
} from "./testLedger.ts";

const REGISTRY = new Uint8Array(20).fill(5);
const VOTER = "second key 0";

const number = (value: bigint | number) => Buffer.from(value.toString(16).padStart(64, "0"), "hex");
const device = (meterId = EXPORT_METER) => Buffer.from(registryDeviceId(meterId), "hex");

/** Payloads as the contract's ABI encodes them (contracts/deviceRegistry.test.ts). */
const told = {
  appointed: (id: number, parent: number) => ["IssuerAppointed", number(id), number(parent)] as const,
  issuerRevoked: (id: number) => ["IssuerRevoked", number(id), number(0xabc)] as const,
  certified: (certificate: number | bigint, issuer: number, meterId?: string) =>
    ["DeviceCertified", device(meterId), number(certificate), number(issuer), number(10), number(20)] as const,
  revoked: (certificate: number, id = device()) => ["CertificateRevoked", number(certificate), id] as const,
  configured: (version: number, level = 1, hash = Buffer.alloc(32, 9)) =>
    ["ConfigurationSet", device(), number(version), hash, number(level)] as const,
};
type Told = readonly [name: string, ...words: Uint8Array[]];

/** One validator, and a registry that counts unless told otherwise. */
function ledgerWith(deviceRegistry: Uint8Array = REGISTRY) {
  const ledger = createTestLedger({ validators: 1, checker: true });
  expect(ledger.send(bridgeKeyMessage("dso", 0, VOTER), "dso")).toBe("OK");
  expect(ledger.send(configureBridgeMessage({ deviceRegistry }), "owner")).toBe("OK");
  return ledger;
}

/** Events of the outbox, voted by all there is; answers what the block says of the registry. */
function tell(ledger: TestLedger, events: readonly Told[], emitter: Uint8Array = REGISTRY) {
  const fromNonce = BigInt(String(ledger.query("/edream/ethereum")?.eventNonce)) + 1n;
  const message = ledgerMessage("MsgEthereumEvents", {
    signer: accountOf(VOTER),
    fromNonce,
    events: events.map(([name, ...words]) => {
      const kind = keccak256(Buffer.from(`DeviceRegistry.${name}`));
      return { emitter, kind, payload: Buffer.concat(words) };
    }),
  });
  const [result] = ledger.block([ledger.sign([message], [VOTER])]).txResults;
  expect(result?.code, result?.log).toBe(0);
  return result?.events.filter(({ type }) => type === "registry").map(({ attributes }) => attributes.at(-1)?.value);
}

const since = (ledger: TestLedger) => String(ledger.query("/edream/bridge")?.deviceRegistrySince);
const known = (ledger: TestLedger, meterId = EXPORT_METER) =>
  ledger.query("/edream/registry-device", `${since(ledger)} ${meterId}`);
const seal = (ledger: TestLedger, index: number) => ledger.send(sealMessage(index), "device");

test("a device whose certificate Ethereum revokes seals, amends, is configured and answers no more, until it is certified anew", () => {
  const ledger = ledgerWith();
  expect(seal(ledger, 0)).toBe("OK");
  expect(ledger.send(configurationMessage(1n), "prosumer")).toBe("OK");
  expect(tell(ledger, [told.appointed(1, 0), told.certified(3, 1), told.revoked(3)])).toEqual([
    "appointed",
    "certified",
    "revoked",
  ]);
  expect(known(ledger)).toMatchObject({ certificateId: "3", issuerId: "1", revoked: true, notAfter: "20" });
  expect(seal(ledger, 1)).toBe("METER_REVOKED_ON_ETHEREUM");
  expect(ledger.send(amendMessage(0, 1), "device")).toBe("METER_REVOKED_ON_ETHEREUM");
  expect(ledger.send(configurationMessage(2n), "prosumer")).toBe("METER_REVOKED_ON_ETHEREUM");
  const answer = { signer: accountOf("device"), meterId: EXPORT_METER, version: 1n, outcome: "applied", appliedMs: 1n };
  const acknowledgement = ledgerMessage("MsgAcknowledgeDeviceConfiguration", answer);
  expect(ledger.send(acknowledgement, "device")).toBe("METER_REVOKED_ON_ETHEREUM");
  // The other meter's device, and what its owner does, are no matter of that certificate.
  expect(
    ledger.send(sealMessage(1, { meterId: IMPORT_METER, signer: accountOf("device import") }), "device import"),
  ).toBe("OK");
  expect(tell(ledger, [told.certified(4, 1)])).toEqual(["certified"]);
  for (const result of [seal(ledger, 1), ledger.send(acknowledgement, "device")]) expect(result).toBe("OK");
  expect(ledger.send(configurationMessage(2n), "prosumer")).toBe("OK");
});

test("a renewal, which tells of the new certificate before the old one's end, is no revocation", () => {
  const ledger = ledgerWith();
  tell(ledger, [told.certified(3, 1)]);
  tell(ledger, [told.certified(4, 1), told.revoked(3)]);
  expect(known(ledger)).toMatchObject({ certificateId: "4", revoked: false });
  expect(seal(ledger, 0)).toBe("OK");
  // An older certificate than the known one says nothing.
  expect(tell(ledger, [told.certified(3, 2)])).toEqual([]);
  expect(known(ledger)).toMatchObject({ certificateId: "4", issuerId: "1" });
});

test("an issuer that is revoked takes the devices of all issuers below with it, and of no other", () => {
  const ledger = ledgerWith();
  tell(ledger, [told.appointed(1, 0), told.appointed(2, 1), told.appointed(3, 2), told.appointed(4, 3)]);
  tell(ledger, [told.appointed(5, 0), told.certified(1, 4)]);
  tell(ledger, [told.issuerRevoked(5)]);
  expect(seal(ledger, 0)).toBe("OK");
  expect(tell(ledger, [told.issuerRevoked(1)])).toEqual(["revoked"]);
  expect(seal(ledger, 1)).toBe("METER_REVOKED_ON_ETHEREUM");
  expect(ledger.query("/edream/registry-issuer", `${since(ledger)} 1`)).toMatchObject({ revoked: true });
  // An issuer that is not: the device is its own from now on.
  tell(ledger, [told.appointed(6, 0), told.certified(2, 6)]);
  expect(seal(ledger, 1)).toBe("OK");
});

test("a configuration that is set there is known here by version, hash and urgency", () => {
  const ledger = ledgerWith();
  expect(tell(ledger, [told.configured(1), told.configured(2, 0, Buffer.alloc(32, 8))])).toEqual([
    "configured",
    "configured",
  ]);
  expect(known(ledger)).toMatchObject({ version: 2, configHash: "08".repeat(32), level: 0, eventNonce: "2" });
  expect(seal(ledger, 0)).toBe("OK");
});

test("where the owner has named no registry, or another contract tells, nothing counts", () => {
  const ledger = ledgerWith(new Uint8Array(0));
  expect(tell(ledger, [told.certified(3, 1), told.revoked(3)])).toEqual([]);
  expect(seal(ledger, 0)).toBe("OK");
  const other = ledgerWith();
  expect(tell(other, [told.certified(3, 1), told.revoked(3)], new Uint8Array(20).fill(6))).toEqual([]);
  expect([known(other), seal(other, 0)]).toEqual([undefined, "OK"]);
});

test("payloads that no contract encodes change nothing: lengths, numbers too large, an issuer above itself, another kind", () => {
  const ledger = ledgerWith();
  const large = 2n ** 64n;
  const odd: Told[] = [
    ["CertificateRevoked", number(3)],
    ["CertificateRevoked", number(3), device(), number(1)],
    ["CertificateRevoked", number(large), device()],
    told.revoked(3, Buffer.alloc(32)),
    told.certified(large, 1),
    told.appointed(2, 2),
    told.appointed(2, 3),
    ["IssuerRevoked", number(large), number(1)],
    ["ConfigurationSet", device(), number(2n ** 32n), Buffer.alloc(32), number(0)],
    ["SomethingElse", number(3), device()],
    ["CertificateRevoked"],
  ];
  expect(tell(ledger, odd)).toEqual([]);
  expect([known(ledger), seal(ledger, 0)]).toEqual([undefined, "OK"]);
  expect(ledger.query("/edream/registry-device", `x ${EXPORT_METER}`)).toBeUndefined();
  expect(ledger.query("/edream/registry-issuer", `${since(ledger)} 0`)).toBeUndefined();
});

test("a registry that is named anew begins without memory; the same one beside the same outbox keeps it", () => {
  const ledger = ledgerWith();
  tell(ledger, [told.certified(3, 1), told.revoked(3)]);
  const configure = (fields: object) =>
    ledger.send(configureBridgeMessage({ deviceRegistry: REGISTRY, ...fields }), "owner");
  expect(configure({ cadenceMs: 30_000n })).toBe("OK");
  expect(seal(ledger, 0)).toBe("METER_REVOKED_ON_ETHEREUM");
  expect(configure({ deviceRegistry: new Uint8Array(0) })).toBe("OK");
  expect(seal(ledger, 0)).toBe("OK");
  expect(configure({})).toBe("OK");
  expect(seal(ledger, 1)).toBe("OK");
  expect(configure({ deviceRegistry: new Uint8Array(19) })).toBe("BRIDGE_CONFIGURATION_INVALID");
});

/** The contract's own rules, as simply as they can be said. */
function contractModel() {
  const issuers: { parent: number; revoked: boolean }[] = [];
  const certificates: { issuer: number; revoked: boolean }[] = [];
  const above = (id: number): number[] => (id === 0 ? [] : [id, ...above(issuers[id - 1]?.parent ?? 0)]);
  const isActive = (id: number) => above(id).every((each) => issuers[each - 1]?.revoked === false);
  return {
    isValid: () => {
      const last = certificates.at(-1);
      return last === undefined || (!last.revoked && isActive(last.issuer));
    },
    /** What the contract tells; nothing where it refuses. */
    act(kind: number, pick: number): Told[] {
      const issuer = issuers.length === 0 ? 0 : (pick % issuers.length) + 1;
      const certificate = certificates.length;
      const last = certificates.at(-1);
      if (kind === 0) {
        const parent = pick % (issuers.length + 1);
        if (!isActive(parent) || above(parent).length === 4) return [];
        issuers.push({ parent, revoked: false });
        return [told.appointed(issuers.length, parent)];
      }
      if (kind === 1) {
        const found = issuers[issuer - 1];
        if (found === undefined || found.revoked) return [];
        found.revoked = true;
        return [told.issuerRevoked(issuer)];
      }
      if (kind === 2) {
        if (last === undefined || last.revoked) return [];
        last.revoked = true;
        return [told.revoked(certificate)];
      }
      if (issuer === 0 || !isActive(issuer)) return [];
      const stands = last !== undefined && !last.revoked && isActive(last.issuer);
      if (stands && last.issuer !== issuer) return [];
      if (stands) last.revoked = true;
      certificates.push({ issuer, revoked: false });
      const certified = told.certified(certificate + 1, issuer);
      return stands ? [certified, told.revoked(certificate)] : [certified];
    },
  };
}

test("whatever issuers do in whatever order, the ledger takes a device's intervals exactly while the contract finds it valid", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat(20)), { minLength: 1, maxLength: 25 });
  const seen = { valid: 0, revoked: 0 };
  fuzz("registry of devices", steps, 25, (acts) => {
    const [ledger, contract] = [ledgerWith(), contractModel()];
    let interval = 0;
    for (const [kind, pick] of [[0, 0], [3, 0], ...acts] as const) {
      const events = contract.act(kind, pick);
      if (events.length === 0) continue;
      tell(ledger, events);
      const isValid = contract.isValid();
      expect(seal(ledger, interval)).toBe(isValid ? "OK" : "METER_REVOKED_ON_ETHEREUM");
      if (isValid) interval++;
      seen[isValid ? "valid" : "revoked"]++;
    }
  });
  expect(Math.min(seen.valid, seen.revoked)).toBeGreaterThan(10);
});

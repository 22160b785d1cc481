import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEther } from "ethers";
import { householdMeters } from "#node/meter/householdSource.ts";
import { cost } from "./cost.ts";
import { fund } from "./fund.ts";
import type { ScenarioPlay } from "./scenario.ts";
import type { Story } from "./story.ts";
import { startWorld, type World } from "./world.ts";

/** Whose operator owns the ledger and the registry; issuer and checker are keys of their own there. */
const OPERATOR = "validator0";
const ISSUER = ["--key", "issuer"] as const;
const CHECKER = ["--key", "checker"] as const;
/** Owner and administrator of the meter, and the home where the meter's device is. */
const HOME = "light0";

/** Sums in the clear: what the next sealed interval shows. */
const SETTINGS = { schema: "edream-device-settings", schemaVersion: 1, clearSums: true };
const VALIDITY = ["--for", "365d"] as const;
/** Blocks in which a device that may seal would have sealed. */
const SILENT_BLOCKS = 6;

type Answer = Readonly<Record<string, unknown>>;

/** The device, and the certificates on Ethereum. */
interface Certified {
  readonly meterId: string;
  readonly administratorId: string;
  readonly certificateId: string;
}

/** What the ledger has been told of the device by the validators' votes. */
interface OnLedger {
  readonly status: string;
  readonly certificate: { readonly certificateId: string } | null;
  readonly configuration: { readonly version: number; readonly configHash: string; readonly priority: string } | null;
}

/**
 * Seed 001: an issuer certifies a meter and who administers it; a checker checks the syntax of a configuration and attests it; the administrator
 * sets it on Ethereum as a priority event, and sends it, encrypted, to the device by the ledger. The device applies it and answers, which the ledger
 * proves to Ethereum. What is attested for something else is refused; what is revoked there ends on both sides.
 */
export const deviceUpdate: ScenarioPlay = async (options, story) => {
  await using world = await startWorld({ ...options, light: 1, bridge: true, deviceRegistry: true }, story);
  const device = await certify(world, story);
  const configHash = await request(world, story, device);
  await apply(world, story, device, configHash);
  await refuse(world, story, device);
  await revoke(world, story, device);
};

/** The ledger's node that everybody asks: a light node has no proofs for contracts. */
const at = (world: World) => ["--node", world.node(OPERATOR).apiUrl];

const registry = (world: World, home: string, ...args: readonly string[]) =>
  world.run(home, "registry", ...args, ...at(world));

const onLedger = async (world: World, meterId: string) =>
  (await registry(world, OPERATOR, "on-ledger", meterId)) as unknown as OnLedger;

const addressOf = async (world: World, home: string, key: string) => {
  const { ethereumAddress, account } = await world.run(home, "keys", "show", key);
  return { address: String(ethereumAddress), account: String(account) };
};

async function certify(world: World, story: Story): Promise<Certified> {
  for (const name of ["issuer", "checker"]) await world.run(OPERATOR, "keys", "new", name);
  const issuer = await fund(world, OPERATOR, parseEther("1"), "issuer");
  const administrator = await fund(world, HOME, parseEther("1"));
  const checker = await addressOf(world, OPERATOR, "checker");
  await world.run(OPERATOR, "members", "enrol", checker.account, "--role", "checker", ...at(world));
  story.tell("The ledger", "runs with a bridge to an Ethereum of its own, whose registry of devices counts for it", {
    chain: world.net.chainId,
    "ledger id": world.ledgerId,
    DeviceRegistry: world.contract("DeviceRegistry"),
    "checker on the ledger": checker.account,
  });

  const appointed = await registry(world, OPERATOR, "appoint-issuer", "--account", issuer.address);
  await registry(world, OPERATOR, "appoint-checker", "--account", checker.address);
  story.tell("The owner", "appoints an issuer of certificates and a checker of configurations", {
    issuer: `${issuer.address}, number ${appointed.issuerId}`,
    checker: checker.address,
    ...cost(appointed),
  });

  const account = ["--account", administrator.address];
  const one = await registry(world, OPERATOR, "issue-administrator", ...account, ...VALIDITY, ...ISSUER);
  const administratorId = String(one.certificateId);
  const meterId = householdMeters({ households: 1, firstHousehold: 0 })[0]?.meterId ?? "";
  const by = ["--administrator", administratorId];
  const two = await registry(world, OPERATOR, "issue-device", meterId, ...by, ...VALIDITY, ...ISSUER);
  const certificateId = String(two.certificateId);
  story.tell(
    "The issuer",
    "certifies the meter's owner as administrator, and the meter with the key that the ledger has",
    {
      meter: meterId,
      administrator: `${administrator.address}, certificate ${administratorId}`,
      "certificate of the meter": `${certificateId}, ${two.validFrom} to ${two.validUntil}`,
      ...cost(two),
    },
  );
  const known = await world.until(async () => {
    const answer = await onLedger(world, meterId);
    return answer.certificate?.certificateId === certificateId ? answer : undefined;
  });
  story.claim("the certificate is known on the ledger, and holds", known.status === "valid");
  return { meterId, administratorId, certificateId };
}

/** @returns hash of the configuration, as Ethereum has it */
async function request(world: World, story: Story, { meterId }: Certified): Promise<string> {
  const settings = join(world.directory, "settings.json");
  const attestation = join(world.directory, "attestation.json");
  const file = join(world.directory, "registry-attestation.json");
  writeFileSync(settings, JSON.stringify(SETTINGS));
  await world.run(OPERATOR, "device", "config", "attest", settings, "--meter", meterId, "-o", attestation, ...CHECKER);
  const like = ["--as-on-ledger", attestation, "-o", file];
  const attested = await world.run(OPERATOR, "registry", "attest", settings, ...like, ...CHECKER);
  story.tell("The checker", "finds the configuration well-formed and attests it, for the ledger and for Ethereum", {
    configuration: JSON.stringify(SETTINGS),
    version: String(attested.version),
    "SHA256 of salt and document": String(attested.configHash),
  });

  const set = await registry(world, HOME, "set-configuration", file, "--priority", "urgent");
  const setMs = Date.now();
  story.tell("The administrator", "sets version 1 on Ethereum, as a priority event", {
    priority: String(set.priority),
    schema: `${set.schemaId} ${set.schemaVersion}`,
    ...cost(set),
  });
  const { pending } = (await registry(world, HOME, "pending", meterId)) as { readonly pending: readonly Answer[] };
  story.claim(
    "it is pending there, urgent, for this meter alone",
    pending.length === 1 && pending[0]?.meterId === meterId && pending[0].priority === "urgent",
  );
  const known = await world.until(async () => (await onLedger(world, meterId)).configuration ?? undefined);
  story.tell("The validators", "vote the event onto the ledger", {
    version: `${known.version}, ${known.priority}`,
    "after the block of Ethereum": `${Date.now() - setMs} ms`,
  });
  story.claim(
    "the ledger knows its version, hash and urgency",
    known.version === 1 && known.configHash === set.configHash && known.priority === "urgent",
  );
  return String(set.configHash);
}

async function apply(world: World, story: Story, { meterId }: Certified, configHash: string): Promise<void> {
  const settings = join(world.directory, "settings.json");
  const attested = ["--attestation", join(world.directory, "attestation.json"), "--priority", "urgent"];
  const startedMs = Date.now();
  const sent = await world.run(HOME, "device", "config", "set", meterId, settings, ...attested, ...at(world));
  const answered = await world.until(async () => {
    const status = await world.run(HOME, "device", "config", "status", meterId, ...at(world));
    const [first] = status.configurations as readonly Record<string, unknown>[];
    return first?.outcome === "waiting" ? undefined : first;
  });
  const [requestedMs, appliedMs, acknowledgedMs] = ["requestedMs", "appliedMs", "acknowledgedMs"].map((name) =>
    Number(answered?.[name]),
  ) as [number, number, number];
  story.tell("The administrator", "sends it encrypted to the device by the ledger; the device applies it and answers", {
    "ledger transaction": String(sent.txId),
    outcome: String(answered?.outcome),
    "from the command to applied": `${appliedMs - startedMs} ms, by the device's clock`,
    "from request to acknowledged": `${acknowledgedMs - requestedMs} ms, by the ledger's`,
  });
  story.claim("the device has applied it", answered?.outcome === "applied");
  const path = `/meters/${encodeURIComponent(meterId)}/configurations/1`;
  const { plaintextHash } = await world.ask<{ plaintextHash: string }>(OPERATOR, path);
  story.claim("it is the configuration that Ethereum has", `0x${plaintextHash}` === configHash);
  const sum = await world.until(() => clearSum(world, meterId, acknowledgedMs));
  story.tell("The meter", "seals its next interval as it was told: its sum in the clear", { energy: `${sum} mWh` });

  const proof = ["--wait", "120s"];
  const shown = await registry(world, HOME, "acknowledge-by-ledger", meterId, ...proof);
  story.tell("The administrator", "proves the device's answer to Ethereum, by the ledger's record under an anchor", {
    version: String(shown.version),
    outcome: String(shown.outcome),
    ...cost(shown),
  });
  const device = await registry(world, HOME, "device", meterId);
  const [first] = device.configurations as readonly Answer[];
  const { pending } = (await registry(world, HOME, "pending", meterId)) as { readonly pending: readonly Answer[] };
  story.claim(
    "Ethereum has it as applied, and nothing is pending",
    first?.outcome === "applied" && pending.length === 0,
  );
}

/** Of an interval of the meter that the ledger took after this time, if its sum is in the clear. */
async function clearSum(world: World, meterId: string, afterMs: number): Promise<string | undefined> {
  const path = `/transactions?meter=${encodeURIComponent(meterId)}&limit=10`;
  const { transactions } = await world.ask<{ transactions: readonly { txId: string; timeMs: number }[] }>(
    OPERATOR,
    path,
  );
  for (const { txId } of transactions) {
    const answer = await world.ask<{ timeMs: number; messages: readonly Answer[] }>(OPERATOR, `/transactions/${txId}`);
    if (answer.timeMs <= afterMs) continue;
    const sealed = answer.messages.find((message) => message.meterId === meterId && message.sumMwh !== undefined);
    if (sealed !== undefined) return String(sealed.sumMwh);
  }
  return undefined;
}

async function refuse(world: World, story: Story, { meterId }: Certified): Promise<void> {
  const wrong = join(world.directory, "wrong.json");
  writeFileSync(wrong, JSON.stringify({ ...SETTINGS, clearSums: "yes" }));
  const file = join(world.directory, "version-2.json");
  const on = ["--meter", meterId, "--version", "2", "-o", file];
  const attest = (document: string) => world.run(OPERATOR, "registry", "attest", document, ...on, ...CHECKER);
  const syntax = await attest(wrong).then(() => "", String);
  story.claim(
    "the checker's command finds the fault of a malformed version 2",
    syntax.includes("CONFIGURATION_SYNTAX"),
  );

  await attest(join(world.directory, "settings.json"));
  // Another hash than the one that was attested.
  const other = readFileSync(file, "utf8").replace(/(?<="configHash": "0x)./, (digit) => (digit === "0" ? "1" : "0"));
  writeFileSync(file, other);
  const refusal = await registry(world, HOME, "set-configuration", file).then(() => "", String);
  const { message = "", hint = "" } = JSON.parse(refusal.slice(Math.max(0, refusal.indexOf("{")))) as Partial<
    Record<string, string>
  >;
  story.tell("The administrator", "tries to set a version 2 that was attested as something else, and is refused", {
    why: /reason="([^"]*)"/.exec(message)?.[1] ?? message,
    "what to do": hint,
  });
  story.claim("the contract refuses it in words", refusal.includes("the checker has not signed exactly this"));
}

async function revoke(world: World, story: Story, { meterId, administratorId, certificateId }: Certified) {
  const ended = await registry(world, OPERATOR, "revoke-certificate", certificateId, ...ISSUER);
  const sentMs = Date.now();
  const device = await registry(world, HOME, "device", meterId);
  await world.until(async () => ((await onLedger(world, meterId)).status === "revoked" ? true : undefined));
  story.tell("The issuer", "revokes the meter's certificate on Ethereum", {
    "status on Ethereum": String(device.status),
    "status on the ledger": `revoked, ${Date.now() - sentMs} ms after the block of Ethereum`,
    ...cost(ended),
  });
  story.claim("it is not valid on Ethereum", device.isValid === false && device.status === "revoked");
  const attested = ["--attestation", join(world.directory, "next.json")];
  const settings = join(world.directory, "settings.json");
  await world.run(
    OPERATOR,
    "device",
    "config",
    "attest",
    settings,
    "--meter",
    meterId,
    "-o",
    attested[1] ?? "",
    ...CHECKER,
  );
  const refusal = await world
    .run(HOME, "device", "config", "set", meterId, settings, ...attested, ...at(world))
    .then(() => "", String);
  story.claim("the ledger takes no configuration for it", refusal.includes("METER_REVOKED_ON_ETHEREUM"));
  const before = await sealed(world, meterId);
  const height = before.height + SILENT_BLOCKS;
  const after = await world.until(async () => {
    const now = await sealed(world, meterId);
    return now.height >= height ? now : undefined;
  });
  story.claim("and no interval either, while its light node goes on", after.intervals === before.intervals);

  const by = ["--administrator", administratorId];
  const renewed = await registry(world, OPERATOR, "issue-device", meterId, ...by, ...VALIDITY, ...ISSUER);
  const last = await world.until(async () => {
    const now = await sealed(world, meterId);
    return now.intervals > after.intervals ? now : undefined;
  });
  story.tell("The issuer", "certifies it anew, and it seals again", {
    certificate: String(renewed.certificateId),
    "intervals on the ledger": `${last.intervals}`,
    ...cost(renewed),
  });
  const known = await onLedger(world, meterId);
  story.claim("it is valid on both sides", known.status === "valid");
  story.claim(
    "by the new certificate",
    known.certificate?.certificateId === renewed.certificateId && renewed.certificateId !== certificateId,
  );
}

async function sealed(world: World, meterId: string) {
  const { height } = await world.ask<{ height: number }>(OPERATOR, "/status");
  const { intervalCount } = await world.ask<{ intervalCount: string }>(
    OPERATOR,
    `/meters/${encodeURIComponent(meterId)}`,
  );
  return { height, intervals: Number(intervalCount) };
}

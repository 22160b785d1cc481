import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { accountOf, createTestLedger, EXPORT_METER } from "#consensus/application/testLedger.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { TEST_NOW_MS } from "./testIo.ts";
import { homeOf, startLedgerNode } from "./testLedgerNode.ts";

const DOCUMENT = { schema: "edream-device-settings", schemaVersion: 1, latenessMs: 60_000, clearSums: false };
const METER = ["--meter", EXPORT_METER] as const;

/** A ledger's REST API, a home with the keys of everybody concerned, and a document. */
async function setUp() {
  const ledger = createTestLedger({ checker: true });
  const node = await startLedgerNode(ledger);
  const cli = await homeOf("checker", "prosumer", "device", "dso");
  const path = (name: string) => join(cli.folder, name);
  const write = (name: string, content: object | string) => {
    writeFileSync(path(name), typeof content === "string" ? content : JSON.stringify(content));
    return path(name);
  };
  const file = write("settings.json", DOCUMENT);
  const run = (...args: readonly string[]) => cli.run("device", ...args, "--node", node.url, "--json");
  const attestation = path("attestation.json");
  return {
    ...{ ledger, node, cli, file, attestation, path, write, run },
    attest: (document = file) => run("config", "attest", document, ...METER, "-o", attestation, "--key", "checker"),
    set: (document = file, ...more: readonly string[]) =>
      run("config", "set", EXPORT_METER, document, "--attestation", attestation, "--key", "prosumer", ...more),
    async [Symbol.asyncDispose]() {
      await node.close();
      cli[Symbol.dispose]();
    },
  };
}

test("a configuration is checked, attested, set by the administrator, and shown to the device alone", async () => {
  await using all = await setUp();
  expect((await all.run("config", "check", all.file)).json).toMatchObject({ schema: DOCUMENT.schema, valid: true });
  expect((await all.attest()).json).toMatchObject({ meterId: EXPORT_METER, version: 1, schemaVersion: 1 });
  expect(await all.set(all.file, "--priority", "urgent")).toMatchObject({ exit: "ok" });
  const shown = await all.run("config", "show", EXPORT_METER, "--key", "device");
  expect(shown.json).toMatchObject({ version: 1, priority: "urgent", configuration: DOCUMENT });
  const text = JSON.stringify(all.ledger.query("/edream/configuration-payload", `1 ${EXPORT_METER}`));
  expect(text).not.toContain(Buffer.from("latenessMs").toString("hex"));
  const other = await all.run("config", "show", EXPORT_METER, "--key", "prosumer");
  expect([other.exit, other.json.code]).toEqual(["verificationFailed", "CONFIGURATION_PAYLOAD_MALFORMED"]);
  const waiting = await all.run("config", "status", EXPORT_METER);
  expect(waiting.json).toMatchObject({ version: 1, appliedVersion: 0, configurations: [{ outcome: "waiting" }] });
});

test("the status of a configuration says what the device answered, and when", async () => {
  await using all = await setUp();
  await all.attest();
  await all.set();
  const appliedMs = Number(all.ledger.query("/edream/configuration", `1 ${EXPORT_METER}`)?.setMs) + 1;
  const answer = { meterId: EXPORT_METER, version: 1n, outcome: "rejected", code: 7, appliedMs: BigInt(appliedMs) };
  const message = ledgerMessage("MsgAcknowledgeDeviceConfiguration", { signer: accountOf("device"), ...answer });
  expect(all.ledger.send(message, "device")).toBe("OK");
  const [configuration] = (await all.run("config", "status", EXPORT_METER)).json.configurations as object[];
  expect(configuration).toMatchObject({ outcome: "rejected", code: 7, reason: "SYNTAX_INVALID", appliedMs });
});

test("mistakes are found before anything is signed or sent", async () => {
  await using all = await setUp();
  const wrong = all.write("wrong.json", { ...DOCUMENT, latenessMs: "60s" });
  const check = await all.run("config", "check", wrong);
  expect([check.exit, check.json]).toEqual([
    "failure",
    expect.objectContaining({ code: "CONFIGURATION_SYNTAX", details: { where: "/latenessMs" } }),
  ]);
  expect((await all.attest(wrong)).json.code).toBe("CONFIGURATION_SYNTAX");
  const foreign = all.write("foreign.json", { schema: "acme", schemaVersion: 2, beep: true });
  expect((await all.run("config", "check", foreign)).json.code).toBe("CONFIGURATION_SCHEMA_UNKNOWN");
  const schema = all.write("acme.schema.json", { type: "object", required: ["beep"] });
  expect((await all.run("config", "check", foreign, "--schema", schema)).exit).toBe("ok");
  const misspelt = all.write("bad.schema.json", { type: "object", requird: ["beep"] });
  const malformed = await all.run("config", "check", foreign, "--schema", misspelt);
  expect(malformed.json.code).toBe("CONFIGURATION_SCHEMA_MALFORMED");
  const long = all.write("long.json", `"${"a".repeat(17_000)}"`);
  expect((await all.run("config", "check", long)).json).toMatchObject({
    code: "CONFIGURATION_TOO_LARGE",
    message: expect.stringMatching(/has 17002 bytes, and a configuration may have \d+$/),
    hint: expect.stringContaining("shorten the document"),
  });
  expect((await all.run("config", "check", all.path("none.json"))).exit).toBe("notFound");
  await all.attest();
  const changed = all.write("changed.json", { ...DOCUMENT, clearSums: true });
  expect((await all.set(changed)).json.code).toBe("ATTESTATION_OTHER");
  writeFileSync(all.attestation, "{}");
  expect((await all.set()).json.code).toBe("ATTESTATION_FILE_MALFORMED");
  expect(all.ledger.query("/edream/configuration", `1 ${EXPORT_METER}`)).toBeUndefined();
});

test("only the administrator's configuration with a checker's attestation is taken by the ledger", async () => {
  await using all = await setUp();
  await all.attest();
  const refused = await all.set(all.file, "--key", "dso");
  expect([refused.exit, refused.err]).toEqual(["refused", expect.stringContaining("ROLE_FORBIDDEN")]);
  const own = await all.run("config", "attest", all.file, ...METER, "-o", all.attestation, "--key", "prosumer");
  expect(own.exit).toBe("ok");
  expect((await all.set()).err).toContain("ATTESTATION_INVALID");
});

test("a certificate is shown with its standing when its proof holds under a believed header, and not otherwise", async () => {
  await using all = await setUp();
  const certificate = async (change: (appHash: Buffer) => Buffer = (appHash) => appHash, meter = EXPORT_METER) => {
    const appHash = change(Buffer.from(all.ledger.block([]).appHash)).toString("hex");
    const light = async (url: string) => {
      const answers: Readonly<Record<string, object>> = {
        status: { height: all.ledger.height + 1 },
        [String(all.ledger.height + 1)]: { appHash },
      };
      return Response.json(answers[new URL(url).pathname.split("/").at(-1) ?? ""]);
    };
    const routed = ((url: string, init: RequestInit) =>
      url.startsWith("http://light") ? light(url) : fetch(url, init)) as typeof fetch;
    const args = ["device", "certificate", meter, "--node", all.node.url, "--light", "http://light", "--json"];
    return all.cli.runWith({ fetch: routed }, ...args);
  };
  expect((await certificate()).json).toMatchObject({
    ...{ meterId: EXPORT_METER, standing: "valid", owner: accountOf("prosumer"), administrator: accountOf("prosumer") },
    proof: { holds: true, headersOf: "http://light", isOwnWord: false },
  });
  const forged = await certificate((appHash) => Buffer.from(appHash.map((byte) => byte ^ 1)));
  expect([forged.exit, forged.json.code]).toEqual(["verificationFailed", "CERTIFICATE_PROOF_WRONG"]);
  expect((await certificate(undefined, "lcl:nobody")).json.code).toBe("METER_UNKNOWN");
  const enrol = all.ledger.enrolMeter({ meterId: "new:1", validUntilMs: BigInt(TEST_NOW_MS - 1) } as never);
  expect(all.ledger.send(enrol, "dso")).toBe("OK");
  expect((await certificate(undefined, "new:1")).json).toMatchObject({ standing: "expired" });
  const revoke = { authority: accountOf("dso"), meterId: EXPORT_METER, reason: "stolen" };
  expect(all.ledger.send(ledgerMessage("MsgRevokeMeter", revoke), "dso")).toBe("OK");
  expect((await certificate()).json).toMatchObject({ standing: "revoked", revokeReason: "stolen" });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readCodecRule } from "./codecRegistry.ts";
import { decipherFrmPayload } from "./frmPayload.ts";
import { decodeUplink } from "./lorawanInput.ts";
import type { Uplink } from "./uplink.ts";

const folder = mkdtempSync(join(tmpdir(), "lora-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Vector {
  readonly phyHex: string;
  readonly appSKey: string;
  readonly plaintextAscii: string;
}
const { vectors } = JSON.parse(readFileSync(`${import.meta.dirname}/testdata/lorawan-phy-vectors.json`, "utf8")) as {
  vectors: Vector[];
};

/** Header, address, control, counter, options, port; the last four bytes are the integrity code. */
function partsOf(phy: Buffer) {
  const options = (phy[5] as number) & 0xf;
  return {
    devAddr: phy.readUInt32LE(1).toString(16).padStart(8, "0"),
    fCnt: phy.readUInt16LE(6),
    payload: phy.subarray(9 + options, -4),
  };
}

test.each(vectors)("radio frame: $plaintextAscii", ({ phyHex, appSKey, plaintextAscii }) => {
  const { devAddr, fCnt, payload } = partsOf(Buffer.from(phyHex, "hex"));
  const plain = decipherFrmPayload(Buffer.from(appSKey, "hex"), devAddr, fCnt, payload);
  expect(Buffer.from(plain).toString("latin1")).toBe(plaintextAscii);
});

test("a home reads what its network server cannot", () => {
  const key = vectors[0]?.appSKey ?? "";
  const appSKeyFile = join(folder, "key");
  writeFileSync(appSKeyFile, `${key}\n`);
  const rule = readCodecRule({ codec: "milesight-ct101", devEui: "1000000000000001", appSKeyFile }, "codecs[0]");
  const devAddr = "49be7df1";
  const payload = decipherFrmPayload(Buffer.from(key, "hex"), devAddr, 7, Buffer.from("0498b80b", "hex"));
  const uplink: Uplink = {
    devEui: "1000000000000001",
    session: "",
    devAddr,
    fCnt: 7,
    fPort: 85,
    payload,
    networkMs: 1_893_456_000_000,
    profiles: [],
  };
  const message = { topic: "", payload: Buffer.from("body"), receivedMs: 1_893_456_001_000, isRetained: false };
  expect(decodeUplink([rule], uplink, message).readings).toMatchObject([{ quantity: "current", value: 30_000 }]);
  expect(decodeUplink([rule], { ...uplink, devAddr: undefined }, message).rejected).toMatchObject([
    { reason: "undecryptable" },
  ]);
});

test.each<[string, object]>([
  ["many devices", { devEui: "1000*" }],
  ["a file that is not there", { appSKeyFile: "/nowhere/key" }],
  ["what is no key", { appSKeyFile: import.meta.filename }],
])("a key is refused: %s", (_name, change) => {
  const appSKeyFile = join(folder, "other");
  writeFileSync(appSKeyFile, "00".repeat(16));
  const rule = { codec: "minutes", devEui: "1000000000000001", appSKeyFile, ...change };
  expect(() => readCodecRule(rule, "codecs[0]")).toThrow(
    expect.objectContaining({
      details: expect.objectContaining({ code: "METER_OPTION_INVALID", option: "codecs[0].appSKeyFile" }),
    }) as Error,
  );
});

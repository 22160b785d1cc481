import { expect, test } from "vitest";
import {
  accountOf,
  CHAIN_ID,
  createTestLedger,
  EXPORT_METER,
  keyOf,
  type Person,
  START_MS,
  type TestLedger,
} from "#consensus/application/testLedger.ts";
import { archiveCid } from "#storage/archive/archiveCid.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { txId } from "#storage/types/block.ts";
import { decodeSubmission, encodeSubmitVerdicts } from "../serve/messages.ts";
import type { SealRequest } from "./archiver.ts";
import { createLightLedger } from "./lightLedger.ts";

const FILE = new Uint8Array(300_000).fill(7);
const PERIOD = { fromMs: START_MS - 86_400_000, untilMs: START_MS };

async function requestOf(version: number): Promise<SealRequest> {
  const { bytes: cid } = await archiveCid(FILE);
  return {
    meterId: EXPORT_METER,
    ...PERIOD,
    version,
    cid,
    fileBytes: FILE.length,
    readingCount: 10,
    fileHash: sha256(FILE),
  };
}

/** A light node's ports over a ledger without a network: what it is told is true, and a transaction is in a block after some looks. */
function lightLedger(ledger: TestLedger, by: Person, { looks = 2, isAway = false } = {}) {
  let waited = 0;
  const sent: Uint8Array[] = [];
  const included = new Map<string, number>();
  const verdictOf = (tx: Uint8Array) => {
    const { code, log } = ledger.app.checkTx({ tx, type: "new" });
    if (code === 0) sent.push(tx);
    return { code, log };
  };
  const parts = {
    network: { protocols: { submit: "submit" } },
    peers: {
      ask: async (_protocol: unknown, bytes: Uint8Array) => ({
        peer: "full",
        answer: encodeSubmitVerdicts(decodeSubmission(bytes).map(verdictOf)),
      }),
    },
    proofs: {
      async state(path: string, data: Uint8Array, key: Uint8Array) {
        if (isAway) return undefined;
        const answer = ledger.app.query({ path: "/edream/state", data: key, height: 0, prove: true });
        expect(ledger.query(path, Buffer.from(data).toString()) === undefined).toBe(answer.value.length === 0);
        return { value: answer.value.length === 0 ? undefined : answer.value, height: ledger.height };
      },
      async transactions([id]: readonly Uint8Array[]) {
        const code = included.get(Buffer.from(id!).toString("hex"));
        return code === undefined ? [] : [{ proof: { height: ledger.height }, code }];
      },
    },
    async wait() {
      waited += 1;
      if (waited !== looks) return;
      const { txResults } = ledger.block(sent, START_MS + 1000 * ledger.height);
      for (const [index, tx] of sent.entries())
        included.set(Buffer.from(txId(tx)).toString("hex"), txResults[index]?.code ?? -1);
    },
  };
  return createLightLedger({ chainId: CHAIN_ID, key: keyOf(by) }, parts as never);
}

test("an archive is sealed when its transaction took effect, and then is among the sealed ones, version by version", async () => {
  const ledger = createTestLedger();
  ledger.block([], START_MS);
  const light = () => lightLedger(ledger, "prosumer");
  expect(await light().sealed(EXPORT_METER, PERIOD)).toEqual([]);
  const { txId: id, height } = await light().seal(await requestOf(1));
  expect([id.length, height]).toEqual([64, ledger.height]);
  await light().seal(await requestOf(2));
  const { cid } = await requestOf(1);
  expect(await light().sealed(EXPORT_METER, PERIOD)).toEqual(
    [1, 2].map((version) => ({ version, cid: new Uint8Array(cid) })),
  );
  expect(await light().sealed(EXPORT_METER, { ...PERIOD, fromMs: 0 })).toEqual([]);
  const sealed = ledger.query("/edream/archive", `${PERIOD.fromMs}-${PERIOD.untilMs}-1 ${EXPORT_METER}`);
  expect(sealed).toMatchObject({ sealedBy: accountOf("prosumer"), readingCount: "10" });
});

test("a refusal of the ledger has its code, and a ledger that is away another", async () => {
  const ledger = createTestLedger();
  ledger.block([], START_MS);
  const refused = { code: "ARCHIVE_SEAL_REFUSED" };
  await expect(lightLedger(ledger, "prosumer").seal(await requestOf(5))).rejects.toMatchObject(refused);
  await expect(lightLedger(ledger, "consumer").seal(await requestOf(1))).rejects.toMatchObject(refused);
  await expect(lightLedger(ledger, "stranger").seal(await requestOf(1))).rejects.toMatchObject({
    details: { ...refused, ledgerCode: "ACCOUNT_UNKNOWN" },
  });
  const away = { code: "ARCHIVE_LEDGER_AWAY" };
  await expect(lightLedger(ledger, "prosumer", { isAway: true }).seal(await requestOf(1))).rejects.toMatchObject(away);
  await expect(lightLedger(ledger, "prosumer", { looks: 1000 }).seal(await requestOf(1))).rejects.toMatchObject(away);
});

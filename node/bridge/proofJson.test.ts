import { expect, test } from "vitest";
import { readProofJson } from "./proofJson.ts";

const txId = `0x${"ab".repeat(32)}`;
const PROOFS = {
  transaction: { txId, proof: {} },
  message: { txId, messageIndex: 0, typeUrl: "/edream.ledger.v1.MsgSealInterval", message: "0x0a00", proof: {} },
  record: { height: 7, key: "0x6d", value: "0x0a", proof: {} },
};

test("a proof is read as what it is of", () => {
  for (const [kind, json] of Object.entries(PROOFS)) expect(readProofJson(json)).toMatchObject({ kind });
});

test("what is no proof is none", () => {
  const { transaction, message, record } = PROOFS;
  const wrong: unknown[] = [undefined, null, 3, "proof", [], {}, { ...transaction, proof: null }];
  for (const changed of ["0xab", txId.slice(2), `${txId}00`, 7]) wrong.push({ ...transaction, txId: changed });
  for (const fields of [{ message: "0a" }, { message: "0xa" }, { typeUrl: 3 }, { typeUrl: undefined }])
    wrong.push({ ...message, ...fields });
  for (const fields of [{ key: "meter" }, { value: undefined }, { height: "7" }]) wrong.push({ ...record, ...fields });
  for (const json of wrong) expect(readProofJson(json), JSON.stringify(json)).toBeUndefined();
});

import { expect, test } from "vitest";
import { createTestLedger, sealMessage } from "./testLedger.ts";

test("smoke", () => {
  const l = createTestLedger();
  expect(l.send(sealMessage(0), "device")).toBe("OK");
  console.log(l.query("/edream/chain", "lcl:MAC000002"), l.query("/edream/members"), [...l.disk.keys()]);
});

import { test } from "vitest";
import { createMemoryAssetState } from "./memoryAssetState.ts";
import { parseAssetTransaction } from "./parseTransaction.ts";
import { vector } from "./testVectors.ts";
import { signaturesHold, validateStateful, validateStateless } from "./validateTransaction.ts";

const CREATE = Buffer.from(JSON.stringify(vector("create-simple").tx));
const TRANSFER = Buffer.from(JSON.stringify(vector("transfer-split").tx));
const THRESHOLD = Buffer.from(JSON.stringify(vector("transfer-threshold-2of3").tx));

const state = createMemoryAssetState();
for (const name of ["create-divisible-unicode", "create-threshold-2of3"]) {
  const verdict = parseAssetTransaction(JSON.stringify(vector(name).tx));
  if (verdict.accepted) state.apply(verdict.value);
}

function validate(bytes: Uint8Array): void {
  const verdict = parseAssetTransaction(bytes);
  if (!verdict.accepted) throw new Error(verdict.reason);
  const refusal =
    validateStateless(verdict.value, "strict") ??
    validateStateful(verdict.value, state, "strict", signaturesHold(verdict.value));
  if (refusal !== undefined) throw new Error(refusal.reason);
}

test(`a CREATE of ${CREATE.length} bytes, a TRANSFER of ${TRANSFER.length}, one by 2 of 3 keys of ${THRESHOLD.length}`, async ({
  bench,
}) => {
  await bench.compare(
    bench("CREATE: parse", () => void parseAssetTransaction(CREATE)),
    bench("CREATE: parse and validate", () => validate(CREATE)),
    bench("TRANSFER: parse", () => void parseAssetTransaction(TRANSFER)),
    bench("TRANSFER: parse and validate", () => validate(TRANSFER)),
    bench("TRANSFER by 2 of 3: parse and validate", () => validate(THRESHOLD)),
  );
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createTestChain } from "#consensus/light/testChain.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { proveAll } from "#storage/crypto/merkle.ts";
import { sealKey } from "#storage/crypto/seal.ts";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { hashHeader } from "#storage/types/header.ts";
import { firstFailed, formatProofFile, makeProofFile, verifyProofFile } from "#storage/types/proofFile.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { readEnvelope, writeEnvelope } from "#storage/types/transactionEnvelope.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { CliError } from "./cli/cliError.ts";
import { showKey } from "./cli/keyStore.ts";
import { readOpenings } from "./cli/openings.ts";
import { MISSING_SIGNATURE, readTransactionFile, writeTransactionFile } from "./cli/transactionFile.ts";
import { ConfigurationError, formatConfigFile, readConfigFile } from "./configuration.ts";

const folder = mkdtempSync(join(tmpdir(), "ledger-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What reads a file whose text is `text`; undefined where it is refused with one of `errors`. */
function readAs<T>(
  name: string,
  text: string,
  read: (path: string) => T,
  refusal: new (...args: never[]) => Error,
): T | undefined {
  const path = join(folder, name);
  writeFileSync(path, text);
  try {
    return read(path);
  } catch (error) {
    expect(error).toBeInstanceOf(refusal);
    expect((error as CliError).code).toMatch(/^[A-Z_]+$/);
    return undefined;
  }
}

test(
  "a changed config.json is refused with a code, or says what it says when it is written again",
  () => {
    const text = formatConfigFile({
      role: "light",
      apiPort: 1,
      p2pListen: ["/ip4/1.2.3.4/tcp/5"],
      createEmptyBlocks: true,
      trustedHash: "ab".repeat(32),
      meterCsvFile: "data/lcl.csv",
    });
    fuzz("config.json", changedJson([text]), 120, (changed) => {
      const values = readAs("config.json", changed, readConfigFile, ConfigurationError);
      if (values !== undefined)
        expect(readAs("again.json", formatConfigFile(values), readConfigFile, ConfigurationError)).toEqual(values);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed transaction file is refused, or what was signed in it is what was signed",
  () => {
    const keys = [1, 2].map((byte) => generatePrivateKey("secp256k1", (length) => new Uint8Array(length).fill(byte)));
    const tx = signTransaction({
      messages: [
        ledgerMessage("MsgTransferEnergy", {
          signers: keys.map((key) => accountOfKey(publicKeyOf(key))),
          inputs: [{ txId: new Uint8Array(32).fill(7), outputIndex: 1 }],
          outputs: [{ amountMwh: 5n, lock: { threshold: 1, accounts: [accountOfKey(publicKeyOf(keys[0] as never))] } }],
        }),
      ],
      chainId: "edream-test",
      signers: keys.map((privateKey, index) => ({ privateKey, accountNumber: BigInt(index), sequence: 3n })),
    });
    const envelope = readEnvelope(tx, 2);
    if (envelope === undefined) throw new TypeError("signed just now");
    const [first = MISSING_SIGNATURE] = envelope.signatures;
    const path = join(folder, "tx.json");
    const half = writeEnvelope({ ...envelope, signatures: [first, MISSING_SIGNATURE] });
    writeTransactionFile(path, { chainId: "edream-test", accountNumbers: [0n, 1n], tx: half });
    const original = readTransactionFile(path);
    fuzz("transaction file", changedJson([readFileSync(path, "utf8")]), 300, (changed) => {
      const file = readAs("changed.json", changed, readTransactionFile, CliError);
      if (file === undefined) return;
      expect(file.chainId).toBe("edream-test");
      expect(file.missing).toEqual(original.missing);
      expect(Buffer.compare(file.tx, original.tx)).toBe(0);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed file of openings is refused with a code, or lists openings",
  () => {
    const openings = [1, 2].map((end) => ({ intervalEndMs: end, sumMwh: `-${end}`, salt: "05".repeat(32) }));
    fuzz("openings", changedJson([JSON.stringify(openings, null, 1)]), 150, (changed) => {
      for (const opening of readAs("openings.json", changed, readOpenings, CliError) ?? []) {
        expect([typeof opening.intervalEndMs, typeof opening.sumMwh, opening.salt.length]).toEqual([
          "bigint",
          "bigint",
          32,
        ]);
        expect(opening.intervalEndMs).toBeGreaterThanOrEqual(0n);
      }
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a changed file of the key store is refused with a code, or shows a key",
  async () => {
    const privateKey = generatePrivateKey("ed25519");
    const { type, bytes } = publicKeyOf(privateKey);
    const sealed = await sealKey(privateKey, "correct horse battery");
    const file = { version: 1, type, publicKey: Buffer.from(bytes).toString("hex"), sealed };
    fuzz("key file", changedJson([JSON.stringify(file)]), 120, (changed) => {
      const entry = readAs("node.json", changed, () => showKey(folder, "node"), CliError);
      if (entry !== undefined) expect(entry.publicKey.bytes.length).toBe(entry.publicKey.type === "ed25519" ? 32 : 33);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "no changed proof file proves anything",
  () => {
    const txs = ["a", "b", "c"].map((text) => new Uint8Array(Buffer.from(`transaction ${text}`)));
    for (const chainId of ["edream-proof", "zähler \ufffd"]) {
      const { signedHeader, validatorSet } = createTestChain({ chainId }).append({ txs, absent: [3] });
      const merkle = proveAll(txs.map(sha256))[1];
      if (merkle === undefined) throw new TypeError("three transactions");
      const text = formatProofFile(makeProofFile({ tx: txs[1] as Uint8Array, merkle, ...signedHeader, validatorSet }));
      const hash = hashHeader(signedHeader.header);
      expect(firstFailed(verifyProofFile(text, hash))).toBeUndefined();
      fuzz("proof file", changedJson([text]), 200, (changed) => {
        const failed = firstFailed(verifyProofFile(changed, hash));
        if (changed !== text)
          expect(failed?.verdict).toMatchObject({ accepted: false, code: expect.stringMatching(/^(PROOF|COMMIT)_/) });
      });
    }
  },
  FUZZ_TIMEOUT_MS,
);

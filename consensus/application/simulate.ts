import { create, toBinary } from "@bufbuild/protobuf";
import { MAX_TX_SIGNERS } from "#storage/limits.ts";
import { AuthInfoSchema, ModeInfoSchema } from "#storage/proto/gen/cosmos/tx/v1beta1/tx_pb.ts";
import { decodeStrict } from "#storage/proto/strictDecode.ts";
import { FormatError } from "#storage/types/formatError.ts";
import { SIGN_MODE_DIRECT } from "#storage/types/signEncoded.ts";
import { type DecodedTransaction, decodeTransaction } from "#storage/types/transaction.ts";
import { writeEnvelope } from "#storage/types/transactionEnvelope.ts";
import { EMPTY_BYTES, FieldReader } from "#storage/types/wire.ts";
import type { Failure } from "./codes.ts";
import type { ExecutionSite } from "./executeTransaction.ts";
import { executeTransaction } from "./executeTransaction.ts";
import { BlockQuotas } from "./quotas.ts";
import { SignatureVerdicts } from "./signatureVerdicts.ts";
import { WorkingState } from "./workingState.ts";

/** What a transaction would take of its first signer's quota, or why it would not be executed. */
export type Simulation = { readonly bytes: number } | Failure;

const SIGNATURE = new Uint8Array(64);

/** Executes `tx` on top of `site` and forgets what it did; its signatures have to hold. */
export function dryRun(site: ExecutionSite, tx: DecodedTransaction): Simulation {
  if (!tx.accepted) return tx;
  const quotas = new BlockQuotas(site.params);
  const outcome = executeTransaction({ ...site, quotas, state: new WorkingState(site.state) }, tx.tx);
  return "code" in outcome ? outcome : { bytes: tx.tx.sizeBytes };
}

/**
 * The same for a transaction that is not signed yet, as CosmJS asks for it: without signatures, and mostly without a sign mode. Its size
 * is that which it will have with signatures of 64 bytes.
 */
export function simulate(site: ExecutionSite, txBytes: Uint8Array): Simulation {
  const signed = asIfSigned(txBytes);
  if (signed === undefined) return { code: "TX_MALFORMED", reason: "not a transaction of the Cosmos SDK" };
  // Verdicts are remembered by signer, and these signers exist nowhere else: nothing is learned of real signatures.
  return dryRun({ ...site, verdicts: new SignatureVerdicts(site.chainId, () => true) }, decodeTransaction(signed));
}

function asIfSigned(txBytes: Uint8Array): Uint8Array | undefined {
  let bodyBytes: Uint8Array = EMPTY_BYTES;
  let authInfoBytes: Uint8Array = EMPTY_BYTES;
  try {
    const fields = new FieldReader("simulatedTx", txBytes);
    while (fields.next()) {
      if (fields.number === 1) bodyBytes = fields.message();
      else if (fields.number === 2) authInfoBytes = fields.message();
      else if (fields.number === 3) fields.message();
      else return undefined;
    }
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
  const authInfo = decodeStrict(AuthInfoSchema, authInfoBytes);
  if ("fault" in authInfo || bodyBytes.length === 0) return undefined;
  const { signerInfos, fee } = authInfo.message;
  if (signerInfos.length === 0 || signerInfos.length > MAX_TX_SIGNERS) return undefined;
  const modeInfo = create(ModeInfoSchema, { single: { mode: SIGN_MODE_DIRECT } });
  const infos = signerInfos.map((info) => (info.modeInfo?.single?.mode ? info : { ...info, modeInfo }));
  const signedInfo = toBinary(
    AuthInfoSchema,
    create(AuthInfoSchema, { signerInfos: infos, ...(fee === undefined ? {} : { fee }) }),
  );
  return writeEnvelope({ bodyBytes, authInfoBytes: signedInfo, signatures: signerInfos.map(() => SIGNATURE) });
}

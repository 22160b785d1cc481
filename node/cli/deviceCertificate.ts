import { verifyStateAnswer } from "#consensus/application/appHash.ts";
import {
  type CertificateRecord,
  certificateKey,
  decodeCertificateRecord,
} from "#consensus/application/deviceRecords.ts";
import { cliError } from "./cliError.ts";
import type { LedgerClient } from "./ledgerClient.ts";

export interface ProvedCertificate {
  readonly certificate: CertificateRecord;
  /** Of the state that was proved; its app hash stands in the header of `height + 1`. */
  readonly height: number;
  /** Hex. */
  readonly appHash: string;
}

interface StateJson {
  readonly height: number | string;
  readonly value: string;
  readonly proof: string;
}

/**
 * A meter's certificate, proved under the app hash of a header. `headers`: who is believed about that header, best the caller's own light node.
 * The header of the newest state may not be there yet, so the state before it is asked for.
 * @throws CliError METER_UNKNOWN, CERTIFICATE_PROOF_WRONG (exit 5)
 */
export async function provedCertificate(
  client: LedgerClient,
  headers: LedgerClient,
  meterId: string,
): Promise<ProvedCertificate> {
  const { height: newest } = await headers.get<{ height: number | string }>("/status");
  const height = Number(newest) - 1;
  if (!(height >= 1)) {
    const hint = "wait for two blocks";
    throw cliError("failure", "CERTIFICATE_NO_HEADER", "there is no header to prove a state under yet", hint);
  }
  const data = Buffer.from(meterId).toString("hex");
  const answer = await client.get<StateJson>(`/state?path=/edream/meter&data=${data}&height=${height}&prove=true`);
  const { appHash } = await headers.get<{ appHash: string }>(`/headers/${height + 1}`);
  const value = Buffer.from(answer.value, "base64");
  const proved = value.length === 0 ? undefined : new Uint8Array(value);
  const proof = new Uint8Array(Buffer.from(answer.proof, "base64"));
  const verdict = verifyStateAnswer(Buffer.from(appHash, "hex"), certificateKey(meterId), proved, proof);
  if (!verdict.accepted || Number(answer.height) !== height) {
    const why = verdict.accepted ? "for another height" : `${verdict.code}: ${verdict.reason}`;
    const message = `the node's proof of the certificate does not hold (${why})`;
    throw cliError("verificationFailed", "CERTIFICATE_PROOF_WRONG", message, "ask another node with --node URL");
  }
  if (proved === undefined)
    throw cliError(
      "notFound",
      "METER_UNKNOWN",
      `it is proved that there is no meter ${meterId}`,
      "`meters list` shows them",
    );
  return { certificate: decodeCertificateRecord(proved), height, appHash };
}

/** Whether a certificate lets its device act at a time, and why not. */
export function standingOf(
  { revoked, validFromMs, validUntilMs }: CertificateRecord,
  nowMs: number,
): "valid" | "revoked" | "not yet valid" | "expired" {
  if (revoked) return "revoked";
  if (nowMs < validFromMs) return "not yet valid";
  return validUntilMs !== 0 && nowMs > validUntilMs ? "expired" : "valid";
}

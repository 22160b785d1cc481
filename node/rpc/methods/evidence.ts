import { LedgerError } from "#storage/error.ts";
import { decodeEvidence, type Evidence, encodeEvidence, hashEvidence } from "#storage/types/evidence.ts";
import { type Argument, ArgumentFault, cannotUnmarshal, kindOf, parseArgumentJson } from "../argument.ts";
import { base64 } from "../cometJson/primitives.ts";
import { readEvidence, type WrittenEvidence } from "../cometJson/readEvidence.ts";
import { JsonFields } from "../cometJson/readFields.ts";
import { type Methods, method } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import { methodError } from "../rpcError.ts";

const readWrapped = (json: unknown): WrittenEvidence => {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw cannotUnmarshal(kindOf(json), "json.interfaceWrapper");
  const { type, value } = json as Readonly<Record<string, unknown>>;
  if (type !== undefined && typeof type !== "string") throw cannotUnmarshal(kindOf(type), "string");
  if (type === undefined || type === "") throw new ArgumentFault("interface type cannot be empty");
  if (value === undefined) throw new ArgumentFault("interface value cannot be empty");
  return readEvidence(type, new JsonFields(value ?? {}, type));
};

/** Evidence with the name of its type, as Go's JSON writes it. */
const EVIDENCE: Argument<WrittenEvidence | undefined> = {
  absent: undefined,
  goKind: "interface",
  ofJson: readWrapped,
  ofText: (text) => readWrapped(parseArgumentJson(text)),
};

/** What light clients report (rpc/core/evidence.go). */
export function evidenceMethods({ consensus }: RpcPorts): Methods {
  return {
    broadcast_evidence: method({ evidence: EVIDENCE }, async ({ evidence: written }) => {
      if (written === undefined) throw methodError("no evidence was provided");
      if ("problem" in written) throw methodError(`evidence.ValidateBasic failed: ${written.problem}`);
      const evidence = validate(written.evidence);
      const verdict = await consensus.addEvidence(evidence);
      if (!verdict.accepted) throw methodError(`failed to add evidence: ${verdict.code}: ${verdict.reason}`);
      return { hash: base64(hashEvidence(evidence)) };
    }),
  };
}

/** Evidence that is well-formed by every rule of its encoding. @throws RpcError */
function validate(evidence: Evidence): Evidence {
  try {
    return decodeEvidence(encodeEvidence(evidence));
  } catch (error) {
    if (error instanceof LedgerError) throw methodError(`evidence.ValidateBasic failed: ${error.message}`);
    throw error;
  }
}

import type { StateProofInput } from "#contracts/abi/DeviceRegistry.ts";
import { cliError } from "../../cli/cliError.ts";
import type { ActionContext } from "../action.ts";

interface StateAnswer {
  /** Base64; empty for what is not there. */
  readonly value: string;
}

/** What `GET /bridge/proofs/state` answers of a record. */
export interface ProvedRecord {
  /** The record as it is in the state: 0x and hex. */
  readonly value: string;
  /** It was so after this block. */
  readonly height: number;
  readonly proof: StateProofInput;
}

/**
 * A record of the ledger's state under an anchor, no older than the ledger has it now: one that has changed since the latest anchor is waited for.
 * kind: of consensus/application's query path. @throws CliError RECORD_ABSENT, PROOF_NOT_ANCHORED
 */
export async function recordOf(
  { ledger, proof }: Pick<ActionContext, "ledger" | "proof">,
  kind: "meter" | "configuration",
  id: string,
): Promise<ProvedRecord> {
  const query = { path: `/edream/${kind}`, data: Buffer.from(id, "utf8").toString("hex") };
  for (let minHeight = 0; ; ) {
    const { value } = await ledger<StateAnswer>(`/state?${new URLSearchParams({ ...query, prove: "true" })}`);
    if (value === "") {
      const hint = "check the meter's id and the version";
      throw cliError("notFound", "RECORD_ABSENT", `the ledger has no ${kind} ${id}`, hint);
    }
    const asked = new URLSearchParams({ ...query, minHeight: `${minHeight}` });
    const anchored = await proof<ProvedRecord>(`/bridge/proofs/state?${asked}`);
    if (anchored.value === `0x${Buffer.from(value, "base64").toString("hex")}`) return anchored;
    minHeight = anchored.height + 1;
  }
}

import type { UnsignedMessage } from "./signEncoded.ts";
import { FieldWriter } from "./wire.ts";

/** What a MsgAcknowledgeDeviceConfiguration says. */
export interface ConfigurationAcknowledgement {
  /** The device's account. */
  readonly signer: string;
  readonly meterId: string;
  readonly version: number;
  readonly outcome: "applied" | "rejected";
  /** uint32: 0 if applied, else why not, in the device's own numbers. */
  readonly code: number;
  /** Unix ms by the device's clock. */
  readonly appliedMs: number;
}

/** edream.ledger.v1.MsgAcknowledgeDeviceConfiguration, ready to sign; by hand for the reason given at sealIntervalMessage. */
export function acknowledgeConfigurationMessage(acknowledgement: ConfigurationAcknowledgement): UnsignedMessage {
  const value = new FieldWriter()
    .text(1, acknowledgement.signer)
    .text(2, acknowledgement.meterId)
    .int(3, acknowledgement.version)
    .text(4, acknowledgement.outcome)
    .int(5, acknowledgement.code)
    .int(6, acknowledgement.appliedMs)
    .finish();
  return {
    typeUrl: "/edream.ledger.v1.MsgAcknowledgeDeviceConfiguration",
    value,
    signers: [acknowledgement.signer],
  };
}

import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  MsgAcknowledgeDeviceConfigurationSchema,
  MsgAmendIntervalSchema,
  MsgBigchainTransactionSchema,
  MsgBridgeEquivocationSchema,
  MsgChangeRoleSchema,
  MsgConfigureBridgeSchema,
  MsgEnrolMemberSchema,
  MsgEnrolMeterSchema,
  MsgEthereumEventsSchema,
  MsgFlagReadingsSchema,
  MsgRecordErasureSchema,
  MsgRegisterBridgeKeySchema,
  MsgRegisterEnergySchema,
  MsgRemoveMemberSchema,
  MsgRevokeMeterSchema,
  MsgSealArchiveSchema,
  MsgSealIntervalSchema,
  MsgSetDeviceConfigurationSchema,
  MsgTransferEnergySchema,
  MsgUpdateValidatorsSchema,
  MsgWithdrawFlagSchema,
} from "../proto/gen/edream/ledger/v1/tx_pb.ts";

/** Every message a transaction may carry. A new message is one line here and one rule in consensus/application. */
export const MESSAGE_SCHEMAS = {
  MsgEnrolMember: MsgEnrolMemberSchema,
  MsgRemoveMember: MsgRemoveMemberSchema,
  MsgChangeRole: MsgChangeRoleSchema,
  MsgEnrolMeter: MsgEnrolMeterSchema,
  MsgRevokeMeter: MsgRevokeMeterSchema,
  MsgSealInterval: MsgSealIntervalSchema,
  MsgRegisterEnergy: MsgRegisterEnergySchema,
  MsgTransferEnergy: MsgTransferEnergySchema,
  MsgUpdateValidators: MsgUpdateValidatorsSchema,
  MsgAmendInterval: MsgAmendIntervalSchema,
  MsgRecordErasure: MsgRecordErasureSchema,
  MsgSealArchive: MsgSealArchiveSchema,
  MsgFlagReadings: MsgFlagReadingsSchema,
  MsgWithdrawFlag: MsgWithdrawFlagSchema,
  MsgSetDeviceConfiguration: MsgSetDeviceConfigurationSchema,
  MsgAcknowledgeDeviceConfiguration: MsgAcknowledgeDeviceConfigurationSchema,
  MsgBigchainTransaction: MsgBigchainTransactionSchema,
  MsgRegisterBridgeKey: MsgRegisterBridgeKeySchema,
  MsgConfigureBridge: MsgConfigureBridgeSchema,
  MsgBridgeEquivocation: MsgBridgeEquivocationSchema,
  MsgEthereumEvents: MsgEthereumEventsSchema,
} as const;

export type MessageName = keyof typeof MESSAGE_SCHEMAS;

export type MessageValue<N extends MessageName> = MessageShape<(typeof MESSAGE_SCHEMAS)[N]>;

/** One decoded message: its name, without package, and the value in the generated type. */
export type LedgerMessage = { [N in MessageName]: { readonly name: N; readonly value: MessageValue<N> } }[MessageName];

export const MESSAGE_NAMES = Object.keys(MESSAGE_SCHEMAS) as readonly MessageName[];

export function typeUrlOf(name: MessageName): string {
  return `/edream.ledger.v1.${name}`;
}

const NAME_BY_TYPE_URL = new Map(MESSAGE_NAMES.map((name) => [typeUrlOf(name), name]));

export function messageNameOf(typeUrl: string): MessageName | undefined {
  return NAME_BY_TYPE_URL.get(typeUrl);
}

/** `ledgerMessage("MsgRevokeMeter", {authority, meterId, reason})`: absent fields have their protobuf default. */
export function ledgerMessage<N extends MessageName>(
  name: N,
  fields: MessageInitShape<(typeof MESSAGE_SCHEMAS)[N]>,
): Extract<LedgerMessage, { name: N }> {
  const value = create(MESSAGE_SCHEMAS[name], fields as never);
  return { name, value } as unknown as Extract<LedgerMessage, { name: N }>;
}

export function encodeMessage(message: LedgerMessage): Uint8Array {
  return toBinary(MESSAGE_SCHEMAS[message.name], message.value as never);
}

/** The accounts that must have signed, as the message spells them. */
export function signersOfMessage(message: LedgerMessage): readonly string[] {
  switch (message.name) {
    case "MsgSealInterval":
    case "MsgAmendInterval":
    case "MsgRecordErasure":
    case "MsgSealArchive":
    case "MsgFlagReadings":
    case "MsgWithdrawFlag":
    case "MsgAcknowledgeDeviceConfiguration":
    case "MsgBigchainTransaction":
    case "MsgRegisterBridgeKey":
    case "MsgBridgeEquivocation":
    case "MsgEthereumEvents":
      return [message.value.signer];
    case "MsgRegisterEnergy":
      return [message.value.owner];
    case "MsgSetDeviceConfiguration":
      return [message.value.administrator];
    case "MsgTransferEnergy":
      return message.value.signers;
    case "MsgEnrolMember":
    case "MsgRemoveMember":
    case "MsgChangeRole":
    case "MsgEnrolMeter":
    case "MsgRevokeMeter":
    case "MsgUpdateValidators":
    case "MsgConfigureBridge":
      return [message.value.authority];
  }
}

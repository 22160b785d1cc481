import assert from "node:assert";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  AccountSchema,
  AmendedIntervalSchema,
  AppliedEthereumEventSchema,
  ArchiveSchema,
  BigchainOutputSchema,
  BridgeAddressSchema,
  BridgeKeySchema,
  BridgeSchema,
  BridgeSetSchema,
  BridgeSetsSchema,
  BridgeSignerSchema,
  ClosedPeriodSchema,
  ConfigurationPayloadSchema,
  CountersSchema,
  DeviceConfigurationSchema,
  ErasureSchema,
  EthereumLaneSchema,
  EthereumTallySchema,
  ExclusionSchema,
  FlagSchema,
  MemberSchema,
  MeterChainSchema,
  MeterCountsSchema,
  MeterSchema,
  OutputSchema,
  ParamsSchema,
  RegistryDeviceSchema,
  RegistryIssuerSchema,
  RegulatorsSchema,
  UnopenedIntervalSchema,
  ValidatorsSchema,
  ValidatorVoteSchema,
} from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { decodeStrict } from "#storage/proto/strictDecode.ts";

/**
 * The key space of the state tree: `<kind>` for the single ones, else `<kind>/<id>`, as ASCII. An id may contain slashes only where
 * nothing follows it or where what follows contains none, so that two ids never make the same key.
 */
export const RECORD_SCHEMAS = {
  params: ParamsSchema,
  counters: CountersSchema,
  regulators: RegulatorsSchema,
  validators: ValidatorsSchema,
  account: AccountSchema,
  member: MemberSchema,
  vote: ValidatorVoteSchema,
  exclusion: ExclusionSchema,
  meter: MeterSchema,
  chain: MeterChainSchema,
  period: ClosedPeriodSchema,
  unopened: UnopenedIntervalSchema,
  output: OutputSchema,
  counts: MeterCountsSchema,
  amended: AmendedIntervalSchema,
  erasure: ErasureSchema,
  archive: ArchiveSchema,
  flag: FlagSchema,
  configuration: DeviceConfigurationSchema,
  payload: ConfigurationPayloadSchema,
  bigchain: BigchainOutputSchema,
  bridge: BridgeSchema,
  bridgeKey: BridgeKeySchema,
  bridgeAddress: BridgeAddressSchema,
  bridgeSigner: BridgeSignerSchema,
  bridgeSets: BridgeSetsSchema,
  bridgeSet: BridgeSetSchema,
  ethereum: EthereumLaneSchema,
  tally: EthereumTallySchema,
  ethereumEvent: AppliedEthereumEventSchema,
  registryIssuer: RegistryIssuerSchema,
  registryDevice: RegistryDeviceSchema,
} as const satisfies Record<string, DescMessage>;

export type RecordKind = keyof typeof RECORD_SCHEMAS;
export type RecordOf<K extends RecordKind> = MessageShape<(typeof RECORD_SCHEMAS)[K]>;
export type AnyRecord = RecordOf<RecordKind>;

/** Id of the records of which there is one. */
export const SINGLE = "";

export function recordKey(kind: RecordKind, id: string): string {
  return id === SINGLE ? kind : `${kind}/${id}`;
}

export function recordKindOf(key: string): { kind: RecordKind; id: string } | undefined {
  const slash = key.indexOf("/");
  const kind = slash < 0 ? key : key.slice(0, slash);
  if (!Object.hasOwn(RECORD_SCHEMAS, kind)) return undefined;
  return { kind: kind as RecordKind, id: slash < 0 ? SINGLE : key.slice(slash + 1) };
}

/** A new record; absent fields have their protobuf default. To change one: `{...record, field}`. */
export function newRecord<K extends RecordKind>(
  kind: K,
  fields: MessageInitShape<(typeof RECORD_SCHEMAS)[K]>,
): RecordOf<K> {
  return create(RECORD_SCHEMAS[kind], fields as never) as unknown as RecordOf<K>;
}

export function encodeRecord(kind: RecordKind, record: AnyRecord): Uint8Array {
  return toBinary(RECORD_SCHEMAS[kind], record as never);
}

/** For bytes this application wrote: anything else is damage that must stop the node. */
export function decodeRecord<K extends RecordKind>(kind: K, bytes: Uint8Array): RecordOf<K> {
  const decoded = decodeStrict(RECORD_SCHEMAS[kind], bytes);
  assert("message" in decoded, `state value of kind ${kind} does not decode`);
  return decoded.message as RecordOf<K>;
}

export const outputId = (txIdHex: string, index: number): string => `${txIdHex}/${index}`;
export const periodId = (meterId: string, periodStartMs: number): string => `${meterId}/${periodStartMs}`;
export const unopenedId = (meterId: string, slot: number, amendment = 0): string =>
  amendment === 0 ? `${meterId}/${slot}` : `${meterId}/${slot}.${amendment}`;
export const amendedId = (meterId: string, endMs: number): string => `${meterId}/${endMs}`;
/** Of erasures, flags and configurations: padded, so that the order of the texts is that of the numbers. */
export const numberedId = (meterId: string, number: bigint | number): string =>
  `${meterId}/${number.toString().padStart(10, "0")}`;
export const setId = (number: bigint): string => number.toString().padStart(10, "0");
export const tallyId = (nonce: bigint): string => nonce.toString().padStart(20, "0");
/** Of issuers and devices of Ethereum's registry: `since` is when it began to count. */
export const registryId = (since: bigint, id: string): string => `${since.toString().padStart(16, "0")}/${id}`;
export const archiveId = (meterId: string, fromMs: bigint, untilMs: bigint, version: number): string =>
  `${meterId}/${fromMs}-${untilMs}-${version}`;

import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { GeneratedType } from "@cosmjs/proto-signing";
import { MESSAGE_NAMES, MESSAGE_SCHEMAS, typeUrlOf } from "#storage/types/transactionMessages.ts";

/**
 * The ledger's messages for the `Registry` of CosmJS. Values are plain objects with the fields of storage/proto/edream/ledger/v1/tx.proto
 * in camel case; 64-bit numbers are bigint, a oneof is `{case, value}`.
 */
export const LEDGER_TYPES: readonly [typeUrl: string, type: GeneratedType][] = MESSAGE_NAMES.map((name) => [
  typeUrlOf(name),
  generatedType(MESSAGE_SCHEMAS[name]),
]);

function generatedType(schema: DescMessage): GeneratedType {
  return {
    fromPartial: (fields: object) => create(schema, fields as never),
    encode: (message: object, writer = new BinaryWriter()) => writer.raw(toBinary(schema, message as Message)),
    decode: (input: Uint8Array | BinaryReader) =>
      fromBinary(schema, input instanceof BinaryReader ? input.bytes() : input),
  };
}

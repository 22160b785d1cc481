import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import type { QueryRequest, QueryResponse } from "#consensus/abci.ts";
import { treeGet } from "#storage/crypto/stateTree.ts";
import {
  BaseAccountSchema,
  QueryAccountRequestSchema,
  QueryAccountResponseSchema,
} from "#storage/proto/gen/cosmos/auth/v1beta1/auth_pb.ts";
import { SimulateRequestSchema, SimulateResponseSchema } from "#storage/proto/gen/cosmos/tx/v1beta1/service_pb.ts";
import type { Account } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import { decodeStrict } from "#storage/proto/strictDecode.ts";
import { canonicalAccount } from "#storage/types/transactionAccounts.ts";
import { PUBLIC_KEY_TYPES } from "#storage/types/transactionKeys.ts";
import { keyBytes } from "./committedState.ts";
import type { QuerySource, QueryVersion } from "./queryTypes.ts";
import { found, notFound } from "./queryTypes.ts";
import { decodeRecord, recordKey } from "./stateRecords.ts";

const ACCOUNT = "/cosmos.auth.v1beta1.Query/Account";
export const SIMULATE = "/cosmos.tx.v1beta1.Service/Simulate";

export const COSMOS_QUERY_PATHS: readonly string[] = [ACCOUNT, SIMULATE];

/** The two gRPC paths CosmJS's SigningStargateClient asks (research/cometbft.md §4.2), in protobuf. Undefined for any other path. */
export function answerCosmosQuery(
  request: QueryRequest,
  version: QueryVersion,
  source: QuerySource,
): QueryResponse | undefined {
  switch (request.path) {
    case ACCOUNT:
      return answerAccount(request, version);
    case SIMULATE:
      return answerSimulate(request, version, source);
    default:
      return undefined;
  }
}

/** There is no gas. What a transaction uses up is its signer's quota of bytes, so gas used is bytes, and gas wanted the quota of a block. */
function answerSimulate(request: QueryRequest, version: QueryVersion, source: QuerySource): QueryResponse {
  const decoded = decodeStrict(SimulateRequestSchema, request.data);
  if (!("message" in decoded))
    return notFound(version.height, "QUERY_MALFORMED", "not a SimulateRequest with tx_bytes");
  const simulation = source.simulate(decoded.message.txBytes);
  if ("code" in simulation) return notFound(version.height, simulation.code, simulation.reason);
  const gasInfo = { gasWanted: BigInt(source.quotaBytesPerBlock()), gasUsed: BigInt(simulation.bytes) };
  return found(version.height, { value: encode(SimulateResponseSchema, { gasInfo }) });
}

function answerAccount(request: QueryRequest, version: QueryVersion): QueryResponse {
  const decoded = decodeStrict(QueryAccountRequestSchema, request.data);
  const account = "message" in decoded ? canonicalAccount(decoded.message.address) : undefined;
  if (account === undefined) return notFound(version.height, "QUERY_MALFORMED", "not a QueryAccountRequest");
  const bytes = treeGet(version.tree, keyBytes(recordKey("account", account)));
  // CosmJS knows an absent account by this text and nothing else.
  if (bytes === undefined)
    return notFound(
      version.height,
      "QUERY_NOT_FOUND",
      `rpc error: code = NotFound desc = account ${account} not found`,
    );
  const { number, sequence, publicKey } = decodeRecord("account", bytes);
  const base = encode(BaseAccountSchema, {
    address: account,
    accountNumber: number,
    sequence,
    ...(publicKey === undefined ? {} : { pubKey: keyAny(publicKey) }),
  });
  const any = { typeUrl: "/cosmos.auth.v1beta1.BaseAccount", value: base };
  return found(version.height, { value: encode(QueryAccountResponseSchema, { account: any }) });
}

function keyAny({ type, key }: NonNullable<Account["publicKey"]>): { typeUrl: string; value: Uint8Array } {
  const { typeUrl, schema } = type === "ed25519" ? PUBLIC_KEY_TYPES.ed25519 : PUBLIC_KEY_TYPES.secp256k1;
  return { typeUrl, value: toBinary(schema, create(schema, { key })) };
}

function encode<D extends DescMessage>(schema: D, fields: MessageInitShape<D>): Uint8Array {
  return toBinary(schema, create(schema, fields));
}

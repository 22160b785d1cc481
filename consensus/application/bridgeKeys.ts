import { verifySignature } from "#storage/crypto/keys.ts";
import { MAX_TX_ATTESTATIONS } from "#storage/limits.ts";
import type { MsgRegisterBridgeKey } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { bindingConsensusBytes, bindingDigest } from "#storage/types/bridgeSigning.ts";
import { ETHEREUM_ADDRESS_BYTES, ethereumAddressOf, recoverKey } from "#storage/types/ethereum.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { recordBridgeSet, releaseBridgeKey } from "./bridgeSets.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import type { MessageContext } from "./messageContext.ts";
import { ensureAccount, recordTimeMs, requireRight, signerAccount } from "./messageContext.ts";
import { newRecord, SINGLE } from "./stateRecords.ts";
import { addressHex, consensusAddressOf } from "./validatorIds.ts";

/**
 * Binds a second key to a validator, or another one in its place. Checks in this order:
 *   a) whoever brings it may (ROLE_FORBIDDEN)
 *   b) the validator is one at present (VALIDATOR_UNKNOWN)
 *   c) the address is one (BRIDGE_KEY_INVALID) and was never bound (BRIDGE_KEY_USED): so no message of before can be sent a second time
 *   d) both keys have signed for this ledger, this validator and this address (BRIDGE_PROOF_INVALID)
 * The key's own account begins with it, if it has none: with it the validator says what it has seen on Ethereum.
 */
export function registerBridgeKey(context: MessageContext, message: MsgRegisterBridgeKey): Failure | undefined {
  const { state, chainId } = context;
  const forbidden = requireRight(context, signerAccount(message.signer), "registerBridgeKey");
  if (forbidden !== undefined) return forbidden;
  const isKey = ({ publicKey }: { publicKey: Uint8Array }) => Buffer.compare(publicKey, message.validator) === 0;
  if (!state.get("validators", SINGLE)?.validators.some(isKey))
    return fail("VALIDATOR_UNKNOWN", addressHex(message.validator).slice(0, 64));
  const { address } = message;
  if (address.length !== ETHEREUM_ADDRESS_BYTES || address.every((byte) => byte === 0))
    return fail("BRIDGE_KEY_INVALID", `address of ${address.length} bytes`);
  if (state.get("bridgeAddress", addressHex(address)) !== undefined)
    return fail("BRIDGE_KEY_USED", addressHex(address));
  context.attestations += 1;
  if (context.attestations > MAX_TX_ATTESTATIONS)
    return fail("TX_LIMIT_EXCEEDED", `more than ${MAX_TX_ATTESTATIONS} proofs in one transaction`);

  const id = consensusAddressOf(message.validator);
  const validator = new Uint8Array(Buffer.from(id, "hex"));
  const binding = { chainId, validator, address };
  const publicKey = recoverKey(bindingDigest(binding), message.bridgeSignature);
  if (publicKey === undefined || Buffer.compare(ethereumAddressOf(publicKey), address) !== 0)
    return fail("BRIDGE_PROOF_INVALID", "of the second key");
  const consensusKey = { type: "ed25519", bytes: message.validator } as const;
  if (!verifySignature(consensusKey, bindingConsensusBytes(binding), message.consensusSignature))
    return fail("BRIDGE_PROOF_INVALID", "of the consensus key");

  releaseBridgeKey(state, id);
  const account = accountOfKey({ type: "secp256k1", bytes: publicKey });
  ensureAccount(state, account);
  const registered = { height: BigInt(context.height), registeredMs: recordTimeMs(context) };
  state.put("bridgeKey", id, newRecord("bridgeKey", { address: new Uint8Array(address), account, ...registered }));
  state.put("bridgeAddress", addressHex(address), newRecord("bridgeAddress", { validator }));
  state.put("bridgeSigner", account, newRecord("bridgeSigner", { validator }));
  recordBridgeSet(state, context.height);
  context.events.push(event("bridge_key", { validator: id, address: addressHex(address), account }));
  return undefined;
}

import { addressOf, type PrivateKey, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { bindingConsensusBytes, bindingDigest } from "#storage/types/bridgeSigning.ts";
import { ethereumAddressOf, signCompact } from "#storage/types/ethereum.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";

/** Binds a validator's second key to its consensus key; `signer`, an account that may, brings it onto the ledger. */
export function bindBridgeKey(binding: {
  readonly chainId: string;
  readonly signer: string;
  readonly consensusKey: PrivateKey;
  readonly secondKey: PrivateKey;
}) {
  const { chainId, signer, consensusKey, secondKey } = binding;
  const validator = publicKeyOf(consensusKey);
  const address = ethereumAddressOf(publicKeyOf(secondKey).bytes);
  const bound = { chainId, validator: addressOf(validator), address };
  return ledgerMessage("MsgRegisterBridgeKey", {
    signer,
    validator: validator.bytes,
    address,
    bridgeSignature: signCompact(secondKey.bytes, bindingDigest(bound)),
    consensusSignature: sign(consensusKey, bindingConsensusBytes(bound)),
  });
}

import type { PublicKey } from "#storage/crypto/keys.ts";
import { publicKeyToJson } from "#storage/types/keyJson.ts";
import type { Validator, ValidatorSet } from "#storage/types/validatorSet.ts";
import { base64, hex, int64, unlessEmpty } from "./primitives.ts";

export function validatorJson({ address, publicKey, votingPower, proposerPriority }: Validator): object {
  return {
    address: hex(address),
    pub_key: publicKeyToJson(publicKey),
    voting_power: int64(votingPower),
    proposer_priority: int64(proposerPriority),
  };
}

export function validatorSetJson({ validators, proposer }: ValidatorSet): object {
  return { validators: validators.map(validatorJson), proposer: validatorJson(proposer) };
}

/** ABCI's ValidatorUpdate: the key in the form of its protobuf oneof, and no power when it is removed. */
export function validatorUpdateJson({ publicKey, power }: { publicKey: PublicKey; power: bigint }): object {
  const [type, field] =
    publicKey.type === "ed25519"
      ? ["tendermint.crypto.PublicKey_Ed25519", "ed25519"]
      : ["tendermint.crypto.PublicKey_Secp256K1", "secp256k1"];
  return {
    pub_key: { Sum: { type, value: { [field as string]: base64(publicKey.bytes) } } },
    ...unlessEmpty({ power: int64(power) }),
  };
}

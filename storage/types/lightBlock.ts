import { type Commit, encodeCommit, MAX_COMMIT_BYTES, readCommit } from "./commit.ts";
import { FormatError } from "./formatError.ts";
import { encodeHeader, type Header, MAX_HEADER_BYTES, readHeader } from "./header.ts";
import { encodeValidatorSet, MAX_VALIDATOR_SET_BYTES, readValidatorSet, type ValidatorSet } from "./validatorSet.ts";
import { decodeCanonical, FieldReader, FieldWriter } from "./wire.ts";

export interface SignedHeader {
  readonly header: Header;
  /** The commit FOR this header, by the validator set of its height. */
  readonly commit: Commit;
}

/** All a light node needs of one height. Nothing in it is to be believed before `consensus/light` has verified it. */
export interface LightBlock {
  readonly signedHeader: SignedHeader;
  /** Hashes to the header's validatorsHash; the proposer priorities in it are covered by no hash. */
  readonly validatorSet: ValidatorSet;
}

export const MAX_LIGHT_BLOCK_BYTES = MAX_HEADER_BYTES + MAX_COMMIT_BYTES + MAX_VALIDATOR_SET_BYTES + 32;

/** tendermint.types.SignedHeader {header = 1, commit = 2}. */
function encodeSignedHeader(signedHeader: SignedHeader): Uint8Array {
  return new FieldWriter()
    .message(1, encodeHeader(signedHeader.header))
    .message(2, encodeCommit(signedHeader.commit))
    .finish();
}

/** tendermint.types.LightBlock {signed_header = 1, validator_set = 2}. */
export function encodeLightBlock(block: LightBlock): Uint8Array {
  return new FieldWriter()
    .message(1, encodeSignedHeader(block.signedHeader))
    .message(2, encodeValidatorSet(block.validatorSet))
    .finish();
}

/** @throws FormatError when `bytes` are not the one encoding of a light block */
export function decodeLightBlock(bytes: Uint8Array): LightBlock {
  return decodeCanonical("lightBlock", MAX_LIGHT_BLOCK_BYTES, bytes, readLightBlock, encodeLightBlock);
}

/** Like decodeLightBlock, for a light block inside another message whose decoder checks that the encoding is canonical. */
export function readLightBlock(bytes: Uint8Array): LightBlock {
  let signedHeader: SignedHeader | undefined;
  let validatorSet: ValidatorSet | undefined;
  const fields = new FieldReader("lightBlock", bytes);
  while (fields.next()) {
    if (fields.number === 1) signedHeader = readSignedHeader(fields.message());
    else if (fields.number === 2) validatorSet = readValidatorSet(fields.message());
    else fields.refuse();
  }
  if (signedHeader === undefined || validatorSet === undefined) {
    throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "lightBlock" });
  }
  return { signedHeader, validatorSet };
}

function readSignedHeader(bytes: Uint8Array): SignedHeader {
  let header: Header | undefined;
  let commit: Commit | undefined;
  const fields = new FieldReader("signedHeader", bytes);
  while (fields.next()) {
    if (fields.number === 1) header = readHeader(fields.message());
    else if (fields.number === 2) commit = readCommit(fields.message());
    else fields.refuse();
  }
  if (header === undefined || commit === undefined) {
    throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "signedHeader" });
  }
  return { header, commit };
}

import type { SignerPort } from "#consensus/engine/ports.ts";
import { createSigner } from "#consensus/engine/signer.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { NODE_FILE_SYSTEM } from "#storage/db/fileSystem.ts";
import { stripTimestamp } from "#storage/db/signBytes.ts";
import { createSignState, openSignState } from "#storage/db/signState.ts";

/**
 * The signer of a validator with its state on disk. A state that is missing is made only for a node that has no block yet: one that got
 * lost must not come back empty, or the validator could sign twice.
 * @throws SignStateError SIGN_STATE_MISSING, SIGN_STATE_MALFORMED
 */
export function openSigner(
  key: PrivateKey,
  chainId: string,
  path: string,
  { isNewChain }: { readonly isNewChain: boolean },
): SignerPort {
  const fileSystem = NODE_FILE_SYSTEM;
  if (fileSystem.size(path) === undefined && isNewChain) createSignState(fileSystem, path);
  return createSigner(key, chainId, openSignState({ fileSystem, path, stripTimestamp }));
}

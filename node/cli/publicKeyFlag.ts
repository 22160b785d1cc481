import type { PublicKey } from "#storage/crypto/keys.ts";
import { cliError } from "./cliError.ts";
import type { CommandContext } from "./context.ts";
import { showKey } from "./keyStore.ts";
import { parseHex } from "./quantities.ts";

/**
 * A public key as a flag names it: a key of this home by name, or TYPE:HEX as `keys show` prints it.
 * @throws CliError KEY_UNKNOWN, PUBLIC_KEY_MALFORMED, HEX_MALFORMED
 */
export function publicKeyOfFlag(context: CommandContext, text: string): PublicKey {
  const [type, digits] = text.split(":");
  if (digits === undefined) return showKey(context.paths.keys, text).publicKey;
  if (type === "ed25519") return { type, bytes: parseHex(digits, 32, "the public key") };
  if (type === "secp256k1") return { type, bytes: parseHex(digits, 33, "the public key") };
  throw cliError("usage", "PUBLIC_KEY_MALFORMED", `${type} is no kind of key`, "write ed25519:HEX or secp256k1:HEX");
}

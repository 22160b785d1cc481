import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { addressOfPoint, type Point, publicPointOf } from "#bridge/ecies.ts";
import { generatePrivateKey } from "#storage/crypto/keys.ts";
import { syncFolder } from "../../archive/durableFile.ts";
import { CliError, cliError } from "../../cli/cliError.ts";
import type { CommandContext } from "../../cli/context.ts";
import { loadKey, saveKey } from "../../cli/keyStore.ts";
import { readPassphrase } from "../../cli/passphrase.ts";

/**
 * Keys that a buyer makes for one offer each: `keys/data/ADDRESS.json`, encrypted as the other keys of the home, by the address that the contract keeps of
 * them. Whoever loses one cannot open what it has paid for.
 */
const folderOf = ({ paths }: CommandContext) => join(paths.keys, "data");
const nameOf = (address: string) => address.slice(2).toLowerCase();

/** Makes one; when this resolves it is on disk. Its public point. */
export async function makeOneTimeKey(home: CommandContext): Promise<Point> {
  const passphrase = await readPassphrase(home.io, home.options.passphraseFile);
  const key = generatePrivateKey("secp256k1");
  const point = publicPointOf(key.bytes);
  const folder = folderOf(home);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await saveKey(folder, nameOf(addressOfPoint(point)), key, passphrase);
  await syncFolder(folder);
  await syncFolder(home.paths.keys);
  return point;
}

/** The private key of the point with this address, 32 bytes. @throws CliError ONE_TIME_KEY_UNKNOWN, KEY_PASSPHRASE_WRONG, KEY_FILE_MALFORMED */
export async function oneTimeKey(home: CommandContext, address: string): Promise<Uint8Array> {
  const passphrase = await readPassphrase(home.io, home.options.passphraseFile);
  try {
    return (await loadKey(folderOf(home), nameOf(address), passphrase)).bytes;
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== "KEY_UNKNOWN") throw error;
    const hint = "run it in the home that made the winning offer: its keys/data has the key for this listing";
    throw cliError("notFound", "ONE_TIME_KEY_UNKNOWN", `there is no one-time key ${address} in this home`, hint);
  }
}

import { expect, test } from "vitest";
import { publicKeyOf, sign, verifyVoteSignature } from "../crypto/keys.ts";
import { cometBft, fromHex, toHex } from "./cometbftVectors.ts";
import { formatNodeKey, nodeIdOf, parseNodeKey } from "./nodeKey.ts";
import { formatPrivValidatorKey, parsePrivValidatorKey } from "./privValidatorKey.ts";

const vector = cometBft.keyFiles;

test("priv_validator_key.json of Go is read, signs, and is written back byte for byte", () => {
  const { address, publicKey, privateKey } = parsePrivValidatorKey(vector.privValidatorKey);
  expect(toHex(address)).toBe(vector.address);
  expect(toHex(publicKey.bytes)).toBe(vector.publicKey);
  expect(toHex(privateKey.bytes)).toBe(vector.seed);
  expect(formatPrivValidatorKey(privateKey)).toBe(vector.privValidatorKey);
  const message = fromHex("00ff");
  expect(verifyVoteSignature(publicKey, message, sign(privateKey, message))).toBe(true);
});

test("node_key.json of Go is read, has Go's node id, and is written back byte for byte", () => {
  const key = parseNodeKey(vector.nodeKey);
  expect(nodeIdOf(key)).toBe(vector.nodeId);
  expect(formatNodeKey(key)).toBe(vector.nodeKey);
});

test("a secp256k1 key file survives the round trip", () => {
  const key = { type: "secp256k1", bytes: new Uint8Array(32).fill(9) } as const;
  expect(parsePrivValidatorKey(formatPrivValidatorKey(key)).publicKey.type).toBe(publicKeyOf(key).type);
});

test("a key file whose parts do not belong together is refused, and the error does not show the key", () => {
  const secret = JSON.parse(vector.privValidatorKey).priv_key.value as string;
  const other = JSON.parse(formatPrivValidatorKey({ type: "ed25519", bytes: new Uint8Array(32).fill(1) }));
  const file = JSON.parse(vector.privValidatorKey);
  const spoiled = Buffer.from(secret, "base64");
  spoiled[40] = (spoiled[40] as number) ^ 1;
  const texts = [
    JSON.stringify({ ...file, address: other.address }),
    JSON.stringify({ ...file, pub_key: other.pub_key }),
    JSON.stringify({ ...file, priv_key: { ...file.priv_key, value: spoiled.toString("base64") } }),
    JSON.stringify({ ...file, priv_key: { ...file.priv_key, value: secret.slice(0, 44) } }),
    vector.privValidatorKey.replace('"value": "53ai', '"value": 53ai'),
    vector.privValidatorKey.slice(0, -20),
    "",
  ];
  for (const text of texts) {
    const error = (() => {
      try {
        parsePrivValidatorKey(text);
      } catch (caught) {
        return caught as Error;
      }
      throw new Error("accepted");
    })();
    expect(error.message).toMatch(/^FORMAT_/);
    expect(error.message).not.toContain(secret.slice(0, 8));
    expect(error.message).not.toContain(secret.slice(4, 12));
  }
});

import { addressOf, type PrivateKey, publicKeyOf } from "../crypto/keys.ts";
import { parseJsonObject, privateKeyFromJson, privateKeyToJson } from "./keyJson.ts";

const MAX_NODE_KEY_CHARS = 4_096;

/** The text of CometBFT's node_key.json, one line. */
export function formatNodeKey(privateKey: PrivateKey): string {
  return JSON.stringify({ priv_key: privateKeyToJson(privateKey) });
}

/** @throws FormatError */
export function parseNodeKey(text: string): PrivateKey {
  return privateKeyFromJson(parseJsonObject("node_key.json", text, MAX_NODE_KEY_CHARS).priv_key, "priv_key");
}

/** CometBFT's node id: the address of the node key in lower-case hex. RPC clients expect hex here, not a libp2p peer id. */
export function nodeIdOf(privateKey: PrivateKey): string {
  return Buffer.from(addressOf(publicKeyOf(privateKey))).toString("hex");
}

import { decodeMessage } from "../engine/messages.ts";
import type { MessageKind } from "./plan.ts";

/** A message goes to many nodes as the same bytes. */
const known = new WeakMap<Uint8Array, MessageKind>();

/** What a consensus message is; whatever cannot be decoded, and evidence and commits, is "other". */
export function kindOf(bytes: Uint8Array): MessageKind {
  let kind = known.get(bytes);
  if (kind === undefined) {
    kind = read(bytes);
    known.set(bytes, kind);
  }
  return kind;
}

function read(bytes: Uint8Array): MessageKind {
  const message = decodeMessage(bytes);
  if (!("type" in message)) return "other";
  switch (message.type) {
    case "vote":
      return message.vote.type;
    case "proposal":
    case "part":
    case "status":
      return message.type;
    case "commit":
    case "evidence":
      return "other";
  }
}

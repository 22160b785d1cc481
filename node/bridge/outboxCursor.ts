import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { EMPTY_OUTBOX_CHAIN } from "#bridge/contractEvents.ts";
import { decodeContractsFile } from "#bridge/evm/contractsFile.ts";
import type { ObserverCursor } from "#bridge/outboxObserver.ts";
import { writeFileDurably } from "../archive/durableFile.ts";

/** How far an outbox was read, on disk: `bridge-outbox.json` below the node's data. */
export async function saveCursor(
  data: string,
  outbox: string,
  { block, eventNonce, hash }: ObserverCursor,
): Promise<void> {
  const text = JSON.stringify({ outbox, block, eventNonce: `${eventNonce}`, hash });
  await writeFileDurably(cursorPath(data), Buffer.from(text), 0o600);
}

/** Undefined where there is none, or of another outbox: then everything is read from the beginning. */
export function loadCursor(data: string, outbox: string): ObserverCursor | undefined {
  const path = cursorPath(data);
  if (!existsSync(path)) return undefined;
  try {
    const json = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    const { block, eventNonce, hash } = json;
    if (json.outbox !== outbox || typeof hash !== "string" || !/^0x[0-9a-f]{48}$/.test(hash)) return undefined;
    if (typeof block !== "number" || !Number.isSafeInteger(block) || typeof eventNonce !== "string") return undefined;
    return { block, eventNonce: BigInt(eventNonce), hash };
  } catch {
    return undefined;
  }
}

/** Before the first event there can be. `contractsFile`: empty for none. */
export function firstCursor(contractsFile: string): ObserverCursor {
  const fromBlock = contractsFile === "" ? 0 : decodeContractsFile(readFileSync(contractsFile, "utf8")).fromBlock;
  return { block: fromBlock - 1, ...EMPTY_OUTBOX_CHAIN };
}

function cursorPath(data: string): string {
  return join(data, "bridge-outbox.json");
}

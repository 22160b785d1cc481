import { WebSocket } from "ws";
import { AssetStoreError, type CommittedAsset } from "#storage/assets/assetStore.ts";

/** Events that wait to be taken by whoever iterates. */
const MAX_WAITING_EVENTS = 100_000;

const MAX_EVENT_BYTES = 16 * 1024;

/** The event stream of a server, read until the signal is aborted. @throws AssetStoreError ASSET_STREAM_LOST */
export async function* readEvents(url: string, signal: AbortSignal): AsyncIterable<CommittedAsset> {
  const socket = new WebSocket(url, { maxPayload: MAX_EVENT_BYTES, perMessageDeflate: false });
  const waiting: CommittedAsset[] = [];
  let fault: AssetStoreError | undefined;
  let wake: (() => void) | undefined;
  const lose = (reason: string) => {
    fault ??= new AssetStoreError({ code: "ASSET_STREAM_LOST", url, reason });
    wake?.();
  };
  socket.on("message", (data) => {
    const event = eventOf(String(data));
    if (event === undefined) lose("a frame that is no event");
    else if (waiting.length >= MAX_WAITING_EVENTS) lose(`${MAX_WAITING_EVENTS} events were not taken`);
    else waiting.push(event);
    wake?.();
  });
  socket.on("error", (error) => lose(error.message));
  socket.on("close", () => lose("closed by the server"));
  const stop = () => wake?.();
  signal.addEventListener("abort", stop, { once: true });
  try {
    while (!signal.aborted) {
      const event = waiting.shift();
      if (event !== undefined) yield event;
      else if (fault !== undefined) throw fault;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    signal.removeEventListener("abort", stop);
    socket.terminate();
  }
}

function eventOf(text: string): CommittedAsset | undefined {
  try {
    const { height, asset_id: assetId, transaction_id: transactionId } = JSON.parse(text) as Record<string, unknown>;
    if (typeof height !== "number" || typeof assetId !== "string" || typeof transactionId !== "string")
      return undefined;
    return { height, assetId, transactionId };
  } catch {
    return undefined;
  }
}

import { once } from "node:events";
import { WebSocket } from "ws";

/** One event of a subscription: its name, the type of its data, and what of it is the same at every height. */
export interface RecordedEvent {
  readonly name: string;
  readonly type: string;
  readonly step?: string;
  /** Fields of the data. */
  readonly fields: readonly string[];
}

/** Without result: the node is stopping. */
interface EventMessage {
  readonly result?: {
    readonly data?: { readonly type: string; readonly value: Readonly<Record<string, unknown>> };
    readonly events?: Readonly<Record<string, readonly string[]>>;
  };
}

const isNewHeight = ({ name, step }: RecordedEvent) => name === "NewRoundStep" && step === "RoundStepNewHeight";

/** Subscribes to everything, and answers all events of the first whole height with a transaction, in their order. The node has one validator. */
export async function recordHeight(url: string): Promise<readonly RecordedEvent[]> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`);
  await once(socket, "open");
  const found = Promise.withResolvers<readonly RecordedEvent[]>();
  let height: RecordedEvent[] | undefined;
  socket.on("message", (data) => {
    const { result } = JSON.parse(String(data)) as EventMessage;
    if (result?.data === undefined) return;
    const { type, value } = result.data;
    const step = typeof value.step === "string" ? { step: value.step } : {};
    const event = { name: result.events?.["tm.event"]?.join() ?? "", type, ...step, fields: Object.keys(value) };
    height?.push(event);
    if (!isNewHeight(event)) return;
    if (height?.some(({ name }) => name === "Tx")) found.resolve(height);
    height = [];
  });
  socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "subscribe", params: { query: "tm.event EXISTS" } }));
  try {
    return await found.promise;
  } finally {
    socket.close();
  }
}

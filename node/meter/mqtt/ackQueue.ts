import type { Duplex } from "node:stream";
import { generate } from "mqtt-packet";

interface Pending {
  readonly messageId: number;
  isDone: boolean;
}

/**
 * Acknowledges the QoS 1 messages of one connection, in the order in which they came (MQTT 3.1.1, MQTT-4.6.0-2), each when it is on disk. It writes to the
 * connection that brought the message and to no other: on the next one the broker sends again what was not acknowledged, and the same number may by then
 * be another message's.
 */
export class AckQueue {
  readonly #stream: Duplex;
  readonly #protocolVersion: 4 | 5;
  readonly #pending: Pending[] = [];

  constructor(stream: Duplex, protocolVersion: 4 | 5) {
    this.#stream = stream;
    this.#protocolVersion = protocolVersion;
  }

  isOf(stream: Duplex): boolean {
    return this.#stream === stream;
  }

  /** Returns what is to be called once the message is on disk. */
  expect(messageId: number): () => void {
    const pending: Pending = { messageId, isDone: false };
    this.#pending.push(pending);
    return () => {
      pending.isDone = true;
      this.#flush();
    };
  }

  #flush(): void {
    while (this.#pending[0]?.isDone === true) {
      const { messageId } = this.#pending.shift() as Pending;
      if (this.#stream.destroyed || !this.#stream.writable) continue;
      this.#stream.write(
        generate({ cmd: "puback", messageId, reasonCode: 0 }, { protocolVersion: this.#protocolVersion }),
      );
    }
  }
}

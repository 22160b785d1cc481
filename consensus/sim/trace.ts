import { createHash } from "node:crypto";

/** What happened in a run, in order, as one hash; as lines for a person when asked. */
export interface Trace {
  /** One event: a word, then numbers and short texts. */
  note(atMs: number, what: string, ...facts: readonly (string | number)[]): void;
  /** Bytes that were sent, in full. */
  bytes(bytes: Uint8Array): void;
  /** SHA-256 over everything noted, hex. Ends the trace. */
  digest(): string;
}

/** Lines gather to about this size before they are hashed: hashing each would cost more than the events. */
const CHUNK_BYTES = 32 * 1024;

export function createTrace(onLine?: (line: string) => void): Trace {
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let filled = 0;

  function flush(): void {
    hash.update(chunk.subarray(0, filled));
    filled = 0;
  }

  return {
    note(atMs, what, ...facts) {
      const line = `${atMs.toFixed(3)} ${what} ${facts.join(" ")}\n`;
      if (filled + line.length * 3 > CHUNK_BYTES) flush();
      filled += chunk.write(line, filled, "utf8");
      onLine?.(line.slice(0, -1));
    },
    bytes(bytes) {
      if (filled + bytes.length > CHUNK_BYTES) flush();
      if (bytes.length > CHUNK_BYTES) hash.update(bytes);
      else {
        chunk.set(bytes, filled);
        filled += bytes.length;
      }
    },
    digest() {
      flush();
      return hash.digest("hex");
    },
  };
}

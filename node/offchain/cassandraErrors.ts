import { types } from "cassandra-driver";
import { ReadingStoreError } from "#storage/offchain/readingStore.ts";

/** A conditional write that gave way to another one, or was not answered in time: it cannot tell what became of it. */
export function isRaced(error: unknown): boolean {
  const { code, writeType } = error as { readonly code?: unknown; readonly writeType?: unknown };
  return (code === types.responseErrorCodes.writeTimeout && writeType === "CAS") || code === CAS_WRITE_UNKNOWN;
}

/** Native protocol v5 §9; this driver speaks v4 and may be newer one day. */
const CAS_WRITE_UNKNOWN = 0x1700;

/** Whatever the cluster says: no reading is such that Cassandra would refuse it for good, so it is worth another try when somebody has looked. */
export function unreachable(error: unknown): unknown {
  if (error instanceof ReadingStoreError) return error;
  const { message, innerErrors } = error as Error & { readonly innerErrors?: Readonly<Record<string, unknown>> };
  const inner = Object.entries(innerErrors ?? {}).map(([host, reason]) => `${host}: ${reason}`);
  // The driver puts a stack behind the text where it quotes an error of its own.
  const reason = [message, ...inner]
    .map((text) => text.split("\n")[0])
    .join("; ")
    .slice(0, 500);
  return new ReadingStoreError({ code: "READING_STORE_UNREACHABLE", reason }, { cause: error });
}

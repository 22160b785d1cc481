import { crc32c } from "#storage/db/crc32c.ts";

/** An object with the crc32c of its JSON text, so that a file that was changed is known as such. It guards against damage, not against people. */
export type Checked<T> = T & { readonly checksum: string };

export function withChecksum<T extends object>(value: T): Checked<T> {
  return { ...value, checksum: checksumOf(value) };
}

/** Whether the object, its checksum as the last member, is the one that was written. */
export function hasGoodChecksum(value: unknown): value is Checked<object> {
  if (typeof value !== "object" || value === null || !("checksum" in value)) return false;
  const { checksum, ...rest } = value;
  return checksum === checksumOf(rest);
}

function checksumOf(value: object): string {
  return crc32c(Buffer.from(JSON.stringify(value)))
    .toString(16)
    .padStart(8, "0");
}

import { hex } from "./json.ts";

/**
 * Any view or protobuf message as plain JSON: bytes in hex, 64-bit quantities as decimal texts, absent fields left out, without the
 * protobuf library's `$` fields, and the chosen branch of a oneof under its own name.
 */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const fields: [string, unknown][] = [];
  for (const [name, field] of Object.entries(value)) {
    if (name.startsWith("$") || field === undefined) continue;
    if (isOneof(field)) {
      if (field.case !== undefined) fields.push([field.case, plain(field.value)]);
    } else fields.push([name, plain(field)]);
  }
  return Object.fromEntries(fields);
}

function isOneof(field: unknown): field is { readonly case: string | undefined; readonly value?: unknown } {
  return typeof field === "object" && field !== null && "case" in field && !("$typeName" in field);
}

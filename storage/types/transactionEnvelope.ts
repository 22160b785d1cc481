/** The three fields of cosmos.tx.v1beta1.TxRaw. */
export interface Envelope {
  readonly bodyBytes: Uint8Array;
  readonly authInfoBytes: Uint8Array;
  readonly signatures: readonly Uint8Array[];
}

const TAG_BODY = 0x0a;
const TAG_AUTH_INFO = 0x12;
const TAG_SIGNATURE = 0x1a;

/**
 * Reads TxRaw in its one canonical form: fields in ascending order, body and auth info once and not empty, lengths as short as possible.
 * Everything else is undefined. The fields are views of `bytes`. By hand, because the form matters here and generated code forgets it.
 */
export function readEnvelope(bytes: Uint8Array, maxSignatures: number): Envelope | undefined {
  const body = readField(bytes, 0, TAG_BODY);
  if (body === undefined) return undefined;
  const authInfo = readField(bytes, body.end, TAG_AUTH_INFO);
  if (authInfo === undefined) return undefined;
  const signatures: Uint8Array[] = [];
  let offset = authInfo.end;
  while (offset < bytes.length) {
    const signature = readField(bytes, offset, TAG_SIGNATURE);
    if (signature === undefined || signatures.length === maxSignatures) return undefined;
    signatures.push(signature.value);
    offset = signature.end;
  }
  return { bodyBytes: body.value, authInfoBytes: authInfo.value, signatures };
}

/** The canonical bytes of TxRaw. */
export function writeEnvelope({ bodyBytes, authInfoBytes, signatures }: Envelope): Uint8Array {
  return Buffer.concat([
    lengthPrefix(TAG_BODY, bodyBytes.length),
    bodyBytes,
    lengthPrefix(TAG_AUTH_INFO, authInfoBytes.length),
    authInfoBytes,
    ...signatures.flatMap((signature) => [lengthPrefix(TAG_SIGNATURE, signature.length), signature]),
  ]);
}

function readField(bytes: Uint8Array, start: number, tag: number): { value: Uint8Array; end: number } | undefined {
  if (bytes[start] !== tag) return undefined;
  let offset = start + 1;
  let length = 0;
  // Three groups of 7 bits: MAX_TX_BYTES is below 2^21.
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[offset++];
    if (byte === undefined || shift > 14 || (byte === 0 && shift > 0)) return undefined;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const end = offset + length;
  if (length === 0 || end > bytes.length) return undefined;
  return { value: bytes.subarray(offset, end), end };
}

function lengthPrefix(tag: number, length: number): Uint8Array {
  const out = [tag];
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  out.push(rest);
  return Uint8Array.from(out);
}

/** Why a device did not apply a configuration: the code of its MsgAcknowledgeDeviceConfiguration. Numbers are never given again. */
export const REJECTIONS = {
  PAYLOAD_MALFORMED: 1,
  UNDECRYPTABLE: 2,
  HASH_MISMATCH: 3,
  ATTESTATION_INVALID: 4,
  ADMINISTRATOR_WRONG: 5,
  SCHEMA_UNKNOWN: 6,
  SYNTAX_INVALID: 7,
  SETTING_IMPOSSIBLE: 8,
  APPLY_FAILED: 9,
  SUPERSEDED: 10,
  CONNECTION_UNKNOWN: 11,
  PERIOD_UNCHANGEABLE: 12,
  PERIOD_OUT_OF_RANGE: 13,
  INTERVAL_FIXED: 14,
  SETTINGS_CONFLICT: 15,
} as const;

export type Rejection = keyof typeof REJECTIONS;

/** Undefined for a number that no version of this program has given. */
export function rejectionOf(code: number): Rejection | undefined {
  return (Object.keys(REJECTIONS) as Rejection[]).find((name) => REJECTIONS[name] === code);
}

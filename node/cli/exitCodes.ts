/** Exit codes of every command; scripts may rely on them. node/README.md has the same table. */
export const EXIT_CODES = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  verificationFailed: 5,
  unreachable: 6,
  tampered: 7,
} as const;

export type ExitName = keyof typeof EXIT_CODES;

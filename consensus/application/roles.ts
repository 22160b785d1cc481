/** Roles of members; `regulator` is given by the owner, the others by regulators. */
export const ROLES = ["dso", "regulator", "aggregator", "producer", "consumer", "prosumer"] as const;
export type Role = (typeof ROLES)[number];

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

/**
 * In what capacity an account acts: as owner of the ledger, as a member with its role, or as the device of the meter in question.
 * One account may have several; an account that has none is a stranger.
 */
export type Standing = "owner" | Role | "device";

export const STANDINGS: readonly Standing[] = ["owner", ...ROLES, "device"];

const ANY_MEMBER: readonly Standing[] = ROLES;

/** Who may do what. Everything that is not here is forbidden. */
export const RIGHTS = {
  /** MsgEnrolMember, MsgRemoveMember and MsgChangeRole where the old or the new role is `regulator`. */
  appointRegulator: ["owner"],
  /** The same messages for all other roles. */
  manageMember: ["regulator"],
  enrolMeter: ["dso", "regulator"],
  revokeMeter: ["dso", "regulator"],
  sealInterval: ["device"],
  registerEnergy: ["producer", "prosumer"],
  transferEnergy: ANY_MEMBER,
  updateValidators: ["regulator"],
} as const satisfies Record<string, readonly Standing[]>;

export type Right = keyof typeof RIGHTS;

export function hasRight(standing: Standing | undefined, right: Right): boolean {
  return standing !== undefined && (RIGHTS[right] as readonly Standing[]).includes(standing);
}

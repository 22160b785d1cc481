/** Roles of members; `regulator` is given by the owner, the others by regulators. A `checker` trades no energy: it attests configurations. */
export const ROLES = ["dso", "regulator", "aggregator", "producer", "consumer", "prosumer", "checker"] as const;
export type Role = (typeof ROLES)[number];

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

/**
 * In what capacity an account acts: as owner of the ledger, as a member with its role, or as what it is to the meter in question: its device,
 * its owner, or the administrator of its device; or as the second key of a validator. One account may have several; an account that has none is a stranger.
 */
export type Standing = "owner" | Role | "device" | "meterOwner" | "administrator" | "validator";

export const STANDINGS: readonly Standing[] = ["owner", ...ROLES, "device", "meterOwner", "administrator", "validator"];

const TRADERS: readonly Standing[] = ["dso", "regulator", "aggregator", "producer", "consumer", "prosumer"];

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
  transferEnergy: TRADERS,
  updateValidators: ["regulator"],
  amendInterval: ["device"],
  recordErasure: ["regulator", "device", "meterOwner"],
  sealArchive: ["dso", "device", "meterOwner"],
  /** MsgFlagReadings and MsgWithdrawFlag; a flag is withdrawn by who raised it, or by a regulator. */
  flagReadings: ["dso", "regulator", "aggregator", "meterOwner"],
  setConfiguration: ["administrator"],
  /** Of the account whose signature MsgSetDeviceConfiguration brings along. */
  attestConfiguration: ["checker"],
  acknowledgeConfiguration: ["device"],
  /** Whoever brings a BigchainDB transaction; who owns what in it is told by its own keys. */
  carryBigchainTransaction: TRADERS,
  /** Whoever brings it: that it is true is said by the two keys. */
  registerBridgeKey: ["dso", "regulator", "validator"],
  configureBridge: ["owner"],
  /** Whoever brings it: the evidence speaks for itself. */
  reportEquivocation: ["dso", "regulator", "validator"],
  voteEthereum: ["validator"],
} as const satisfies Record<string, readonly Standing[]>;

export type Right = keyof typeof RIGHTS;

export function hasRight(standing: Standing | undefined, right: Right): boolean {
  return standing !== undefined && (RIGHTS[right] as readonly Standing[]).includes(standing);
}

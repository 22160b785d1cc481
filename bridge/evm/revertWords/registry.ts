import type { RevertWords } from "../revertWords.ts";

/** DeviceRegistry, and what LedgerReader says of the ledger's records. */
export const REGISTRY_REVERT_WORDS: Readonly<Record<string, RevertWords>> = {
  NotIssuer: {
    reason: "this account is no issuer of certificates, or it was revoked, or one above it",
    hint: "run it with an issuer's key: --key NAME; `registry issuers` has the issuers",
  },
  IssuerInvalid: {
    reason: "the account is an issuer already, or it is no account",
    hint: "`energy-ledger registry issuers` has the issuers",
  },
  IssuerUnknown: { reason: "there is no issuer with this number", hint: "`registry issuers` has their numbers" },
  IssuersTooDeep: {
    reason: "an issuer so far below the owner appoints no other",
    hint: "let the owner, or an issuer higher up, appoint it",
  },
  NotYours: {
    reason: "it was issued, or appointed, by somebody who is not below this account",
    hint: "let its issuer, one above, or the owner revoke it: --key NAME",
  },
  AlreadyRevoked: { reason: "it was revoked before, for good", hint: "nothing is left to do" },
  CertificateUnknown: {
    reason: "there is no certificate with this number",
    hint: "`energy-ledger registry device METER` has the numbers of a device's",
  },
  ValidityInvalid: {
    reason: "the certificate would be over before it begins, over already, or hold for more than 30 years",
    hint: "give another --from, --until or --for; both times of the error are Unix seconds",
  },
  KeyInvalid: {
    reason: "the device's key is no point of its curve, or of another length",
    hint: "give it as ed25519:HEX, secp256k1:HEX or p256:HEX, or leave --device-key out for the one that the ledger has",
  },
  AccountInvalid: { reason: "the zero address is nobody's", hint: "give the account's Ethereum address" },
  DeviceCertifiedElsewhere: {
    reason: "another issuer has certified this device, and that certificate is not revoked",
    hint: "let that issuer renew or revoke it first: `registry revoke-certificate`",
  },
  AdministratorInvalid: {
    reason: "this is no valid certificate of an administrator, or not the one that the device has at present",
    hint: "give a number that `registry issue-administrator` answered; the present one changes by `registry propose-administrator`",
  },
  DeviceUnknown: {
    reason: "the registry has no such device",
    hint: "check the meter's id, or let an issuer certify the device: `registry issue-device`",
  },
  NotAdministrator: {
    reason: "this account is not who administers the device, or is to",
    hint: "run it with that key: --key NAME; `registry device METER` says who it is",
  },
  DeviceNotValid: {
    reason: "the device's certificate does not hold: the status is the error's second argument",
    hint: "`energy-ledger registry device METER` says why in words",
  },
  VersionWrong: {
    reason: "a configuration's version is the one before and one more",
    hint: "let the checker attest it for the version that was expected: `registry attest --version N`",
  },
  ConfigurationInvalid: {
    reason: "the configuration has no hash, or no schema with a version",
    hint: "give the file as `registry attest` wrote it",
  },
  CheckerInvalid: {
    reason: "whoever attested it is no checker here, or is the administrator itself",
    hint: "let a checker attest it; the owner appoints one with `registry appoint-checker`",
  },
  AttestationInvalid: {
    reason: "the checker has not signed exactly this: device, version, hash and schema",
    hint: "let the checker attest it again: `registry attest`",
  },
  ConfigurationUnknown: {
    reason: "the device was never told this version",
    hint: "`energy-ledger registry device METER` has the versions",
  },
  AlreadyAcknowledged: { reason: "the device has answered this version already", hint: "nothing is left to do" },
  OutcomeInvalid: {
    reason: "applied goes with code 0 and rejected with another; on the ledger the device may not have answered yet",
    hint: "wait until `energy-ledger device config status METER` says what the device answered",
  },
  KeyCannotSign: {
    reason: "no contract can verify a signature of this kind of key (Ed25519)",
    hint: "show what the device answered on the ledger: `registry acknowledge-by-ledger`",
  },
  AcknowledgementInvalid: {
    reason: "it is not signed with the key of the device's certificate, for exactly this answer",
    hint: "let the device sign again: `registry sign-acknowledgement`",
  },
  ConfigurationDiffers: {
    reason: "this version is another configuration on the ledger",
    hint: "the same document and salt have to be set on both sides: `registry attest --as-on-ledger FILE`",
  },
  MirrorNotNewer: {
    reason: "the registry has been shown a state of the ledger as late as this one",
    hint: "wait for the next anchor, if the certificate has changed since: --wait 10m",
  },
  ConfigurationRecordIncomplete: {
    reason: "the ledger's record of this configuration lacks a field",
    hint: "ask another node of the ledger for the proof",
  },
  MeterRecordIncomplete: {
    reason: "the ledger's record of this meter lacks a field",
    hint: "ask another node of the ledger for the proof",
  },
};

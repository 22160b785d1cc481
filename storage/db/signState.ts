import type { FileSystem } from "./fileSystem.ts";
import { SignStateError } from "./signStateError.ts";
import { directoryOf, NEVER_SIGNED, parseSignRecord, type SignRecord, saveSignRecord } from "./signStateFile.ts";

const MISSING_NEXT =
  "If this validator has never signed, create the file with `energy-ledger init`; otherwise restore it: without it the validator could sign twice.";

export interface SignRequest {
  readonly height: number;
  readonly round: number;
  /** A number of SIGN_STEPS. */
  readonly step: number;
  readonly signBytes: Uint8Array;
}

export interface Signed {
  readonly signature: Uint8Array;
  /** What the signature is over: the request's bytes, or earlier ones that differ from them in the timestamp only. */
  readonly signBytes: Uint8Array;
}

/** Remembers the last signature of a validator's key, so that no two different ones leave for one height, round and step. */
export interface SignState {
  /** Height, round and step of the last signature. */
  last(): SignRecord;

  /**
   * Gives a signature that may leave the machine: that it was given is on disk when this returns. In order:
   * (a) a step before the last signed one is SIGN_STATE_REGRESSION,
   * (b) the last signed step with the same bytes, or with bytes that differ in the timestamp only, gives the last signature again,
   * (c) the last signed step with other bytes is SIGN_STATE_CONFLICT,
   * (d) otherwise `sign` is called and the result recorded.
   * @throws SignStateError as above, SIGN_STATE_FAILED; StoreError STORE_DISK_FULL, STORE_IO_FAILED, after which nothing is signed any more
   */
  checkAndRecord(request: SignRequest, sign: (signBytes: Uint8Array) => Uint8Array): Signed;
}

export interface SignStateOptions {
  readonly fileSystem: FileSystem;
  /** Of the priv_validator_state.json. */
  readonly path: string;
  /** Sign bytes without their timestamp; undefined when they are neither a vote's nor a proposal's. */
  readonly stripTimestamp: (signBytes: Uint8Array) => Uint8Array | undefined;
}

/**
 * Writes the state of a key that has never signed. Not done by opening: a state that got lost must not come back empty.
 * @throws SignStateError SIGN_STATE_EXISTS; StoreError
 */
export function createSignState(fileSystem: FileSystem, path: string): void {
  if (fileSystem.size(path) !== undefined) throw new SignStateError({ code: "SIGN_STATE_EXISTS", path });
  saveSignRecord(fileSystem, path, NEVER_SIGNED);
}

/**
 * What is read is put on disk first: a process killed between renaming the file and syncing its directory leaves a record that a power
 * cut could still take back, after its signature was given out again.
 * @throws SignStateError SIGN_STATE_MISSING, SIGN_STATE_MALFORMED; StoreError STORE_DISK_FULL, STORE_IO_FAILED
 */
export function openSignState({ fileSystem, path, stripTimestamp }: SignStateOptions): SignState {
  if (fileSystem.size(path) === undefined)
    throw new SignStateError({ code: "SIGN_STATE_MISSING", path, next: MISSING_NEXT });
  let last = parseSignRecord(path, fileSystem.read(path));
  fileSystem.syncDirectory(directoryOf(path));
  let failure: string | undefined;

  return {
    last: () => last,

    checkAndRecord(request, sign) {
      if (failure !== undefined) throw new SignStateError({ code: "SIGN_STATE_FAILED", earlier: failure });
      const { height, round, step, signBytes } = request;
      const order = height - last.height || round - last.round || step - last.step;
      if (order < 0)
        throw new SignStateError({
          code: "SIGN_STATE_REGRESSION",
          height,
          round,
          step,
          lastHeight: last.height,
          lastRound: last.round,
          lastStep: last.step,
        });
      if (order === 0) {
        if (isSameButTime(last.signBytes, signBytes)) return { signature: last.signature, signBytes: last.signBytes };
        throw new SignStateError({ code: "SIGN_STATE_CONFLICT", height, round, step });
      }
      const signature = sign(signBytes);
      const record = { height, round, step, signBytes: signBytes.slice(), signature: signature.slice() };
      try {
        saveSignRecord(fileSystem, path, record);
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
        throw error;
      }
      last = record;
      return { signature, signBytes };
    },
  };

  function isSameButTime(a: Uint8Array, b: Uint8Array): boolean {
    if (Buffer.compare(a, b) === 0) return true;
    const strippedA = stripTimestamp(a);
    const strippedB = stripTimestamp(b);
    return strippedA !== undefined && strippedB !== undefined && Buffer.compare(strippedA, strippedB) === 0;
  }
}

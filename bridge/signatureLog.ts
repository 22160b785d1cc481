import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { crc32c } from "#storage/db/crc32c.ts";
import { BridgeError } from "./bridgeError.ts";

const SIGNED = /^([a-z]+ [0-9]+ [0-9]+ 0x[0-9a-f]{40}) (0x[0-9a-f]{64})$/;

/** Under which name a validator may sign one digest: the step, and the contract it is for. */
export function signingName(step: string, domain: { readonly chainId: bigint; readonly contract: string }): string {
  return `${step} ${domain.chainId} ${domain.contract.toLowerCase()}`;
}

/**
 * What a validator's second key has signed: one line `<name> <digest> <crc32c>` each, on disk before the signature leaves. So a validator that is killed, or
 * whose plan is another after a repair, never signs a second anchor of one number; the same one it signs as often as it is asked.
 */
export class SignatureLog {
  readonly #descriptor: number;
  readonly #digests = new Map<string, string>();
  #failed = false;

  /** Makes the file where there is none. @throws BridgeError BRIDGE_SIGNATURE_LOG_DAMAGED */
  constructor(path: string) {
    this.#descriptor = openSync(path, "a+", 0o600);
    const text = readFileSync(path, "latin1");
    const end = text.lastIndexOf("\n") + 1;
    for (const [index, line] of text.slice(0, end).split("\n").slice(0, -1).entries()) {
      const { name, digest } = readLine(line) ?? {};
      const isSecond = name !== undefined && this.#digests.has(name);
      if (name === undefined || digest === undefined || isSecond) {
        closeSync(this.#descriptor);
        throw new BridgeError({ code: "BRIDGE_SIGNATURE_LOG_DAMAGED", path, line: index + 1 });
      }
      this.#digests.set(name, digest);
    }
    // A line that was not finished was never synced, so nothing was signed after it.
    ftruncateSync(this.#descriptor, end);
    fsyncSync(this.#descriptor);
    syncFolder(dirname(path));
  }

  /**
   * Signs, unless another digest was signed under this name. `sign` is called when the line is on disk, and only then.
   * @throws BridgeError BRIDGE_SIGNED_OTHER; errors of the disk, after which nothing is signed any more
   */
  sign(name: string, digest: string, sign: () => Uint8Array): Uint8Array {
    const signed = this.#digests.get(name);
    if (signed !== undefined && signed !== digest)
      throw new BridgeError({ code: "BRIDGE_SIGNED_OTHER", name, signed, digest });
    if (signed === undefined) this.#append(name, digest);
    return sign();
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #append(name: string, digest: string): void {
    const signed = `${name} ${digest}`;
    if (this.#failed || !SIGNED.test(signed)) throw new BridgeError({ code: "BRIDGE_SIGNATURE_LOG_FAILED", name });
    // What half a line leaves behind must not be appended to.
    this.#failed = true;
    writeSync(this.#descriptor, `${signed} ${checksumOf(signed)}\n`);
    fsyncSync(this.#descriptor);
    this.#failed = false;
    this.#digests.set(name, digest);
  }
}

/** Undefined for what was not written so. */
function readLine(line: string): { readonly name: string; readonly digest: string } | undefined {
  const space = line.lastIndexOf(" ");
  const signed = line.slice(0, Math.max(space, 0));
  const [, name, digest] = SIGNED.exec(signed) ?? [];
  if (name === undefined || digest === undefined || line.slice(space + 1) !== checksumOf(signed)) return undefined;
  return { name, digest };
}

/** 8 hex digits. */
function checksumOf(signed: string): string {
  return crc32c(Buffer.from(signed, "latin1")).toString(16).padStart(8, "0");
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

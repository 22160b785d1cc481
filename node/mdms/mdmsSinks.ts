import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "#storage/crypto/hash.ts";
import { writeFileDurably } from "../archive/durableFile.ts";
import { MdmsError } from "./mdmsError.ts";

/** A file for a metering data management system. The same readings have the same name and bytes. */
export interface MdmsFile {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** Where exports go. Giving the same file again is harmless. */
export interface MdmsSink {
  readonly name: string;
  /** Resolves when the system has it. @throws MdmsError MDMS_UNREACHABLE, MDMS_REFUSED */
  put(file: MdmsFile): Promise<void>;
}

/** Whole files appear in a folder under their name, never parts of them; a file that is there already stays as it is. */
export function directorySink(folder: string): MdmsSink {
  return {
    name: folder,
    async put({ name, bytes }) {
      const path = join(folder, name);
      const there = await readFile(path).catch(() => undefined);
      if (there === undefined || Buffer.compare(there, bytes) !== 0) await writeFileDurably(path, bytes);
    },
  };
}

export interface HttpSinkOptions {
  readonly url: string;
  readonly authorization?: string | undefined;
  /** Of one try. Default 60 s. */
  readonly timeoutMs?: number;
  /** Default 5: with the waits between them about half a minute. */
  readonly tries?: number;
}

const FIRST_WAIT_MS = 1000;

/** Characters of a refusal that are kept. */
const MAX_REFUSAL_CHARS = 300;

/**
 * POST of each file. `Idempotency-Key` is the SHA-256 of its bytes, so that a system that knows the header takes a file once, however often it is sent.
 * Tried again after 1, 2, 4, 8 s: no answer, 408, 425, 429 and 5xx. Any other status but 2xx is a refusal.
 */
export function httpSink(
  { url, authorization, timeoutMs = 60_000, tries = 5 }: HttpSinkOptions,
  parts: { readonly fetch: typeof fetch; readonly wait: (ms: number) => Promise<void> },
): MdmsSink {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new MdmsError({ code: "MDMS_TARGET_INVALID", reason: `${url} is no http or https URL` });
  return {
    name: url,
    async put({ name, contentType, bytes }) {
      let reason = "";
      for (let attempt = 0; attempt < tries; attempt++) {
        if (attempt > 0) await parts.wait(FIRST_WAIT_MS * 2 ** (attempt - 1));
        try {
          const response = await parts.fetch(url, {
            method: "POST",
            redirect: "error",
            signal: AbortSignal.timeout(timeoutMs),
            headers: {
              "content-type": contentType,
              "content-disposition": `attachment; filename="${name}"`,
              "idempotency-key": Buffer.from(sha256(bytes)).toString("hex"),
              ...(authorization === undefined ? {} : { authorization }),
            },
            body: new Uint8Array(bytes),
          });
          if (response.ok) return void (await response.body?.cancel());
          reason = `${response.status} ${await refusalOf(response)}`.trim();
          if (!isWorthRetrying(response.status))
            throw new MdmsError({ code: "MDMS_REFUSED", url, status: response.status, reason });
        } catch (error) {
          if (error instanceof MdmsError) throw error;
          const { message, cause } = error as Error;
          reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
        }
      }
      throw new MdmsError({ code: "MDMS_UNREACHABLE", url, tries, reason });
    },
  };
}

function isWorthRetrying(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status);
}

/** The first characters of the body; the rest of it is not read. */
async function refusalOf(response: Response): Promise<string> {
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString("utf8");
    if (text.length >= MAX_REFUSAL_CHARS) break;
  }
  return text.slice(0, MAX_REFUSAL_CHARS);
}

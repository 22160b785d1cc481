import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { parseArchiveEvery } from "#storage/archive/archivePeriods.ts";
import { archiveKeyOf } from "#storage/archive/encryptArchive.ts";
import { MdmsError } from "../mdms/mdmsError.ts";
import { type MdmsFormat, mdmsDelivery } from "../mdms/mdmsExport.ts";
import { directorySink, httpSink, type MdmsSink } from "../mdms/mdmsSinks.ts";
import type { NodeOptions } from "../options.ts";
import { openArchiveBlocks } from "./archiveBlocks.ts";
import type { ArchiveReadings } from "./archiveReadings.ts";
import { openArchiveRecords } from "./archiveRecords.ts";
import { type ArchiveDelivery, type ArchiverPorts, createArchiver, runArchiver } from "./archiver.ts";
import { createKubo, type Kubo } from "./kubo.ts";

export type ArchiveOptions = Pick<
  NodeOptions,
  | "archiveEvery"
  | "archiveGraceMs"
  | "archiveEncrypt"
  | "archiveIpfs"
  | "archiveIpfsTokenFile"
  | "mdmsFolder"
  | "mdmsUrl"
  | "mdmsTokenFile"
  | "mdmsFormats"
>;

/** Where a node's archives lie, in its data folder. */
export function archiveFolders(data: string): { readonly blocks: string; readonly records: string } {
  return { blocks: join(data, "archive", "blocks"), records: join(data, "archive", "records") };
}

/** The IPFS node that the options name. */
export function kuboOf(
  { archiveIpfs: url, archiveIpfsTokenFile }: ArchiveOptions,
  parts: { fetch: typeof fetch },
): Kubo | undefined {
  if (url === "") return undefined;
  const authorization = tokenIn(archiveIpfsTokenFile);
  return createKubo(authorization === undefined ? { url } : { url, authorization }, parts);
}

/** Systems that get every archive's readings. @throws MdmsError MDMS_TARGET_INVALID */
export function deliveriesOf(
  options: ArchiveOptions,
  ledgerId: string,
  parts: { readonly fetch: typeof fetch; readonly wait: (ms: number) => Promise<void> },
): readonly ArchiveDelivery[] {
  const unknown = options.mdmsFormats.find((format) => format !== "csv" && format !== "cim");
  if (unknown !== undefined)
    throw new MdmsError({ code: "MDMS_TARGET_INVALID", reason: `${unknown} is neither csv nor cim` });
  const sinks: MdmsSink[] = [];
  if (options.mdmsFolder !== "") sinks.push(directorySink(options.mdmsFolder));
  if (options.mdmsUrl !== "")
    sinks.push(httpSink({ url: options.mdmsUrl, authorization: tokenIn(options.mdmsTokenFile) }, parts));
  return sinks.flatMap((sink) =>
    options.mdmsFormats.map((format) => mdmsDelivery(ledgerId, format as MdmsFormat, sink)),
  );
}

/** Between hearing of an interval of a period that is over and making its archive. */
const GATHER_MS = 10_000;

const READY_LOOK_MS = 1000;

export interface ArchiveJob extends AsyncDisposable {
  /** An interval of the meter that ends then was closed or amended. */
  note(meterId: string, endMs: number): void;
}

/**
 * Makes the archives of a node as long as it runs.
 * @throws ArchiveError ARCHIVE_PERIOD_INVALID; MdmsError MDMS_TARGET_INVALID
 */
export function startArchiveJob(
  options: ArchiveOptions,
  owner: { readonly ledgerId: string; readonly data: string; readonly secretOf: (meterId: string) => Uint8Array },
  ports: {
    readonly readings: ArchiveReadings;
    readonly ledger: ArchiverPorts["ledger"];
    /** Whether the ledger can be asked yet. */
    readonly isReady: () => boolean;
    readonly log: Logger;
  },
): ArchiveJob {
  const { ledgerId, data, secretOf } = owner;
  const log = ports.log.child({ part: "archive" });
  const stopping = new AbortController();
  const wait = (ms: number) => waitFor(ms, stopping.signal);
  let waking = new AbortController();
  const { blocks, records } = archiveFolders(data);
  const archiver = createArchiver(
    { ledgerId, every: parseArchiveEvery(options.archiveEvery), graceMs: options.archiveGraceMs },
    {
      readings: ports.readings,
      blocks: openArchiveBlocks(blocks),
      records: openArchiveRecords(records),
      kubo: kuboOf(options, { fetch }),
      deliveries: deliveriesOf(options, ledgerId, { fetch, wait }),
      keyOf: options.archiveEncrypt
        ? (meterId, period) => archiveKeyOf({ ledgerId, meterId, secret: secretOf(meterId) }, period)
        : undefined,
      ledger: ports.ledger,
      nowMs: Date.now,
      log,
    },
  );
  const waitOrWake = async (ms: number): Promise<"passed" | "woken"> => {
    await waitFor(ms, AbortSignal.any([stopping.signal, waking.signal]));
    if (!waking.signal.aborted) return "passed";
    waking = new AbortController();
    // What closed one interval closes others: they go into the same archive.
    await wait(GATHER_MS);
    return "woken";
  };
  const failed = (error: unknown) =>
    log.error({ err: error }, "No more archives are made until this node starts again");
  async function run(): Promise<void> {
    while (!ports.isReady() && !stopping.signal.aborted) await wait(READY_LOOK_MS);
    await runArchiver(archiver, { nowMs: Date.now, wait: waitOrWake }, stopping.signal);
  }
  const running = run().catch(failed);
  return {
    note(meterId, endMs) {
      archiver.note(meterId, endMs).then((isDue) => {
        if (isDue) waking.abort();
      }, failed);
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

/** Ends early when the signal does. */
export function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

function tokenIn(file: string): string | undefined {
  return file === "" ? undefined : readFileSync(file, "utf8").trim();
}

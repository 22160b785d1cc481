import { join } from "node:path";
import type { Logger } from "pino";
import type { ArchiveEvery } from "#storage/archive/archivePeriods.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { scanReadingLog } from "#storage/offchain/readingLogScan.ts";
import type { ArchiveJob } from "../archive/archiveJob.ts";
import { homePaths } from "../configurationHome.ts";
import type { Network } from "../network/network.ts";
import type { NodeOptions } from "../options.ts";
import { meterSecretOf } from "./meterKeys.ts";
import type { FullNodePeers } from "./peers.ts";
import type { Proofs } from "./proofs.ts";

/** Between two looks whether a transaction is in a block. */
const LOOK_MS = 1000;

/**
 * The archives of a node that reads meters: its own readings, sealed by the key of the meters' owner. Loaded only where archives are made, because IPFS's packages
 * are some MB of a prosumer's memory.
 * @throws ArchiveError ARCHIVE_PERIOD_INVALID; MdmsError MDMS_TARGET_INVALID
 */
export async function startLightArchives(
  options: NodeOptions,
  owner: {
    readonly chainId: string;
    readonly meterKey: PrivateKey;
    /** Of the meters' owner: it signs. */
    readonly archiveKey: PrivateKey;
  },
  ports: {
    readonly network: Pick<Network, "protocols" | "penalise">;
    readonly peers: Pick<FullNodePeers, "ask">;
    readonly proofs: Pick<Proofs, "state" | "transactions">;
    /** Meters of the ledger; the log has readings of devices too, which belong to none. */
    readonly isSealed: (meterId: string) => boolean;
    /** Headers to prove something under are there. */
    readonly isReady: () => boolean;
    readonly log: Logger;
  },
): Promise<ArchiveJob> {
  const [{ startArchiveJob }, { createLightLedger }, { readingsOfLog }] = await Promise.all([
    import("../archive/archiveJob.ts"),
    import("../archive/lightLedger.ts"),
    import("../archive/archiveReadings.ts"),
  ]);
  const { chainId: ledgerId, meterKey } = owner;
  const { data } = homePaths(options.home);
  const { network, peers, proofs, log } = ports;
  const wait = () => new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS));
  const all = readingsOfLog({ scan: () => scanReadingLog(join(data, "readings")) });
  const readings = {
    ...all,
    async *periods(every: ArchiveEvery) {
      for await (const each of all.periods(every)) if (ports.isSealed(each.meterId)) yield each;
    },
  };
  return startArchiveJob(
    options,
    { ledgerId, data, secretOf: (meterId) => meterSecretOf(meterKey, meterId) },
    {
      readings,
      ledger: createLightLedger({ chainId: ledgerId, key: owner.archiveKey }, { network, peers, proofs, wait }),
      isReady: ports.isReady,
      log,
    },
  );
}

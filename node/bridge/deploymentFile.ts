import { existsSync, readFileSync } from "node:fs";
import { getAddress, isAddress } from "ethers";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import type { StartedContract } from "#contracts/deploy.ts";
import type { DeploymentTerms } from "#contracts/deployment.ts";
import { writeFileDurably } from "../archive/durableFile.ts";
import { cliError } from "../cli/cliError.ts";

/** A deployment that is under way: what it was begun with, and what was sent, before it was sent. */
export interface DeploymentFile {
  readonly chainId: bigint;
  readonly terms: DeploymentTerms;
  readonly started: Readonly<Record<string, StartedContract>>;
}

const FORMAT = "energy-ledger-deployment/1";
const MAX_CHARS = 200_000;

/** Beside the file that it becomes: contracts.json.part. */
export function deploymentPath(contractsFile: string): string {
  return `${contractsFile}.part`;
}

/** Undefined: none is under way. @throws CliError DEPLOYMENT_FILE_MALFORMED */
export function loadDeployment(path: string): DeploymentFile | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return decode(readFileSync(path, "utf8"));
  } catch (cause) {
    const hint = "move it away: the next run deploys everything anew, and what it names stays on the chain unused";
    const error = cliError("failure", "DEPLOYMENT_FILE_MALFORMED", `${path} is no deployment that is under way`, hint);
    error.cause = cause;
    throw error;
  }
}

export async function saveDeployment(path: string, { chainId, terms, started }: DeploymentFile): Promise<void> {
  const { ledgerId, members, microgrid, ...rest } = terms;
  const json = {
    ...{ format: FORMAT, chainId: `${chainId}` },
    terms: {
      ...rest,
      ledgerId: Buffer.from(ledgerId).toString("hex"),
      microgrid: Buffer.from(microgrid).toString("hex"),
      members: members.map(({ address, power }) => ({ address, power: `${power}` })),
    },
    started,
  };
  await writeFileDurably(path, Buffer.from(`${JSON.stringify(json, null, 2)}\n`));
}

/** The finished deployment's contracts.json. */
export async function saveContracts(path: string, file: Parameters<typeof encodeContractsFile>[0]): Promise<void> {
  await writeFileDurably(path, Buffer.from(encodeContractsFile(file)));
}

/** Only this program writes the file: whatever does not fit is thrown. */
function decode(text: string): DeploymentFile {
  if (text.length > MAX_CHARS) throw new Error("too long");
  const json = JSON.parse(text) as { format: string; chainId: string; terms: TermsJson; started: StartedJson };
  if (json.format !== FORMAT) throw new Error("another format");
  const { ledgerId, members, microgrid, owner, treasury, initialHeight, minRotationDelay } = json.terms;
  if (!Number.isSafeInteger(initialHeight) || !Number.isSafeInteger(minRotationDelay)) throw new Error("no number");
  const terms = {
    ...{ owner: getAddress(owner), treasury: getAddress(treasury), initialHeight, minRotationDelay },
    ...{ ledgerId: bytesOf(ledgerId, 32), microgrid: bytesOf(microgrid, 20) },
    members: members.map(({ address, power }) => ({
      address: getAddress(address).toLowerCase(),
      power: BigInt(power),
    })),
  };
  for (const { address, txHash } of Object.values(json.started))
    if (!isAddress(address) || !/^0x[0-9a-f]{64}$/.test(txHash)) throw new Error("no address or no hash");
  return { chainId: BigInt(json.chainId), terms, started: json.started };
}

type StartedJson = Readonly<Record<string, StartedContract>>;

interface TermsJson {
  readonly ledgerId: string;
  readonly microgrid: string;
  readonly owner: string;
  readonly treasury: string;
  readonly initialHeight: number;
  readonly minRotationDelay: number;
  readonly members: readonly { readonly address: string; readonly power: string }[];
}

function bytesOf(hex: string, length: number): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(hex, "hex"));
  if (bytes.length !== length) throw new Error(`not ${length} bytes`);
  return bytes;
}

import { getAddress, isAddress } from "ethers";
import { EvmError } from "./evmError.ts";

/** Where the contracts of a ledger are: `contracts.json` of a home, made when they are deployed. */
export interface ContractsFile {
  readonly chainId: bigint;
  /** SHA256 of the ledger's genesis, 64 hex digits. */
  readonly ledgerId: string;
  /** Block in which the first of them was deployed: no event is before it. */
  readonly fromBlock: number;
  /** Addresses with checksum, by the contract's name in contracts/src. */
  readonly contracts: Readonly<Record<string, string>>;
}

export const CONTRACTS_FORMAT = "energy-ledger-contracts/1";

export const MAX_CONTRACTS_FILE_CHARS = 100_000;

const MAX_CONTRACTS = 100;
const HINT = "take contracts.json as it was written when the contracts were deployed";

export function encodeContractsFile({ chainId, ledgerId, fromBlock, contracts }: ContractsFile): string {
  return `${JSON.stringify({ format: CONTRACTS_FORMAT, chainId: `${chainId}`, ledgerId, fromBlock, contracts }, null, 2)}\n`;
}

/** @throws EvmError EVM_CONTRACTS_MALFORMED */
export function decodeContractsFile(text: string): ContractsFile {
  if (text.length > MAX_CONTRACTS_FILE_CHARS) throw malformed(`longer than ${MAX_CONTRACTS_FILE_CHARS} characters`);
  let json: Partial<Record<string, unknown>> | null;
  try {
    json = JSON.parse(text) as typeof json;
  } catch {
    throw malformed("it is no JSON");
  }
  if (typeof json !== "object" || json === null || json.format !== CONTRACTS_FORMAT)
    throw malformed(`its format is not ${CONTRACTS_FORMAT}`);
  const { chainId, ledgerId, fromBlock, contracts } = json;
  if (typeof chainId !== "string" || !/^[1-9][0-9]{0,18}$/.test(chainId)) throw malformed("chainId is no decimal text");
  if (typeof ledgerId !== "string" || !/^[0-9a-f]{64}$/.test(ledgerId))
    throw malformed("ledgerId is not 64 hex digits");
  if (typeof fromBlock !== "number" || !Number.isSafeInteger(fromBlock) || fromBlock < 0)
    throw malformed("fromBlock is no number of a block");
  return { chainId: BigInt(chainId), ledgerId, fromBlock, contracts: addressesOf(contracts) };
}

function addressesOf(contracts: unknown): Readonly<Record<string, string>> {
  if (typeof contracts !== "object" || contracts === null) throw malformed("contracts is no object");
  const entries = Object.entries(contracts);
  if (entries.length > MAX_CONTRACTS) throw malformed(`more than ${MAX_CONTRACTS} contracts`);
  return Object.fromEntries(
    entries.map(([name, address]) => {
      if (!/^[A-Z][A-Za-z0-9]{0,63}$/.test(name)) throw malformed("a contract has no name of one");
      // With capitals an address has a checksum, which finds a slip of the keyboard.
      if (typeof address !== "string" || !isAddress(address)) throw malformed(`${name} has no address`);
      return [name, getAddress(address)];
    }),
  );
}

/** @throws EvmError EVM_CONTRACT_ABSENT */
export function addressOfContract({ contracts }: ContractsFile, name: string): string {
  const address = Object.hasOwn(contracts, name) ? contracts[name] : undefined;
  if (address !== undefined) return address;
  const hint = `it has ${Object.keys(contracts).join(", ") || "none"}: deploy the contract, or take the file that names it`;
  throw new EvmError({ code: "EVM_CONTRACT_ABSENT", contract: name, hint });
}

function malformed(reason: string): EvmError {
  return new EvmError({ code: "EVM_CONTRACTS_MALFORMED", reason, hint: HINT });
}

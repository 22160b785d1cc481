import { getAddress, isAddress, isHexString, recoverAddress, type Signer, TypedDataEncoder } from "ethers";
import { ACCEPTED, LedgerError, rejected, type Verdict } from "#storage/error.ts";

/**
 * A consumer's promise to a producer (seed 004 §5.5): of this channel of this contract, `amount` wei are owed in all since it was opened. It travels
 * outside of any chain, as a file or a text; contracts/src/PaymentChannel.sol pays it.
 */
export interface Voucher {
  readonly chainId: bigint;
  /** PaymentChannel, with checksum. */
  readonly contract: string;
  readonly channelId: bigint;
  /** Wei. */
  readonly amount: bigint;
  /** 0x and hex: 65 bytes of a key, or what a contract's wallet signs with. */
  readonly signature: string;
}

/** What the contract knows of a channel; times in seconds since 1970, amounts in wei. */
export interface Channel {
  readonly payer: string;
  readonly payee: string;
  readonly expires: bigint;
  readonly isOpen: boolean;
  readonly deposit: bigint;
  readonly claimed: bigint;
}

export const VOUCHER_FORMAT = "energy-ledger-voucher/1";

/** A signature of a wallet of many owners is some hundred bytes. */
export const MAX_VOUCHER_CHARS = 20_000;

/** A payee takes no voucher so shortly before the expiry that its claim may come too late. */
export const DEFAULT_MARGIN_SECONDS = 3600;

const MAX_UINT256 = 2n ** 256n - 1n;

const TYPES = {
  Voucher: [
    { name: "channelId", type: "uint256" },
    { name: "amount", type: "uint256" },
  ],
};

export type VoucherErrorDetails = { readonly code: "VOUCHER_MALFORMED"; readonly reason: string };

export class VoucherError extends LedgerError<VoucherErrorDetails> {}

function domainOf({ chainId, contract }: Pick<Voucher, "chainId" | "contract">) {
  return { name: "EnergyLedgerPaymentChannel", version: "1", chainId, verifyingContract: contract };
}

/** The EIP-712 digest that the payer signs, as PaymentChannel.voucherDigest gives it: 0x and 32 bytes in hex. */
export function voucherDigest(voucher: Omit<Voucher, "signature">): string {
  const { channelId, amount } = voucher;
  return TypedDataEncoder.hash(domainOf(voucher), TYPES, { channelId, amount });
}

/** Signs a voucher with the payer's key. */
export async function signVoucher(
  signer: Pick<Signer, "signTypedData">,
  promise: Omit<Voucher, "signature">,
): Promise<Voucher> {
  const { channelId, amount } = promise;
  const contract = getAddress(promise.contract);
  const signature = await signer.signTypedData(domainOf({ ...promise, contract }), TYPES, { channelId, amount });
  return { ...promise, contract, signature };
}

/** Compact JSON of one line; integers are decimal texts. */
export function encodeVoucher({ chainId, contract, channelId, amount, signature }: Voucher): string {
  const decimals = { chainId: `${chainId}`, contract, channelId: `${channelId}`, amount: `${amount}` };
  return JSON.stringify({ format: VOUCHER_FORMAT, ...decimals, signature });
}

/** @throws VoucherError VOUCHER_MALFORMED */
export function decodeVoucher(text: string): Voucher {
  if (text.length > MAX_VOUCHER_CHARS) throw malformed(`longer than ${MAX_VOUCHER_CHARS} characters`);
  let json: Partial<Record<string, unknown>> | null;
  try {
    json = JSON.parse(text) as typeof json;
  } catch {
    throw malformed("it is no JSON");
  }
  if (typeof json !== "object" || json === null || json.format !== VOUCHER_FORMAT)
    throw malformed(`its format is not ${VOUCHER_FORMAT}`);
  const { contract, signature } = json;
  if (typeof contract !== "string" || !isAddress(contract)) throw malformed("contract is no address");
  if (typeof signature !== "string" || !isHexString(signature)) throw malformed("signature is no hex");
  return {
    chainId: integerOf(json, "chainId"),
    contract: getAddress(contract),
    channelId: integerOf(json, "channelId"),
    amount: integerOf(json, "amount"),
    signature,
  };
}

function integerOf(json: Partial<Record<string, unknown>>, name: string): bigint {
  const text = json[name];
  if (typeof text !== "string" || !/^(0|[1-9][0-9]{0,77})$/.test(text)) throw malformed(`${name} is no decimal text`);
  const value = BigInt(text);
  if (value > MAX_UINT256) throw malformed(`${name} is over 2^256 - 1`);
  return value;
}

function malformed(reason: string): VoucherError {
  return new VoucherError({ code: "VOUCHER_MALFORMED", reason });
}

/**
 * Whether a payee may hand out energy for this voucher: that the channel would pay it, now and for `marginSeconds` more. A payer whose wallet is a contract
 * signs by rules of its own: `isValidSignature` asks it (EIP-1271); without it, such a signature is refused.
 * Codes: VOUCHER_CHANNEL_CLOSED, VOUCHER_CHANNEL_EXPIRING, VOUCHER_NOTHING_NEW, VOUCHER_OVER_DEPOSIT, VOUCHER_NOT_ENOUGH, VOUCHER_SIGNATURE_INVALID
 */
export async function checkVoucher(
  voucher: Voucher,
  channel: Channel,
  rules: {
    readonly nowSeconds: number;
    readonly marginSeconds?: number;
    /** Wei that must be owed in all, after the purchase at hand. */
    readonly atLeast?: bigint;
    readonly isValidSignature?: (digest: string, signature: string) => Promise<boolean>;
  },
): Promise<Verdict> {
  const { amount, signature } = voucher;
  const { payer, deposit, claimed, expires, isOpen } = channel;
  if (!isOpen) return rejected("VOUCHER_CHANNEL_CLOSED", `channel ${voucher.channelId} is closed`);
  const { nowSeconds, marginSeconds = DEFAULT_MARGIN_SECONDS, atLeast = 0n } = rules;
  if (BigInt(nowSeconds + marginSeconds) >= expires)
    return rejected("VOUCHER_CHANNEL_EXPIRING", `less than ${marginSeconds} s are left until the channel expires`);
  if (amount <= claimed) return rejected("VOUCHER_NOTHING_NEW", `${claimed} wei of ${amount} are claimed already`);
  if (amount > deposit) return rejected("VOUCHER_OVER_DEPOSIT", `the channel holds ${deposit} wei, not ${amount}`);
  if (amount < atLeast) return rejected("VOUCHER_NOT_ENOUGH", `${atLeast} wei are owed, the voucher is over ${amount}`);
  const digest = voucherDigest(voucher);
  if (signerOf(digest, signature) === payer || (await rules.isValidSignature?.(digest, signature))) return ACCEPTED;
  return rejected("VOUCHER_SIGNATURE_INVALID", `it is not signed by ${payer}`);
}

/** As the contract recovers it: 65 bytes, low s; undefined for anything else. */
function signerOf(digest: string, signature: string): string | undefined {
  if (!isHexString(signature, 65)) return undefined;
  try {
    return recoverAddress(digest, signature);
  } catch {
    return undefined;
  }
}

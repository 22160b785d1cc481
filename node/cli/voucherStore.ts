import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeVoucher, encodeVoucher, type Voucher } from "#bridge/voucher.ts";
import { cliError } from "./cliError.ts";

/** Vouchers of a channel that are kept: the latest counts, the ones before say how it came about. */
const KEPT = 100;

export type ChannelOfVouchers = Pick<Voucher, "chainId" | "contract" | "channelId">;

/**
 * The vouchers that a payer has issued, one file each, named by its amount: a voucher is over all that is owed, so that the next one has to be more. Of
 * two commands that issue the same one only one can make its file; the other adds to it.
 */
export interface VoucherStore {
  /** Wei that the latest voucher of the channel is over; 0 before the first. */
  readonly promised: (channel: ChannelOfVouchers) => bigint;
  /** @throws CliError VOUCHER_NOT_MORE */
  readonly issue: (
    channel: ChannelOfVouchers,
    what: { readonly more: bigint } | { readonly total: bigint },
    sign: (amount: bigint) => Promise<Voucher>,
  ) => Promise<Voucher>;
}

export function openVoucherStore(folder: string): VoucherStore {
  const promised = (channel: ChannelOfVouchers) => amountsIn(folderOf(folder, channel)).at(-1) ?? 0n;
  return {
    promised,
    async issue(channel, what, sign) {
      const path = folderOf(folder, channel);
      mkdirSync(path, { recursive: true, mode: 0o700 });
      for (;;) {
        const before = promised(channel);
        const amount = "total" in what ? what.total : before + what.more;
        if (amount <= before) {
          const message = `${before} wei of this channel are promised already, and a voucher is over all that is owed`;
          throw cliError(
            "usage",
            "VOUCHER_NOT_MORE",
            message,
            "give more with --total, or what is to be added with --amount",
          );
        }
        const voucher = await sign(amount);
        try {
          writeFileSync(join(path, `${amount}.json`), `${encodeVoucher(voucher)}\n`, {
            flag: "wx",
            mode: 0o600,
            flush: true,
          });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
          throw error;
        }
        for (const old of amountsIn(path).slice(0, -KEPT)) rmSync(join(path, `${old}.json`), { force: true });
        return voucher;
      }
    },
  };
}

function folderOf(folder: string, { chainId, contract, channelId }: ChannelOfVouchers): string {
  return join(folder, `${chainId}-${contract.toLowerCase()}-${channelId}`);
}

/** In their order; none where there is no folder. */
function amountsIn(path: string): bigint[] {
  let names: string[];
  try {
    names = readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names
    .flatMap((name) => /^(\d{1,78})\.json$/.exec(name)?.[1] ?? [])
    .map(BigInt)
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** A voucher file as it came from the payer. @throws VoucherError VOUCHER_MALFORMED, and errors of the file system */
export function readVoucherFile(path: string): Voucher {
  return decodeVoucher(readFileSync(path, "utf8").trim());
}

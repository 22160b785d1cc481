import { getAddress, isAddress } from "ethers";
import { EvmError } from "#bridge/evm/evmError.ts";
import { askingEvm } from "#bridge/evm/evmErrors.ts";
import { checkVoucher, decodeVoucher, VoucherError } from "#bridge/voucher.ts";
import { channelJson } from "../cli/channelView.ts";
import { contractsOf, type EthereumContract, openContractAt } from "../cli/ethereum.ts";
import {
  askWallet,
  CHANNEL,
  channelIdsOf,
  channelOf,
  channelsAt,
  isChannelOf,
  MAX_LISTED,
} from "../cli/paymentChannel.ts";
import type { NodeOptions } from "../options.ts";

/** What the REST API answers of payment channels: it reads Ethereum and changes nothing. */
export interface ChannelPort {
  /** Undefined: no such channel. */
  show(channelId: bigint): Promise<object | undefined>;
  /** Undefined: that is no address. */
  list(account: string): Promise<object | undefined>;
  /** A verdict on a voucher; undefined: the text is no voucher. */
  check(voucher: string, atLeastWei: bigint): Promise<object | undefined>;
}

/** One connection a question: payment channels are asked for seldom, and the node's chain is looked at anew. */
export function channelPort(
  options: NodeOptions,
  parts: { readonly nowMs: () => number; readonly fetch: typeof fetch },
): ChannelPort {
  const open = () => {
    const file = contractsOf({ options }, {});
    return openContractAt({ url: options.ethereumUrl, file, name: CHANNEL.name, fetch: parts.fetch });
  };
  const known = async (ethereum: EthereumContract, channelId: bigint) => {
    try {
      return await channelOf(ethereum, channelId);
    } catch (error) {
      if (
        error instanceof EvmError &&
        error.details.code === "EVM_REVERTED" &&
        error.details.error === "ChannelUnknown"
      )
        return undefined;
      throw error;
    }
  };
  return {
    async show(channelId) {
      using ethereum = await open();
      const found = await known(ethereum, channelId);
      return found && channelJson(found);
    },
    async list(text) {
      if (!isAddress(text) || !text.startsWith("0x")) return undefined;
      const account = getAddress(text);
      using ethereum = await open();
      const ids = await channelIdsOf(ethereum, account);
      const channels: object[] = [];
      for (const id of ids.slice(0, MAX_LISTED)) channels.push(channelJson(await channelOf(ethereum, id)));
      const credit = await askingEvm([CHANNEL.interface], () => channelsAt(ethereum).credit(account));
      return { account, creditWei: `${credit}`, more: ids.length > MAX_LISTED, channels };
    },
    async check(text, atLeast) {
      const voucher = readVoucher(text);
      if (voucher === undefined) return undefined;
      using ethereum = await open();
      const elsewhere = {
        holds: false,
        code: "VOUCHER_ELSEWHERE",
        reason: "it is of another channel, contract or chain",
      };
      const { chainId } = ethereum.connection;
      const place = { chainId, contract: ethereum.address, channelId: voucher.channelId };
      if (!isChannelOf(place, voucher)) return elsewhere;
      const channel = await known(ethereum, voucher.channelId);
      if (channel === undefined) return elsewhere;
      const nowSeconds = Math.floor(parts.nowMs() / 1000);
      const isValidSignature = askWallet(ethereum, channel.payer);
      const verdict = await checkVoucher(voucher, channel, { nowSeconds, atLeast, isValidSignature });
      const { accepted, ...why } = verdict;
      return { holds: accepted, ...why, amountWei: `${voucher.amount}`, channel: channelJson(channel) };
    },
  };
}

function readVoucher(text: string) {
  try {
    return decodeVoucher(text);
  } catch (error) {
    if (error instanceof VoucherError) return undefined;
    throw error;
  }
}

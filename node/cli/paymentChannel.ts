import { Contract, getAddress, isAddress, zeroPadValue } from "ethers";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { EvmError } from "#bridge/evm/evmError.ts";
import { askingEvm } from "#bridge/evm/evmErrors.ts";
import { readLogs } from "#bridge/evm/readLogs.ts";
import { PaymentChannel, type PaymentChannelContract } from "#contracts/abi/PaymentChannel.ts";
import type { PlacedChannel } from "./channelView.ts";
import { cliError } from "./cliError.ts";
import type { EthereumContract } from "./ethereum.ts";
import { parseDuration, parseTimeMs } from "./quantities.ts";

export const CHANNEL = PaymentChannel;

/** Channels that a list shows, the newest ones. */
export const MAX_LISTED = 200;

type Where = Pick<EthereumContract, "connection" | "file">;

const addressAt = ({ file }: Where) => addressOfContract(file, PaymentChannel.name);

export function channelsAt(where: Where): PaymentChannelContract {
  return PaymentChannel.at(addressAt(where), where.connection.provider);
}

/** @throws EvmError EVM_REVERTED for a number that no channel has */
export async function channelOf(ethereum: Where, channelId: bigint): Promise<PlacedChannel> {
  const { payer, payee, expires, isOpen, deposit, claimed } = await askingEvm([PaymentChannel.interface], () =>
    channelsAt(ethereum).channelOf(channelId),
  );
  const place = { chainId: ethereum.connection.chainId, contract: addressAt(ethereum), channelId };
  return { ...place, payer, payee, expires, isOpen, deposit, claimed };
}

type Place = Pick<PlacedChannel, "chainId" | "contract" | "channelId">;

/** Whether a voucher is of this channel, contract and chain. */
export function isChannelOf(channel: Place, voucher: Place): boolean {
  const { chainId, contract, channelId } = voucher;
  return channel.chainId === chainId && channel.contract === contract && channel.channelId === channelId;
}

/** EIP-1271: a payer that is a contract says itself what its signature is. */
export function askWallet({ connection }: Pick<Where, "connection">, payer: string) {
  return async (digest: string, signature: string): Promise<boolean> => {
    const wallet = new Contract(
      payer,
      ["function isValidSignature(bytes32,bytes) view returns (bytes4)"],
      connection.provider,
    );
    try {
      return (await askingEvm([], () => wallet.getFunction("isValidSignature")(digest, signature))) === "0x1626ba7e";
    } catch (error) {
      // No contract, or one that knows no signatures: whatever it answers, it is no yes.
      if (error instanceof EvmError && ["EVM_REVERTED", "EVM_ANSWER_MALFORMED"].includes(error.code)) return false;
      throw error;
    }
  };
}

/** Newest first. */
export async function channelIdsOf(ethereum: Where, account: string): Promise<readonly bigint[]> {
  const { connection, file } = ethereum;
  const address = addressAt(ethereum);
  const opened = CHANNEL.interface.getEvent("Opened")?.topicHash ?? null;
  const own = zeroPadValue(account, 32).toLowerCase();
  const found = [];
  for (const topics of [
    [opened, null, own],
    [opened, null, null, own],
  ])
    found.push(...(await readLogs(connection.provider, { address, topics, fromBlock: file.fromBlock })));
  const ids = CHANNEL.events(found, "Opened").map(({ channelId }) => channelId);
  return [...new Set(ids)].sort((a, b) => (a < b ? 1 : -1));
}

/** @throws CliError CHANNEL_ID_MALFORMED */
export function channelIdOf(text: string): bigint {
  if (/^[1-9]\d{0,77}$/.test(text)) return BigInt(text);
  const message = `${JSON.stringify(text)} is no number of a channel`;
  throw cliError("usage", "CHANNEL_ID_MALFORMED", message, "channels have numbers from 1 on: `channel list`");
}

/** @throws CliError ADDRESS_MALFORMED */
export function ethereumAddress(text: string): string {
  if (isAddress(text) && text.startsWith("0x")) return getAddress(text);
  const hint = "write 0x and 40 hex digits; capitals are a checksum, so copy the address as it is";
  throw cliError("usage", "ADDRESS_MALFORMED", `${JSON.stringify(text)} is no Ethereum address`, hint);
}

export interface ExpiryFlags {
  readonly expires?: string;
  readonly for?: string;
}

/** Unix seconds. @throws CliError EXPIRY_MISSING, TIME_MALFORMED, DURATION_MALFORMED */
export function expiryOf({ expires, for: duration }: ExpiryFlags, nowMs: number): bigint {
  if (expires !== undefined && duration === undefined) return BigInt(Math.floor(parseTimeMs(expires) / 1000));
  if (duration !== undefined && expires === undefined)
    return BigInt(Math.floor((nowMs + parseDuration(duration)) / 1000));
  throw cliError("usage", "EXPIRY_MISSING", "a channel has one expiry", "give --for 30d, or --expires TIME");
}

import { Bridge } from "#contracts/abi/Bridge.ts";
import { EnergyMarket } from "#contracts/abi/EnergyMarket.ts";
import { LedgerReader } from "#contracts/abi/LedgerReader.ts";
import { formatAccount } from "#storage/crypto/identity.ts";
import { formatMoney } from "../../cli/money.ts";
import { formatEnergy } from "../../cli/quantities.ts";
import { action } from "../action.ts";
import { ownUnlessGiven } from "../param.ts";
import { address } from "../parsers.ts";
import { advertId, pointer, pricePerKwh, publicKey, wh } from "./marketParams.ts";
import { marketOf } from "./marketReads.ts";
import { proveBacking } from "./proofs.ts";

/** Whose errors come back where something is proved. */
export const PROVING = [LedgerReader, Bridge] as const;

export const bindAccount = action({
  name: "bind-account",
  about: "As a producer, once: show the market one's account on the ledger, by the public key of the address",
  example: "",
  contract: EnergyMarket,
  params: {
    publicKey: ownUnlessGiven(
      publicKey("compressed public key of the address (default: the signing key's)"),
      ({ publicKey: own }) => own,
    ),
  },
  prepare: (context, { publicKey: [x, y] }) => marketOf(context).bindAccount.populateTransaction(x, y),
  outcome({ logs }) {
    const { account = "", ledgerAccount = "" } = EnergyMarket.events(logs, "AccountBound")[0] ?? {};
    const ledger = accountText(ledgerAccount);
    return {
      json: { account, ledgerAccount: ledger },
      text: [
        ["account", account],
        ["on the ledger", ledger],
      ],
    };
  },
});

/** 20 bytes as the ledger writes an account. */
export function accountText(bytes: string): string {
  return formatAccount(new Uint8Array(Buffer.from(bytes.slice(2), "hex")));
}

export const advertise = action({
  name: "advertise",
  about:
    "As a producer: offer energy that is locked to the microgrid on the ledger; the proofs are fetched from the node",
  example: `10kWh --price 0.002ETH --backing ${"6f".repeat(32)}:0 --wait 10m`,
  contract: EnergyMarket,
  others: PROVING,
  isProved: true,
  params: {
    energy: wh("1 to 1000 kWh; what the output holds beyond it goes back at once"),
    price: pricePerKwh("least price of a kWh; it rises by a tenth of it each hour"),
    backing: pointer("txid:index", "unspent output on the ledger, transferred to the microgrid by the producer"),
  },
  places: ["energy"],
  async prepare(context, { energy, price, backing }) {
    const proof = await proveBacking(context, backing);
    return marketOf(context).availableEnergyAdvert.populateTransaction(energy, price, proof);
  },
  outcome({ logs }, { energy, price, backing }) {
    const { advertId: id = 0n } = EnergyMarket.events(logs, "Advertised")[0] ?? {};
    return {
      json: {
        ...{ advertId: `${id}`, energyWh: Number(energy), minPriceWeiPerKwh: `${price}` },
        backing: `${backing.txId}:${backing.index}`,
      },
      text: [
        ["advert", `${id}`],
        ["energy", formatEnergy(energy * 1000n)],
        ["price of a kWh", `from ${formatMoney(price)}`],
        ["backed by", `${backing.txId}:${backing.index}`],
      ],
    };
  },
});

export const reclaim = action({
  name: "reclaim",
  about: "As anybody: send what is left of an advert that is over back to its producer",
  example: "1",
  contract: EnergyMarket,
  params: { id: advertId },
  places: ["id"],
  prepare: (context, { id }) => marketOf(context).reclaim.populateTransaction(id),
  outcome({ logs }, { id }) {
    const { producer = "", energyWh = 0n } = EnergyMarket.events(logs, "Reclaimed")[0] ?? {};
    return {
      json: { advertId: `${id}`, producer, energyWh: Number(energyWh) },
      text: [
        ["advert", `${id}`],
        ["goes back", `${formatEnergy(energyWh * 1000n)} to ${producer}`],
      ],
    };
  },
});

export const withdraw = action({
  name: "withdraw",
  about: "Fetch what this account is credited",
  example: "",
  contract: EnergyMarket,
  params: {
    to: ownUnlessGiven(address("send it to another address (default: the account's own)"), ({ address: own }) => own),
  },
  prepare: (context, { to }) => marketOf(context).withdraw.populateTransaction(to),
  outcome({ logs }, { to }) {
    const amount = EnergyMarket.events(logs, "Withdrawn")[0]?.amount ?? 0n;
    return {
      json: { to, amountWei: `${amount}` },
      text: [
        ["sent to", to],
        ["amount", formatMoney(amount)],
      ],
    };
  },
});

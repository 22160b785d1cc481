import { p256PublicKeyOf, signDeviceAcknowledgement, signDeviceAcknowledgementP256 } from "#bridge/deviceTypedData.ts";
import { signVoucher } from "#bridge/voucher.ts";
import { IMPORT_METER } from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { PaymentChannel, type PaymentChannelContract } from "./abi/PaymentChannel.ts";
import { type CallGas, measureCalls, setMeasuringTime } from "./measureCalls.ts";
import { createTestDevices, E_METER, P_METER, P256, SECP_METER } from "./testDevices.ts";
import { createTestFlexibility } from "./testFlexibility.ts";
import { startTestEvm, type TestWallet } from "./testing.ts";

/** A channel from its opening to its end, the payee one that has been paid before. */
export async function measurePaymentChannel(): Promise<readonly CallGas[]> {
  await using evm = await startTestEvm();
  const now = await setMeasuringTime(evm);
  const [payer, payee] = evm.wallets as [TestWallet, TestWallet];
  const channels = await PaymentChannel.deploy(payer, []);
  const by = channels.connect(payee) as PaymentChannelContract;
  const here = { chainId: BigInt(evm.anvil.chainId), contract: await channels.getAddress() };
  const voucher = async (channelId: bigint, amount: bigint) =>
    (await signVoucher(payer, { ...here, channelId, amount })).signature;
  const open = () => channels.open(payee, now + 86_400, { value: 1000n });
  const claim = async (channelId: bigint, amount: bigint) =>
    by.claim(channelId, amount, await voucher(channelId, amount));
  return await measureCalls([
    ["", open],
    ["", () => claim(1n, 100n)],
    ["open", open],
    ["topUp", () => channels.topUp(2, { value: 1000n })],
    ["claim", () => claim(2n, 500n)],
    ["", async () => by.claimAndClose(1, 300, await voucher(1n, 300n))],
    ["claimAndClose", async () => by.claimAndClose(2, 900, await voucher(2n, 900n))],
    ["withdraw", () => by.withdraw(payee)],
  ]);
}

/** A contract of four intervals in Flexibility, by a prosumer that has had one before. */
export async function measureFlexibility(): Promise<readonly CallGas[]> {
  await using evm = await startTestEvm();
  await setMeasuringTime(evm);
  const made = await createTestFlexibility(evm);
  const { at, dso, prosumer, stranger, terms, acceptance, listOf, proofsOf, afterEvent } = made;
  const request = () => at(dso).request(terms, { value: 10_000n });
  const accept = (requestId: number) => at(prosumer).accept(acceptance({ requestId }), { value: 360n });
  const settle = (...indexes: number[]) =>
    at(stranger).settle(2, listOf(IMPORT_METER), proofsOf(IMPORT_METER, ...indexes));
  const before = await measureCalls([
    ["", request],
    ["request", request],
    ["", () => accept(1)],
    ["optOut", () => at(prosumer).optOut(1)],
    ["accept, four intervals", () => accept(2)],
  ]);
  await afterEvent();
  const after = await measureCalls([
    ["settle, two intervals", () => settle(0, 1)],
    ["settle, two more and the end", () => settle(2, 3)],
  ]);
  return [...before, ...after];
}

/** Certificates and configurations of devices in DeviceRegistry. */
export async function measureDeviceRegistry(): Promise<readonly CallGas[]> {
  await using evm = await startTestEvm();
  await setMeasuringTime(evm);
  const made = await createTestDevices(evm);
  const { at, issuer, administrator, stranger, p256Key, secpDevice, now, until, p, s, domain } = made;
  const { settings, attested, meterRecord, rejectedRecord } = made;
  const { meterId: _, ...word } = attested;
  const newKey = sha256(p256Key);
  const configure = async (meterId: string) => at(administrator).setConfiguration(await settings({ meterId }));
  return await measureCalls([
    ["issueAdministrator", () => at(issuer).issueAdministrator(stranger, now, until)],
    [
      "issueDevice, a new one on P-256",
      () => at(issuer).issueDevice("new:1", P256, p256PublicKeyOf(p256Key), now, until, 1),
    ],
    ["issueDevice, renewed", () => at(issuer).issueDevice(P_METER, P256, p256PublicKeyOf(newKey), now, until, 1)],
    ["setConfiguration", () => configure(P_METER)],
    [
      "acknowledge on P-256",
      () => {
        const signature = signDeviceAcknowledgementP256(newKey, domain, { ...word, meterId: P_METER, code: 0 });
        return at(stranger).acknowledge(p, 1, true, 0, signature);
      },
    ],
    ["", () => configure(SECP_METER)],
    [
      "acknowledge on secp256k1",
      async () => {
        const signature = await signDeviceAcknowledgement(secpDevice, domain, {
          ...word,
          meterId: SECP_METER,
          code: 0,
        });
        return at(stranger).acknowledge(s, 1, true, 0, signature);
      },
    ],
    ["", () => configure(E_METER)],
    ["acknowledgeByLedger", () => at(stranger).acknowledgeByLedger(E_METER, 1, ...rejectedRecord)],
    ["mirror", () => at(stranger).mirror(E_METER, ...meterRecord)],
    ["revokeCertificate", () => at(issuer).revokeCertificate(2)],
  ]);
}

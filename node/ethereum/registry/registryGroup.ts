import type { EthereumGroup } from "../group.ts";
import {
  acceptAdministrator,
  acknowledge,
  acknowledgeByLedger,
  mirror,
  proposeAdministrator,
  setConfiguration,
} from "./administratorActions.ts";
import { appointIssuer, issueAdministrator, issueDevice, revokeCertificate, revokeIssuer } from "./issuerActions.ts";
import { acceptOwnership, appointChecker, dismissChecker, handOver, keepOwnership } from "./ownerActions.ts";
import { certificate, device, issuers, onLedger, pending } from "./registryQueries.ts";
import { registryHomeCommands } from "./registrySigning.ts";

export const registryGroup: EthereumGroup = {
  name: "registry",
  about: "Devices on Ethereum: certificates, who administers them, their configurations and what they answered",
  actions: [
    ...[appointIssuer, revokeIssuer, appointChecker, dismissChecker],
    ...[issueAdministrator, issueDevice, revokeCertificate],
    ...[proposeAdministrator, acceptAdministrator, setConfiguration],
    ...[acknowledge, acknowledgeByLedger, mirror],
    ...[handOver, keepOwnership, acceptOwnership],
  ],
  queries: [device, certificate, issuers, pending, onLedger],
  homeCommands: registryHomeCommands,
};

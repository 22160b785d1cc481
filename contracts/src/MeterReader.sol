// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBridge, MessageProof, StateProof} from "./interfaces/IBridge.sol";
import {LedgerAccounts} from "./lib/LedgerAccounts.sol";
import {LedgerConfiguration, LedgerConfigurations} from "./lib/LedgerConfigurations.sol";
import {LedgerMeter, LedgerMeters} from "./lib/LedgerMeters.sol";
import {SealedInterval, SealedIntervals} from "./lib/SealedIntervals.sol";

/// Reads meters of the ledger, their certificates and their sealed intervals, once the bridge has proved them; for contracts that would be too large
/// with the readers inside (EIP-170). It keeps nothing and nobody has a role.
contract MeterReader {
    using SealedIntervals for SealedInterval;

    error MeterNotOwned(bytes20 owner, bytes20 account);

    IBridge public immutable BRIDGE;

    constructor(IBridge bridge) {
        BRIDGE = bridge;
    }

    /// What a MsgSealInterval, its bytes as signed, has sealed. A committed sum is opened with salt and sumMwh; of a sum in the clear they mean nothing.
    function interval(bytes calldata message, MessageProof calldata proof, bytes32 salt, int64 sumMwh)
        external
        view
        returns (SealedInterval memory sealed_)
    {
        BRIDGE.verifyMessage(SealedIntervals.TYPE_URL, message, proof);
        sealed_ = SealedIntervals.decode(message);
        if (sealed_.isCommitted) sealed_.openSum(salt, sumMwh);
    }

    /// The certificate that the ledger had under `meter/<meter id>`, and the time of the block that proves it, Unix ms.
    function meter(string calldata meterId, bytes calldata record, StateProof calldata proof)
        public
        view
        returns (LedgerMeter memory read, uint64 timeMs)
    {
        (, timeMs) = BRIDGE.verifyState(LedgerMeters.stateKey(meterId), record, proof);
        read = LedgerMeters.decode(record);
    }

    /// The same of a meter that belongs to `sender`'s account on the ledger: (keyX, keyY) is the public key of both.
    function meterOf(
        address sender,
        uint256 keyX,
        uint256 keyY,
        string calldata meterId,
        bytes calldata record,
        StateProof calldata proof
    ) external view returns (LedgerMeter memory read, uint64 timeMs) {
        (read, timeMs) = meter(meterId, record, proof);
        bytes20 account = LedgerAccounts.accountOf(sender, keyX, keyY);
        if (read.owner != account) revert MeterNotOwned(read.owner, account);
    }

    /// The configuration of this version that the ledger had for the meter's device, and the time of the block that proves it, Unix ms.
    function configuration(string calldata meterId, uint32 version, bytes calldata record, StateProof calldata proof)
        external
        view
        returns (LedgerConfiguration memory read, uint64 timeMs)
    {
        (, timeMs) = BRIDGE.verifyState(LedgerConfigurations.stateKey(meterId, version), record, proof);
        read = LedgerConfigurations.decode(record);
    }
}

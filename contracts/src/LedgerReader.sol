// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBridge, MessageProof, StateProof} from "./interfaces/IBridge.sol";
import {EnergyOutputs} from "./lib/EnergyOutputs.sol";
import {LedgerAccounts} from "./lib/LedgerAccounts.sol";
import {LedgerConfiguration, LedgerConfigurations} from "./lib/LedgerConfigurations.sol";
import {LedgerMeter, LedgerMeters} from "./lib/LedgerMeters.sol";
import {LedgerTx} from "./lib/LedgerTx.sol";
import {SealedInterval, SealedIntervals} from "./lib/SealedIntervals.sol";

/// Proves the ledger's bytes by the bridge and reads them, for contracts that have no room for it (EIP-170). It keeps nothing, owns nothing, and nobody has
/// a role. Times in Unix ms.
contract LedgerReader {
    using SealedIntervals for SealedInterval;

    error MeterNotOwned(bytes20 owner, bytes20 account);

    /// An unspent output of electricity that one account alone can spend.
    struct EnergyOutput {
        bytes32 txId;
        uint64 amountMwh;
        /// Who can spend it.
        bytes20 account;
        /// First signer of the transaction that made it.
        bytes20 signer;
        /// The record was so at this time.
        uint64 timeMs;
    }

    /// What shows it: the output's record in the ledger's state, and the signed bytes of the transaction that made it.
    struct OutputProof {
        bytes transaction;
        uint32 outputIndex;
        bytes record;
        StateProof proof;
    }

    /// message: the MsgSealInterval as it was signed; salt and sumMwh open the sum if it is committed, else they mean nothing.
    struct IntervalProof {
        bytes message;
        MessageProof proof;
        bytes32 salt;
        int64 sumMwh;
    }

    /// The energy of a sealed interval.
    struct IntervalEnergy {
        /// keccak256 of the meter's id.
        bytes32 meterIdHash;
        uint64 startMs;
        uint64 endMs;
        int64 sumMwh;
        /// SealedIntervals.keyOf.
        bytes32 key;
        uint32 readingCount;
    }

    IBridge public immutable BRIDGE;

    constructor(IBridge bridge) {
        BRIDGE = bridge;
    }

    function readOutput(OutputProof calldata given) external view returns (EnergyOutput memory output) {
        output.txId = LedgerTx.idOf(given.transaction);
        bytes memory key = EnergyOutputs.stateKey(output.txId, given.outputIndex);
        (, output.timeMs) = BRIDGE.verifyState(key, given.record, given.proof);
        (output.amountMwh, output.account) = EnergyOutputs.decode(given.record);
        output.signer = EnergyOutputs.signerOf(given.transaction);
    }

    function readInterval(IntervalProof calldata given) external view returns (IntervalEnergy memory energy) {
        BRIDGE.verifyMessage(SealedIntervals.TYPE_URL, given.message, given.proof);
        SealedInterval memory interval = SealedIntervals.decode(given.message);
        if (interval.isCommitted) interval.openSum(given.salt, given.sumMwh);
        energy = IntervalEnergy({
            meterIdHash: keccak256(bytes(interval.meterId)),
            startMs: interval.startMs,
            endMs: interval.endMs,
            sumMwh: interval.sumMwh,
            key: interval.keyOf(),
            readingCount: interval.readingCount
        });
    }

    /// The certificate that the ledger had under `meter/<meter id>`, and the time of the block that proves it.
    function readMeter(string calldata meterId, bytes calldata record, StateProof calldata proof)
        public
        view
        returns (LedgerMeter memory meter, uint64 timeMs)
    {
        (, timeMs) = BRIDGE.verifyState(LedgerMeters.stateKey(meterId), record, proof);
        meter = LedgerMeters.decode(record);
    }

    /// The same of a meter that belongs to `sender`'s account on the ledger: (keyX, keyY) is the public key of both.
    function readMeterOf(
        address sender,
        uint256 keyX,
        uint256 keyY,
        string calldata meterId,
        bytes calldata record,
        StateProof calldata proof
    ) external view returns (LedgerMeter memory meter, uint64 timeMs) {
        (meter, timeMs) = readMeter(meterId, record, proof);
        bytes20 account = LedgerAccounts.accountOf(sender, keyX, keyY);
        if (meter.owner != account) revert MeterNotOwned(meter.owner, account);
    }

    /// The configuration of this version that the ledger had for the meter's device, and the time of the block that proves it.
    function readConfiguration(
        string calldata meterId,
        uint32 version,
        bytes calldata record,
        StateProof calldata proof
    ) external view returns (LedgerConfiguration memory configuration, uint64 timeMs) {
        (, timeMs) = BRIDGE.verifyState(LedgerConfigurations.stateKey(meterId, version), record, proof);
        configuration = LedgerConfigurations.decode(record);
    }
}

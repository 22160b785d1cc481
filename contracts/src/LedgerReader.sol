// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBridge, MessageProof, StateProof} from "./interfaces/IBridge.sol";
import {EnergyOutputs} from "./lib/EnergyOutputs.sol";
import {LedgerTx} from "./lib/LedgerTx.sol";
import {SealedInterval, SealedIntervals} from "./lib/SealedIntervals.sol";

/// Proves the ledger's bytes by the bridge and reads them, for contracts that have no room for it (EIP-170). It keeps nothing and owns nothing.
contract LedgerReader {
    using SealedIntervals for SealedInterval;

    /// An unspent output of electricity that one account alone can spend.
    struct EnergyOutput {
        bytes32 txId;
        uint64 amountMwh;
        /// Who can spend it.
        bytes20 account;
        /// First signer of the transaction that made it.
        bytes20 signer;
        /// The record was so at this time, Unix ms.
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
            key: interval.keyOf()
        });
    }
}

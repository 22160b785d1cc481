// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerTx} from "../src/lib/LedgerTx.sol";
import {Protobuf} from "../src/lib/Protobuf.sol";
import {SealedInterval, SealedIntervals} from "../src/lib/SealedIntervals.sol";

/// The readers of the ledger's bytes by themselves.
contract LedgerHarness {
    function varint(bytes calldata data) external pure returns (uint64 value, uint256 next) {
        return Protobuf.readVarint(data, 0);
    }

    function messageAt(bytes calldata transaction, uint256 index)
        external
        pure
        returns (bytes memory typeUrl, bytes memory value)
    {
        return LedgerTx.messageAt(transaction, index);
    }

    function intervalFromTx(bytes calldata transaction, uint256 index) external pure returns (SealedInterval memory) {
        return SealedIntervals.fromTx(transaction, index);
    }

    function decodeInterval(bytes calldata message) external pure returns (SealedInterval memory) {
        return SealedIntervals.decode(message);
    }

    function openSum(bytes calldata message, bytes32 salt, int64 sumMwh) external pure returns (int64) {
        SealedInterval memory sealed_ = SealedIntervals.decode(message);
        SealedIntervals.openSum(sealed_, salt, sumMwh);
        return sealed_.sumMwh;
    }

    function link(bytes calldata message, bytes32 previous) external pure returns (bytes32) {
        return SealedIntervals.link(SealedIntervals.decode(message), previous);
    }

    function periodOrigin(string calldata meterId, uint64 periodStartMs) external pure returns (bytes32) {
        return SealedIntervals.periodOrigin(meterId, periodStartMs);
    }
}

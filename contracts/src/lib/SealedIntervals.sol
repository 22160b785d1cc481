// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerTx} from "./LedgerTx.sol";
import {Protobuf} from "./Protobuf.sol";

/// What a MsgSealInterval says of one interval (start, end] of a meter. Energy in mWh, times in Unix ms.
struct SealedInterval {
    /// ASCII, at most 96 characters.
    string meterId;
    uint64 startMs;
    uint64 endMs;
    uint32 readingCount;
    /// H(T_E) of D5.1 Fig. 21.
    bytes32 fingerprint;
    bytes32 readingsRoot;
    /// Whether the sum is committed; then sumMwh is 0 until it is opened.
    bool isCommitted;
    int64 sumMwh;
    bytes32 sumCommitment;
    bool hasRegister;
    uint64 registerEndMwh;
}

/// edream.ledger.v1.MsgSealInterval (storage/proto/edream/ledger/v1/tx.proto) and the hashes around it (storage/types/interval.ts).
library SealedIntervals {
    error NotASealedInterval(bytes typeUrl);
    error IntervalFieldsIncomplete();
    error SumNotCommitted();
    error SumOpeningWrong();

    /// For IBridge.verifyMessage.
    bytes internal constant TYPE_URL = "/edream.ledger.v1.MsgSealInterval";
    bytes32 private constant TYPE_URL_HASH = keccak256("/edream.ledger.v1.MsgSealInterval");

    /// Message `index` of the transaction's bytes.
    function fromTx(bytes calldata transaction, uint256 index) internal pure returns (SealedInterval memory) {
        (bytes calldata typeUrl, bytes calldata value) = LedgerTx.messageAt(transaction, index);
        if (keccak256(typeUrl) != TYPE_URL_HASH) revert NotASealedInterval(typeUrl);
        return decode(value);
    }

    /// The message's own bytes. Fields in ascending order, each once at most; a number that is left out is zero.
    function decode(bytes calldata message) internal pure returns (SealedInterval memory sealed_) {
        uint256 offset = 0;
        uint256 tag = 0;
        uint256 seen = 0;
        while (offset < message.length) {
            (tag, offset) = Protobuf.readTagAfter(tag, message, offset);
            uint256 field = tag >> 3;
            // forge-lint: disable-next-line(incorrect-shift)
            seen |= 1 << field;
            offset = readField(sealed_, message, offset, tag);
        }
        // Meter, end, fingerprint and readings root; and not both forms of a sum.
        if (seen & REQUIRED != REQUIRED || seen & BOTH_SUMS == BOTH_SUMS) revert IntervalFieldsIncomplete();
        sealed_.isCommitted = seen & (1 << 9) != 0;
        sealed_.hasRegister = seen & (1 << 10) != 0;
    }

    uint256 private constant REQUIRED = (1 << 2) | (1 << 4) | (1 << 6) | (1 << 7);
    uint256 private constant BOTH_SUMS = (1 << 8) | (1 << 9);

    function readField(SealedInterval memory sealed_, bytes calldata message, uint256 offset, uint256 tag)
        private
        pure
        returns (uint256 next)
    {
        uint64 number;
        if (tag == (1 << 3) | 2) {
            // The signer: the ledger has checked that it is the meter's device.
            next = Protobuf.skip(message, offset, tag);
        } else if (tag == (2 << 3) | 2) {
            bytes calldata meterId;
            (meterId, next) = Protobuf.readBytes(message, offset);
            sealed_.meterId = string(meterId);
        } else if (tag == 3 << 3) {
            (sealed_.startMs, next) = Protobuf.readVarint(message, offset);
        } else if (tag == 4 << 3) {
            (sealed_.endMs, next) = Protobuf.readVarint(message, offset);
        } else if (tag == 5 << 3) {
            (sealed_.readingCount, next) = Protobuf.readVarint32(message, offset);
        } else if (tag == (6 << 3) | 2) {
            (sealed_.fingerprint, next) = Protobuf.readWord(message, offset);
        } else if (tag == (7 << 3) | 2) {
            (sealed_.readingsRoot, next) = Protobuf.readWord(message, offset);
        } else if (tag == 8 << 3) {
            (number, next) = Protobuf.readVarint(message, offset);
            sealed_.sumMwh = Protobuf.unzigzag(number);
        } else if (tag == (9 << 3) | 2) {
            (sealed_.sumCommitment, next) = Protobuf.readWord(message, offset);
        } else if (tag == 10 << 3) {
            (sealed_.registerEndMwh, next) = Protobuf.readVarint(message, offset);
        } else {
            revert Protobuf.ProtobufFieldUnexpected(tag);
        }
    }

    /// What names an interval for ever: the ledger seals none of a meter twice, and none that overlaps. To be used as nullifier where an interval,
    /// not a transaction, is paid for: one transaction may seal many.
    function keyOf(SealedInterval memory sealed_) internal pure returns (bytes32) {
        return keccak256(abi.encode(sealed_.meterId, sealed_.startMs, sealed_.endMs));
    }

    /// Puts the sum in the place of its commitment: SHA256(0x12 ‖ salt ‖ int64 sum ‖ uint32 count).
    function openSum(SealedInterval memory sealed_, bytes32 salt, int64 sumMwh) internal pure {
        if (!sealed_.isCommitted) revert SumNotCommitted();
        bytes32 commitment = sha256(abi.encodePacked(bytes1(0x12), salt, sumMwh, sealed_.readingCount));
        if (commitment != sealed_.sumCommitment) revert SumOpeningWrong();
        sealed_.sumMwh = sumMwh;
    }

    /// H^{T_i} of D5.1 Fig. 23 over what came before it.
    function link(SealedInterval memory sealed_, bytes32 previous) internal pure returns (bytes32) {
        return sealed_.isCommitted
            ? linkCommitted(sealed_.fingerprint, sealed_.sumCommitment, sealed_.readingCount, previous)
            : linkClear(sealed_.fingerprint, sealed_.sumMwh, sealed_.readingCount, previous);
    }

    function linkClear(bytes32 fingerprint, int64 sumMwh, uint32 readingCount, bytes32 previous)
        internal
        pure
        returns (bytes32)
    {
        return sha256(abi.encodePacked(bytes1(0x11), fingerprint, sumMwh, readingCount, previous));
    }

    function linkCommitted(bytes32 fingerprint, bytes32 sumCommitment, uint32 readingCount, bytes32 previous)
        internal
        pure
        returns (bytes32)
    {
        return sha256(abi.encodePacked(bytes1(0x13), fingerprint, sumCommitment, readingCount, previous));
    }

    /// AVG_Energy of Fig. 21: sum / count, rounded half away from zero; zero of no readings.
    function average(SealedInterval memory sealed_) internal pure returns (int64) {
        int256 count = int256(uint256(sealed_.readingCount));
        if (count == 0) return 0;
        int256 sum = sealed_.sumMwh;
        int256 magnitude = ((sum < 0 ? -sum : sum) * 2 + count) / (2 * count);
        // Between zero and the sum, which is an int64.
        // forge-lint: disable-next-line(unsafe-typecast)
        return int64(sum < 0 ? -magnitude : magnitude);
    }

    /// Leaf of one reading in the readings root: SHA256(0x00 ‖ salt ‖ int64 value ‖ uint64 ms).
    function readingLeaf(bytes32 salt, int64 value, uint64 timestampMs) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), salt, value, timestampMs));
    }

    /// What the chain of a period begins with: SHA256(0x17 ‖ meter id ‖ int64 period start).
    function periodOrigin(string memory meterId, uint64 periodStartMs) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x17), meterId, periodStartMs));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Protobuf} from "./Protobuf.sol";

/// A device's configuration on the ledger, as far as contracts ask for it. Times in Unix ms.
struct LedgerConfiguration {
    /// SHA256 of what the device has after decryption.
    bytes32 plaintextHash;
    /// keccak256 of the schema's id.
    bytes32 schemaIdHash;
    uint32 schemaVersion;
    bool isUrgent;
    /// keccak256 of applied or rejected; 0 until the device has answered.
    bytes32 outcome;
    /// Why it was rejected, in the device's own numbers.
    uint32 code;
    uint64 acknowledgedMs;
}

/// edream.ledger.v1.DeviceConfiguration (storage/proto/edream/ledger/v1/state.proto), the state value under `configuration/<meter id>/<version, 10 digits>`.
/// It means something once IBridge.verifyState has proved it.
library LedgerConfigurations {
    error ConfigurationRecordIncomplete();

    bytes32 internal constant APPLIED = keccak256("applied");
    bytes32 private constant URGENT = keccak256("urgent");

    /// Plaintext hash, schema and its version.
    uint256 private constant REQUIRED = (1 << 3) | (1 << 4) | (1 << 5);

    function stateKey(string memory meterId, uint32 version) internal pure returns (bytes memory) {
        bytes memory digits = new bytes(10);
        uint256 rest = version;
        for (uint256 i = 10; i > 0; i--) {
            // forge-lint: disable-next-line(unsafe-typecast)
            digits[i - 1] = bytes1(uint8(48 + rest % 10));
            rest /= 10;
        }
        return bytes(string.concat("configuration/", meterId, "/", string(digits)));
    }

    /// Fields in ascending order, each once at most; what is left out is zero or empty.
    function decode(bytes calldata record) internal pure returns (LedgerConfiguration memory read) {
        uint256 offset = 0;
        uint256 tag = 0;
        uint256 seen = 0;
        while (offset < record.length) {
            (tag, offset) = Protobuf.readTagAfter(tag, record, offset);
            uint256 field = tag >> 3;
            // forge-lint: disable-next-line(incorrect-shift)
            seen |= 1 << field;
            offset = readField(read, record, offset, tag);
        }
        if (seen & REQUIRED != REQUIRED) revert ConfigurationRecordIncomplete();
    }

    function readField(LedgerConfiguration memory read, bytes calldata record, uint256 offset, uint256 tag)
        private
        pure
        returns (uint256 next)
    {
        if (tag & 7 == Protobuf.VARINT) {
            if (tag == 13 << 3) {
                (read.acknowledgedMs, next) = Protobuf.readVarint(record, offset);
            } else if (tag == 5 << 3) {
                (read.schemaVersion, next) = Protobuf.readVarint32(record, offset);
            } else if (tag == 11 << 3) {
                (read.code, next) = Protobuf.readVarint32(record, offset);
            }
            // Bytes of the payload, when it was set and when the device applied it.
            else if (tag == 2 << 3 || tag == 9 << 3 || tag == 12 << 3) {
                next = Protobuf.skip(record, offset, tag);
            } else {
                revert Protobuf.ProtobufFieldUnexpected(tag);
            }
            return next;
        }
        if (tag == (3 << 3) | 2) {
            (read.plaintextHash, next) = Protobuf.readWord(record, offset);
            return next;
        }
        bytes calldata value;
        (value, next) = Protobuf.readBytes(record, offset);
        if (tag == (4 << 3) | 2) {
            read.schemaIdHash = keccak256(value);
        } else if (tag == (6 << 3) | 2) {
            read.isUrgent = keccak256(value) == URGENT;
        } else if (tag == (10 << 3) | 2) {
            read.outcome = keccak256(value);
        }
        // The payload's hash, administrator and checker.
        else if (tag != (1 << 3) | 2 && tag != (7 << 3) | 2 && tag != (8 << 3) | 2) {
            revert Protobuf.ProtobufFieldUnexpected(tag);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerAccounts} from "./LedgerAccounts.sol";
import {Protobuf} from "./Protobuf.sol";

/// A meter's certificate on the ledger, as far as contracts ask for it. Times in Unix ms.
struct LedgerMeter {
    /// keccak256 of "ed25519" or "secp256k1".
    bytes32 keyType;
    /// The device's public key: 32 bytes, or 33.
    bytes deviceKey;
    bytes20 owner;
    /// keccak256 of electricity, gas, water, heat or ev.
    bytes32 quantity;
    /// Whether it counts what goes into the grid.
    bool isExport;
    /// T_i: every sealed interval is a multiple of it.
    uint64 intervalMs;
    bool isRevoked;
    /// The owner, if the certificate names none.
    bytes20 administrator;
    /// It holds for (validFromMs, validUntilMs]; 0 and 0: until it is revoked.
    uint64 validFromMs;
    uint64 validUntilMs;
}

/// edream.ledger.v1.Meter (storage/proto/edream/ledger/v1/state.proto), the state value under `meter/<meter id>`. It means something once
/// IBridge.verifyState has proved it.
library LedgerMeters {
    error MeterRecordIncomplete();

    bytes32 internal constant ELECTRICITY = keccak256("electricity");
    bytes32 internal constant EV = keccak256("ev");
    bytes32 internal constant ED25519 = keccak256("ed25519");
    bytes32 internal constant SECP256K1 = keccak256("secp256k1");
    bytes32 private constant EXPORT = keccak256("export");

    /// Key, owner, quantity, direction and interval are in every certificate.
    uint256 private constant REQUIRED = (1 << 1) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 7);

    function stateKey(string memory meterId) internal pure returns (bytes memory) {
        return bytes(string.concat("meter/", meterId));
    }

    /// Fields in ascending order, each once at most; what is left out is zero or empty.
    function decode(bytes calldata record) internal pure returns (LedgerMeter memory meter) {
        uint256 offset = 0;
        uint256 tag = 0;
        uint256 seen = 0;
        while (offset < record.length) {
            (tag, offset) = Protobuf.readTagAfter(tag, record, offset);
            uint256 field = tag >> 3;
            // forge-lint: disable-next-line(incorrect-shift)
            seen |= 1 << field;
            offset = readField(meter, record, offset, tag);
        }
        if (seen & REQUIRED != REQUIRED) revert MeterRecordIncomplete();
        if (seen & (1 << 10) == 0) meter.administrator = meter.owner;
    }

    function readField(LedgerMeter memory meter, bytes calldata record, uint256 offset, uint256 tag)
        private
        pure
        returns (uint256 next)
    {
        if (tag & 7 == Protobuf.VARINT) {
            uint64 number;
            (number, next) = Protobuf.readVarint(record, offset);
            if (tag == 7 << 3) meter.intervalMs = number;
            else if (tag == 8 << 3) meter.isRevoked = number != 0;
            else if (tag == 13 << 3) meter.validFromMs = number;
            else if (tag == 14 << 3) meter.validUntilMs = number;
            else revert Protobuf.ProtobufFieldUnexpected(tag);
            return next;
        }
        bytes calldata value;
        if (tag & 7 != Protobuf.BYTES) revert Protobuf.ProtobufFieldUnexpected(tag);
        (value, next) = Protobuf.readBytes(record, offset);
        uint256 field = tag >> 3;
        if (field == 1) {
            (meter.keyType, meter.deviceKey) = readKey(value);
        } else if (field == 3) {
            meter.owner = LedgerAccounts.parse(value);
        } else if (field == 4) {
            meter.quantity = keccak256(value);
        } else if (field == 5) {
            meter.isExport = keccak256(value) == EXPORT;
        } else if (field == 10) {
            meter.administrator = LedgerAccounts.parse(value);
        }
        // The device's account, the seed's commitment, why it was revoked, model and firmware are not asked for.
        else if (field != 2 && field != 6 && field != 9 && field != 11 && field != 12) {
            revert Protobuf.ProtobufFieldUnexpected(tag);
        }
    }

    /// DeviceKey {type = 1, key = 2}.
    function readKey(bytes calldata value) private pure returns (bytes32 keyType, bytes memory key) {
        bytes calldata part;
        (uint256 tag, uint256 offset) = Protobuf.readTag(value, 0);
        if (tag != (1 << 3) | 2) revert Protobuf.ProtobufFieldUnexpected(tag);
        (part, offset) = Protobuf.readBytes(value, offset);
        keyType = keccak256(part);
        (tag, offset) = Protobuf.readTag(value, offset);
        if (tag != (2 << 3) | 2) revert Protobuf.ProtobufFieldUnexpected(tag);
        (part, offset) = Protobuf.readBytes(value, offset);
        if (offset != value.length) revert Protobuf.ProtobufMalformed(offset);
        key = part;
    }
}

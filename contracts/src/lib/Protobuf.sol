// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Protobuf's wire format in calldata, as the ledger writes it: varints in their shortest form, nothing beyond the end, and in each message the
/// fields in ascending order, so that none is there twice. Whatever else the ledger would take, such as another order, is refused: it cannot be
/// misread, it can only not be shown.
library Protobuf {
    error ProtobufMalformed(uint256 offset);
    error ProtobufFieldUnexpected(uint256 tag);

    uint256 internal constant VARINT = 0;
    uint256 internal constant BYTES = 2;

    /// The tag at `offset`, (field number << 3) | wire type, one byte below 16 fields; and where its value begins.
    function readTag(bytes calldata data, uint256 offset) internal pure returns (uint256 value, uint256 next) {
        if (offset >= data.length) revert ProtobufMalformed(offset);
        value = uint8(data[offset]);
        // Fields 1 to 15: no message of the ledger has more.
        if (value < 8 || value > 0x7f) revert ProtobufMalformed(offset);
        next = offset + 1;
    }

    /// The same of a message whose fields come in ascending order, each once at most: `previous` is the tag before, 0 at the beginning.
    function readTagAfter(uint256 previous, bytes calldata data, uint256 offset)
        internal
        pure
        returns (uint256 value, uint256 next)
    {
        (value, next) = readTag(data, offset);
        if (value <= previous) revert ProtobufFieldUnexpected(value);
    }

    /// An unsigned number of at most 64 bits.
    function readVarint(bytes calldata data, uint256 offset) internal pure returns (uint64 value, uint256 next) {
        uint256 sum = 0;
        next = offset;
        for (uint256 shift = 0; shift < 70; shift += 7) {
            if (next >= data.length) revert ProtobufMalformed(next);
            uint256 group = uint8(data[next]);
            next++;
            sum |= (group & 0x7f) << shift;
            if (group < 0x80) {
                if ((group == 0 && shift > 0) || sum > type(uint64).max) revert ProtobufMalformed(offset);
                // forge-lint: disable-next-line(unsafe-typecast)
                return (uint64(sum), next);
            }
        }
        revert ProtobufMalformed(offset);
    }

    /// An unsigned number of at most 32 bits.
    function readVarint32(bytes calldata data, uint256 offset) internal pure returns (uint32 value, uint256 next) {
        uint64 number;
        (number, next) = readVarint(data, offset);
        if (number > type(uint32).max) revert ProtobufMalformed(offset);
        // forge-lint: disable-next-line(unsafe-typecast)
        value = uint32(number);
    }

    /// sint64: 0, -1, 1, -2 … are on the wire as 0, 1, 2, 3 …
    function unzigzag(uint64 value) internal pure returns (int64) {
        // forge-lint: disable-next-line(unsafe-typecast)
        int64 half = int64(value >> 1);
        return value & 1 == 0 ? half : -half - 1;
    }

    /// Bytes, a text or a message, with its length before it.
    function readBytes(bytes calldata data, uint256 offset) internal pure returns (bytes calldata value, uint256 next) {
        (uint256 length, uint256 start) = readVarint(data, offset);
        next = start + length;
        if (next > data.length) revert ProtobufMalformed(offset);
        value = data[start:next];
    }

    /// Bytes that are one word.
    function readWord(bytes calldata data, uint256 offset) internal pure returns (bytes32 value, uint256 next) {
        bytes calldata word;
        (word, next) = readBytes(data, offset);
        if (word.length != 32) revert ProtobufMalformed(offset);
        // forge-lint: disable-next-line(unsafe-typecast)
        value = bytes32(word);
    }

    /// Passes over a value of this tag.
    function skip(bytes calldata data, uint256 offset, uint256 tag_) internal pure returns (uint256 next) {
        if (tag_ & 7 == BYTES) (, next) = readBytes(data, offset);
        else if (tag_ & 7 == VARINT) (, next) = readVarint(data, offset);
        else revert ProtobufFieldUnexpected(tag_);
    }
}

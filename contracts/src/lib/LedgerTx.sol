// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Protobuf} from "./Protobuf.sol";

/// The signed bytes of a ledger transaction, cosmos.tx.v1beta1.TxRaw. They mean something once their SHA256, the transaction id, is proved to be
/// under an anchor (IBridge.verifyTx): until then anybody may have written them.
library LedgerTx {
    error MessageAbsent(uint256 index);
    error MessagesSeveral();

    uint256 private constant TAG_1 = (1 << 3) | 2;
    uint256 private constant TAG_2 = (2 << 3) | 2;

    function idOf(bytes calldata transaction) internal pure returns (bytes32) {
        return sha256(transaction);
    }

    /// Message `index`, from 0: its type url and its bytes. TxRaw {body = 1}, TxBody {messages = 1}, Any {type_url = 1, value = 2}. What comes before
    /// it is passed over, not read: the ledger has checked it.
    function messageAt(bytes calldata transaction, uint256 index)
        internal
        pure
        returns (bytes calldata typeUrl, bytes calldata value)
    {
        (uint256 tag, uint256 offset) = Protobuf.readTag(transaction, 0);
        if (tag != TAG_1) revert Protobuf.ProtobufFieldUnexpected(tag);
        bytes calldata body;
        (body,) = Protobuf.readBytes(transaction, offset);

        bytes calldata any = body[0:0];
        offset = 0;
        for (uint256 i = 0; i <= index; i++) {
            if (offset == body.length) revert MessageAbsent(index);
            (tag, offset) = Protobuf.readTag(body, offset);
            if (tag != TAG_1) revert MessageAbsent(index);
            (any, offset) = Protobuf.readBytes(body, offset);
        }
        (tag, offset) = Protobuf.readTag(any, 0);
        if (tag != TAG_1) revert Protobuf.ProtobufFieldUnexpected(tag);
        (typeUrl, offset) = Protobuf.readBytes(any, offset);
        (tag, offset) = Protobuf.readTag(any, offset);
        if (tag != TAG_2) revert Protobuf.ProtobufFieldUnexpected(tag);
        (value, offset) = Protobuf.readBytes(any, offset);
        if (offset != any.length) revert Protobuf.ProtobufMalformed(offset);
    }

    /// The message of a transaction that has no other. Fields behind it in ascending order, so that none is hidden there.
    function onlyMessage(bytes calldata transaction)
        internal
        pure
        returns (bytes calldata typeUrl, bytes calldata value)
    {
        (typeUrl, value) = messageAt(transaction, 0);
        (, uint256 offset) = Protobuf.readTag(transaction, 0);
        (bytes calldata body,) = Protobuf.readBytes(transaction, offset);
        offset = 0;
        uint256 previous = 0;
        while (offset < body.length) {
            uint256 tag;
            (tag, offset) = Protobuf.readTag(body, offset);
            if (tag <= previous) revert MessagesSeveral();
            previous = tag;
            offset = Protobuf.skip(body, offset, tag);
        }
    }
}

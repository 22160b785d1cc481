// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBridge, MessageProof, StateProof, TxProof} from "../src/interfaces/IBridge.sol";
import {IOutbox} from "../src/interfaces/IOutbox.sol";

/// A bridge that takes everything for proved, as of now, and an outbox that forgets: what is fuzzed is what a contract does with proofs.
contract TrustingLedger is IBridge, IOutbox {
    uint64 private _nonce;

    function verifyTx(bytes32, TxProof calldata) external view returns (uint64, uint64) {
        return (1, uint64(block.timestamp * 1000));
    }

    function consumeTx(bytes32, TxProof calldata) external view returns (uint64, uint64) {
        return (1, uint64(block.timestamp * 1000));
    }

    function verifyMessage(bytes calldata, bytes calldata, MessageProof calldata)
        external
        view
        returns (uint64, uint64)
    {
        return (1, uint64(block.timestamp * 1000));
    }

    function verifyState(bytes calldata, bytes calldata, StateProof calldata) external view returns (uint64, uint64) {
        return (1, uint64(block.timestamp * 1000));
    }

    function isConsumed(address, bytes32) external pure returns (bool) {
        return false;
    }

    function emitEvent(bytes32, bytes calldata) external returns (uint64) {
        return ++_nonce;
    }
}

/// Bytes of the ledger as it writes them.
library LedgerBytes {
    function varint(uint256 value) internal pure returns (bytes memory out) {
        while (value > 127) {
            out = abi.encodePacked(out, uint8(value & 127 | 128));
            value >>= 7;
        }
        return abi.encodePacked(out, uint8(value));
    }

    function bytesField(uint256 number, bytes memory value) internal pure returns (bytes memory) {
        return abi.encodePacked(uint8(number << 3 | 2), varint(value.length), value);
    }

    function numberField(uint256 number, uint256 value) internal pure returns (bytes memory) {
        return value == 0 ? bytes("") : abi.encodePacked(uint8(number << 3), varint(value));
    }

    /// A certificate of an importing meter of electricity.
    function meter(bytes memory owner, uint256 intervalMs) internal pure returns (bytes memory) {
        bytes memory key = abi.encodePacked(bytesField(1, "ed25519"), bytesField(2, abi.encode(1)));
        return abi.encodePacked(
            bytesField(1, key),
            bytesField(3, owner),
            bytesField(4, "electricity"),
            bytesField(5, "import"),
            numberField(7, intervalMs)
        );
    }

    /// A MsgSealInterval with its sum in the clear.
    function interval(bytes memory meterId, uint256 startMs, uint256 endMs, uint256 count, int64 sumMwh)
        internal
        pure
        returns (bytes memory)
    {
        uint256 zigzag = sumMwh < 0 ? uint256(-int256(sumMwh)) * 2 - 1 : uint256(uint64(sumMwh)) * 2;
        bytes memory span = abi.encodePacked(bytesField(2, meterId), numberField(3, startMs), numberField(4, endMs));
        bytes memory hashes = abi.encodePacked(bytesField(6, abi.encode(2)), bytesField(7, abi.encode(3)));
        return abi.encodePacked(span, numberField(5, count), hashes, numberField(8, zigzag));
    }
}

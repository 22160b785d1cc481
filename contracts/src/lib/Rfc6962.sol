// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Merkle trees of RFC 6962 §2.1 with SHA-256, the ledger's own (storage/crypto/merkle.ts): leaf SHA256(0x00 ‖ item), inner SHA256(0x01 ‖ left ‖ right).
///
/// The path fixes on which side each hash stands, not how many items there are: the last of five items passes as "item 1 of 2" too. Whoever takes
/// `size` from the prover has proved that the leaf is in the tree, and nothing about its place.
library Rfc6962 {
    error IndexOutOfRange(uint256 index, uint256 size);
    error PathLengthWrong(uint256 length, uint256 index, uint256 size);

    /// Hash of one leaf.
    function leafHash(bytes memory item) internal pure returns (bytes32 hash) {
        return sha256(abi.encodePacked(bytes1(0), item));
    }

    /// Hash of a leaf whose item has 32 bytes, such as a transaction id.
    function leafHash(bytes32 item) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore8(0x00, 0)
            mstore(0x01, item)
            if iszero(staticcall(gas(), 2, 0x00, 33, 0x00, 32)) { revert(0, 0) }
            hash := mload(0x00)
        }
    }

    /// The root to which `path`, sibling hashes from the leaf up, leads from leaf `index` of `size`. Every path has exactly one length: there
    /// is a sibling on each level but where the node is the last of an odd number, which moves up as it is.
    function rootOf(bytes32 leaf, uint256 index, uint256 size, bytes32[] calldata path)
        internal
        view
        returns (bytes32 hash)
    {
        if (index >= size) revert IndexOutOfRange(index, size);
        uint256 used;
        assembly ("memory-safe") {
            hash := leaf
            let place := index
            let last := sub(size, 1)
            let sibling := path.offset
            let end := add(path.offset, mul(path.length, 32))
            // 0x01 ‖ left ‖ right, 65 bytes, behind the free memory pointer.
            let node := mload(0x40)
            mstore8(node, 1)
            let left := add(node, 1)
            let right := add(node, 33)
            for {} last {} {
                let isRight := and(place, 1)
                // A right node, or a left one with a neighbour.
                if or(isRight, lt(place, last)) {
                    // One step too many is counted and not read.
                    if iszero(lt(sibling, end)) {
                        sibling := not(0)
                        break
                    }
                    switch isRight
                    case 1 {
                        mstore(left, calldataload(sibling))
                        mstore(right, hash)
                    }
                    default {
                        mstore(left, hash)
                        mstore(right, calldataload(sibling))
                    }
                    if iszero(staticcall(gas(), 2, node, 65, 0x00, 32)) { revert(0, 0) }
                    hash := mload(0x00)
                    sibling := add(sibling, 32)
                }
                place := shr(1, place)
                last := shr(1, last)
            }
            used := sub(sibling, end)
        }
        if (used != 0) revert PathLengthWrong(path.length, index, size);
    }
}

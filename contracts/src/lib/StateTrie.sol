// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The ledger's state tree (storage/crypto/stateTree.ts): a binary trie over SHA256(key), leaf SHA256(0x00 ‖ SHA256(key) ‖ SHA256(value)),
/// inner SHA256(0x01 ‖ left ‖ right), an empty place 32 zero bytes; and the app hash above it.
library StateTrie {
    error StatePathTooLong(uint256 length);

    uint256 internal constant MAX_DEPTH = 256;

    /// The root under which `key` has `value`. siblings: from the root down.
    function rootOf(bytes calldata key, bytes calldata value, bytes32[] calldata siblings)
        internal
        pure
        returns (bytes32 hash)
    {
        uint256 depth = siblings.length;
        if (depth > MAX_DEPTH) revert StatePathTooLong(depth);
        bytes32 keyHash = sha256(key);
        hash = sha256(abi.encodePacked(bytes1(0x00), keyHash, sha256(value)));
        while (depth > 0) {
            depth--;
            bool goesRight = (uint256(keyHash) >> (255 - depth)) & 1 == 1;
            hash = goesRight
                ? sha256(abi.encodePacked(bytes1(0x01), siblings[depth], hash))
                : sha256(abi.encodePacked(bytes1(0x01), hash, siblings[depth]));
        }
    }

    /// consensus/application/appHash.ts.
    function appHash(bytes32 stateRoot, bytes32 mountainRoot, uint64 ancestorCount) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x02), stateRoot, mountainRoot, ancestorCount));
    }
}

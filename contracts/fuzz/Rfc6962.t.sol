// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rfc6962Harness} from "../harness/Rfc6962Harness.sol";

/// Paths and roots against a tree that is built the slow way, by the RFC's own recursion.
contract Rfc6962Fuzz {
    Rfc6962Harness private immutable HARNESS = new Rfc6962Harness();

    function testFuzz_everyPathLeadsToTheRoot(bytes32 seed, uint256 size, uint256 index) external view {
        size = 1 + size % 70;
        index %= size;
        bytes32[] memory leaves = leavesFrom(seed, size);
        bytes32[] memory path = pathOf(leaves, index, 0, size);
        assert(HARNESS.rootOf(leaves[index], index, size, path) == rootOf(leaves, 0, size));
    }

    function testFuzz_anotherLeafOrPlaceLeadsElsewhere(bytes32 seed, uint256 size, uint256 index, uint256 other)
        external
        view
    {
        size = 2 + size % 69;
        index %= size;
        other %= size;
        if (other == index) other = (index + 1) % size;
        bytes32[] memory leaves = leavesFrom(seed, size);
        bytes32[] memory path = pathOf(leaves, index, 0, size);
        // The size is the tree's own: then a leaf passes at its own place only.
        try HARNESS.rootOf(leaves[index], other, size, path) returns (bytes32 root) {
            assert(root != rootOf(leaves, 0, size));
        } catch {}
        assert(HARNESS.rootOf(leaves[other], index, size, path) != rootOf(leaves, 0, size));
    }

    function testFuzz_anyInputIsAnswered(bytes32 leaf, uint256 index, uint256 size, bytes32[] calldata path)
        external
        view
    {
        try HARNESS.rootOf(leaf, index, size, path) {} catch {}
    }

    function leavesFrom(bytes32 seed, uint256 size) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](size);
        for (uint256 i = 0; i < size; i++) leaves[i] = sha256(abi.encode(seed, i));
    }

    /// MTH(D[from:to]) over leaf hashes.
    function rootOf(bytes32[] memory leaves, uint256 from, uint256 to) private pure returns (bytes32) {
        if (to - from == 1) return leaves[from];
        uint256 split = from + splitOf(to - from);
        return sha256(abi.encodePacked(bytes1(0x01), rootOf(leaves, from, split), rootOf(leaves, split, to)));
    }

    /// PATH(index, D[from:to]).
    function pathOf(bytes32[] memory leaves, uint256 index, uint256 from, uint256 to)
        private
        pure
        returns (bytes32[] memory path)
    {
        if (to - from == 1) return path;
        uint256 split = from + splitOf(to - from);
        bool isLeft = index < split;
        bytes32[] memory below = isLeft ? pathOf(leaves, index, from, split) : pathOf(leaves, index, split, to);
        path = new bytes32[](below.length + 1);
        for (uint256 i = 0; i < below.length; i++) path[i] = below[i];
        path[below.length] = isLeft ? rootOf(leaves, split, to) : rootOf(leaves, from, split);
    }

    /// The largest power of two below `size`.
    function splitOf(uint256 size) private pure returns (uint256 split) {
        split = 1;
        while (split * 2 < size) split *= 2;
    }
}

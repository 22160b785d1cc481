// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rfc6962} from "../src/lib/Rfc6962.sol";

/// The library by itself, for its vectors and its gas.
contract Rfc6962Harness {
    function leafHash(bytes calldata item) external pure returns (bytes32) {
        return Rfc6962.leafHash(item);
    }

    function leafHashOfWord(bytes32 item) external view returns (bytes32) {
        return Rfc6962.leafHash(item);
    }

    function rootOf(bytes32 leaf, uint256 index, uint256 size, bytes32[] calldata path)
        external
        view
        returns (bytes32)
    {
        return Rfc6962.rootOf(leaf, index, size, path);
    }

    /// Gas of the walk alone.
    function gasOfWalk(bytes32 leaf, uint256 index, uint256 size, bytes32[] calldata path)
        external
        view
        returns (uint256)
    {
        uint256 before = gasleft();
        Rfc6962.rootOf(leaf, index, size, path);
        return before - gasleft();
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What D5.1 counts: a kilobyte of data on chain, as 32 words of storage, or as call data with its hash in an event.
contract KilobyteStore {
    event Kept(bytes32 hash);

    mapping(uint256 kilobyte => bytes32[32] words) private stored;
    uint256 private kilobytes;

    function store(bytes32[32] calldata words) external {
        stored[kilobytes] = words;
        kilobytes++;
    }

    function hashOnly(bytes calldata data) external {
        emit Kept(sha256(data));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

struct Wallet {
    address addr;
    uint256 publicKeyX;
    uint256 publicKeyY;
    uint256 privateKey;
}

/// What these tests need of forge's cheat codes.
interface Vm {
    function prank(address sender) external;
    function deal(address account, uint256 balance) external;
    function warp(uint256 timestamp) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function store(address account, bytes32 slot, bytes32 value) external;
    function addr(uint256 privateKey) external pure returns (address);
    function createWallet(uint256 privateKey) external returns (Wallet memory);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
}

// The address of the cheat codes: keccak256("hevm cheat code"), its last 20 bytes.
Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

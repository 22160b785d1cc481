// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IOutbox {
    /// Tells the ledger something; the caller has EMITTER_ROLE. kind: what it is, not zero, such as keccak256("EnergyMarket.Sold"). payload: at most
    /// MAX_PAYLOAD_BYTES, opaque here; best abi.encode of integers and hashes. Answers the event's number.
    function emitEvent(bytes32 kind, bytes calldata payload) external returns (uint64 eventNonce);
}

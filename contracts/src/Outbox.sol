// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControlDefaultAdminRules} from
    "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {IOutbox} from "./interfaces/IOutbox.sol";

/// The one way back to the ledger: what contracts have to tell it, numbered from 1 without a gap. The ledger's validators read the events of
/// final blocks, in order, and vote them onto the ledger once.
contract Outbox is IOutbox, AccessControlDefaultAdminRules {
    event OutboxEvent(
        uint64 indexed eventNonce, address indexed emitter, bytes32 indexed kind, bytes32 payloadHash, bytes payload
    );

    error PayloadTooLarge(uint256 length);
    error KindZero();

    bytes32 public constant EMITTER_ROLE = keccak256("EMITTER_ROLE");
    /// What the ledger stores of one event must fit many times into a block.
    uint256 public constant MAX_PAYLOAD_BYTES = 1024;
    /// Until a successor of the administrator takes over.
    uint48 public constant ADMIN_DELAY = 2 days;

    struct Chain {
        /// Of the latest event.
        uint64 eventNonce;
        /// The first 24 bytes of keccak256(chain before ‖ nonce ‖ emitter ‖ kind ‖ payload hash): one call tells whether the logs of a node are all of them.
        bytes24 hash;
    }

    Chain public chain;

    constructor(address admin) AccessControlDefaultAdminRules(ADMIN_DELAY, admin) {}

    /// @inheritdoc IOutbox
    function emitEvent(bytes32 kind, bytes calldata payload)
        external
        onlyRole(EMITTER_ROLE)
        returns (uint64 eventNonce)
    {
        if (kind == 0) revert KindZero();
        if (payload.length > MAX_PAYLOAD_BYTES) revert PayloadTooLarge(payload.length);
        Chain memory last = chain;
        eventNonce = last.eventNonce + 1;
        bytes32 payloadHash = keccak256(payload);
        bytes32 hash = keccak256(abi.encodePacked(last.hash, eventNonce, msg.sender, kind, payloadHash));
        // The first 192 bits are enough against anyone who looks for a second chain with the same hash.
        // forge-lint: disable-next-line(unsafe-typecast)
        chain = Chain({eventNonce: eventNonce, hash: bytes24(hash)});
        emit OutboxEvent(eventNonce, msg.sender, kind, payloadHash, payload);
    }
}

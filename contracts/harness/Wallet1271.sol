// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// A wallet that is a contract: it lets its owner call anything, and signs by its owner's key (EIP-1271).
contract Wallet1271 is IERC1271 {
    address public immutable OWNER;

    error NotOwner(address caller);
    error CallFailed(bytes reason);

    constructor(address owner) payable {
        OWNER = owner;
    }

    receive() external payable {}

    function execute(address to, uint256 value, bytes calldata data) external payable {
        if (msg.sender != OWNER) revert NotOwner(msg.sender);
        (bool isDone, bytes memory reason) = to.call{value: value}(data);
        if (!isDone) revert CallFailed(reason);
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address signer,,) = ECDSA.tryRecoverCalldata(hash, signature);
        return signer == OWNER ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

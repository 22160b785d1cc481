// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// Money that a contract owes: it is credited, and each account fetches its own. Nobody is ever sent ether in the middle of a trade, so that a receiver
/// that reverts, or calls back, stops nobody but itself.
abstract contract PullPayments is ReentrancyGuard {
    /// Wei that an account may withdraw.
    mapping(address account => uint256) public credit;

    /// Sum of all credits in wei.
    uint256 public totalCredit;

    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    error NothingToWithdraw(address account);
    error ReceiverInvalid(address to);
    error TransferFailed(address to, uint256 amount);
    error AmountTooLarge(uint256 amount);

    /// Sends the caller's whole credit to `to`, which for a contract without a receive function is another account than itself.
    function withdraw(address payable to) external nonReentrant {
        if (to == address(0) || to == address(this)) revert ReceiverInvalid(to);
        uint256 amount = credit[msg.sender];
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        credit[msg.sender] = 0;
        totalCredit -= amount;
        emit Withdrawn(msg.sender, to, amount);
        (bool isSent,) = to.call{value: amount}("");
        if (!isSent) revert TransferFailed(to, amount);
    }

    function _credit(address account, uint256 amount) internal {
        if (amount == 0) return;
        credit[account] += amount;
        totalCredit += amount;
    }

    function _amount128(uint256 amount) internal pure returns (uint128) {
        if (amount > type(uint128).max) revert AmountTooLarge(amount);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(amount);
    }
}

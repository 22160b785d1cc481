// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerAccounts} from "../src/lib/LedgerAccounts.sol";

/// The library by itself.
contract LedgerAccountsHarness {
    function accountOf(address sender, uint256 x, uint256 y) external pure returns (bytes20) {
        return LedgerAccounts.accountOf(sender, x, y);
    }

    function parse(bytes calldata text) external pure returns (bytes20) {
        return LedgerAccounts.parse(text);
    }
}

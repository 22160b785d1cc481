// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// The incentive of demand response (seed 003, HL-UC01): one unit for each wei that Flexibility keeps to redeem it. Nobody has a role here and nobody
/// can be given one: the contract that made it mints, and burns what it holds itself.
contract FlexibilityToken is ERC20 {
    error NotSettler(address caller);
    /// Bonds are paid in through Flexibility; what is sent to it without a word would be lost.
    error SettlerNotReceiver();

    address public immutable SETTLER;

    constructor() ERC20("Flexibility Incentive", "FLEX") {
        SETTLER = msg.sender;
    }

    modifier onlySettler() {
        if (msg.sender != SETTLER) revert NotSettler(msg.sender);
        _;
    }

    /// Of units whose wei are set aside.
    function mint(address to, uint256 amount) external onlySettler {
        _mint(to, amount);
    }

    /// Of the settler's own, a penalty or what is redeemed: never out of somebody's wallet.
    function burn(uint256 amount) external onlySettler {
        _burn(SETTLER, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (to == SETTLER && msg.sender != SETTLER) revert SettlerNotReceiver();
        super._update(from, to, amount);
    }
}

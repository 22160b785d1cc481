// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// An accepted flexibility contract as something to hold and to hand on: its id is the contract's number in Flexibility, which made this and alone mints
/// and burns.
contract FlexibilityPosition is ERC721 {
    error NotSettler(address caller);

    address public immutable SETTLER;

    constructor() ERC721("Flexibility Contract", "FLEXC") {
        SETTLER = msg.sender;
    }

    modifier onlySettler() {
        if (msg.sender != SETTLER) revert NotSettler(msg.sender);
        _;
    }

    /// Without asking the receiver: a contract that does not know such tokens is still paid.
    function mint(address to, uint256 positionId) external onlySettler {
        _mint(to, positionId);
    }

    function burn(uint256 positionId) external onlySettler {
        _burn(positionId);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MarketRoles} from "./MarketRoles.sol";

/// What the owner may change, within bounds and announced before: nothing else of the rules can be changed at all.
abstract contract MarketTerms is MarketRoles {
    struct Terms {
        /// Gets the tax.
        address treasury;
        /// Hundredths of a percent of the total.
        uint16 taxBps;
        /// From this much stored energy on no advert is taken, in Wh (seed 004 §5.4.4: at 990 kWh).
        uint32 highWaterWh;
        /// Seconds after a sale until an undisputed one is paid without proof of delivery.
        uint32 deliveryPeriod;
    }

    /// The microgrid stores at most 1000 kWh, and takes no less than 1 kWh at once (seed 004 §5.4.4).
    uint32 public constant CAPACITY_WH = 1_000_000;
    uint32 public constant MIN_ADVERT_WH = 1000;

    uint16 public constant MAX_TAX_BPS = 2000;
    uint32 public constant MIN_DELIVERY_PERIOD = 1 days;
    uint32 public constant MAX_DELIVERY_PERIOD = 30 days;
    /// Between the announcement of terms and their beginning: longer than an advert lives.
    uint256 public constant TERMS_DELAY = 1 days;

    Terms private _current;
    Terms private _next;
    /// Unix time in seconds from which the announced terms hold; 0: none are.
    uint256 public nextTermsFrom;

    event TermsAnnounced(
        address indexed treasury, uint16 taxBps, uint32 highWaterWh, uint32 deliveryPeriod, uint256 from
    );

    error TermsInvalid();

    constructor(address treasury) {
        _current = Terms({treasury: treasury, taxBps: 500, highWaterWh: CAPACITY_WH, deliveryPeriod: 7 days});
        _check(_current);
    }

    /// Announces terms; those announced before that do not hold yet are forgotten.
    function announceTerms(Terms calldata announced) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _check(announced);
        _current = terms();
        _next = announced;
        nextTermsFrom = block.timestamp + TERMS_DELAY;
        emit TermsAnnounced(
            announced.treasury, announced.taxBps, announced.highWaterWh, announced.deliveryPeriod, nextTermsFrom
        );
    }

    /// The terms that hold now.
    function terms() public view returns (Terms memory) {
        return nextTermsFrom != 0 && block.timestamp >= nextTermsFrom ? _next : _current;
    }

    function _check(Terms memory checked) private view {
        bool isPeriodRight =
            checked.deliveryPeriod >= MIN_DELIVERY_PERIOD && checked.deliveryPeriod <= MAX_DELIVERY_PERIOD;
        bool isMarkRight = checked.highWaterWh >= MIN_ADVERT_WH && checked.highWaterWh <= CAPACITY_WH;
        // Credits are withdrawn by calls: this contract would never make one to itself.
        bool isTreasuryRight = checked.treasury != address(0) && checked.treasury != address(this);
        if (!isPeriodRight || !isMarkRight || !isTreasuryRight || checked.taxBps > MAX_TAX_BPS) revert TermsInvalid();
    }
}

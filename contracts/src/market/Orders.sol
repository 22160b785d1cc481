// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Sales} from "./Sales.sol";

/// Bids that stand (seed 004 §8.3): a consumer says what it wants and what it pays at most, with the money; anyone brings bids and adverts together, at the
/// advert's price of that moment.
abstract contract Orders is Sales {
    struct Order {
        address consumer;
        /// Unix time in seconds.
        uint40 expires;
        /// Still wanted.
        uint32 energyWh;
        uint96 maxPriceWeiPerKwh;
        /// Wei; 0 once it is closed.
        uint96 escrow;
    }

    uint256 public constant MAX_ORDER_LIFE = 30 days;
    uint256 public constant MAX_MATCHES = 32;

    uint256 public lastOrderId;
    mapping(uint256 orderId => Order) private _orders;

    event Ordered(
        uint256 indexed orderId,
        address indexed consumer,
        uint256 energyWh,
        uint256 maxPriceWeiPerKwh,
        uint256 escrow,
        uint256 expires
    );
    event Matched(uint256 indexed orderId, uint256 indexed saleId, uint32 indexed advertId);
    /// `returned` went back to the consumer's credit.
    event OrderClosed(uint256 indexed orderId, address indexed consumer, uint256 returned);

    error OrderEnergyInvalid(uint256 energyWh);
    error OrderPriceInvalid(uint256 maxPriceWeiPerKwh);
    error OrderExpiryInvalid(uint256 expires);
    error EscrowTooSmall(uint256 sent, uint256 needed);
    error OrderNotOpen(uint256 orderId);
    error NotYourOrder(uint256 orderId, address caller);
    error MatchesInvalid(uint256 orders, uint256 adverts);
    error NothingMatched();

    /// Places an order with the ether sent along, which is at least its price at most; what is over stays with it, for the wei by which several
    /// part deliveries are rounded up, and comes back at its end.
    function placeOrder(uint32 energyWh, uint96 maxPriceWeiPerKwh, uint40 expires)
        external
        payable
        onlyRole(CONSUMER_ROLE)
        returns (uint256 orderId)
    {
        if (energyWh == 0 || energyWh > CAPACITY_WH) revert OrderEnergyInvalid(energyWh);
        if (maxPriceWeiPerKwh == 0) revert OrderPriceInvalid(maxPriceWeiPerKwh);
        if (expires <= block.timestamp || expires > block.timestamp + MAX_ORDER_LIFE) {
            revert OrderExpiryInvalid(expires);
        }
        uint256 needed = _total(10, maxPriceWeiPerKwh, energyWh);
        if (msg.value < needed) revert EscrowTooSmall(msg.value, needed);
        if (msg.value > type(uint96).max) revert AmountTooLarge(msg.value);
        orderId = ++lastOrderId;
        _orders[orderId] = Order({
            consumer: msg.sender,
            expires: expires,
            energyWh: energyWh,
            maxPriceWeiPerKwh: maxPriceWeiPerKwh,
            // forge-lint: disable-next-line(unsafe-typecast)
            escrow: uint96(msg.value)
        });
        emit Ordered(orderId, msg.sender, energyWh, maxPriceWeiPerKwh, msg.value, expires);
    }

    /// Brings order i and advert i together, for each i; pairs that do not fit, or do not any more, are passed over. By anyone.
    function matchOrders(uint256[] calldata orderIds, uint32[] calldata advertIds) external returns (uint256 matched) {
        if (orderIds.length != advertIds.length || orderIds.length > MAX_MATCHES) {
            revert MatchesInvalid(orderIds.length, advertIds.length);
        }
        for (uint256 i = 0; i < orderIds.length; i++) {
            if (_match(orderIds[i], advertIds[i])) matched++;
        }
        if (matched == 0) revert NothingMatched();
    }

    /// Ends an order: its consumer at any time, anyone once it has expired or its consumer was removed.
    function cancelOrder(uint256 orderId) external {
        Order storage order = _openOrder(orderId);
        bool isDead = block.timestamp >= order.expires || !hasRole(CONSUMER_ROLE, order.consumer);
        if (msg.sender != order.consumer && !isDead) revert NotYourOrder(orderId, msg.sender);
        _close(orderId, order);
    }

    /// Closed ones have no escrow.
    function orderOf(uint256 orderId) external view returns (Order memory) {
        return _orders[orderId];
    }

    function _match(uint256 orderId, uint32 advertId) private returns (bool) {
        Order storage order = _orders[orderId];
        uint256 escrow = order.escrow;
        if (escrow == 0 || block.timestamp >= order.expires || !hasRole(CONSUMER_ROLE, order.consumer)) return false;
        Advert storage advert = _advert(advertId);
        if (!_isLive(advert)) return false;
        uint256 tenths = _tenths(advert);
        uint256 price = advert.minPriceWeiPerKwh;
        if (tenths * price > 10 * uint256(order.maxPriceWeiPerKwh)) return false;
        uint256 energyWh = advert.remainingWh < order.energyWh ? advert.remainingWh : order.energyWh;
        // Parts are rounded up each: the last may be a wei dearer than what is left, and is then so much smaller.
        uint256 affordable = escrow * 10_000 / (tenths * price);
        if (affordable < energyWh) energyWh = affordable;
        if (energyWh == 0) return false;

        uint256 total = _total(tenths, price, energyWh);
        // Below the order's own.
        // forge-lint: disable-next-line(unsafe-typecast)
        order.energyWh -= uint32(energyWh);
        // forge-lint: disable-next-line(unsafe-typecast)
        order.escrow = uint96(escrow - total);
        // forge-lint: disable-next-line(unsafe-typecast)
        uint256 saleId = _sell(advertId, advert, order.consumer, uint32(energyWh), total);
        emit Matched(orderId, saleId, advertId);
        if (order.energyWh == 0) _close(orderId, order);
        return true;
    }

    function _close(uint256 orderId, Order storage order) private {
        uint256 returned = order.escrow;
        order.escrow = 0;
        order.energyWh = 0;
        _credit(order.consumer, returned);
        emit OrderClosed(orderId, order.consumer, returned);
    }

    function _openOrder(uint256 orderId) private view returns (Order storage order) {
        order = _orders[orderId];
        if (order.energyWh == 0) revert OrderNotOpen(orderId);
    }
}

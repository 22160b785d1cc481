// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerReader} from "../LedgerReader.sol";
import {PullPayments} from "../lib/PullPayments.sol";
import {Adverts} from "./Adverts.sol";

/// Energy that was bought (seed 004 §5.4.3). The money stays here until the energy is delivered: a sealed interval of the buyer's own meter, begun after the
/// sale, shows it. Without one the producer is paid after the delivery period unless the buyer has disputed; then a regulator decides.
abstract contract Sales is Adverts, PullPayments {
    enum Status {
        None,
        Open,
        Disputed,
        Paid,
        Refunded
    }

    struct Sale {
        address buyer;
        /// Unix time in seconds.
        uint40 createdAt;
        uint32 energyWh;
        Status status;
        /// Wei that the buyer has paid.
        uint96 total;
        uint32 advertId;
        /// The buyer's, by its number.
        uint32 meter;
        /// By proved intervals, up to 1000 times energyWh.
        uint32 deliveredMwh;
        uint16 taxBps;
        /// Unix time in seconds from which it is paid without proof.
        uint40 due;
    }

    /// A regulator has so long for its decision; then the buyer, in whose favour no proof speaks, has its money back.
    uint256 public constant DISPUTE_PERIOD = 30 days;
    uint256 public constant MAX_SALES_AT_ONCE = 32;

    /// Payload abi.encode(saleId, txId, outputIndex, energy in mWh, meter id): the microgrid hands it over to the owner of that meter.
    bytes32 public constant TRANSFER = keccak256("EnergyMarket.Transfer");

    uint256 public lastSaleId;
    mapping(uint256 saleId => Sale) private _sales;
    /// mWh of a sealed interval that have delivered sales, by SealedIntervals.keyOf: no more than it holds, whatever is shown how often.
    mapping(bytes32 interval => uint256) public deliveredBy;

    event Sold(
        uint256 indexed saleId,
        address indexed producer,
        address indexed buyer,
        uint32 advertId,
        uint256 energyWh,
        uint256 total
    );
    event Delivered(uint256 indexed saleId, bytes32 indexed interval, uint256 energyMwh);
    event Paid(uint256 indexed saleId, address indexed producer, uint256 share, uint256 tax);
    event Refunded(uint256 indexed saleId, address indexed buyer, uint256 total);
    event Disputed(uint256 indexed saleId, address indexed buyer);

    error SaleUnknown(uint256 saleId);
    error SaleNotOpen(uint256 saleId);
    error SaleNotDisputed(uint256 saleId);
    error SaleNotDue(uint256 saleId, uint256 due);
    error SaleDue(uint256 saleId, uint256 due);
    error NotBuyer(uint256 saleId, address caller);
    error SalesInvalid(uint256 count);
    error SalesOutOfOrder(uint256 saleId);
    error MeterOfAnother(uint256 saleId);
    /// The interval began before the sale was made.
    error IntervalTooEarly(uint256 saleId, uint256 startMs);
    /// Nothing is left of what the interval shows.
    error IntervalUsed(bytes32 interval);

    /// Delivers sales, in ascending order of their numbers, by one proved interval of their buyer's meter. What is delivered in full is paid; what
    /// the interval shows beyond them stays for later sales. By anyone.
    function settle(uint256[] calldata saleIds, LedgerReader.IntervalProof calldata shownBy) external {
        if (saleIds.length == 0 || saleIds.length > MAX_SALES_AT_ONCE) revert SalesInvalid(saleIds.length);
        LedgerReader.IntervalEnergy memory interval = READER.readInterval(shownBy);
        bytes32 key = interval.key;
        uint256 used = deliveredBy[key];
        // An import meter counts what comes out of the grid; what goes back into it delivers nothing.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint256 shown = interval.sumMwh > 0 ? uint64(interval.sumMwh) : 0;
        uint32 meter = meterNumber[interval.meterIdHash];
        uint256 previous = 0;
        for (uint256 i = 0; i < saleIds.length; i++) {
            uint256 saleId = saleIds[i];
            if (saleId <= previous) revert SalesOutOfOrder(saleId);
            previous = saleId;
            Sale storage sale = _undecided(saleId);
            if (sale.meter != meter) revert MeterOfAnother(saleId);
            if (interval.startMs < uint256(sale.createdAt) * 1000) revert IntervalTooEarly(saleId, interval.startMs);
            if (used == shown) revert IntervalUsed(key);
            used += _deliver(saleId, sale, key, shown - used);
        }
        deliveredBy[key] = used;
    }

    /// Pays an open sale whose delivery period is over. By anyone.
    function collect(uint256 saleId) external {
        Sale storage sale = _undecided(saleId);
        if (sale.status != Status.Open) revert SaleNotOpen(saleId);
        if (block.timestamp < sale.due) revert SaleNotDue(saleId, sale.due);
        _pay(saleId, sale);
    }

    /// The buyer says, before the delivery period is over, that it did not get its energy.
    function dispute(uint256 saleId) external {
        Sale storage sale = _undecided(saleId);
        if (msg.sender != sale.buyer) revert NotBuyer(saleId, msg.sender);
        if (sale.status != Status.Open) revert SaleNotOpen(saleId);
        if (block.timestamp >= sale.due) revert SaleDue(saleId, sale.due);
        sale.status = Status.Disputed;
        emit Disputed(saleId, msg.sender);
    }

    /// A regulator decides a dispute.
    function resolve(uint256 saleId, bool paysProducer) external onlyRole(REGULATOR_ROLE) {
        Sale storage sale = _disputed(saleId);
        if (paysProducer) _pay(saleId, sale);
        else _refund(saleId, sale);
    }

    /// Ends a dispute that no regulator has decided. By anyone.
    function refundUndecided(uint256 saleId) external {
        Sale storage sale = _disputed(saleId);
        uint256 end = sale.due + DISPUTE_PERIOD;
        if (block.timestamp < end) revert SaleNotDue(saleId, end);
        _refund(saleId, sale);
    }

    function saleOf(uint256 saleId) external view returns (Sale memory) {
        if (_sales[saleId].status == Status.None) revert SaleUnknown(saleId);
        return _sales[saleId];
    }

    /// What this much energy of an advert costs now, in wei: minimum price in tenths, rounded up.
    function quote(uint32 advertId, uint256 energyWh) external view returns (uint256) {
        Advert storage advert = _advert(advertId);
        if (!_isLive(advert)) revert AdvertNotLive(advertId);
        return _total(_tenths(advert), advert.minPriceWeiPerKwh, energyWh);
    }

    /// tenths / 10 · wei per kWh · Wh / 1000, rounded up: at most one wei more than the price, and never nothing.
    function _total(uint256 tenths, uint256 priceWeiPerKwh, uint256 energyWh) internal pure returns (uint256) {
        return (tenths * priceWeiPerKwh * energyWh + 9999) / 10_000;
    }

    /// Takes energy out of a live advert for a buyer whose `total` wei are in this contract already.
    function _sell(uint32 advertId, Advert storage advert, address buyer, uint32 energyWh, uint256 total)
        internal
        returns (uint256 saleId)
    {
        if (total > type(uint96).max) revert AmountTooLarge(total);
        Terms memory now_ = terms();
        saleId = ++lastSaleId;
        _sales[saleId] = Sale({
            buyer: buyer,
            // forge-lint: disable-next-line(unsafe-typecast)
            createdAt: uint40(block.timestamp),
            energyWh: energyWh,
            status: Status.Open,
            // forge-lint: disable-next-line(unsafe-typecast)
            total: uint96(total),
            advertId: advertId,
            meter: meterOf[buyer],
            deliveredMwh: 0,
            taxBps: now_.taxBps,
            // forge-lint: disable-next-line(unsafe-typecast)
            due: uint40(block.timestamp + now_.deliveryPeriod)
        });
        _sellFrom(advertId, advert, energyWh);
        emit Sold(saleId, advert.producer, buyer, advertId, energyWh, total);
    }

    function _deliver(uint256 saleId, Sale storage sale, bytes32 interval, uint256 available)
        private
        returns (uint256 taken)
    {
        uint256 wanted = uint256(sale.energyWh) * 1000;
        uint256 missing = wanted - sale.deliveredMwh;
        taken = available < missing ? available : missing;
        // At most CAPACITY_WH · 1000, below 2^32.
        // forge-lint: disable-next-line(unsafe-typecast)
        sale.deliveredMwh += uint32(taken);
        emit Delivered(saleId, interval, taken);
        if (taken == missing) _pay(saleId, sale);
    }

    /// share = floor(total · (1 − tax)), tax = what is left of it: no wei is lost.
    function _pay(uint256 saleId, Sale storage sale) private {
        sale.status = Status.Paid;
        Advert storage advert = _advert(sale.advertId);
        uint256 total = sale.total;
        uint256 share = total * (10_000 - sale.taxBps) / 10_000;
        _credit(advert.producer, share);
        _credit(terms().treasury, total - share);
        emit Paid(saleId, advert.producer, share, total - share);
        bytes memory payload = abi.encode(
            saleId, advert.txId, advert.outputIndex, uint256(sale.energyWh) * 1000, meterId[sale.meter]
        );
        OUTBOX.emitEvent(TRANSFER, payload);
    }

    function _refund(uint256 saleId, Sale storage sale) private {
        sale.status = Status.Refunded;
        _credit(sale.buyer, sale.total);
        emit Refunded(saleId, sale.buyer, sale.total);
        _return(sale.advertId, _advert(sale.advertId), uint256(sale.energyWh) * 1000);
    }

    function _undecided(uint256 saleId) private view returns (Sale storage sale) {
        sale = _sales[saleId];
        if (sale.status == Status.None) revert SaleUnknown(saleId);
        if (sale.status != Status.Open && sale.status != Status.Disputed) revert SaleNotOpen(saleId);
    }

    function _disputed(uint256 saleId) private view returns (Sale storage sale) {
        sale = _sales[saleId];
        if (sale.status != Status.Disputed) revert SaleNotDisputed(saleId);
    }
}

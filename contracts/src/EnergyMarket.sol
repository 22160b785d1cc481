// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerReader} from "./LedgerReader.sol";
import {IOutbox} from "./interfaces/IOutbox.sol";
import {Adverts} from "./market/Adverts.sol";
import {MarketRoles} from "./market/MarketRoles.sol";
import {MarketTerms} from "./market/MarketTerms.sol";
import {Orders} from "./market/Orders.sol";

/// The market of a microgrid (seed 004 ch. 5): producers advertise energy that the ledger shows to be in the microgrid, consumers buy it, the money moves
/// when it is shown to be delivered. Who may do what is in MarketRoles, what the owner may set in MarketTerms; then Adverts, Sales, Orders.
/// This contract needs EMITTER_ROLE of the outbox.
contract EnergyMarket is Orders {
    error ContractMissing();
    error TotalOverMaximum(uint256 total, uint256 maxTotal);
    error ValueTooSmall(uint256 sent, uint256 total);
    /// No live advert of this producer has this time and price, and so much left.
    error AdvertNotFound(address producer, uint256 advertTime, uint256 proposedPrice);

    /// microgrid: the account on the ledger to which the outputs behind adverts are locked.
    constructor(address owner, address treasury, LedgerReader reader, IOutbox outbox, bytes20 microgrid)
        MarketRoles(owner)
        MarketTerms(treasury)
        Adverts(reader, outbox, microgrid)
    {
        if (address(reader).code.length == 0 || address(outbox).code.length == 0) revert ContractMissing();
    }

    /// Buys from an advert with the ether sent along. The price rises while the transaction waits to be mined: maxTotal, in wei, bounds it. What is sent
    /// beyond the total is the caller's credit.
    function requestForEnergy(uint32 advertId, uint32 energyWh, uint256 maxTotal)
        external
        payable
        onlyRole(CONSUMER_ROLE)
        returns (uint256 saleId)
    {
        return _request(advertId, energyWh, maxTotal);
    }

    /// The same in the seed's own form: energy in Wh, the advert's time in Unix seconds, the producer's minimum price in wei per kWh, and the producer.
    /// The ether sent along bounds the price.
    function requestForEnergy(uint32 energyWh, uint256 advertTime, uint256 proposedPrice, address producer)
        external
        payable
        onlyRole(CONSUMER_ROLE)
        returns (uint256 saleId)
    {
        uint32 advertId = _find(producer, advertTime, proposedPrice, energyWh);
        if (advertId == 0) revert AdvertNotFound(producer, advertTime, proposedPrice);
        return _request(advertId, energyWh, msg.value);
    }

    function _request(uint32 advertId, uint32 energyWh, uint256 maxTotal) private returns (uint256) {
        Advert storage advert = _advert(advertId);
        if (!_isLive(advert)) revert AdvertNotLive(advertId);
        if (energyWh == 0 || energyWh > advert.remainingWh) revert EnergyInvalid(energyWh);
        uint256 total = _total(_tenths(advert), advert.minPriceWeiPerKwh, energyWh);
        if (total > maxTotal) revert TotalOverMaximum(total, maxTotal);
        if (msg.value < total) revert ValueTooSmall(msg.value, total);
        _credit(msg.sender, msg.value - total);
        return _sell(advertId, advert, msg.sender, energyWh, total);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LedgerReader} from "../LedgerReader.sol";
import {IOutbox} from "../interfaces/IOutbox.sol";
import {LedgerAccounts} from "../lib/LedgerAccounts.sol";
import {MarketTerms} from "./MarketTerms.sol";

/// Energy on offer (seed 004 §5.4.2, §5.4.4). It is in the microgrid already: an unspent output on the ledger that only the microgrid's account can
/// spend. The price rises by a tenth of the producer's minimum each hour; after three hours what is left goes back to the producer.
///
/// The ledger moves the asset when the outbox tells it to: of each output all that was advertised is told of, once, as RETURN or TRANSFER.
abstract contract Adverts is MarketTerms {
    struct Advert {
        address producer;
        /// Unix time in seconds.
        uint40 createdAt;
        /// As advertised.
        uint32 energyWh;
        /// Not yet sold and not gone back.
        uint32 remainingWh;
        /// Of the producer, when it advertised.
        uint32 removals;
        /// Of the ledger's output that is behind it.
        uint32 outputIndex;
        uint96 minPriceWeiPerKwh;
        bytes32 txId;
    }

    uint256 public constant ADVERT_LIFE = 3 hours;
    /// A record older than this may long be spent.
    uint256 public constant MAX_BACKING_AGE = 1 days;
    /// Live or not yet reclaimed, of one producer: nobody fills the microgrid with crumbs.
    uint256 public constant MAX_OPEN_ADVERTS = 8;
    /// Old adverts that each new one clears away.
    uint256 private constant SWEPT = 2;

    /// Payload abi.encode(advertId, txId, outputIndex, producer's account as bytes20, energy in mWh): the microgrid gives it back.
    bytes32 public constant RETURN = keccak256("EnergyMarket.Return");

    LedgerReader public immutable READER;
    IOutbox public immutable OUTBOX;
    /// The microgrid's account on the ledger.
    bytes20 public immutable MICROGRID;

    /// Wh in the microgrid that are on offer or wait to be reclaimed.
    uint32 public storedWh;
    uint32 public lastAdvertId;
    /// Every advert below it is sold out or reclaimed.
    uint32 public nextSwept = 1;

    mapping(uint32 advertId => Advert) private _adverts;
    mapping(address producer => uint32[8] advertIds) private _open;
    mapping(address producer => bytes20) public ledgerAccountOf;
    /// keccak256(transaction id ‖ output index), once advertised.
    mapping(bytes32 output => bool) public isAdvertised;

    event AccountBound(address indexed account, bytes20 ledgerAccount);
    event Advertised(
        uint32 indexed advertId,
        address indexed producer,
        uint256 energyWh,
        uint256 minPriceWeiPerKwh,
        bytes32 txId,
        uint32 outputIndex
    );
    event Reclaimed(uint32 indexed advertId, address indexed producer, uint256 energyWh);

    error AccountNotBound(address account);
    error EnergyInvalid(uint256 energyWh);
    error PriceInvalid(uint256 minPriceWeiPerKwh);
    error GridFull(uint256 storedWh, uint256 energyWh);
    error TooManyAdverts(address producer);
    error BackingTooOld(uint256 timeMs);
    error BackingTooSmall(uint256 amountMwh);
    error BackingNotMicrogrid(bytes20 account);
    error BackingNotProducer(bytes20 signer);
    error BackingUsed(bytes32 txId, uint32 outputIndex);
    error AdvertUnknown(uint32 advertId);
    error AdvertNotLive(uint32 advertId);
    error AdvertLive(uint32 advertId);
    error NothingToReclaim(uint32 advertId);

    constructor(LedgerReader reader, IOutbox outbox, bytes20 microgrid) {
        READER = reader;
        OUTBOX = outbox;
        MICROGRID = microgrid;
    }

    /// Keeps the caller's account on the ledger, which follows from the public key (x, y) of its address.
    function bindAccount(uint256 x, uint256 y) external {
        bytes20 account = LedgerAccounts.accountOf(msg.sender, x, y);
        ledgerAccountOf[msg.sender] = account;
        emit AccountBound(msg.sender, account);
    }

    /// Offers energy at a minimum price in wei per kWh. What the output holds beyond it goes back at once.
    function availableEnergyAdvert(
        uint32 energyWh,
        uint96 minPriceWeiPerKwh,
        LedgerReader.OutputProof calldata backing
    )
        external
        onlyRole(PRODUCER_ROLE)
        returns (uint32 advertId)
    {
        if (energyWh < MIN_ADVERT_WH || energyWh > CAPACITY_WH) revert EnergyInvalid(energyWh);
        if (minPriceWeiPerKwh == 0) revert PriceInvalid(minPriceWeiPerKwh);
        _sweep();
        uint256 stored = storedWh;
        if (stored >= terms().highWaterWh || stored + energyWh > CAPACITY_WH) revert GridFull(stored, energyWh);
        (bytes32 txId, uint256 amountMwh) = _takeBacking(backing);
        uint256 energyMwh = uint256(energyWh) * 1000;
        if (amountMwh < energyMwh) revert BackingTooSmall(amountMwh);

        advertId = ++lastAdvertId;
        // At most CAPACITY_WH, as was looked at.
        storedWh += energyWh;
        Advert storage advert = _adverts[advertId];
        advert.producer = msg.sender;
        // forge-lint: disable-next-line(unsafe-typecast)
        advert.createdAt = uint40(block.timestamp);
        advert.energyWh = energyWh;
        advert.remainingWh = energyWh;
        advert.removals = removals[msg.sender];
        advert.outputIndex = backing.outputIndex;
        advert.minPriceWeiPerKwh = minPriceWeiPerKwh;
        advert.txId = txId;
        _replaceOpen(msg.sender, 0, advertId);
        emit Advertised(advertId, msg.sender, energyWh, minPriceWeiPerKwh, txId, backing.outputIndex);
        if (amountMwh > energyMwh) _return(advertId, advert, amountMwh - energyMwh);
    }

    /// Sends what is left of an advert that has expired, or whose producer was removed, back to the producer. By anyone.
    function reclaim(uint32 advertId) external {
        Advert storage advert = _advert(advertId);
        if (advert.remainingWh == 0) revert NothingToReclaim(advertId);
        if (_isLive(advert)) revert AdvertLive(advertId);
        _reclaim(advertId, advert);
    }

    function advertOf(uint32 advertId) external view returns (Advert memory) {
        return _advert(advertId);
    }

    function isLive(uint32 advertId) external view returns (bool) {
        return _isLive(_advert(advertId));
    }

    /// Numbers of the producer's adverts that hold energy; 0 for a free place.
    function openAdvertsOf(address producer) external view returns (uint32[8] memory) {
        return _open[producer];
    }

    /// Tenths of the minimum price that the advert costs now: 10, 11 or 12.
    function _tenths(Advert storage advert) internal view returns (uint256) {
        return 10 + (block.timestamp - advert.createdAt) / 1 hours;
    }

    function _isLive(Advert storage advert) internal view returns (bool) {
        return block.timestamp < advert.createdAt + ADVERT_LIFE && advert.removals == removals[advert.producer];
    }

    function _advert(uint32 advertId) internal view returns (Advert storage advert) {
        advert = _adverts[advertId];
        if (advert.producer == address(0)) revert AdvertUnknown(advertId);
    }

    /// The producer's first live advert with this time, price and energy; 0: there is none.
    function _find(address producer, uint256 time, uint256 price, uint256 energyWh) internal view returns (uint32) {
        uint32[8] memory ids = _open[producer];
        for (uint256 i = 0; i < MAX_OPEN_ADVERTS; i++) {
            if (ids[i] == 0) continue;
            Advert storage advert = _adverts[ids[i]];
            bool isMeant = advert.createdAt == time && advert.minPriceWeiPerKwh == price;
            if (isMeant && advert.remainingWh >= energyWh && _isLive(advert)) return ids[i];
        }
        return 0;
    }

    function _sellFrom(uint32 advertId, Advert storage advert, uint32 energyWh) internal {
        advert.remainingWh -= energyWh;
        storedWh -= energyWh;
        if (advert.remainingWh == 0) _replaceOpen(advert.producer, advertId, 0);
    }

    /// Tells the ledger that the microgrid gives this much of the advert's output back.
    function _return(uint32 advertId, Advert storage advert, uint256 energyMwh) internal {
        bytes20 account = ledgerAccountOf[advert.producer];
        OUTBOX.emitEvent(RETURN, abi.encode(advertId, advert.txId, advert.outputIndex, account, energyMwh));
    }

    function _reclaim(uint32 advertId, Advert storage advert) private {
        uint32 energyWh = advert.remainingWh;
        _sellFrom(advertId, advert, energyWh);
        emit Reclaimed(advertId, advert.producer, energyWh);
        _return(advertId, advert, uint256(energyWh) * 1000);
    }

    /// Clears the oldest adverts away, so that expired ones do not take up the microgrid though nobody asks.
    function _sweep() private {
        uint32 id = nextSwept;
        for (uint256 i = 0; i < SWEPT && id <= lastAdvertId; i++) {
            Advert storage advert = _adverts[id];
            if (advert.remainingWh > 0) {
                if (_isLive(advert)) break;
                _reclaim(id, advert);
            }
            id++;
        }
        nextSwept = id;
    }

    /// Checks that the output is there, is the microgrid's and was made by the caller; once.
    function _takeBacking(LedgerReader.OutputProof calldata backing)
        private
        returns (bytes32 txId, uint256 amountMwh)
    {
        bytes20 own = ledgerAccountOf[msg.sender];
        if (own == 0) revert AccountNotBound(msg.sender);
        LedgerReader.EnergyOutput memory output = READER.readOutput(backing);
        txId = output.txId;
        amountMwh = output.amountMwh;
        if (uint256(output.timeMs) + MAX_BACKING_AGE * 1000 < block.timestamp * 1000) {
            revert BackingTooOld(output.timeMs);
        }
        if (output.account != MICROGRID) revert BackingNotMicrogrid(output.account);
        if (output.signer != own) revert BackingNotProducer(output.signer);
        bytes32 key = keccak256(abi.encodePacked(txId, backing.outputIndex));
        if (isAdvertised[key]) revert BackingUsed(txId, backing.outputIndex);
        isAdvertised[key] = true;
    }

    function _replaceOpen(address producer, uint32 id, uint32 by) private {
        uint32[8] storage ids = _open[producer];
        for (uint256 i = 0; i < MAX_OPEN_ADVERTS; i++) {
            if (ids[i] == id) {
                ids[i] = by;
                return;
            }
        }
        revert TooManyAdverts(producer);
    }
}

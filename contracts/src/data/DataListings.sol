// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBridge, MessageProof} from "../interfaces/IBridge.sol";
import {KeyBox} from "../lib/KeyBox.sol";
import {LedgerAccounts} from "../lib/LedgerAccounts.sol";
import {PullPayments} from "../lib/PullPayments.sol";
import {SealedArchives} from "../lib/SealedArchives.sol";

/// Data on offer and what is offered for it (seed 000). The data is an archive that its owner has sealed on the ledger: which file it is cannot be changed any
/// more; what is sold is the key that opens it, committed to by its hash. Offers are escrowed; the highest wins, the earlier of two equal ones stays.
abstract contract DataListings is PullPayments {
    enum Status {
        None,
        /// Takes offers; after its deadline, the highest waits for the key.
        Open,
        Released,
        Disputed,
        Paid,
        Refunded,
        /// Without a buyer.
        Ended
    }

    struct Terms {
        /// keccak256 of the 32 bytes of the key that opens the archive.
        bytes32 keyHash;
        /// Wei: no offer below it is taken, and one that reaches buyNow ends the sale.
        uint96 reserve;
        uint96 buyNow;
        /// Unix time in seconds until which offers are taken.
        uint40 deadline;
        /// The service that brings buyers, and its part of the price in hundredths of a percent; zero: none.
        address publisher;
        uint16 publisherBps;
    }

    struct Listing {
        address seller;
        Status status;
        uint16 publisherBps;
        /// Unix time in seconds: of offers while it is open, of release after them, of dispute or verdict after that.
        uint40 until;
        address publisher;
        uint96 reserve;
        address buyer;
        /// What the buyer pays; 0: there is no offer.
        uint96 price;
        /// Address of the buyer's one-time public key.
        address buyerKey;
        uint96 buyNow;
        uint96 bond;
        uint96 deposit;
        bool isSold;
        bytes32 keyHash;
        bytes32 fileHash;
        /// keccak256 of what was released: ephemeral x ‖ y ‖ box.
        bytes32 releaseHash;
    }

    uint256 public constant MAX_BIDDING = 90 days;
    /// From the end of offers: the seller has so long to hand over the key, or loses the sale and its bond.
    uint256 public constant RELEASE_PERIOD = 2 days;
    uint16 public constant MAX_PUBLISHER_BPS = 1000;
    /// Of buyNow, what the seller puts at stake at least, in hundredths of a percent.
    uint256 public constant MIN_BOND_BPS = 1000;
    /// Of the highest offer, by which the next must be higher, in hundredths of a percent.
    uint256 public constant MIN_INCREMENT_BPS = 500;

    IBridge public immutable BRIDGE;

    uint256 public lastListingId;
    mapping(uint256 listingId => Listing) internal _listings;

    event Listed(
        uint256 indexed listingId,
        address indexed seller,
        bytes32 indexed fileHash,
        bytes cid,
        Terms terms,
        uint256 bond
    );
    event Offered(uint256 indexed listingId, address indexed buyer, uint256 price, uint256 keyX, uint256 keyY);
    event Outbid(uint256 indexed listingId, address indexed buyer, uint256 price);
    event ListingEnded(uint256 indexed listingId, address indexed seller);

    error PriceRangeInvalid(uint256 reserve, uint256 buyNow);
    error DeadlineInvalid(uint256 deadline);
    error PublisherInvalid(address publisher, uint256 publisherBps);
    error KeyHashZero();
    error BondTooSmall(uint256 sent, uint256 needed);
    error NotArchiveOwner(bytes20 signer, bytes20 caller);
    error ListingUnknown(uint256 listingId);
    error NotSeller(uint256 listingId, address caller);
    error NotTakingOffers(uint256 listingId);
    error StillTakingOffers(uint256 listingId, uint256 until);
    error OfferTooLow(uint256 sent, uint256 needed);
    error OwnListing(uint256 listingId);
    error BuyerKeyInvalid();
    error HasOffer(uint256 listingId);

    constructor(IBridge bridge) {
        BRIDGE = bridge;
    }

    /// Lists an archive that the caller's own ledger account has sealed; the ether sent along is the bond. ownKey: the public key of the caller's address;
    /// message: the MsgSealArchive as it was signed.
    function list(
        Terms calldata terms,
        KeyBox.Point calldata ownKey,
        bytes calldata message,
        MessageProof calldata proof
    ) external payable returns (uint256 listingId) {
        _checkTerms(terms);
        (bytes calldata cid, bytes32 fileHash) = _ownArchive(ownKey, message, proof);
        listingId = ++lastListingId;
        Listing storage listing = _listings[listingId];
        listing.seller = msg.sender;
        listing.status = Status.Open;
        listing.until = terms.deadline;
        listing.publisher = terms.publisher;
        listing.publisherBps = terms.publisherBps;
        listing.reserve = terms.reserve;
        listing.buyNow = terms.buyNow;
        listing.bond = _amount96(msg.value);
        listing.keyHash = terms.keyHash;
        listing.fileHash = fileHash;
        emit Listed(listingId, msg.sender, fileHash, cid, terms, msg.value);
    }

    /// Offers the ether sent along, for which the key is to be encrypted to `key`: a public key made for this listing alone. An offer that reaches buyNow wins at
    /// once and pays no more than that. Who is outbid has its money back as credit.
    function offer(uint256 listingId, KeyBox.Point calldata key) external payable {
        Listing storage listing = _listing(listingId);
        if (listing.status != Status.Open || listing.isSold || block.timestamp >= listing.until) {
            revert NotTakingOffers(listingId);
        }
        if (msg.sender == listing.seller) revert OwnListing(listingId);
        if (!KeyBox.isPoint(key)) revert BuyerKeyInvalid();
        uint256 highest = listing.price;
        uint256 needed = minimumOffer(listingId);
        if (msg.value < needed) revert OfferTooLow(msg.value, needed);
        uint256 price = msg.value < listing.buyNow ? msg.value : listing.buyNow;
        if (highest > 0) {
            _credit(listing.buyer, highest);
            emit Outbid(listingId, listing.buyer, highest);
        }
        listing.buyer = msg.sender;
        listing.buyerKey = KeyBox.addressOf(key);
        // At most buyNow, which has 96 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        listing.price = uint96(price);
        _credit(msg.sender, msg.value - price);
        if (price == listing.buyNow) {
            listing.isSold = true;
            // forge-lint: disable-next-line(unsafe-typecast)
            listing.until = uint40(block.timestamp);
        }
        emit Offered(listingId, msg.sender, price, key.x, key.y);
    }

    /// Ends a listing without offers: the seller at any time, anyone after the deadline. The bond goes back.
    function end(uint256 listingId) external {
        Listing storage listing = _listing(listingId);
        if (listing.status != Status.Open) revert NotTakingOffers(listingId);
        if (listing.price > 0) revert HasOffer(listingId);
        if (msg.sender != listing.seller && block.timestamp < listing.until) revert NotSeller(listingId, msg.sender);
        listing.status = Status.Ended;
        _credit(listing.seller, listing.bond);
        emit ListingEnded(listingId, listing.seller);
    }

    /// The least that is taken now, in wei: the reserve, then 5 % more than the highest, rounded up, but never more than buyNow.
    function minimumOffer(uint256 listingId) public view returns (uint256) {
        Listing storage listing = _listing(listingId);
        uint256 highest = listing.price;
        if (highest == 0) return listing.reserve;
        uint256 needed = highest + (highest * MIN_INCREMENT_BPS + 9999) / 10_000;
        return needed < listing.buyNow ? needed : listing.buyNow;
    }

    function listingOf(uint256 listingId) external view returns (Listing memory) {
        return _listing(listingId);
    }

    function _listing(uint256 listingId) internal view returns (Listing storage listing) {
        listing = _listings[listingId];
        if (listing.status == Status.None) revert ListingUnknown(listingId);
    }

    function _amount96(uint256 amount) internal pure returns (uint96) {
        if (amount > type(uint96).max) revert AmountTooLarge(amount);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint96(amount);
    }

    /// The archive of a proved message, which the caller's account has signed.
    function _ownArchive(KeyBox.Point calldata ownKey, bytes calldata message, MessageProof calldata proof)
        private
        view
        returns (bytes calldata cid, bytes32 fileHash)
    {
        BRIDGE.verifyMessage(SealedArchives.TYPE_URL, message, proof);
        bytes20 signer;
        (signer, cid, fileHash) = SealedArchives.decode(message);
        bytes20 own = LedgerAccounts.accountOf(msg.sender, ownKey.x, ownKey.y);
        if (signer != own) revert NotArchiveOwner(signer, own);
    }

    function _checkTerms(Terms calldata terms) private view {
        if (terms.keyHash == 0) revert KeyHashZero();
        if (terms.reserve == 0 || terms.reserve > terms.buyNow) revert PriceRangeInvalid(terms.reserve, terms.buyNow);
        if (terms.deadline <= block.timestamp || terms.deadline > block.timestamp + MAX_BIDDING) {
            revert DeadlineInvalid(terms.deadline);
        }
        bool hasPublisher = terms.publisher != address(0);
        if (terms.publisherBps > MAX_PUBLISHER_BPS || hasPublisher != (terms.publisherBps > 0)) {
            revert PublisherInvalid(terms.publisher, terms.publisherBps);
        }
        uint256 needed = (uint256(terms.buyNow) * MIN_BOND_BPS + 9999) / 10_000;
        if (msg.value < needed) revert BondTooSmall(msg.value, needed);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControlDefaultAdminRules} from
    "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {DataListings} from "./data/DataListings.sol";
import {IBridge} from "./interfaces/IBridge.sol";
import {KeyBox} from "./lib/KeyBox.sol";

/// The data marketplace of seed 000 with the actors of its Fig. 6: the archive is the asset, the seller the data owner, whoever brings buyers the publisher, the buyer the
/// consumer, and verifiers decide what no proof does, for a reward out of the loser's stake. Nobody in the middle ever holds the key.
///
/// After the offers (DataListings) the seller releases the key in a box that the buyer alone opens. A wrong key is proved by the buyer, at once and to the contract: it
/// shows its one-time private key, the contract opens the box and compares with the hash of the listing. A key that is the committed one but does not open the file
/// is for a verifier.
contract DataMarketplace is DataListings, AccessControlDefaultAdminRules {
    /// The owner gives it, and takes it.
    bytes32 public constant VERIFIER_ROLE = keccak256("VERIFIER_ROLE");
    uint48 public constant OWNER_DELAY = 2 days;
    /// From the release: so long the buyer may say that it is not what it has paid for.
    uint256 public constant DISPUTE_PERIOD = 2 days;
    /// From the dispute: without a verdict until then each has its own back.
    uint256 public constant VERDICT_PERIOD = 14 days;
    /// Of the price, what a buyer puts at stake who disputes without a proof; of the loser's stake, what the verifier earns. Hundredths of a percent.
    uint256 public constant DEPOSIT_BPS = 500;
    uint256 public constant REWARD_BPS = 1000;

    event KeyReleased(
        uint256 indexed listingId, address indexed buyer, uint256 ephemeralX, uint256 ephemeralY, bytes32 box
    );
    event SalePaid(uint256 indexed listingId, address indexed seller, uint256 share, uint256 publisherFee);
    /// `bond`: what the buyer got of the seller's.
    event SaleRefunded(uint256 indexed listingId, address indexed buyer, uint256 price, uint256 bond);
    event SaleDisputed(uint256 indexed listingId, address indexed buyer, bytes32 reasonHash);
    event Verdict(uint256 indexed listingId, address indexed verifier, bool forSeller, uint256 reward);

    error NotWaitingForKey(uint256 listingId);
    error ReleaseOver(uint256 listingId, uint256 until);
    error ReleaseNotOver(uint256 listingId, uint256 until);
    error NotReleased(uint256 listingId);
    error NotDisputed(uint256 listingId);
    error NotBuyer(uint256 listingId, address caller);
    error DisputeOver(uint256 listingId, uint256 until);
    error DisputeNotOver(uint256 listingId, uint256 until);
    error DepositTooSmall(uint256 sent, uint256 needed);
    error EphemeralKeyInvalid();
    /// Not what was released.
    error ReleaseMismatch(uint256 listingId);
    /// Not the private key of the buyer's public one, or not the point that it leads to.
    error OpeningWrong(uint256 listingId);
    /// The box holds the committed key.
    error KeyRight(uint256 listingId);
    error VerifierInvolved(uint256 listingId, address verifier);
    error BridgeMissing();

    constructor(address owner, IBridge bridge)
        DataListings(bridge)
        AccessControlDefaultAdminRules(OWNER_DELAY, owner)
    {
        if (address(bridge).code.length == 0) revert BridgeMissing();
    }

    /// The seller hands over the key, encrypted to the buyer's public key (KeyBox).
    function release(uint256 listingId, KeyBox.Point calldata ephemeral, bytes32 box) external {
        Listing storage listing = _sold(listingId);
        if (msg.sender != listing.seller) revert NotSeller(listingId, msg.sender);
        if (block.timestamp >= listing.until + RELEASE_PERIOD) {
            revert ReleaseOver(listingId, listing.until + RELEASE_PERIOD);
        }
        if (!KeyBox.isPoint(ephemeral)) revert EphemeralKeyInvalid();
        listing.status = Status.Released;
        listing.releaseHash = keccak256(abi.encode(ephemeral, box));
        _setUntil(listing, DISPUTE_PERIOD);
        emit KeyReleased(listingId, listing.buyer, ephemeral.x, ephemeral.y, box);
    }

    /// No key in time: the buyer has its money back and the seller's bond. By anyone.
    function refundUnreleased(uint256 listingId) external {
        Listing storage listing = _sold(listingId);
        if (block.timestamp < listing.until + RELEASE_PERIOD) {
            revert ReleaseNotOver(listingId, listing.until + RELEASE_PERIOD);
        }
        _refund(listingId, listing, listing.bond);
    }

    /// Pays the seller: the buyer at any time after the release, anyone after the time for disputes.
    function accept(uint256 listingId) external {
        Listing storage listing = _released(listingId);
        if (msg.sender != listing.buyer && block.timestamp < listing.until) {
            revert DisputeNotOver(listingId, listing.until);
        }
        _pay(listingId, listing);
    }

    /// The buyer shows that the box does not hold the committed key: its money comes back, and the seller's bond. privateKey: of the one-time
    /// key that the offer named, known to everybody from now on; shared: privateKey · ephemeral.
    function proveWrongKey(
        uint256 listingId,
        KeyBox.Point calldata recipient,
        KeyBox.Point calldata ephemeral,
        bytes32 box,
        uint256 privateKey,
        KeyBox.Point calldata shared
    ) external {
        Listing storage listing = _disputable(listingId);
        if (listing.releaseHash != keccak256(abi.encode(ephemeral, box))) revert ReleaseMismatch(listingId);
        bool isOpening = KeyBox.addressOf(recipient) == listing.buyerKey
            && KeyBox.isPublicKeyOf(privateKey, listing.buyerKey)
            && KeyBox.isTimes(ephemeral, privateKey, KeyBox.addressOf(shared));
        if (!isOpening) revert OpeningWrong(listingId);
        bytes32 key = KeyBox.mask(box, listingId, shared.x, ephemeral, recipient);
        if (keccak256(abi.encode(key)) == listing.keyHash) revert KeyRight(listingId);
        _refund(listingId, listing, listing.bond);
    }

    /// The buyer says that the key is right but does not open the file, or opens another thing; a deposit of 5 % of the price is at stake. reasonHash:
    /// SHA256 of what it has to say, which stays off the chain.
    function dispute(uint256 listingId, bytes32 reasonHash) external payable {
        Listing storage listing = _disputable(listingId);
        uint256 needed = (uint256(listing.price) * DEPOSIT_BPS + 9999) / 10_000;
        if (msg.value < needed) revert DepositTooSmall(msg.value, needed);
        listing.status = Status.Disputed;
        listing.deposit = _amount96(msg.value);
        _setUntil(listing, VERDICT_PERIOD);
        emit SaleDisputed(listingId, msg.sender, reasonHash);
    }

    /// A verifier decides; who loses, loses its stake to the other and a tenth of it to the verifier.
    function decide(uint256 listingId, bool forSeller) external onlyRole(VERIFIER_ROLE) {
        Listing storage listing = _disputed(listingId);
        if (msg.sender == listing.seller || msg.sender == listing.buyer || msg.sender == listing.publisher) {
            revert VerifierInvolved(listingId, msg.sender);
        }
        if (block.timestamp >= listing.until) revert DisputeOver(listingId, listing.until);
        uint256 stake = forSeller ? listing.deposit : listing.bond;
        uint256 reward = stake * REWARD_BPS / 10_000;
        _credit(msg.sender, reward);
        emit Verdict(listingId, msg.sender, forSeller, reward);
        if (forSeller) {
            _credit(listing.seller, stake - reward);
            _pay(listingId, listing);
        } else {
            _credit(listing.buyer, listing.deposit);
            _refund(listingId, listing, stake - reward);
        }
    }

    /// Nobody has decided: price and deposit go back to the buyer, the bond to the seller. By anyone.
    function refundUndecided(uint256 listingId) external {
        Listing storage listing = _disputed(listingId);
        if (block.timestamp < listing.until) revert DisputeNotOver(listingId, listing.until);
        _credit(listing.buyer, listing.deposit);
        _credit(listing.seller, listing.bond);
        _refund(listingId, listing, 0);
    }

    function _pay(uint256 listingId, Listing storage listing) private {
        listing.status = Status.Paid;
        uint256 fee = uint256(listing.price) * listing.publisherBps / 10_000;
        _credit(listing.publisher, fee);
        _credit(listing.seller, listing.price - fee);
        _credit(listing.seller, listing.bond);
        emit SalePaid(listingId, listing.seller, listing.price - fee, fee);
    }

    /// bond: what the buyer gets of it; the rest was given before.
    function _refund(uint256 listingId, Listing storage listing, uint256 bond) private {
        listing.status = Status.Refunded;
        _credit(listing.buyer, listing.price + bond);
        emit SaleRefunded(listingId, listing.buyer, listing.price, bond);
    }

    function _setUntil(Listing storage listing, uint256 period) private {
        // forge-lint: disable-next-line(unsafe-typecast)
        listing.until = uint40(block.timestamp + period);
    }

    /// With a buyer that waits for the key.
    function _sold(uint256 listingId) private view returns (Listing storage listing) {
        listing = _listing(listingId);
        if (listing.status != Status.Open || listing.price == 0) revert NotWaitingForKey(listingId);
        if (!listing.isSold && block.timestamp < listing.until) revert StillTakingOffers(listingId, listing.until);
    }

    function _released(uint256 listingId) private view returns (Listing storage listing) {
        listing = _listing(listingId);
        if (listing.status != Status.Released) revert NotReleased(listingId);
    }

    function _disputable(uint256 listingId) private view returns (Listing storage listing) {
        listing = _released(listingId);
        if (msg.sender != listing.buyer) revert NotBuyer(listingId, msg.sender);
        if (block.timestamp >= listing.until) revert DisputeOver(listingId, listing.until);
    }

    function _disputed(uint256 listingId) private view returns (Listing storage listing) {
        listing = _listing(listingId);
        if (listing.status != Status.Disputed) revert NotDisputed(listingId);
    }
}

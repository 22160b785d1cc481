// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DataMarketplace} from "../src/DataMarketplace.sol";
import {DataListings} from "../src/data/DataListings.sol";
import {IBridge, MessageProof} from "../src/interfaces/IBridge.sol";
import {KeyBox} from "../src/lib/KeyBox.sol";
import {VM, Wallet} from "./Vm.sol";

/// In the place of the bridge: every message is proved.
contract AgreeingBridge {
    function verifyMessage(bytes calldata, bytes calldata, MessageProof calldata)
        external
        pure
        returns (uint64 height, uint64 time)
    {
        return (1, 1);
    }
}

/// A few people list, bid, release right and wrong keys, dispute, decide and warp the clock at random; half of the calls are made so that they fit.
contract DataMarketplaceHandler {
    DataMarketplace private immutable MARKET;

    uint256 private constant PEOPLE = 5;
    uint256 private constant KEYS = 2;
    /// So few that each sees much, and that looking at all after every call stays fast.
    uint256 private constant MAX_LISTINGS = 8;
    uint256 private constant N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    bytes32 private constant KEY = keccak256("key");
    bytes private constant SYMBOLS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

    uint256 private deposited;
    uint256 private withdrawn;
    bool private isBroken;
    mapping(uint256 listingId => uint256) private decidedTimes;
    /// The box of a listing, and whether it holds the key.
    mapping(uint256 listingId => bytes32) private boxes;
    mapping(uint256 listingId => uint256) private ephemeralOf;
    mapping(uint256 listingId => bool) private isRight;

    bytes32 private immutable VERIFIER;
    Wallet[PEOPLE] private people;
    Wallet[KEYS] private buyerKeys;
    Wallet[KEYS] private ephemerals;
    Wallet[KEYS][KEYS] private shared;

    struct Opening {
        KeyBox.Point recipient;
        KeyBox.Point ephemeral;
        KeyBox.Point shared;
        uint256 privateKey;
        bytes32 box;
    }

    constructor() {
        VM.warp(1_800_000_000);
        for (uint256 i = 0; i < PEOPLE; i++) people[i] = VM.createWallet(i + 1);
        for (uint256 i = 0; i < KEYS; i++) {
            buyerKeys[i] = VM.createWallet(100 + i);
            ephemerals[i] = VM.createWallet(uint256(keccak256(abi.encode(i))) % N);
            for (uint256 j = 0; j < KEYS; j++) {
                shared[i][j] = VM.createWallet(mulmod(uint256(keccak256(abi.encode(i))) % N, 100 + j, N));
            }
        }
        MARKET = new DataMarketplace(people[0].addr, IBridge(address(new AgreeingBridge())));
        VERIFIER = MARKET.VERIFIER_ROLE();
        VM.prank(people[0].addr);
        MARKET.grantRole(VERIFIER, people[1].addr);
    }

    /// Half of the time with an archive of somebody, and anything for prices and bond.
    function list(uint8 from, uint64 reserve, uint64 buyNow, uint64 bond, uint8 publisher, bool fits) external {
        if (MARKET.lastListingId() == MAX_LISTINGS) return;
        if (fits) {
            reserve = 1 + reserve % 1e6;
            buyNow = reserve + buyNow % 1e6;
            bond = buyNow / 10 + 1;
        }
        Wallet memory seller = people[from % PEOPLE];
        uint256 owner = (fits ? from : publisher) % PEOPLE;
        VM.deal(seller.addr, bond);
        MessageProof memory proof;
        bytes memory message = messageOf(people[owner]);
        VM.prank(seller.addr);
        try MARKET.list{value: bond}(termsOf(reserve, buyNow, publisher), publicKeyOf(seller), message, proof) {
            deposited += bond;
            bool isSane = reserve > 0 && reserve <= buyNow && uint256(bond) * 10 >= buyNow;
            if (from % PEOPLE != owner || !isSane) isBroken = true;
        } catch {}
    }

    function offer(uint8 from, uint256 listingId, uint64 value, uint8 key, bool fits) external {
        listingId = known(listingId);
        if (listingId == 0) return;
        DataListings.Listing memory before = MARKET.listingOf(listingId);
        if (fits) value = uint64(value % 4 == 0 ? before.buyNow : MARKET.minimumOffer(listingId) + value % 1000);
        address buyer = people[from % PEOPLE].addr;
        Wallet memory one = buyerKeys[key % KEYS];
        VM.deal(buyer, value);
        VM.prank(buyer);
        try MARKET.offer{value: value}(listingId, publicKeyOf(one)) {
            deposited += value;
            DataListings.Listing memory afterwards = MARKET.listingOf(listingId);
            bool isHigher = afterwards.price > before.price && afterwards.price >= before.reserve;
            bool mayBuy = before.status == DataListings.Status.Open && !before.isSold && buyer != before.seller;
            if (!isHigher || !mayBuy || afterwards.price > before.buyNow || block.timestamp >= before.until) {
                isBroken = true;
            }
        } catch {}
    }

    function end(uint8 from, uint256 listingId) external {
        listingId = known(listingId);
        uint256 before = statusOf(listingId);
        VM.prank(people[from % PEOPLE].addr);
        try MARKET.end(listingId) {
            judge(listingId, before);
            if (MARKET.listingOf(listingId).price > 0) isBroken = true;
        } catch {}
    }

    function release(uint8 from, uint256 listingId, uint8 ephemeral, bool right, bool fits) external {
        listingId = known(listingId);
        if (listingId == 0) return;
        DataListings.Listing memory before = MARKET.listingOf(listingId);
        if (before.price == 0) return;
        ephemeral %= uint8(KEYS);
        bytes32 box = maskOf(right ? KEY : keccak256("junk"), listingId, ephemeral, keyOf(before.buyerKey));
        address caller = fits ? before.seller : people[from % PEOPLE].addr;
        VM.prank(caller);
        try MARKET.release(listingId, publicKeyOf(ephemerals[ephemeral]), box) {
            boxes[listingId] = box;
            ephemeralOf[listingId] = ephemeral;
            isRight[listingId] = right;
            bool isOver = before.isSold || block.timestamp >= before.until;
            if (!isOver || caller != before.seller) isBroken = true;
        } catch {}
    }

    function refundUnreleased(uint256 listingId) external {
        listingId = known(listingId);
        uint256 before = statusOf(listingId);
        try MARKET.refundUnreleased(listingId) {
            judge(listingId, before);
        } catch {}
    }

    function accept(uint8 from, uint256 listingId, bool fits) external {
        listingId = known(listingId);
        if (listingId == 0) return;
        DataListings.Listing memory before = MARKET.listingOf(listingId);
        address caller = fits ? before.buyer : people[from % PEOPLE].addr;
        VM.prank(caller);
        try MARKET.accept(listingId) {
            judge(listingId, uint256(before.status));
            if (caller != before.buyer && block.timestamp < before.until) isBroken = true;
        } catch {}
    }

    function proveWrongKey(uint8 from, uint256 listingId, uint8 lie, bool fits) external {
        listingId = known(listingId);
        if (listingId == 0) return;
        DataListings.Listing memory before = MARKET.listingOf(listingId);
        lie %= 8;
        Opening memory opening = openingOf(listingId, keyOf(before.buyerKey), lie);
        VM.prank(fits ? before.buyer : people[from % PEOPLE].addr);
        try MARKET.proveWrongKey(
            listingId, opening.recipient, opening.ephemeral, opening.box, opening.privateKey, opening.shared
        ) {
            judge(listingId, uint256(before.status));
            if (isRight[listingId] || (lie > 0 && lie < 6)) isBroken = true;
        } catch {}
    }

    function dispute(uint8 from, uint256 listingId, uint64 value, bool fits) external {
        listingId = known(listingId);
        if (listingId == 0) return;
        DataListings.Listing memory before = MARKET.listingOf(listingId);
        address buyer = fits ? before.buyer : people[from % PEOPLE].addr;
        if (fits) value = uint64(before.price / 20 + 1) + value % 100;
        VM.deal(buyer, value);
        VM.prank(buyer);
        try MARKET.dispute{value: value}(listingId, bytes32(0)) {
            deposited += value;
            if (buyer != before.buyer || block.timestamp >= before.until || uint256(value) * 20 < before.price) {
                isBroken = true;
            }
        } catch {}
    }

    function decide(uint8 from, uint256 listingId, bool forSeller, bool fits) external {
        listingId = known(listingId);
        uint256 before = statusOf(listingId);
        address caller = people[fits ? 1 : from % PEOPLE].addr;
        VM.prank(caller);
        try MARKET.decide(listingId, forSeller) {
            judge(listingId, before);
            DataListings.Listing memory listing = MARKET.listingOf(listingId);
            bool isInvolved = caller == listing.seller || caller == listing.buyer || caller == listing.publisher;
            if (!MARKET.hasRole(VERIFIER, caller) || isInvolved) isBroken = true;
        } catch {}
    }

    function refundUndecided(uint256 listingId) external {
        listingId = known(listingId);
        uint256 before = statusOf(listingId);
        try MARKET.refundUndecided(listingId) {
            judge(listingId, before);
        } catch {}
    }

    function withdraw(uint8 from) external {
        address account = people[from % PEOPLE].addr;
        uint256 owed = MARKET.credit(account);
        VM.prank(account);
        try MARKET.withdraw(payable(address(0xCAFE))) {
            withdrawn += owed;
        } catch {}
    }

    function warp(uint24 time) external {
        VM.warp(block.timestamp + time % 8 hours);
    }

    function leap(uint8 days_) external {
        if (days_ % 8 == 0) VM.warp(block.timestamp + uint256(days_ / 8 % 4) * 1 days);
    }

    /// Every wei is owed to somebody or at stake in a listing that is not decided, and each is decided once.
    function check() external view {
        uint256 atStake;
        for (uint256 id = 1; id <= MARKET.lastListingId(); id++) {
            DataListings.Listing memory listing = MARKET.listingOf(id);
            bool isOpen = uint256(listing.status) <= uint256(DataListings.Status.Disputed);
            assert(decidedTimes[id] == (isOpen ? 0 : 1));
            if (isOpen) atStake += uint256(listing.price) + listing.bond + listing.deposit;
        }
        uint256 credits;
        for (uint256 i = 0; i < PEOPLE; i++) credits += MARKET.credit(people[i].addr);
        assert(credits == MARKET.totalCredit());
        assert(address(MARKET).balance == credits + atStake);
        assert(deposited == withdrawn + address(MARKET).balance);
        assert(!isBroken);
    }

    function judge(uint256 listingId, uint256 before) private {
        uint256 afterwards = statusOf(listingId);
        if (afterwards != before) decidedTimes[listingId]++;
        if (before > uint256(DataListings.Status.Disputed)) isBroken = true;
    }

    function statusOf(uint256 listingId) private view returns (uint256) {
        return listingId == 0 ? 0 : uint256(MARKET.listingOf(listingId).status);
    }

    function known(uint256 listingId) private view returns (uint256) {
        uint256 last = MARKET.lastListingId();
        return last == 0 ? 0 : 1 + listingId % last;
    }

    function keyOf(address buyerKey) private view returns (uint256) {
        return buyerKeys[0].addr == buyerKey ? 0 : 1;
    }

    function publicKeyOf(Wallet memory wallet) private pure returns (KeyBox.Point memory) {
        return KeyBox.Point(wallet.publicKeyX, wallet.publicKeyY);
    }

    function termsOf(uint64 reserve, uint64 buyNow, uint8 publisher)
        private
        view
        returns (DataListings.Terms memory terms)
    {
        terms.keyHash = keccak256(abi.encode(KEY));
        terms.reserve = reserve;
        terms.buyNow = buyNow;
        terms.deadline = uint40(block.timestamp + 3 days);
        if (publisher % 2 == 0) return terms;
        terms.publisher = people[publisher % PEOPLE].addr;
        terms.publisherBps = publisher;
    }

    /// What proveWrongKey takes; each lie makes one thing of it another's.
    function openingOf(uint256 listingId, uint256 key, uint8 lie) private view returns (Opening memory opening) {
        uint256 e = ephemeralOf[listingId];
        if (lie == 1) key = 1 - key;
        opening.recipient = publicKeyOf(buyerKeys[key]);
        if (lie == 5) opening.recipient = publicKeyOf(buyerKeys[1 - key]);
        opening.privateKey = buyerKeys[key].privateKey;
        opening.ephemeral = publicKeyOf(ephemerals[lie == 2 ? 1 - e : e]);
        opening.shared = publicKeyOf(shared[lie == 3 ? 1 - e : e][key]);
        opening.box = lie == 4 ? keccak256("another") : boxes[listingId];
    }

    /// As KeyBox.mask, which would take this contract for the marketplace.
    function maskOf(bytes32 key, uint256 listingId, uint256 e, uint256 b) private view returns (bytes32) {
        Wallet memory ephemeral = ephemerals[e];
        Wallet memory recipient = buyerKeys[b];
        bytes memory points = abi.encode(
            shared[e][b].publicKeyX,
            ephemeral.publicKeyX,
            ephemeral.publicKeyY,
            recipient.publicKeyX,
            recipient.publicKeyY
        );
        return key ^ sha256(abi.encodePacked("edream data key 1", block.chainid, address(MARKET), listingId, points));
    }

    /// A MsgSealArchive of this person: signer, CID and file hash.
    function messageOf(Wallet memory person) private pure returns (bytes memory) {
        bytes1 parity = person.publicKeyY & 1 == 0 ? bytes1(0x02) : bytes1(0x03);
        uint256 account =
            uint160(ripemd160(abi.encodePacked(sha256(abi.encodePacked(parity, person.publicKeyX)))));
        bytes memory text = "edream1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";
        for (uint256 i = 0; i < 32; i++) text[38 - i] = SYMBOLS[(account >> (5 * i)) & 31];
        return abi.encodePacked(hex"0a2d", text, hex"32021234", hex"4a20", keccak256("file"));
    }
}

contract DataMarketplaceInvariants {
    DataMarketplaceHandler private _handler;

    function setUp() external {
        _handler = new DataMarketplaceHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// And nobody acts in another's place, no offer wins against a higher one, no right key is proved wrong: see `check`.
    function invariant_moneyIsConservedAndEachListingIsDecidedOnce() external view {
        _handler.check();
    }
}

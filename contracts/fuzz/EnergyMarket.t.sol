// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnergyMarket} from "../src/EnergyMarket.sol";
import {LedgerReader} from "../src/LedgerReader.sol";
import {IOutbox} from "../src/interfaces/IOutbox.sol";
import {Adverts} from "../src/market/Adverts.sol";
import {Orders} from "../src/market/Orders.sol";
import {Sales} from "../src/market/Sales.sol";
import {VM} from "./Vm.sol";

/// In the place of the reader: says of the ledger what the handler wants proved.
contract FakeReader {
    LedgerReader.EnergyOutput private _output;
    LedgerReader.IntervalEnergy private _interval;

    function set(LedgerReader.EnergyOutput calldata output, LedgerReader.IntervalEnergy calldata interval) external {
        _output = output;
        _interval = interval;
    }

    function readOutput(LedgerReader.OutputProof calldata) external view returns (LedgerReader.EnergyOutput memory) {
        return _output;
    }

    function readInterval(LedgerReader.IntervalProof calldata)
        external
        view
        returns (LedgerReader.IntervalEnergy memory)
    {
        return _interval;
    }
}

/// In the place of the outbox: adds up what the ledger is told of each output.
contract FakeOutbox is IOutbox {
    bytes32 private constant RETURN = keccak256("EnergyMarket.Return");

    mapping(bytes32 txId => uint256) public toldMwh;
    uint64 private _nonce;

    function emitEvent(bytes32 kind, bytes calldata payload) external returns (uint64) {
        bytes32 txId;
        uint256 energyMwh;
        if (kind == RETURN) (, txId,,, energyMwh) = abi.decode(payload, (uint256, bytes32, uint32, bytes20, uint256));
        else (, txId,, energyMwh,) = abi.decode(payload, (uint256, bytes32, uint32, uint256, string));
        toldMwh[txId] += energyMwh;
        return ++_nonce;
    }
}

/// A few people trade, deliver, dispute, come, go and warp the clock at random; half of the calls are made so that they fit.
contract EnergyMarketHandler {
    EnergyMarket private immutable MARKET;
    FakeReader private immutable READER = new FakeReader();
    FakeOutbox private immutable OUTBOX = new FakeOutbox();

    uint256 private constant PEOPLE = 6;
    /// So few that each sees much, and that looking at all after every call stays fast.
    uint256 private constant MAX_ADVERTS = 5;
    uint256 private constant MAX_SALES = 6;
    uint256 private constant MAX_ORDERS = 3;
    uint256 private constant INTERVALS = 4;

    uint256 private deposited;
    uint256 private withdrawn;
    /// mWh of each output, all sales delivered by an interval, and whether a sale was paid and by whom.
    mapping(bytes32 txId => uint256) private amountMwh;
    mapping(uint256 saleId => uint256) private decidedTimes;
    uint256[INTERVALS] private shownMwh = [uint256(1_000_000), 3_500_000, 400, 9_000_000];
    bool private isBroken;

    bytes32 private immutable REGULATOR;
    bytes32 private immutable PRODUCER;
    bytes32 private immutable CONSUMER;
    address[PEOPLE] private _accounts;
    bytes20[PEOPLE] private _ledgerAccounts;

    constructor() {
        VM.warp(1_800_000_000);
        for (uint256 i = 0; i < PEOPLE; i++) _accounts[i] = VM.addr(i + 1);
        // Person 0 owns it, 1 regulates; the rest come and go.
        MARKET = new EnergyMarket(
            _accounts[0], address(0xBEEF), LedgerReader(address(READER)), OUTBOX, bytes20(uint160(7))
        );
        (REGULATOR, PRODUCER, CONSUMER) = (MARKET.REGULATOR_ROLE(), MARKET.PRODUCER_ROLE(), MARKET.CONSUMER_ROLE());
        VM.prank(_accounts[0]);
        MARKET.grantRole(REGULATOR, _accounts[1]);
        for (uint8 i = 2; i < PEOPLE; i++) {
            VM.store(address(MARKET), keccak256(abi.encode(_accounts[i], ledgerSlot())), bytes32(bytes20(_accounts[i])) >> 96);
            take(i, i < 4);
        }
    }

    function advertise(uint8 from, uint32 energyWh, uint40 price, uint8 age, uint8 twist) external {
        if (MARKET.lastAdvertId() == MAX_ADVERTS) return;
        address producer = accountOf(from);
        energyWh = 1000 + energyWh % 999_000;
        uint256 number = MARKET.lastAdvertId();
        // Some show the output of the advert before once more.
        if (twist % 16 > 11 && number > 0) number--;
        bytes32 txId = keccak256(abi.encode(number));
        uint256 amount = uint256(energyWh) * 1000 + (twist % 2) * 77;
        bool isRight = twist % 8 > 1 && amountMwh[txId] == 0;
        set(
            LedgerReader.EnergyOutput({
                txId: txId,
                amountMwh: uint64(twist % 8 == 0 ? amount - 100 : amount),
                account: bytes20(uint160(twist % 8 == 1 ? 8 : 7)),
                signer: bytes20(producer),
                timeMs: uint64(block.timestamp - uint256(age) * 1000) * 1000
            }),
            0
        );
        VM.prank(producer);
        LedgerReader.OutputProof memory proof;
        try MARKET.availableEnergyAdvert(energyWh, price, proof) {
            if (!isRight || uint256(age) * 1000 > 1 days || !MARKET.hasRole(PRODUCER, producer)) isBroken = true;
            amountMwh[txId] = amount;
        } catch {}
    }

    function request(uint8 from, uint32 advertId, uint32 energyWh, uint96 value, bool fits) external {
        if (MARKET.lastSaleId() >= MAX_SALES) return;
        advertId = uint32(known(advertId, MARKET.lastAdvertId()));
        if (advertId == 0) return;
        Adverts.Advert memory advert = MARKET.advertOf(advertId);
        if (fits) {
            if (advert.remainingWh > 0) energyWh = 1 + energyWh % advert.remainingWh;
            value = uint96(advert.minPriceWeiPerKwh) * energyWh;
        }
        address buyer = fits ? MARKET.consumerOf(1) : accountOf(from);
        VM.deal(buyer, value);
        VM.prank(buyer);
        try MARKET.requestForEnergy{value: value}(advertId, energyWh, value) {
            deposited += value;
            bool mayBuy = MARKET.hasRole(CONSUMER, buyer) && energyWh > 0 && energyWh <= advert.remainingWh;
            if (!mayBuy || block.timestamp >= uint256(advert.createdAt) + 3 hours) isBroken = true;
        } catch {}
    }

    function order(uint8 from, uint32 energyWh, uint40 price, uint32 life, uint8 extra) external {
        if (MARKET.lastOrderId() >= MAX_ORDERS) return;
        address buyer = extra % 2 == 0 ? MARKET.consumerOf(1) : accountOf(from);
        energyWh = energyWh % 1_000_001;
        uint256 value = (uint256(price) * energyWh + 999) / 1000 + extra;
        VM.deal(buyer, value);
        VM.prank(buyer);
        try MARKET.placeOrder{value: value}(energyWh, price, uint40(block.timestamp + life % 40 days)) {
            deposited += value;
            if (!MARKET.hasRole(CONSUMER, buyer)) isBroken = true;
        } catch {}
    }

    function matchOrders(uint256 orderId, uint32 advertId) external {
        if (MARKET.lastSaleId() >= MAX_SALES) return;
        uint256[] memory orders = new uint256[](1);
        uint32[] memory adverts = new uint32[](1);
        (orders[0], adverts[0]) =
            (known(orderId, MARKET.lastOrderId()), uint32(known(advertId, MARKET.lastAdvertId())));
        if (orders[0] == 0 || adverts[0] == 0) return;
        Orders.Order memory before = MARKET.orderOf(orders[0]);
        try MARKET.matchOrders(orders, adverts) {
            Sales.Sale memory sale = MARKET.saleOf(MARKET.lastSaleId());
            // Not dearer than its price, but for the wei it is rounded up by.
            uint256 most = (uint256(before.maxPriceWeiPerKwh) * sale.energyWh + 999) / 1000;
            if (sale.total > most || sale.total > before.escrow || sale.buyer != before.consumer) isBroken = true;
        } catch {}
    }

    function cancelOrder(uint8 from, uint256 orderId) external {
        orderId = known(orderId, MARKET.lastOrderId());
        Orders.Order memory before = MARKET.orderOf(orderId);
        VM.prank(accountOf(from));
        try MARKET.cancelOrder(orderId) {
            bool isDead = block.timestamp >= before.expires || !MARKET.hasRole(CONSUMER, before.consumer);
            if (accountOf(from) != before.consumer && !isDead) isBroken = true;
        } catch {}
    }

    function settle(uint256 first, uint8 count, uint8 interval) external {
        first = known(first, MARKET.lastSaleId());
        if (first == 0) return;
        uint256[] memory ids = new uint256[](1 + count % 3);
        for (uint256 i = 0; i < ids.length; i++) ids[i] = first + i;
        interval %= uint8(INTERVALS);
        LedgerReader.EnergyOutput memory none;
        set(none, interval);
        LedgerReader.IntervalProof memory proof;
        uint256[] memory before = statuses(first, ids.length);
        try MARKET.settle(ids, proof) {
            judge(first, before, true);
            for (uint256 i = 0; i < ids.length; i++) {
                Sales.Sale memory sale = MARKET.saleOf(ids[i]);
                bool isWhole = sale.deliveredMwh == uint256(sale.energyWh) * 1000;
                if ((sale.status == Sales.Status.Paid) != isWhole) isBroken = true;
            }
        } catch {}
    }

    function collect(uint256 saleId) external {
        saleId = known(saleId, MARKET.lastSaleId());
        uint256[] memory before = statuses(saleId, 1);
        try MARKET.collect(saleId) {
            if (block.timestamp < MARKET.saleOf(saleId).due) isBroken = true;
            judge(saleId, before, false);
        } catch {}
    }

    function dispute(uint8 from, uint256 saleId, bool fits) external {
        saleId = known(saleId, MARKET.lastSaleId());
        if (saleId == 0) return;
        address buyer = MARKET.saleOf(saleId).buyer;
        VM.prank(fits ? buyer : accountOf(from));
        try MARKET.dispute(saleId) {
            if (!fits && accountOf(from) != buyer) isBroken = true;
        } catch {}
    }

    function resolve(uint8 from, uint256 saleId, bool pays, bool fits) external {
        if (fits) from = 1;
        saleId = known(saleId, MARKET.lastSaleId());
        uint256[] memory before = statuses(saleId, 1);
        VM.prank(accountOf(from));
        try MARKET.resolve(saleId, pays) {
            if (!MARKET.hasRole(REGULATOR, accountOf(from))) isBroken = true;
            judge(saleId, before, true);
        } catch {}
    }

    function refundUndecided(uint256 saleId) external {
        saleId = known(saleId, MARKET.lastSaleId());
        uint256[] memory before = statuses(saleId, 1);
        try MARKET.refundUndecided(saleId) {
            judge(saleId, before, true);
        } catch {}
    }

    function reclaim(uint32 advertId) external {
        try MARKET.reclaim(uint32(known(advertId, MARKET.lastAdvertId()))) {} catch {}
    }

    function withdraw(uint8 from) external {
        address account = from % 7 == 6 ? address(0xBEEF) : accountOf(from);
        uint256 owed = MARKET.credit(account);
        VM.prank(account);
        try MARKET.withdraw(payable(address(0xCAFE))) {
            withdrawn += owed;
        } catch {}
    }

    function remove(uint8 by, uint8 whom) external {
        address account = accountOf(whom);
        bytes32 role = MARKET.hasRole(PRODUCER, account) ? PRODUCER : CONSUMER;
        VM.prank(accountOf(by));
        try MARKET.revokeRole(role, account) {
            if (!MARKET.hasRole(REGULATOR, accountOf(by))) isBroken = true;
        } catch {}
        // Most come back as what they were.
        if (whom % 3 > 0) take(uint8(2 + whom % 4), (whom % 4 < 2) != (whom > 220));
    }

    function warp(uint16 time) external {
        VM.warp(block.timestamp + time % 4096);
    }

    function leap(uint8 days_) external {
        if (days_ % 4 > 0) return;
        VM.warp(block.timestamp + uint256(days_ / 4 % 10) * 1 days);
    }

    function accountOf(uint8 i) public view returns (address) {
        return _accounts[i % PEOPLE];
    }

    /// Every wei is owed to somebody or waits for a sale or an order; every Wh of an advert is on offer, sold, or the ledger was told of it once; no
    /// interval delivers more than it shows. Here, not in the invariant: what is kept here need not be called for.
    function check() external view {
        EnergyMarket market = MARKET;
        uint256 lastAdvert = market.lastAdvertId();
        uint256[] memory waitingWh = new uint256[](lastAdvert + 1);
        uint256 escrowed;
        uint256 delivered;
        for (uint256 id = 1; id <= market.lastSaleId(); id++) {
            Sales.Sale memory sale = market.saleOf(id);
            bool isOpen = sale.status == Sales.Status.Open || sale.status == Sales.Status.Disputed;
            delivered += sale.deliveredMwh;
            assert(sale.deliveredMwh <= uint256(sale.energyWh) * 1000);
            assert(decidedTimes[id] == (isOpen ? 0 : 1));
            if (!isOpen) continue;
            escrowed += sale.total;
            waitingWh[sale.advertId] += sale.energyWh;
        }
        for (uint256 id = 1; id <= market.lastOrderId(); id++) escrowed += market.orderOf(id).escrow;

        uint256 stored;
        for (uint32 id = 1; id <= lastAdvert; id++) {
            Adverts.Advert memory advert = market.advertOf(id);
            stored += advert.remainingWh;
            uint256 stillMwh = (uint256(advert.remainingWh) + waitingWh[id]) * 1000;
            assert(stillMwh + OUTBOX.toldMwh(advert.txId) == amountMwh[advert.txId]);
        }
        assert(stored == market.storedWh() && stored <= market.CAPACITY_WH());

        uint256 used;
        for (uint256 i = 0; i < INTERVALS; i++) {
            uint256 one = market.deliveredBy(intervalKey(i));
            assert(one <= shownMwh[i]);
            used += one;
        }
        assert(used == delivered);

        uint256 credits = market.credit(address(0xBEEF));
        for (uint256 i = 0; i < PEOPLE; i++) credits += market.credit(_accounts[i]);
        assert(credits == market.totalCredit());
        assert(address(market).balance == credits + escrowed);
        assert(deposited == withdrawn + address(market).balance);
        assert(!isBroken);
    }

    function intervalKey(uint256 i) private pure returns (bytes32) {
        return keccak256(abi.encode("interval", i));
    }

    function countRoles(address account) private view returns (uint256 held) {
        if (MARKET.hasRole(bytes32(0), account)) held++;
        if (MARKET.hasRole(REGULATOR, account)) held++;
        if (MARKET.hasRole(PRODUCER, account)) held++;
        if (MARKET.hasRole(CONSUMER, account)) held++;
    }

    function take(uint8 i, bool produces) private {
        VM.prank(_accounts[1]);
        if (produces) {
            try MARKET.grantRole(PRODUCER, _accounts[i]) {} catch {}
        } else {
            try MARKET.enrolConsumer(_accounts[i], "meter") {} catch {}
        }
        if (countRoles(_accounts[i]) > 1) isBroken = true;
    }

    /// A sale is decided once, and a disputed one by nothing but a proof or a decision.
    function judge(uint256 first, uint256[] memory before, bool maybeDisputed) private {
        uint256[] memory afterwards = statuses(first, before.length);
        for (uint256 i = 0; i < before.length; i++) {
            if (before[i] == afterwards[i]) continue;
            decidedTimes[first + i]++;
            if (before[i] > 2 || (before[i] == 2 && !maybeDisputed)) isBroken = true;
        }
    }

    function statuses(uint256 first, uint256 count) private view returns (uint256[] memory all) {
        all = new uint256[](count);
        for (uint256 i = 0; i < count && first + i <= MARKET.lastSaleId() && first > 0; i++) {
            all[i] = uint256(MARKET.saleOf(first + i).status);
        }
    }

    function set(LedgerReader.EnergyOutput memory output, uint256 interval) private {
        READER.set(
            output,
            LedgerReader.IntervalEnergy({
                meterIdHash: keccak256("meter"),
                startMs: uint64(block.timestamp) * 1000,
                endMs: uint64(block.timestamp) * 1000 + 1,
                sumMwh: int64(uint64(shownMwh[interval])),
                key: intervalKey(interval),
                readingCount: 1
            })
        );
    }

    function known(uint256 id, uint256 last) private pure returns (uint256) {
        return last == 0 ? 0 : 1 + id % last;
    }

    /// Where the market keeps ledgerAccountOf, found by looking: a key to bind is nothing a contract can make.
    function ledgerSlot() private returns (uint256 slot) {
        for (slot = 0; slot < 64; slot++) {
            bytes32 place = keccak256(abi.encode(address(this), slot));
            bytes32 kept = VM.load(address(MARKET), place);
            VM.store(address(MARKET), place, bytes32(uint256(0x1234)));
            bool isFound = MARKET.ledgerAccountOf(address(this)) == bytes20(uint160(0x1234));
            VM.store(address(MARKET), place, kept);
            if (isFound) return slot;
        }
        revert();
    }
}

contract EnergyMarketInvariants {
    EnergyMarketHandler private _handler;

    function setUp() external {
        _handler = new EnergyMarketHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// And nobody is paid twice, acts in another's place or has two roles: see `check`.
    function invariant_moneyAndEnergyAreConservedAndNothingIsPaidTwice() external view {
        _handler.check();
    }
}

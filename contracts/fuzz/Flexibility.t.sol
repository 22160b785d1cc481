// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Flexibility} from "../src/Flexibility.sol";
import {FlexibilityPosition} from "../src/FlexibilityPosition.sol";
import {FlexibilityToken} from "../src/FlexibilityToken.sol";
import {LedgerReader} from "../src/LedgerReader.sol";
import {LedgerBytes, TrustingLedger} from "./TrustingLedger.sol";
import {VM} from "./Vm.sol";

/// Three prosumers with a meter each, of whom one is a DSO too and one an aggregator, ask, accept, leave, prove, close, trade and warp the clock at random.
contract FlexibilityHandler {
    Flexibility public immutable FLEXIBILITY;
    FlexibilityToken public immutable TOKEN;
    FlexibilityPosition public immutable POSITIONS;
    /// Ether that went in and came out.
    uint256 public deposited;
    uint256 public withdrawn;
    /// By meter and start: intervals for which somebody was paid.
    mapping(uint256 meter => mapping(uint256 startMs => bool)) public isProved;
    /// Someone got in who must not, or twice.
    bool public isBroken;

    uint256 public constant MAX_REQUESTS = 4;
    uint256 public constant MAX_POSITIONS = 6;
    uint256 private constant INTERVAL_MS = 60_000;
    uint16 private constant INTERVALS = 3;
    int64 private constant BASELINE_MWH = 1000;

    address[3] private _accounts;
    /// The accounts of the keys 1, 2 and 3 on the ledger, and their points.
    string[3] private _texts = [
        "edream1w508d6qejxtdg4y5r3zarvary0c5xw7k0q8uan",
        "edream1q6hag67dl53wl99vzg42z8eyzfz2xlkv97k6y8",
        "edream10ht9tyks4vh7p5p904t340cr9nvahy7ujyhn5w"
    ];
    uint256[3] private _x = [
        0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798,
        0xc6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5,
        0xf9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9
    ];
    uint256[3] private _y = [
        0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8,
        0x1ae168fea63dc339a3c58419466ceaeef7f632653266d0e1236431a950cfe52a,
        0x388f7b0f632de8140fe337e62a37f3566500a99934c2231b6cb9fd7584b8e672
    ];

    constructor() {
        VM.warp(1_700_000_000);
        TrustingLedger ledger = new TrustingLedger();
        FLEXIBILITY = new Flexibility(new LedgerReader(ledger), ledger, address(this));
        TOKEN = FLEXIBILITY.TOKEN();
        POSITIONS = FLEXIBILITY.POSITIONS();
        for (uint256 i = 0; i < 3; i++) {
            _accounts[i] = VM.addr(i + 1);
            VM.prank(_accounts[i]);
            TOKEN.approve(address(FLEXIBILITY), type(uint256).max);
        }
        FLEXIBILITY.grantRole(FLEXIBILITY.DSO_ROLE(), _accounts[0]);
        FLEXIBILITY.grantRole(FLEXIBILITY.AGGREGATOR_ROLE(), _accounts[1]);
    }

    function request(uint8 from, uint8 ahead, uint64 price, uint64 penalty, uint64 escrow, bool isIncrease) external {
        if (FLEXIBILITY.lastRequestId() == MAX_REQUESTS) return;
        uint64 startMs = uint64((block.timestamp * 1000 / INTERVAL_MS + 2 + ahead % 5) * INTERVAL_MS);
        Flexibility.Terms memory terms = Flexibility.Terms({
            quantity: Flexibility.Quantity.ELECTRICITY,
            isIncrease: isIncrease,
            startMs: startMs,
            intervalMs: uint32(INTERVAL_MS),
            intervalCount: INTERVALS,
            minReadingCount: 2,
            cutoff: startMs / 1000 - ahead % 60,
            settleBy: startMs / 1000 + 180 + 3 days,
            priceWeiPerKwh: price,
            penaltyWeiPerKwh: penalty,
            baselineRoot: inner(inner(leaf(startMs, 0), leaf(startMs, 1)), leaf(startMs, 2)),
            baselineCount: 3
        });
        VM.deal(accountOf(from), escrow);
        VM.prank(accountOf(from));
        try FLEXIBILITY.request{value: escrow}(terms) {
            deposited += escrow;
            if (from % 3 == 2) isBroken = true;
        } catch {}
    }

    function accept(uint8 from, uint8 meter, uint256 requestId, uint32 energy, uint64 value, uint8 bps) external {
        if (FLEXIBILITY.lastPositionId() == MAX_POSITIONS || FLEXIBILITY.lastRequestId() == 0) return;
        requestId = 1 + requestId % FLEXIBILITY.lastRequestId();
        // Most are of one's own meter.
        meter = meter % 8 < 6 ? from % 3 : meter % 3;
        Flexibility.Terms memory terms = FLEXIBILITY.requestOf(requestId).terms;
        Flexibility.Acceptance memory made = acceptance(from % 3, meter, requestId, terms.startMs);
        made.energyMwh = energy;
        if (bps > 200) (made.aggregator, made.aggregatorBps) = (accountOf(bps), bps);
        uint256 bond = (uint256(energy) * INTERVALS * terms.penaltyWeiPerKwh + 1e6 - 1) / 1e6;
        if (value > bond) value = uint64(bond);
        VM.deal(accountOf(from), value);
        VM.prank(accountOf(from));
        try FLEXIBILITY.accept{value: value}(made) {
            deposited += value;
            if (meter != from % 3 || block.timestamp >= terms.cutoff) isBroken = true;
            if (made.aggregatorBps > 0 && bps % 3 != 1) isBroken = true;
        } catch {}
    }

    function optOut(uint8 from, uint256 positionId) external {
        (bool isOpen, Flexibility.Position memory position) = positionAt(positionId);
        if (!isOpen) return;
        positionId = known(positionId);
        Flexibility.Request memory asked = FLEXIBILITY.requestOf(position.requestId);
        bool mayLeave = asked.isCancelled
            || (POSITIONS.ownerOf(positionId) == accountOf(from) && block.timestamp < asked.terms.cutoff);
        VM.prank(accountOf(from));
        try FLEXIBILITY.optOut(positionId) {
            if (!mayLeave) isBroken = true;
        } catch {}
    }

    function cancel(uint8 from, uint256 requestId, uint8 seldom) external {
        if (FLEXIBILITY.lastRequestId() == 0 || seldom > 40) return;
        requestId = 1 + requestId % FLEXIBILITY.lastRequestId();
        Flexibility.Request memory asked = FLEXIBILITY.requestOf(requestId);
        VM.prank(accountOf(from));
        try FLEXIBILITY.cancel(requestId) {
            if (asked.requester != accountOf(from) || block.timestamp >= asked.terms.cutoff) isBroken = true;
        } catch {}
    }

    function sweep(uint256 requestId) external {
        if (FLEXIBILITY.lastRequestId() == 0) return;
        requestId = 1 + requestId % FLEXIBILITY.lastRequestId();
        try FLEXIBILITY.sweep(requestId) {
            if (block.timestamp < FLEXIBILITY.requestOf(requestId).terms.cutoff) isBroken = true;
        } catch {}
    }

    function settle(uint256 positionId, uint8 meter, uint8 index, uint8 readings, int16 sum, bool isTwice) external {
        (bool isOpen, Flexibility.Position memory position) = positionAt(positionId);
        if (!isOpen) return;
        if (meter % 8 < 6) {
            for (uint8 i = 0; i < 3; i++) {
                if (keccak256(meterId(i)) == position.meterKey) meter = i;
            }
        }
        meter = meter % 3;
        Flexibility.Terms memory terms = FLEXIBILITY.requestOf(position.requestId).terms;
        uint256 startMs = terms.startMs + (index % (INTERVALS + 1)) * INTERVAL_MS;
        LedgerReader.IntervalProof[] memory proofs = new LedgerReader.IntervalProof[](isTwice ? 2 : 1);
        for (uint256 i = 0; i < proofs.length; i++) {
            proofs[i].message = LedgerBytes.interval(meterId(meter), startMs, startMs + INTERVAL_MS, readings, sum);
        }
        try FLEXIBILITY.settle(known(positionId), baselines(), proofs) {
            bool isRight = keccak256(meterId(meter)) == position.meterKey && index % (INTERVALS + 1) < INTERVALS;
            if (isTwice || !isRight || readings < 2 || isProved[meter][startMs]) isBroken = true;
            if (block.timestamp < terms.cutoff) isBroken = true;
            isProved[meter][startMs] = true;
        } catch {}
    }

    function close(uint256 positionId) external {
        (bool isOpen, Flexibility.Position memory position) = positionAt(positionId);
        if (!isOpen) return;
        try FLEXIBILITY.close(known(positionId)) {
            if (block.timestamp < FLEXIBILITY.requestOf(position.requestId).terms.settleBy) isBroken = true;
        } catch {}
    }

    function buyTokens(uint8 from, uint64 value) external {
        VM.deal(accountOf(from), value);
        VM.prank(accountOf(from));
        try FLEXIBILITY.buyTokens{value: value}() {
            deposited += value;
        } catch {}
    }

    function redeem(uint8 from, uint64 amount) external {
        VM.prank(accountOf(from));
        try FLEXIBILITY.redeem(amount) {} catch {}
    }

    function handOn(uint8 to, uint256 positionId) external {
        (bool isOpen,) = positionAt(positionId);
        if (!isOpen) return;
        address holder = POSITIONS.ownerOf(known(positionId));
        VM.prank(holder);
        POSITIONS.transferFrom(holder, accountOf(to), known(positionId));
    }

    /// Nobody else mints or burns.
    function trespass(uint8 from, uint64 amount) external {
        VM.prank(accountOf(from));
        try TOKEN.mint(accountOf(from), amount) {
            isBroken = true;
        } catch {}
        VM.prank(accountOf(from));
        try TOKEN.burn(amount) {
            isBroken = true;
        } catch {}
        VM.prank(accountOf(from));
        try POSITIONS.mint(accountOf(from), amount) {
            isBroken = true;
        } catch {}
    }

    function withdraw(uint8 from) external {
        uint256 owed = FLEXIBILITY.credit(accountOf(from));
        VM.prank(accountOf(from));
        try FLEXIBILITY.withdraw(payable(address(0xCAFE))) {
            withdrawn += owed;
        } catch {}
    }

    function warp(uint16 time, bool isLong) external {
        VM.warp(block.timestamp + (isLong ? uint256(time) * 4 : time % 128));
    }

    function accountOf(uint8 i) public view returns (address) {
        return _accounts[i % 3];
    }

    function positionAt(uint256 positionId) public view returns (bool, Flexibility.Position memory position) {
        if (FLEXIBILITY.lastPositionId() == 0) return (false, position);
        try FLEXIBILITY.positionOf(known(positionId)) returns (Flexibility.Position memory found) {
            return (true, found);
        } catch {
            return (false, position);
        }
    }

    function known(uint256 positionId) private view returns (uint256) {
        return 1 + positionId % FLEXIBILITY.lastPositionId();
    }

    function acceptance(uint8 from, uint8 meter, uint256 requestId, uint64 startMs)
        private
        view
        returns (Flexibility.Acceptance memory made)
    {
        made.requestId = requestId;
        made.meterId = string(meterId(meter));
        made.keyX = _x[from];
        made.keyY = _y[from];
        made.meterRecord = LedgerBytes.meter(bytes(_texts[meter]), INTERVAL_MS);
        made.baselines = baselines();
        made.baselineIndex = meter;
        made.baselinePath = new bytes32[](meter == 2 ? 1 : 2);
        if (meter == 2) {
            made.baselinePath[0] = inner(leaf(startMs, 0), leaf(startMs, 1));
        } else {
            made.baselinePath[0] = leaf(startMs, 1 - meter);
            made.baselinePath[1] = leaf(startMs, 2);
        }
    }

    function meterId(uint8 meter) private pure returns (bytes memory) {
        return abi.encodePacked("meter:", bytes1(uint8(0x31) + meter));
    }

    function baselines() private pure returns (int64[] memory list) {
        list = new int64[](INTERVALS);
        for (uint256 i = 0; i < INTERVALS; i++) {
            list[i] = BASELINE_MWH;
        }
    }

    function leaf(uint64 startMs, uint8 meter) private pure returns (bytes32) {
        return sha256(
            abi.encodePacked(
                bytes1(0), bytes32(0), startMs, uint32(INTERVAL_MS), INTERVALS, baselines(), meterId(meter)
            )
        );
    }

    function inner(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }
}

contract FlexibilityInvariants {
    FlexibilityHandler private _handler;

    function setUp() external {
        _handler = new FlexibilityHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// Every wei is owed, escrowed or behind a token; every token held here is a bond; what is set aside is the contracts' own; no contract delivers more
    /// than it promised or keeps more than is left to earn; no interval is proved twice, and nobody acts in another's place.
    function invariant_tokensAndMoneyAreConservedAndNothingIsPaidTwice() external view {
        Flexibility flexibility = _handler.FLEXIBILITY();
        FlexibilityToken token = _handler.TOKEN();
        uint256 requests = flexibility.lastRequestId();
        uint256[] memory setAside = new uint256[](requests + 1);
        uint256 bonds;
        for (uint256 id = 0; id < flexibility.lastPositionId(); id++) {
            (bool isOpen, Flexibility.Position memory position) = _handler.positionAt(id);
            if (!isOpen) continue;
            bonds += position.bond;
            setAside[position.requestId] += position.reserved;
            Flexibility.Terms memory terms = flexibility.requestOf(position.requestId).terms;
            uint256 promised = uint256(position.energyMwh) * terms.intervalCount;
            assert(position.deliveredMwh <= promised && position.provedCount < terms.intervalCount);
            uint256 earned = uint256(position.deliveredMwh) * terms.priceWeiPerKwh / 1e6;
            assert(position.reserved == promised * terms.priceWeiPerKwh / 1e6 - earned);
        }
        uint256 escrowed;
        for (uint256 id = 1; id <= requests; id++) {
            Flexibility.Request memory asked = flexibility.requestOf(id);
            escrowed += uint256(asked.available) + asked.reserved;
            assert(asked.reserved == (asked.isCancelled ? 0 : setAside[id]));
        }
        assert(token.balanceOf(address(flexibility)) == bonds);

        uint256 credits;
        uint256 tokens = bonds;
        for (uint8 i = 0; i < 3; i++) {
            credits += flexibility.credit(_handler.accountOf(i));
            tokens += token.balanceOf(_handler.accountOf(i));
        }
        assert(credits == flexibility.totalCredit() && tokens == token.totalSupply());
        assert(address(flexibility).balance == escrowed + credits + tokens);
        assert(_handler.deposited() == _handler.withdrawn() + address(flexibility).balance);
        assert(!_handler.isBroken());
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {FlexibilityPosition} from "./FlexibilityPosition.sol";
import {FlexibilityToken} from "./FlexibilityToken.sol";
import {LedgerReader} from "./LedgerReader.sol";
import {StateProof} from "./interfaces/IBridge.sol";
import {IOutbox} from "./interfaces/IOutbox.sol";
import {LedgerMeter, LedgerMeters} from "./lib/LedgerMeters.sol";
import {PullPayments} from "./lib/PullPayments.sol";
import {Rfc6962} from "./lib/Rfc6962.sol";

/// Demand response by contract (seed 003, HL-UC01): a DSO or an aggregator asks for flexibility in coming intervals and escrows the incentive;
/// prosumers accept with a bond; what they delivered is what their meters' sealed intervals prove against a baseline that was committed before. An
/// electric vehicle's charging is flexibility as a household's: its meter has the quantity ev.
///
/// Each accepted contract is an ERC-721 token (FlexibilityPosition): who holds it is paid and gets the bond back. Incentive and bond are
/// FlexibilityToken, each unit backed by a wei here. Energy in mWh, times of the ledger in Unix ms, times of Ethereum in seconds.
contract Flexibility is AccessControlDefaultAdminRules, PullPayments {
    enum Quantity {
        ELECTRICITY,
        EV
    }

    struct Terms {
        Quantity quantity;
        /// Whether more load (less production) is asked for instead of less, such as charging at noon.
        bool isIncrease;
        /// The event's first interval, a multiple of intervalMs since 1970.
        uint64 startMs;
        uint32 intervalMs;
        uint16 intervalCount;
        /// An interval with fewer readings proves nothing: a meter that is switched off must not look like a load that is.
        uint32 minReadingCount;
        /// Seconds: until then prosumers accept and opt out, and the requester cancels.
        uint64 cutoff;
        /// Seconds: from then on what is not proved counts as not delivered.
        uint64 settleBy;
        /// Wei for a kWh delivered, and for one that is missing.
        uint128 priceWeiPerKwh;
        uint128 penaltyWeiPerKwh;
        /// RFC 6962 root over the baselines of all meters that may take part (bridge/baseline.ts), and their number.
        bytes32 baselineRoot;
        uint32 baselineCount;
    }

    struct Request {
        Terms terms;
        address requester;
        bool isCancelled;
        /// Wei: free for further contracts, and set aside for those there are.
        uint128 available;
        uint128 reserved;
    }

    /// One accepted contract.
    struct Position {
        uint64 requestId;
        /// Energy promised of each interval.
        uint64 energyMwh;
        uint64 deliveredMwh;
        /// Intervals proved so far.
        uint16 provedCount;
        bool isExport;
        /// Its part of the incentive, in hundredths of a percent.
        uint16 aggregatorBps;
        address aggregator;
        /// keccak256 of the meter's id.
        bytes32 meterKey;
        /// keccak256 of abi.encode(baselines).
        bytes32 baselineHash;
        /// Wei of the request that this contract can still earn.
        uint128 reserved;
        /// Units of the token held here.
        uint128 bond;
    }

    struct Acceptance {
        uint256 requestId;
        string meterId;
        /// Of each interval, 1 to MAX_ENERGY_MWH.
        uint64 energyMwh;
        /// Through whom the prosumer takes part, or zero: then bps are 0 too.
        address aggregator;
        uint16 aggregatorBps;
        /// The sender's public key: it is the same key as that of the ledger account that owns the meter.
        uint256 keyX;
        uint256 keyY;
        /// The ledger's state value under `meter/<meter id>`.
        bytes meterRecord;
        StateProof meterProof;
        /// Net load without the event, one of each interval in mWh; what a meter exports is negative.
        int64[] baselines;
        bytes32 baselineSalt;
        uint32 baselineIndex;
        bytes32[] baselinePath;
    }

    event Requested(uint256 indexed requestId, address indexed requester, Terms terms, uint256 escrow);
    event Cancelled(uint256 indexed requestId, uint256 returned);
    event Swept(uint256 indexed requestId, uint256 returned);
    event Accepted(
        uint256 indexed positionId,
        uint256 indexed requestId,
        address indexed prosumer,
        address aggregator,
        string meterId,
        uint256 energyMwh,
        uint256 reserved,
        uint256 bond
    );
    event OptedOut(uint256 indexed positionId, address indexed holder, uint256 bond);
    event Delivered(
        uint256 indexed positionId, uint256 startMs, int256 baselineMwh, int256 usageMwh, uint256 deliveredMwh
    );
    event Paid(uint256 indexed positionId, address indexed holder, uint256 amount, uint256 aggregatorShare);
    /// shortfallMwh was promised and not proved; `penalty` units of the bond were burned for it.
    event Closed(
        uint256 indexed positionId, address indexed holder, uint256 deliveredMwh, uint256 shortfallMwh, uint256 penalty
    );

    error NotRequesterRole(address caller);
    error NotRequester(uint256 requestId, address caller);
    error NotHolder(uint256 positionId, address caller);
    error RequestUnknown(uint256 requestId);
    error RequestIsCancelled(uint256 requestId);
    error PositionUnknown(uint256 positionId);
    error NothingEscrowed();
    error PriceInvalid();
    /// Interval length, number of intervals, or a start that is none of theirs.
    error IntervalsInvalid(uint256 startMs, uint256 intervalMs, uint256 intervalCount);
    error ReadingCountInvalid();
    /// cutoff must be in the future, not after the event's start; settleBy far enough behind its end, and all not too far away.
    error TimesInvalid(uint256 cutoff, uint256 startMs, uint256 settleBy);
    error BaselineRootInvalid();
    error AfterCutoff(uint256 requestId, uint256 cutoff);
    error BeforeCutoff(uint256 requestId, uint256 cutoff);
    error EnergyInvalid(uint256 energyMwh);
    error EscrowTooSmall(uint256 needed, uint256 available);
    error AggregatorInvalid(address aggregator, uint256 bps);
    error MeterProofTooOld(uint256 timeMs);
    error MeterNotValid();
    error MeterQuantityWrong();
    error MeterIntervalWrong(uint256 intervalMs);
    error MeterEnrolled(uint256 positionId);
    error TooManyPositions(uint256 count);
    error BaselineCountWrong(uint256 count);
    error BaselineNotCommitted();
    error BaselinesWrong();
    error BondExceeded(uint256 sent, uint256 bond);
    error IntervalsTooMany(uint256 count);
    error MeterWrong();
    error IntervalNotInEvent(uint256 startMs, uint256 endMs);
    error IntervalUsed(bytes32 key);
    error ReadingsTooFew(uint256 count, uint256 minimum);
    error NotYetClosable(uint256 positionId, uint256 settleBy);

    bytes32 public constant DSO_ROLE = keccak256("DSO_ROLE");
    bytes32 public constant AGGREGATOR_ROLE = keccak256("AGGREGATOR_ROLE");
    /// Until a successor of the owner takes over.
    uint48 public constant ADMIN_DELAY = 2 days;

    /// A day of quarters of an hour.
    uint256 public constant MAX_INTERVALS = 96;
    /// As short as the ledger's meters seal them.
    uint256 public constant MIN_INTERVAL_MS = 1000;
    uint256 public constant MAX_INTERVAL_MS = 86_400_000;
    /// 1 GWh: products with prices and counts stay far from any limit.
    uint256 public constant MAX_ENERGY_MWH = 1e12;
    uint256 public constant MAX_PRICE_WEI_PER_KWH = 1e24;
    /// How far ahead an event may be.
    uint256 public constant MAX_AHEAD = 366 days;
    /// Anchors and proofs take time, and an Ethereum or a bridge that stands still must not make anybody lose a bond at once.
    uint256 public constant MIN_SETTLE_PERIOD = 3 days;
    uint256 public constant MAX_SETTLE_PERIOD = 90 days;
    /// A certificate older than this may have been revoked since.
    uint256 public constant MAX_METER_PROOF_AGE = 1 days;
    /// Open contracts of one meter, so that looking for one that overlaps is bounded.
    uint256 public constant MAX_POSITIONS_PER_METER = 8;
    uint256 public constant MAX_PROOFS_PER_CALL = 32;
    uint256 public constant MAX_AGGREGATOR_BPS = 5000;

    uint256 private constant MWH_PER_KWH = 1e6;
    uint256 private constant BPS = 10_000;

    LedgerReader public immutable READER;
    IOutbox public immutable OUTBOX;
    FlexibilityToken public immutable TOKEN;
    FlexibilityPosition public immutable POSITIONS;

    /// Numbers of the last ones; the first is 1.
    uint256 public lastRequestId;
    uint256 public lastPositionId;

    /// SealedIntervals.keyOf of intervals that have proved something, and for which contract.
    mapping(bytes32 intervalKey => uint256 positionId) public usedBy;

    mapping(uint256 requestId => Request) private _requests;
    mapping(uint256 positionId => Position) private _positions;
    mapping(bytes32 meterKey => uint256[]) private _openPositions;

    constructor(LedgerReader reader, IOutbox outbox, address owner_)
        AccessControlDefaultAdminRules(ADMIN_DELAY, owner_)
    {
        READER = reader;
        OUTBOX = outbox;
        TOKEN = new FlexibilityToken();
        POSITIONS = new FlexibilityPosition();
    }

    /// A DSO or an aggregator asks for flexibility; the ether sent along is what it pays at most. @return requestId its number.
    function request(Terms calldata terms) external payable returns (uint256 requestId) {
        if (!hasRole(DSO_ROLE, msg.sender) && !hasRole(AGGREGATOR_ROLE, msg.sender)) {
            revert NotRequesterRole(msg.sender);
        }
        if (msg.value == 0) revert NothingEscrowed();
        requestId = ++lastRequestId;
        Request storage made = _requests[requestId];
        made.terms = terms;
        _checkTerms(made.terms);
        made.requester = msg.sender;
        made.available = _amount128(msg.value);
        emit Requested(requestId, msg.sender, terms, msg.value);
        OUTBOX.emitEvent(
            keccak256("Flexibility.Requested"),
            abi.encode(
                requestId,
                msg.sender,
                terms.quantity,
                terms.isIncrease,
                terms.startMs,
                terms.intervalMs,
                terms.intervalCount
            )
        );
    }

    /// The requester takes its request back before the cut-off; every contract of it can then be left at once.
    function cancel(uint256 requestId) external {
        Request storage asked = _live(requestId);
        if (msg.sender != asked.requester) revert NotRequester(requestId, msg.sender);
        if (block.timestamp >= asked.terms.cutoff) revert AfterCutoff(requestId, asked.terms.cutoff);
        uint256 returned = uint256(asked.available) + asked.reserved;
        asked.isCancelled = true;
        asked.available = 0;
        asked.reserved = 0;
        _credit(asked.requester, returned);
        emit Cancelled(requestId, returned);
    }

    /// From the cut-off on, what no contract has set aside goes back to the requester's credit; by anybody.
    function sweep(uint256 requestId) external {
        Request storage asked = _live(requestId);
        if (block.timestamp < asked.terms.cutoff) revert BeforeCutoff(requestId, asked.terms.cutoff);
        uint256 returned = asked.available;
        asked.available = 0;
        _credit(asked.requester, returned);
        emit Swept(requestId, returned);
    }

    /// The meter's owner promises energyMwh of each interval. The bond is paid with the ether sent along, and where that is not enough with tokens,
    /// of which this contract must be allowed as many. @return positionId the ERC-721 token's id.
    function accept(Acceptance calldata made) external payable returns (uint256 positionId) {
        Request storage asked = _live(made.requestId);
        Terms storage terms = asked.terms;
        if (block.timestamp >= terms.cutoff) revert AfterCutoff(made.requestId, terms.cutoff);
        if (made.energyMwh == 0 || made.energyMwh > MAX_ENERGY_MWH) revert EnergyInvalid(made.energyMwh);
        _checkAggregator(made.aggregator, made.aggregatorBps);
        _checkBaselines(made, terms);
        LedgerMeter memory meter = _checkMeter(made, terms);

        bytes32 meterKey = keccak256(bytes(made.meterId));
        positionId = ++lastPositionId;
        _enrol(meterKey, positionId, terms);

        uint256 totalMwh = uint256(made.energyMwh) * terms.intervalCount;
        uint256 reserved = totalMwh * terms.priceWeiPerKwh / MWH_PER_KWH;
        uint256 bond = Math.mulDiv(totalMwh, terms.penaltyWeiPerKwh, MWH_PER_KWH, Math.Rounding.Ceil);
        if (reserved > asked.available) revert EscrowTooSmall(reserved, asked.available);
        if (msg.value > bond) revert BondExceeded(msg.value, bond);
        asked.available -= _amount128(reserved);
        asked.reserved += _amount128(reserved);
        _positions[positionId] = Position({
            // Numbers from 1 upwards.
            // forge-lint: disable-next-line(unsafe-typecast)
            requestId: uint64(made.requestId),
            energyMwh: made.energyMwh,
            deliveredMwh: 0,
            provedCount: 0,
            isExport: meter.isExport,
            aggregatorBps: made.aggregatorBps,
            aggregator: made.aggregator,
            meterKey: meterKey,
            baselineHash: keccak256(abi.encode(made.baselines)),
            reserved: _amount128(reserved),
            bond: _amount128(bond)
        });
        POSITIONS.mint(msg.sender, positionId);
        emit Accepted(
            positionId, made.requestId, msg.sender, made.aggregator, made.meterId, made.energyMwh, reserved, bond
        );
        _takeBond(bond);
        OUTBOX.emitEvent(
            keccak256("Flexibility.Accepted"), abi.encode(positionId, made.requestId, meterKey, made.energyMwh)
        );
    }

    /// The holder leaves the contract before the cut-off and has its bond back; anybody may make it leave one whose request was cancelled.
    function optOut(uint256 positionId) external {
        Position memory position = _positionOf(positionId);
        Request storage asked = _requests[position.requestId];
        address holder = POSITIONS.ownerOf(positionId);
        if (!asked.isCancelled) {
            if (msg.sender != holder) revert NotHolder(positionId, msg.sender);
            if (block.timestamp >= asked.terms.cutoff) revert AfterCutoff(position.requestId, asked.terms.cutoff);
            asked.reserved -= position.reserved;
            asked.available += position.reserved;
        }
        _end(positionId, position.meterKey);
        emit OptedOut(positionId, holder, position.bond);
        _payBack(holder, position.bond);
    }

    /// Proves intervals of a contract, at most MAX_PROOFS_PER_CALL, by anybody, and pays what they have delivered; with the last one the contract
    /// is closed. baselines: as accepted.
    function settle(uint256 positionId, int64[] calldata baselines, LedgerReader.IntervalProof[] calldata proofs) external {
        Position storage position = _positions[positionId];
        Request storage asked = _requests[_positionOf(positionId).requestId];
        if (asked.isCancelled) revert RequestIsCancelled(position.requestId);
        // The ledger's clock may run before Ethereum's: who was paid must not be able to leave any more.
        if (block.timestamp < asked.terms.cutoff) revert BeforeCutoff(position.requestId, asked.terms.cutoff);
        if (proofs.length > MAX_PROOFS_PER_CALL) revert IntervalsTooMany(proofs.length);
        if (keccak256(abi.encode(baselines)) != position.baselineHash) revert BaselinesWrong();
        Terms storage terms = asked.terms;
        uint256 before = position.deliveredMwh;
        uint256 delivered = before;
        for (uint256 i = 0; i < proofs.length; i++) {
            delivered += _prove(positionId, position, terms, baselines, proofs[i]);
        }
        // At most MAX_INTERVALS times MAX_ENERGY_MWH.
        // forge-lint: disable-next-line(unsafe-typecast)
        position.deliveredMwh = uint64(delivered);
        // forge-lint: disable-next-line(unsafe-typecast)
        position.provedCount += uint16(proofs.length);
        // Rounded down over all that was delivered so far, so that parts add up to the whole.
        uint256 amount = delivered * terms.priceWeiPerKwh / MWH_PER_KWH - before * terms.priceWeiPerKwh / MWH_PER_KWH;
        _pay(positionId, position, asked, amount);
        if (position.provedCount == terms.intervalCount) _close(positionId);
    }

    /// Ends a contract whose time to prove is over: what is missing costs the bond. By anybody.
    function close(uint256 positionId) external {
        Terms storage terms = _requests[_positionOf(positionId).requestId].terms;
        if (_requests[_positions[positionId].requestId].isCancelled) {
            revert RequestIsCancelled(_positions[positionId].requestId);
        }
        if (block.timestamp < terms.settleBy) revert NotYetClosable(positionId, terms.settleBy);
        _close(positionId);
    }

    /// Makes tokens of the ether sent along, for bonds.
    function buyTokens() external payable {
        if (msg.value == 0) revert NothingEscrowed();
        TOKEN.mint(msg.sender, msg.value);
    }

    /// Makes ether of the caller's tokens, into its credit; this contract must be allowed as many.
    function redeem(uint256 amount) external {
        _credit(msg.sender, amount);
        _pull(amount);
        TOKEN.burn(amount);
    }

    function requestOf(uint256 requestId) external view returns (Request memory) {
        _known(requestId);
        return _requests[requestId];
    }

    function positionOf(uint256 positionId) external view returns (Position memory) {
        return _positionOf(positionId);
    }

    /// Of a meter that are neither closed nor left.
    function openPositionsOf(string calldata meterId) external view returns (uint256[] memory) {
        return _openPositions[keccak256(bytes(meterId))];
    }

    function _prove(
        uint256 positionId,
        Position storage position,
        Terms storage terms,
        int64[] calldata baselines,
        LedgerReader.IntervalProof calldata shown
    ) private returns (uint256 delivered) {
        LedgerReader.IntervalEnergy memory interval = READER.readInterval(shown);
        if (interval.meterIdHash != position.meterKey) revert MeterWrong();
        uint256 index = _indexOf(terms, interval);
        if (interval.readingCount < terms.minReadingCount) {
            revert ReadingsTooFew(interval.readingCount, terms.minReadingCount);
        }
        bytes32 key = interval.key;
        if (usedBy[key] != 0) revert IntervalUsed(key);
        usedBy[key] = positionId;

        int256 usage = position.isExport ? -int256(interval.sumMwh) : int256(interval.sumMwh);
        int256 baseline = baselines[index];
        int256 change = terms.isIncrease ? usage - baseline : baseline - usage;
        // clamp(change, 0, what was promised).
        // forge-lint: disable-next-line(unsafe-typecast)
        if (change > 0) delivered = Math.min(uint256(change), position.energyMwh);
        emit Delivered(positionId, interval.startMs, baseline, usage, delivered);
    }

    function _indexOf(Terms storage terms, LedgerReader.IntervalEnergy memory interval)
        private
        view
        returns (uint256 index)
    {
        uint256 start = interval.startMs;
        bool isIn = start >= terms.startMs && (start - terms.startMs) % terms.intervalMs == 0
            && interval.endMs == start + terms.intervalMs;
        if (isIn) index = (start - terms.startMs) / terms.intervalMs;
        if (!isIn || index >= terms.intervalCount) revert IntervalNotInEvent(start, interval.endMs);
    }

    function _pay(uint256 positionId, Position storage position, Request storage asked, uint256 amount) private {
        if (amount == 0) return;
        position.reserved -= _amount128(amount);
        asked.reserved -= _amount128(amount);
        address holder = POSITIONS.ownerOf(positionId);
        uint256 share = amount * position.aggregatorBps / BPS;
        emit Paid(positionId, holder, amount - share, share);
        // The wei of the escrow are the tokens' from here on.
        TOKEN.mint(holder, amount - share);
        if (share > 0) TOKEN.mint(position.aggregator, share);
    }

    function _close(uint256 positionId) private {
        Position memory position = _positions[positionId];
        Request storage asked = _requests[position.requestId];
        address holder = POSITIONS.ownerOf(positionId);
        uint256 shortfall = uint256(position.energyMwh) * asked.terms.intervalCount - position.deliveredMwh;
        uint256 penalty = Math.min(shortfall * asked.terms.penaltyWeiPerKwh / MWH_PER_KWH, position.bond);
        asked.reserved -= position.reserved;
        // What was not earned, and the wei behind the tokens that are burned.
        _credit(asked.requester, position.reserved + penalty);
        _end(positionId, position.meterKey);
        emit Closed(positionId, holder, position.deliveredMwh, shortfall, penalty);
        if (penalty > 0) TOKEN.burn(penalty);
        _payBack(holder, position.bond - penalty);
        OUTBOX.emitEvent(
            keccak256("Flexibility.Closed"),
            abi.encode(positionId, position.requestId, position.meterKey, position.deliveredMwh, shortfall, penalty)
        );
    }

    /// Forgets the contract and its token.
    function _end(uint256 positionId, bytes32 meterKey) private {
        delete _positions[positionId];
        uint256[] storage open = _openPositions[meterKey];
        uint256 last = open.length - 1;
        for (uint256 i = 0; i < last; i++) {
            if (open[i] == positionId) open[i] = open[last];
        }
        open.pop();
        POSITIONS.burn(positionId);
    }

    /// One contract of a meter for a time: nobody is paid twice for one change.
    function _enrol(bytes32 meterKey, uint256 positionId, Terms storage terms) private {
        uint256[] storage open = _openPositions[meterKey];
        if (open.length == MAX_POSITIONS_PER_METER) revert TooManyPositions(open.length);
        for (uint256 i = 0; i < open.length; i++) {
            Terms storage other = _requests[_positions[open[i]].requestId].terms;
            if (terms.startMs < _endOf(other) && other.startMs < _endOf(terms)) revert MeterEnrolled(open[i]);
        }
        open.push(positionId);
    }

    function _takeBond(uint256 bond) private {
        if (msg.value > 0) TOKEN.mint(address(this), msg.value);
        _pull(bond - msg.value);
    }

    /// From the caller's wallet to here; the token reverts where it cannot.
    function _pull(uint256 amount) private {
        // forge-lint: disable-next-line(erc20-unchecked-transfer)
        if (amount > 0) TOKEN.transferFrom(msg.sender, address(this), amount);
    }

    function _payBack(address holder, uint256 amount) private {
        // forge-lint: disable-next-line(erc20-unchecked-transfer)
        if (amount > 0) TOKEN.transfer(holder, amount);
    }

    function _checkTerms(Terms storage terms) private view {
        uint256 startMs = terms.startMs;
        uint256 intervalMs = terms.intervalMs;
        if (
            intervalMs < MIN_INTERVAL_MS || intervalMs > MAX_INTERVAL_MS || terms.intervalCount == 0
                || terms.intervalCount > MAX_INTERVALS || startMs % intervalMs != 0
        ) revert IntervalsInvalid(startMs, intervalMs, terms.intervalCount);
        if (terms.minReadingCount == 0) revert ReadingCountInvalid();
        uint256 end = _endOf(terms) / 1000;
        if (
            terms.cutoff <= block.timestamp || uint256(terms.cutoff) * 1000 > startMs
                || startMs > (block.timestamp + MAX_AHEAD) * 1000 || terms.settleBy < end + MIN_SETTLE_PERIOD
                || terms.settleBy > end + MAX_SETTLE_PERIOD
        ) revert TimesInvalid(terms.cutoff, startMs, terms.settleBy);
        if (
            terms.priceWeiPerKwh == 0 || terms.priceWeiPerKwh > MAX_PRICE_WEI_PER_KWH || terms.penaltyWeiPerKwh == 0
                || terms.penaltyWeiPerKwh > MAX_PRICE_WEI_PER_KWH
        ) revert PriceInvalid();
        if (terms.baselineRoot == 0 || terms.baselineCount == 0) revert BaselineRootInvalid();
    }

    function _checkAggregator(address aggregator, uint256 bps) private view {
        bool isDirect = aggregator == address(0) && bps == 0;
        if (!isDirect && (bps > MAX_AGGREGATOR_BPS || !hasRole(AGGREGATOR_ROLE, aggregator))) {
            revert AggregatorInvalid(aggregator, bps);
        }
    }

    function _checkBaselines(Acceptance calldata made, Terms storage terms) private view {
        if (made.baselines.length != terms.intervalCount) revert BaselineCountWrong(made.baselines.length);
        // Each item in as many bytes as its type has, a baseline in 32; the salt keeps others' baselines from being guessed out of the paths.
        bytes memory item = abi.encodePacked(
            made.baselineSalt, terms.startMs, terms.intervalMs, terms.intervalCount, made.baselines, bytes(made.meterId)
        );
        bytes32 leaf = Rfc6962.leafHash(item);
        bytes32 root = Rfc6962.rootOf(leaf, made.baselineIndex, terms.baselineCount, made.baselinePath);
        if (root != terms.baselineRoot) revert BaselineNotCommitted();
    }

    function _checkMeter(Acceptance calldata made, Terms storage terms)
        private
        view
        returns (LedgerMeter memory meter)
    {
        uint64 timeMs;
        (meter, timeMs) =
            READER.readMeterOf(msg.sender, made.keyX, made.keyY, made.meterId, made.meterRecord, made.meterProof);
        if (timeMs / 1000 + MAX_METER_PROOF_AGE < block.timestamp) revert MeterProofTooOld(timeMs);
        bool isOver = meter.validUntilMs != 0 && meter.validUntilMs < _endOf(terms);
        if (meter.isRevoked || isOver || meter.validFromMs > terms.startMs) revert MeterNotValid();
        bytes32 quantity = terms.quantity == Quantity.EV ? LedgerMeters.EV : LedgerMeters.ELECTRICITY;
        if (meter.quantity != quantity) revert MeterQuantityWrong();
        if (meter.intervalMs == 0 || terms.intervalMs % meter.intervalMs != 0) {
            revert MeterIntervalWrong(meter.intervalMs);
        }
    }

    function _endOf(Terms storage terms) private view returns (uint256 endMs) {
        return uint256(terms.startMs) + uint256(terms.intervalMs) * terms.intervalCount;
    }

    function _known(uint256 requestId) private view {
        if (_requests[requestId].requester == address(0)) revert RequestUnknown(requestId);
    }

    function _live(uint256 requestId) private view returns (Request storage asked) {
        _known(requestId);
        asked = _requests[requestId];
        if (asked.isCancelled) revert RequestIsCancelled(requestId);
    }

    function _positionOf(uint256 positionId) private view returns (Position memory position) {
        position = _positions[positionId];
        if (position.requestId == 0) revert PositionUnknown(positionId);
    }
}

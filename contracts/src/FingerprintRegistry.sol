// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IBridge, MessageProof, StateProof} from "./interfaces/IBridge.sol";
import {Protobuf} from "./lib/Protobuf.sol";
import {Rfc6962} from "./lib/Rfc6962.sol";
import {SealedInterval, SealedIntervals} from "./lib/SealedIntervals.sol";

/// The fingerprints of D5.1 §4.2 on Ethereum without a transaction of each sensor: what the ledger has sealed is shown by proof, when somebody asks,
/// and H_P of a period can be pinned for good. Nobody has a role here: only what is proved is said, and anybody may say it.
contract FingerprintRegistry {
    using SealedIntervals for SealedInterval;

    /// H_P of Fig. 23, of a period that is over.
    struct ClosedPeriod {
        bytes32 periodHash;
        uint32 intervalCount;
        /// End of its last interval, Unix ms.
        uint64 lastEndMs;
    }

    /// What Fig. 23 chains of one interval: its times are in the period, no more is said of them.
    struct PeriodLink {
        bytes32 fingerprint;
        uint32 readingCount;
        /// Whether the sum is committed; then sumMwh means nothing, else sumCommitment.
        bool isCommitted;
        int64 sumMwh;
        bytes32 sumCommitment;
    }

    /// One reading of a sealed interval, at its place.
    struct ReadingProof {
        uint32 index;
        int64 value;
        uint64 timestampMs;
        bytes32 salt;
        bytes32[] path;
    }

    event PeriodPinned(
        bytes32 indexed periodKey,
        string meterId,
        uint64 periodStartMs,
        bytes32 periodHash,
        uint32 intervalCount,
        uint64 lastEndMs
    );

    error FingerprintMismatch(bytes32 sealed_, bytes32 given);
    error AverageMismatch(int64 sealed_, int64 given);
    error ReadingNotInInterval();
    error PeriodAlreadyPinned(bytes32 periodKey);
    error PeriodNotPinned(bytes32 periodKey);
    error PeriodMismatch(bytes32 pinned, bytes32 computed);
    error PeriodIncomplete();

    IBridge public immutable BRIDGE;

    /// By periodKey; 0: not pinned.
    mapping(bytes32 periodKey => bytes32 periodHash) public pinned;

    constructor(IBridge bridge) {
        BRIDGE = bridge;
    }

    /// What a MsgSealInterval, its bytes as signed, has sealed, once it is proved to be of a transaction that succeeded.
    function verifyInterval(bytes calldata message, MessageProof calldata proof)
        public
        view
        returns (SealedInterval memory)
    {
        BRIDGE.verifyMessage(SealedIntervals.TYPE_URL, message, proof);
        return SealedIntervals.decode(message);
    }

    /// The check of D5.1 Fig. 25 for one interval: that its fingerprint and average are these, which somebody has computed from stored readings.
    /// A committed sum is opened with sumMwh and salt; of a sum in the clear they mean nothing.
    function verifyFingerprint(
        bytes calldata message,
        MessageProof calldata proof,
        bytes32 fingerprint,
        int64 sumMwh,
        int64 average,
        bytes32 salt
    ) external view returns (SealedInterval memory sealed_) {
        sealed_ = verifyInterval(message, proof);
        if (sealed_.fingerprint != fingerprint) revert FingerprintMismatch(sealed_.fingerprint, fingerprint);
        if (sealed_.isCommitted) sealed_.openSum(salt, sumMwh);
        if (sealed_.average() != average) revert AverageMismatch(sealed_.average(), average);
    }

    /// That a sealed interval holds this reading at this place, without the others; value in mWh.
    function verifyReading(
        bytes calldata message,
        MessageProof calldata proof,
        ReadingProof calldata reading
    ) external view returns (SealedInterval memory sealed_) {
        sealed_ = verifyInterval(message, proof);
        bytes32 leaf = SealedIntervals.readingLeaf(reading.salt, reading.value, reading.timestampMs);
        // The count is the sealed one: a path has one place only.
        bytes32 root = Rfc6962.rootOf(leaf, reading.index, sealed_.readingCount, reading.path);
        if (root != sealed_.readingsRoot) revert ReadingNotInInterval();
    }

    /// H_P of the meter's period that began at `periodStartMs`: `record` is the ledger's state value under `period/<meter id>/<start>`.
    function verifyPeriod(
        string calldata meterId,
        uint64 periodStartMs,
        bytes calldata record,
        StateProof calldata proof
    ) public view returns (ClosedPeriod memory) {
        bytes memory key = bytes(string.concat("period/", meterId, "/", Strings.toString(periodStartMs)));
        BRIDGE.verifyState(key, record, proof);
        return decodePeriod(record);
    }

    /// Keeps H_P of a proved period; once.
    function pin(string calldata meterId, uint64 periodStartMs, bytes calldata record, StateProof calldata proof)
        external
    {
        bytes32 key = periodKey(meterId, periodStartMs);
        if (pinned[key] != 0) revert PeriodAlreadyPinned(key);
        ClosedPeriod memory closed = verifyPeriod(meterId, periodStartMs, record, proof);
        pinned[key] = closed.periodHash;
        emit PeriodPinned(key, meterId, periodStartMs, closed.periodHash, closed.intervalCount, closed.lastEndMs);
    }

    /// That the intervals of a pinned period were these, all of them in their order: nothing else leads to its H_P.
    function verifyPinned(string calldata meterId, uint64 periodStartMs, PeriodLink[] calldata links) external view {
        bytes32 key = periodKey(meterId, periodStartMs);
        bytes32 expected = pinned[key];
        if (expected == 0) revert PeriodNotPinned(key);
        bytes32 chain = SealedIntervals.periodOrigin(meterId, periodStartMs);
        for (uint256 i = 0; i < links.length; i++) {
            PeriodLink calldata one = links[i];
            chain = one.isCommitted
                ? SealedIntervals.linkCommitted(one.fingerprint, one.sumCommitment, one.readingCount, chain)
                : SealedIntervals.linkClear(one.fingerprint, one.sumMwh, one.readingCount, chain);
        }
        if (chain != expected) revert PeriodMismatch(expected, chain);
    }

    function periodKey(string calldata meterId, uint64 periodStartMs) public pure returns (bytes32) {
        return keccak256(abi.encode(meterId, periodStartMs));
    }

    /// edream.ledger.v1.ClosedPeriod {hash = 1, interval_count = 2, last_end_ms = 3, sealed_runs = 4}; the runs are not needed.
    function decodePeriod(bytes calldata record) private pure returns (ClosedPeriod memory closed) {
        (uint256 tag, uint256 offset) = Protobuf.readTag(record, 0);
        if (tag != (1 << 3) | 2) revert PeriodIncomplete();
        (closed.periodHash, offset) = Protobuf.readWord(record, offset);
        uint64 number;
        (tag, offset) = Protobuf.readTag(record, offset);
        if (tag != 2 << 3) revert PeriodIncomplete();
        (number, offset) = Protobuf.readVarint(record, offset);
        if (number > type(uint32).max) revert PeriodIncomplete();
        // forge-lint: disable-next-line(unsafe-typecast)
        closed.intervalCount = uint32(number);
        (tag, offset) = Protobuf.readTag(record, offset);
        if (tag != 3 << 3) revert PeriodIncomplete();
        (closed.lastEndMs,) = Protobuf.readVarint(record, offset);
    }
}

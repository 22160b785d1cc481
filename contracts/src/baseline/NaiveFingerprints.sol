// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The contract of D5.1 §4.2.2 as its text describes it: one for each sensor, which sends a transaction each interval T_i. Fingerprint and average
/// are kept, chained, and summed up in H_P of the period. Kept to be measured against what the bridge does instead; not deployed by anything else.
contract NaiveFingerprints {
    struct EnergyTransaction {
        bytes32 fingerprint;
        int256 average;
        uint256 startTime;
        uint256 endTime;
        /// H^{T_i} of Fig. 23.
        bytes32 link;
    }

    event Registered(uint256 indexed index, bytes32 fingerprint, int256 average);

    error NotTheSensor(address caller);
    error IntervalNotAfter(uint256 previousEnd, uint256 startTime);
    error IntervalEmpty(uint256 startTime, uint256 endTime);

    uint256 public constant PERIOD = 1 days;

    address public immutable SENSOR;
    bytes32 public immutable SEED;

    EnergyTransaction[] public transactions;
    /// H_P by the number of the period since 1970.
    mapping(uint256 period => bytes32 hash) public periodHash;

    constructor(address sensor, bytes32 seed) {
        SENSOR = sensor;
        SEED = seed;
    }

    /// Registers the interval (startTime, endTime], seconds.
    function register(bytes32 fingerprint, int256 average, uint256 startTime, uint256 endTime) external {
        if (msg.sender != SENSOR) revert NotTheSensor(msg.sender);
        if (endTime <= startTime) revert IntervalEmpty(startTime, endTime);
        uint256 index = transactions.length;
        if (index > 0 && startTime < transactions[index - 1].endTime) {
            revert IntervalNotAfter(transactions[index - 1].endTime, startTime);
        }
        uint256 period = startTime / PERIOD;
        bytes32 previous = periodHash[period];
        bytes32 link = keccak256(abi.encode(fingerprint, average, previous == 0 ? SEED : previous));
        transactions.push(EnergyTransaction(fingerprint, average, startTime, endTime, link));
        periodHash[period] = link;
        emit Registered(index, fingerprint, average);
    }

    /// How many intervals there are.
    function count() external view returns (uint256) {
        return transactions.length;
    }
}

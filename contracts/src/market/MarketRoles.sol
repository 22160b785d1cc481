// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControlDefaultAdminRules} from
    "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

/// Who may do what (seed 004 §5.2, §5.4.1): the owner makes regulators, they make producers and consumers. An address has at most one of these roles and
/// the owner none; a prosumer trades with two addresses. The owner hands over in two steps.
abstract contract MarketRoles is AccessControlDefaultAdminRules {
    bytes32 public constant REGULATOR_ROLE = keccak256("REGULATOR_ROLE");
    bytes32 public constant PRODUCER_ROLE = keccak256("PRODUCER_ROLE");
    bytes32 public constant CONSUMER_ROLE = keccak256("CONSUMER_ROLE");

    /// Until a successor of the owner takes over.
    uint48 public constant OWNER_DELAY = 2 days;
    /// Of a meter id on the ledger.
    uint256 public constant MAX_METER_ID_BYTES = 96;

    /// Consumers by their meter's number, meters numbered from 1 in the order they were first named; a number keeps its meter.
    uint32 public lastMeter;
    mapping(bytes32 meterIdHash => uint32 meter) public meterNumber;
    mapping(uint32 meter => string) public meterId;
    mapping(address consumer => uint32 meter) public meterOf;
    mapping(uint32 meter => address) public consumerOf;

    /// How often an address was removed as producer: adverts of an earlier time are cancelled.
    mapping(address producer => uint32) public removals;

    event MeterAssigned(address indexed consumer, uint32 indexed meter, string meterId);

    error RoleExclusive(address account, bytes32 heldRole);
    error MeterIdInvalid(uint256 length);
    error MeterTaken(uint32 meter, address consumer);
    /// Consumers come in by enrolConsumer, which names their meter.
    error MeterMissing(address consumer);

    constructor(address owner) AccessControlDefaultAdminRules(OWNER_DELAY, owner) {
        _setRoleAdmin(PRODUCER_ROLE, REGULATOR_ROLE);
        _setRoleAdmin(CONSUMER_ROLE, REGULATOR_ROLE);
    }

    /// Takes in a consumer with the meter at its physical address, by which energy is delivered to it. A meter is one consumer's.
    function enrolConsumer(address consumer, string calldata id) external onlyRole(REGULATOR_ROLE) {
        uint256 length = bytes(id).length;
        if (length == 0 || length > MAX_METER_ID_BYTES) revert MeterIdInvalid(length);
        bytes32 hash = keccak256(bytes(id));
        uint32 meter = meterNumber[hash];
        if (meter == 0) {
            meter = ++lastMeter;
            meterNumber[hash] = meter;
            meterId[meter] = id;
        }
        if (consumerOf[meter] != address(0)) revert MeterTaken(meter, consumerOf[meter]);
        // Before a second meter is written over the first.
        if (hasRole(CONSUMER_ROLE, consumer)) revert RoleExclusive(consumer, CONSUMER_ROLE);
        consumerOf[meter] = consumer;
        meterOf[consumer] = meter;
        _grantRole(CONSUMER_ROLE, consumer);
        emit MeterAssigned(consumer, meter, id);
    }

    function _grantRole(bytes32 role, address account) internal override returns (bool) {
        if (role != REGULATOR_ROLE) _checkFree(account, REGULATOR_ROLE);
        if (role != PRODUCER_ROLE) _checkFree(account, PRODUCER_ROLE);
        if (role != CONSUMER_ROLE) _checkFree(account, CONSUMER_ROLE);
        if (role != DEFAULT_ADMIN_ROLE) _checkFree(account, DEFAULT_ADMIN_ROLE);
        if (role == CONSUMER_ROLE && meterOf[account] == 0) revert MeterMissing(account);
        return super._grantRole(role, account);
    }

    function _revokeRole(bytes32 role, address account) internal override returns (bool isRevoked) {
        isRevoked = super._revokeRole(role, account);
        if (!isRevoked) return isRevoked;
        if (role == PRODUCER_ROLE) removals[account]++;
        if (role == CONSUMER_ROLE) {
            consumerOf[meterOf[account]] = address(0);
            meterOf[account] = 0;
        }
    }

    function _checkFree(address account, bytes32 role) private view {
        if (hasRole(role, account)) revert RoleExclusive(account, role);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DeviceRegistry} from "../src/DeviceRegistry.sol";
import {LedgerReader} from "../src/LedgerReader.sol";
import {TrustingLedger} from "./TrustingLedger.sol";
import {VM} from "./Vm.sol";

/// Four people appoint, issue, revoke, propose, configure and warp the clock at random; the handler itself is the owner, the fourth key the checker.
contract DeviceRegistryHandler {
    DeviceRegistry public immutable REGISTRY;
    /// Someone got in who must not.
    bool public isBroken;
    /// Certificates that were revoked, or whose issuer was: by number.
    mapping(uint256 certificateId => bool) public isGone;
    /// Versions that were set.
    mapping(uint256 meter => uint32) public versions;

    uint64 private constant MAX_ISSUERS = 6;
    uint64 private constant MAX_CERTIFICATES = 10;
    uint256 private constant CHECKER = 4;

    address[4] private _accounts;

    constructor() {
        VM.warp(1_700_000_000);
        TrustingLedger ledger = new TrustingLedger();
        REGISTRY = new DeviceRegistry(new LedgerReader(ledger), ledger, address(this));
        for (uint256 i = 0; i < 4; i++) {
            _accounts[i] = VM.addr(i + 1);
        }
        REGISTRY.grantRole(REGISTRY.CHECKER_ROLE(), VM.addr(CHECKER));
        REGISTRY.appointIssuer(_accounts[0]);
        uint64 time = uint64(block.timestamp);
        VM.prank(_accounts[0]);
        REGISTRY.issueAdministrator(_accounts[1], time, time + 3650 days);
        for (uint8 meter = 0; meter < 3; meter++) {
            VM.prank(_accounts[0]);
            REGISTRY.issueDevice(
                meterOf(meter), DeviceRegistry.KeyType.ED25519, abi.encode(1), time, time + 3650 days, 1
            );
        }
    }

    function appoint(uint8 from, uint8 to, bool isOwner) external {
        if (REGISTRY.lastIssuerId() == MAX_ISSUERS) return;
        bool mayAppoint = isOwner || REGISTRY.isIssuer(accountOf(from));
        if (!isOwner) VM.prank(accountOf(from));
        try REGISTRY.appointIssuer(accountOf(to)) {
            if (!mayAppoint) isBroken = true;
        } catch {}
    }

    function revokeIssuer(uint8 from, uint64 issuerId, uint8 seldom) external {
        if (seldom > 60) return;
        issuerId = 1 + issuerId % REGISTRY.lastIssuerId();
        uint64 parentId = REGISTRY.issuerOf(issuerId).parentId;
        bool isOwner = seldom > 30;
        if (!isOwner) VM.prank(accountOf(from));
        try REGISTRY.revokeIssuer(issuerId) {
            if (!isOwner && (parentId == 0 || REGISTRY.issuerOf(parentId).account != accountOf(from))) isBroken = true;
            for (uint64 id = 1; id <= REGISTRY.lastCertificateId(); id++) {
                if (isUnder(REGISTRY.certificateOf(id).issuerId, issuerId)) isGone[id] = true;
            }
        } catch {}
    }

    function issueAdministrator(uint8 from, uint8 to, uint24 length) external {
        if (REGISTRY.lastCertificateId() >= MAX_CERTIFICATES) return;
        bool mayIssue = REGISTRY.isIssuer(accountOf(from));
        uint64 time = uint64(block.timestamp);
        VM.prank(accountOf(from));
        try REGISTRY.issueAdministrator(accountOf(to), time, time + length) {
            if (!mayIssue) isBroken = true;
        } catch {}
    }

    function issueDevice(uint8 from, uint8 meter, uint64 administratorId, uint24 length) external {
        if (REGISTRY.lastCertificateId() >= MAX_CERTIFICATES) return;
        bool mayIssue = REGISTRY.isIssuer(accountOf(from));
        uint64 time = uint64(block.timestamp);
        // Half are as before.
        if (length % 2 == 0) administratorId = REGISTRY.deviceOf(idOf(meter)).administratorId;
        else administratorId = 1 + administratorId % REGISTRY.lastCertificateId();
        uint256 before = certificateOf(meter);
        VM.prank(accountOf(from));
        try REGISTRY.issueDevice(
            meterOf(meter), DeviceRegistry.KeyType.ED25519, abi.encode(1), time, time + length, administratorId
        ) {
            if (!mayIssue) isBroken = true;
            if (before != 0) isGone[before] = true;
        } catch {}
    }

    function revokeCertificate(uint8 from, uint64 certificateId) external {
        certificateId = 1 + certificateId % REGISTRY.lastCertificateId();
        uint64 issuerId = REGISTRY.certificateOf(certificateId).issuerId;
        bool mayRevoke = REGISTRY.isIssuer(accountOf(from)) && isUnder(issuerId, REGISTRY.issuerIdOf(accountOf(from)));
        VM.prank(accountOf(from));
        try REGISTRY.revokeCertificate(certificateId) {
            if (!mayRevoke) isBroken = true;
            isGone[certificateId] = true;
        } catch {}
    }

    function propose(uint8 from, uint8 meter, uint64 certificateId) external {
        certificateId = 1 + certificateId % REGISTRY.lastCertificateId();
        VM.prank(accountOf(from));
        try REGISTRY.proposeAdministrator(idOf(meter), certificateId) {
            if (isGone[certificateId]) isBroken = true;
        } catch {}
    }

    function accept(uint8 from, uint8 meter) external {
        VM.prank(accountOf(from));
        try REGISTRY.acceptAdministrator(idOf(meter)) {
            uint64 id = REGISTRY.deviceOf(idOf(meter)).administratorId;
            if (isGone[id] || REGISTRY.certificateOf(id).account != accountOf(from)) isBroken = true;
        } catch {}
    }

    function configure(uint8 from, uint8 meter, uint8 step, uint8 signer) external {
        uint32 version = versions[meter % 3] + (step % 4 == 0 ? step % 3 : 1);
        signer = signer % 8 < 6 ? uint8(CHECKER) : 1 + signer % 4;
        // Half are by the administrator that the first one is.
        if (step % 2 == 1) from = 1;
        DeviceRegistry.NewConfiguration memory given;
        given.deviceId = idOf(meter);
        given.version = version;
        given.configHash = keccak256(abi.encode(step));
        given.schemaId = "schema";
        given.schemaVersion = 1;
        given.checker = VM.addr(signer);
        given.attestation = signatureOf(signer, given);
        VM.prank(accountOf(from));
        try REGISTRY.setConfiguration(given) {
            uint64 administratorId = REGISTRY.deviceOf(idOf(meter)).administratorId;
            bool isRight = version == versions[meter % 3] + 1 && signer == CHECKER && from % 4 != 3;
            if (!isRight || REGISTRY.certificateOf(administratorId).account != accountOf(from)) isBroken = true;
            if (isGone[administratorId] || isGone[certificateOf(meter)]) isBroken = true;
            versions[meter % 3] = version;
        } catch {}
    }

    function warp(uint24 time) external {
        VM.warp(block.timestamp + time % 1_000_000);
    }

    function accountOf(uint8 i) public view returns (address) {
        return _accounts[i % 4];
    }

    function idOf(uint8 meter) public pure returns (bytes32) {
        return keccak256(bytes(meterOf(meter)));
    }

    function meterOf(uint8 meter) public pure returns (string memory) {
        return string(abi.encodePacked("meter:", bytes1(0x31 + meter % 3)));
    }

    /// 0: the device has none yet.
    function certificateOf(uint8 meter) public view returns (uint256) {
        try REGISTRY.deviceOf(idOf(meter)) returns (DeviceRegistry.Device memory device) {
            return device.certificateId;
        } catch {
            return 0;
        }
    }

    function isUnder(uint64 issuerId, uint64 aboveId) public view returns (bool) {
        while (issuerId != 0) {
            if (issuerId == aboveId) return true;
            issuerId = REGISTRY.issuerOf(issuerId).parentId;
        }
        return false;
    }

    function signatureOf(uint256 signer, DeviceRegistry.NewConfiguration memory given)
        private
        view
        returns (bytes memory)
    {
        bytes32 digest = REGISTRY.attestationDigest(
            given.deviceId, given.version, given.configHash, keccak256(bytes(given.schemaId)), given.schemaVersion
        );
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(signer, digest);
        return abi.encodePacked(r, s, v);
    }
}

contract DeviceRegistryInvariants {
    DeviceRegistryHandler private _handler;

    function setUp() external {
        _handler = new DeviceRegistryHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// What was revoked, itself or with an issuer above it, is not valid now or ever after, and no device with it; versions count up by one; nobody acts in
    /// another's place.
    function invariant_whatWasRevokedStaysSoAndVersionsCountUpByOne() external view {
        DeviceRegistry registry = _handler.REGISTRY();
        for (uint64 id = 1; id <= registry.lastCertificateId(); id++) {
            bool isValid = registry.certificateStatus(id) == DeviceRegistry.Status.VALID;
            DeviceRegistry.Certificate memory certificate = registry.certificateOf(id);
            bool isOver = block.timestamp > certificate.notAfter || block.timestamp < certificate.notBefore;
            if (_handler.isGone(id) || isOver) assert(!isValid);
            // And nothing else is taken away.
            else assert(isValid);
        }
        for (uint8 meter = 0; meter < 3; meter++) {
            uint256 id = _handler.certificateOf(meter);
            bool isValid = registry.deviceStatus(_handler.idOf(meter)) == DeviceRegistry.Status.VALID;
            assert(isValid == (id != 0 && registry.certificateStatus(id) == DeviceRegistry.Status.VALID));
            if (id == 0) continue;
            uint32 version = registry.deviceOf(_handler.idOf(meter)).version;
            assert(version == _handler.versions(meter));
            assert(registry.configurationOf(_handler.idOf(meter), version + 1).configHash == 0);
        }
        assert(!_handler.isBroken());
    }
}

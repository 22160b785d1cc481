// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {LedgerReader} from "./LedgerReader.sol";
import {StateProof} from "./interfaces/IBridge.sol";
import {IOutbox} from "./interfaces/IOutbox.sol";
import {KeyBox} from "./lib/KeyBox.sol";
import {LedgerConfiguration, LedgerConfigurations} from "./lib/LedgerConfigurations.sol";
import {LedgerMeter, LedgerMeters} from "./lib/LedgerMeters.sol";

/// Certificates of devices and of those who administer them, and the devices' configurations (seed 001 §4). An issuer that is revoked takes with it
/// all that it has ever issued, and all issuers it has appointed. A configuration counts up by one, is attested by a checker who is not the
/// administrator, and is acknowledged by the device itself; what it says stays off chain, encrypted, under its hash.
///
/// The ledger has such a registry of its own. Anybody may show here what stands there: a device revoked there, or with another key there, is not valid
/// here, and what a device has acknowledged there is acknowledged here. Times in seconds; of the ledger in Unix ms.
contract DeviceRegistry is AccessControlDefaultAdminRules, EIP712 {
    enum Kind {
        DEVICE,
        ADMINISTRATOR
    }

    /// Of the public key: 64 bytes x ‖ y on P-256 and secp256k1, 32 bytes of Ed25519.
    enum KeyType {
        P256,
        SECP256K1,
        ED25519
    }

    enum Status {
        UNKNOWN,
        VALID,
        NOT_YET_VALID,
        EXPIRED,
        REVOKED,
        ISSUER_REVOKED,
        REVOKED_ON_LEDGER,
        OTHER_KEY_ON_LEDGER
    }

    enum Level {
        NORMAL,
        URGENT
    }

    enum Outcome {
        PENDING,
        APPLIED,
        REJECTED
    }

    struct Issuer {
        address account;
        /// Who appointed it; 0: the owner.
        uint64 parentId;
        bool isRevoked;
    }

    struct Certificate {
        Kind kind;
        KeyType keyType;
        bool isRevoked;
        uint64 issuerId;
        /// Valid from notBefore until notAfter, both included.
        uint64 notBefore;
        uint64 notAfter;
        /// Of an administrator: who acts.
        address account;
        /// Of a device.
        bytes32 deviceId;
        bytes publicKey;
    }

    struct Device {
        uint64 certificateId;
        /// The administrator's certificate, and the one that is to follow it.
        uint64 administratorId;
        uint64 nextAdministratorId;
        /// Of its latest configuration; the first is 1.
        uint32 version;
    }

    struct Configuration {
        bytes32 configHash;
        bytes32 schemaIdHash;
        uint32 schemaVersion;
        Level level;
        Outcome outcome;
        /// Why it was rejected, in the device's own numbers.
        uint32 code;
        uint64 setAt;
        uint64 acknowledgedAt;
        address checker;
    }

    struct NewConfiguration {
        bytes32 deviceId;
        /// One more than the last.
        uint32 version;
        /// SHA256 of the plaintext, which begins with random bytes; not zero.
        bytes32 configHash;
        /// 1 to MAX_SCHEMA_ID_BYTES, and its version from 1.
        string schemaId;
        uint32 schemaVersion;
        Level level;
        address checker;
        bytes attestation;
    }

    /// The ledger's certificate of a device, as last shown.
    struct Mirror {
        uint64 timeMs;
        bool isRevoked;
        /// keccak256 of the key's type and bytes, as the ledger has them.
        bytes32 keyHash;
    }

    event IssuerAppointed(uint256 indexed issuerId, address indexed account, uint256 indexed parentId);
    event IssuerRevoked(uint256 indexed issuerId, address indexed account);
    event Issued(
        uint256 indexed certificateId,
        uint256 indexed issuerId,
        bytes32 indexed deviceId,
        Kind kind,
        address account,
        uint256 notBefore,
        uint256 notAfter
    );
    event DeviceCertified(bytes32 indexed deviceId, string meterId, uint256 certificateId, uint256 administratorId);
    event CertificateRevoked(uint256 indexed certificateId, bytes32 indexed deviceId);
    event AdministratorProposed(bytes32 indexed deviceId, uint256 indexed certificateId, address indexed account);
    event AdministratorChanged(bytes32 indexed deviceId, uint256 indexed certificateId, address indexed account);
    event ConfigurationSet(
        bytes32 indexed deviceId,
        uint256 indexed version,
        address indexed checker,
        bytes32 configHash,
        string schemaId,
        uint256 schemaVersion
    );
    /// Devices look only for their own id.
    event PriorityEvent(bytes32 indexed deviceId, uint256 version, Level level);
    event Acknowledged(
        bytes32 indexed deviceId, uint256 indexed version, Outcome outcome, uint256 code, bool isByLedger
    );
    event Mirrored(bytes32 indexed deviceId, uint256 timeMs, bool isRevoked, bytes32 keyHash);

    error NotIssuer(address caller);
    error IssuerInvalid(address account);
    error IssuerUnknown(uint256 issuerId);
    error IssuersTooDeep(uint256 depth);
    error NotYours(address caller);
    error AlreadyRevoked();
    error CertificateUnknown(uint256 certificateId);
    error ValidityInvalid(uint256 notBefore, uint256 notAfter);
    error KeyInvalid();
    error MeterIdInvalid();
    error AccountInvalid();
    error DeviceCertifiedElsewhere(uint256 certificateId);
    error AdministratorInvalid(uint256 certificateId);
    error DeviceUnknown(bytes32 deviceId);
    error NotAdministrator(bytes32 deviceId, address caller);
    error DeviceNotValid(bytes32 deviceId, Status status);
    error VersionWrong(uint256 version, uint256 expected);
    error ConfigurationInvalid();
    error CheckerInvalid(address checker);
    error AttestationInvalid(address checker);
    error ConfigurationUnknown(bytes32 deviceId, uint256 version);
    error AlreadyAcknowledged(bytes32 deviceId, uint256 version);
    error OutcomeInvalid();
    error KeyCannotSign(KeyType keyType);
    error AcknowledgementInvalid();
    error ConfigurationDiffers();
    error MirrorNotNewer(uint256 timeMs, uint256 mirroredMs);

    bytes32 public constant CHECKER_ROLE = keccak256("CHECKER_ROLE");
    bytes32 public constant ATTESTATION_TYPEHASH = keccak256(
        "Attestation(bytes32 deviceId,uint32 version,bytes32 configHash,bytes32 schemaIdHash,uint32 schemaVersion)"
    );
    bytes32 public constant ACKNOWLEDGEMENT_TYPEHASH =
        keccak256("Acknowledgement(bytes32 deviceId,uint32 version,bytes32 configHash,bool isApplied,uint32 code)");
    /// Until a successor of the owner takes over.
    uint48 public constant ADMIN_DELAY = 2 days;
    /// Issuers above a certificate, so that looking for one that is revoked is bounded.
    uint256 public constant MAX_ISSUER_DEPTH = 4;
    uint256 public constant MAX_VALIDITY = 30 * 365 days;
    /// As on the ledger.
    uint256 public constant MAX_METER_ID_BYTES = 96;
    uint256 public constant MAX_SCHEMA_ID_BYTES = 64;

    LedgerReader public immutable READER;
    IOutbox public immutable OUTBOX;

    /// Numbers of the last ones; the first is 1.
    uint64 public lastIssuerId;
    uint64 public lastCertificateId;

    /// The issuer that an account is at present, or was last; a revoked one may be appointed anew, under another number.
    mapping(address account => uint64) public issuerIdOf;
    mapping(bytes32 deviceId => Mirror) public mirrorOf;

    mapping(uint256 issuerId => Issuer) private _issuers;
    mapping(uint256 certificateId => Certificate) private _certificates;
    mapping(bytes32 deviceId => Device) private _devices;
    mapping(bytes32 deviceId => mapping(uint256 version => Configuration)) private _configurations;

    constructor(LedgerReader reader, IOutbox outbox, address owner_)
        AccessControlDefaultAdminRules(ADMIN_DELAY, owner_)
        EIP712("EnergyLedgerDeviceRegistry", "1")
    {
        READER = reader;
        OUTBOX = outbox;
    }

    /// The owner appoints an issuer, or an issuer one below itself. @return issuerId its number.
    function appointIssuer(address account) external returns (uint64 issuerId) {
        uint64 parentId = 0;
        if (!hasRole(DEFAULT_ADMIN_ROLE, msg.sender)) {
            parentId = _issuerOf(msg.sender);
            if (_depth(parentId) == MAX_ISSUER_DEPTH) revert IssuersTooDeep(MAX_ISSUER_DEPTH);
        }
        if (account == address(0) || isIssuer(account)) revert IssuerInvalid(account);
        issuerId = ++lastIssuerId;
        _issuers[issuerId] = Issuer({account: account, parentId: parentId, isRevoked: false});
        issuerIdOf[account] = issuerId;
        emit IssuerAppointed(issuerId, account, parentId);
        OUTBOX.emitEvent(keccak256("DeviceRegistry.IssuerAppointed"), abi.encode(issuerId, parentId));
    }

    /// By the owner or by whoever appointed it: from now on nothing that this issuer, or one below it, has issued is valid. For good.
    function revokeIssuer(uint256 issuerId) external {
        Issuer storage issuer = _issuers[issuerId];
        if (issuer.account == address(0)) revert IssuerUnknown(issuerId);
        if (!hasRole(DEFAULT_ADMIN_ROLE, msg.sender) && _issuerOf(msg.sender) != issuer.parentId) {
            revert NotYours(msg.sender);
        }
        if (issuer.isRevoked) revert AlreadyRevoked();
        issuer.isRevoked = true;
        emit IssuerRevoked(issuerId, issuer.account);
        OUTBOX.emitEvent(keccak256("DeviceRegistry.IssuerRevoked"), abi.encode(issuerId, issuer.account));
    }

    /// Certifies that an account may administer devices. @return certificateId its number.
    function issueAdministrator(address account, uint64 notBefore, uint64 notAfter)
        external
        returns (uint64 certificateId)
    {
        if (account == address(0)) revert AccountInvalid();
        certificateId = _issue(Kind.ADMINISTRATOR, notBefore, notAfter);
        _certificates[certificateId].account = account;
        _emitIssued(certificateId);
    }

    /// Certifies a device's key. A device that has a certificate gets a new one of the same issuer, the old one is revoked; of another issuer only once
    /// it was revoked, or its issuer. administratorId: as before, while that certificate is valid. @return certificateId its number.
    function issueDevice(
        string calldata meterId,
        KeyType keyType,
        bytes calldata publicKey,
        uint64 notBefore,
        uint64 notAfter,
        uint64 administratorId
    ) external returns (uint64 certificateId) {
        uint256 length = bytes(meterId).length;
        if (length == 0 || length > MAX_METER_ID_BYTES) revert MeterIdInvalid();
        _checkKey(keyType, publicKey);
        bytes32 deviceId = deviceIdOf(meterId);
        certificateId = _issue(Kind.DEVICE, notBefore, notAfter);
        Certificate storage made = _certificates[certificateId];
        made.keyType = keyType;
        made.publicKey = publicKey;
        made.deviceId = deviceId;
        _emitIssued(certificateId);
        // Before the end of the one that it replaces: to the ledger the device always has the certificate that holds.
        OUTBOX.emitEvent(
            keccak256("DeviceRegistry.DeviceCertified"),
            abi.encode(deviceId, certificateId, made.issuerId, notBefore, notAfter)
        );
        Device storage device = _devices[deviceId];
        _replace(device.certificateId, made.issuerId);
        device.certificateId = certificateId;
        if (device.administratorId != administratorId) {
            if (certificateStatus(device.administratorId) == Status.VALID) {
                revert AdministratorInvalid(administratorId);
            }
            device.administratorId = administratorId;
            device.nextAdministratorId = 0;
        }
        _checkAdministrator(administratorId);
        emit DeviceCertified(deviceId, meterId, certificateId, administratorId);
    }

    /// By its issuer, an issuer above, or the owner; for good.
    function revokeCertificate(uint256 certificateId) external {
        Certificate storage certificate = _known(certificateId);
        if (!hasRole(DEFAULT_ADMIN_ROLE, msg.sender) && !_isBelow(certificate.issuerId, _issuerOf(msg.sender))) {
            revert NotYours(msg.sender);
        }
        if (certificate.isRevoked) revert AlreadyRevoked();
        _revoke(certificateId);
    }

    /// The administrator names its successor, who must accept; in the place of one whose certificate is no longer valid the device's issuer does.
    function proposeAdministrator(bytes32 deviceId, uint64 certificateId) external {
        Device storage device = _deviceOf(deviceId);
        bool isOrphan = certificateStatus(device.administratorId) != Status.VALID;
        address proposer = isOrphan
            ? _issuers[_certificates[device.certificateId].issuerId].account
            : _certificates[device.administratorId].account;
        if (msg.sender != proposer) revert NotAdministrator(deviceId, msg.sender);
        if (isOrphan) _issuerOf(msg.sender);
        _checkAdministrator(certificateId);
        device.nextAdministratorId = certificateId;
        emit AdministratorProposed(deviceId, certificateId, _certificates[certificateId].account);
    }

    function acceptAdministrator(bytes32 deviceId) external {
        Device storage device = _deviceOf(deviceId);
        uint64 certificateId = device.nextAdministratorId;
        address account = _certificates[certificateId].account;
        if (msg.sender != account) revert NotAdministrator(deviceId, msg.sender);
        _checkAdministrator(certificateId);
        device.administratorId = certificateId;
        device.nextAdministratorId = 0;
        emit AdministratorChanged(deviceId, certificateId, account);
    }

    /// A new configuration by the device's administrator; an older content comes again under a higher number. The checker has signed
    /// (attestationDigest) that the plaintext under configHash is well-formed in this schema.
    function setConfiguration(NewConfiguration calldata given) external {
        bytes32 deviceId = given.deviceId;
        Device storage device = _deviceOf(deviceId);
        _requireAdministrator(device, deviceId);
        _requireValid(deviceId);
        if (given.version != device.version + 1) revert VersionWrong(given.version, device.version + 1);
        uint256 length = bytes(given.schemaId).length;
        if (given.configHash == 0 || given.schemaVersion == 0 || length == 0 || length > MAX_SCHEMA_ID_BYTES) {
            revert ConfigurationInvalid();
        }
        bytes32 schemaIdHash = keccak256(bytes(given.schemaId));
        _checkAttestation(given, schemaIdHash);
        device.version = given.version;
        Configuration storage made = _configurations[deviceId][given.version];
        made.configHash = given.configHash;
        made.schemaIdHash = schemaIdHash;
        made.schemaVersion = given.schemaVersion;
        made.level = given.level;
        made.setAt = uint64(block.timestamp);
        made.checker = given.checker;
        emit ConfigurationSet(
            deviceId, given.version, given.checker, given.configHash, given.schemaId, given.schemaVersion
        );
        emit PriorityEvent(deviceId, given.version, given.level);
        OUTBOX.emitEvent(
            keccak256("DeviceRegistry.ConfigurationSet"),
            abi.encode(deviceId, given.version, given.configHash, given.level)
        );
    }

    /// What the device did with a version, signed with its certificate's key (acknowledgementDigest; r ‖ s on P-256, r ‖ s ‖ v on secp256k1), brought
    /// by anybody, once. isApplied with code 0, or rejected with another.
    function acknowledge(bytes32 deviceId, uint32 version, bool isApplied, uint32 code, bytes calldata signature)
        external
    {
        Configuration storage configuration = _pending(deviceId, version);
        if (isApplied != (code == 0)) revert OutcomeInvalid();
        _requireValid(deviceId);
        bytes32 digest = acknowledgementDigest(deviceId, version, configuration.configHash, isApplied, code);
        _checkDeviceSignature(_certificates[_devices[deviceId].certificateId], digest, signature);
        _acknowledge(configuration, deviceId, version, isApplied, code, false);
    }

    /// The same out of the ledger's record of this version, where a device that is valid here has answered with a key that no contract can verify: it must
    /// be of the same plaintext and schema.
    function acknowledgeByLedger(
        string calldata meterId,
        uint32 version,
        bytes calldata record,
        StateProof calldata proof
    ) external {
        bytes32 deviceId = deviceIdOf(meterId);
        Configuration storage configuration = _pending(deviceId, version);
        _requireValid(deviceId);
        (LedgerConfiguration memory read,) = READER.readConfiguration(meterId, version, record, proof);
        if (
            read.plaintextHash != configuration.configHash || read.schemaIdHash != configuration.schemaIdHash
                || read.schemaVersion != configuration.schemaVersion
        ) revert ConfigurationDiffers();
        if (read.outcome == 0) revert OutcomeInvalid();
        bool isApplied = read.outcome == LedgerConfigurations.APPLIED;
        _acknowledge(configuration, deviceId, version, isApplied, read.code, true);
    }

    /// Keeps what the ledger's certificate of this device says; by anybody, with a later block than before.
    function mirror(string calldata meterId, bytes calldata record, StateProof calldata proof) external {
        (LedgerMeter memory meter, uint64 timeMs) = READER.readMeter(meterId, record, proof);
        bytes32 deviceId = deviceIdOf(meterId);
        uint64 before = mirrorOf[deviceId].timeMs;
        if (timeMs <= before) revert MirrorNotNewer(timeMs, before);
        bytes32 keyHash = keccak256(abi.encode(meter.keyType, meter.deviceKey));
        mirrorOf[deviceId] = Mirror({timeMs: timeMs, isRevoked: meter.isRevoked, keyHash: keyHash});
        emit Mirrored(deviceId, timeMs, meter.isRevoked, keyHash);
    }

    /// What the checker signs (bridge/deviceTypedData.ts).
    function attestationDigest(
        bytes32 deviceId,
        uint32 version,
        bytes32 configHash,
        bytes32 schemaIdHash,
        uint32 schemaVersion
    ) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(abi.encode(ATTESTATION_TYPEHASH, deviceId, version, configHash, schemaIdHash, schemaVersion))
        );
    }

    /// What the device signs.
    function acknowledgementDigest(bytes32 deviceId, uint32 version, bytes32 configHash, bool isApplied, uint32 code)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(abi.encode(ACKNOWLEDGEMENT_TYPEHASH, deviceId, version, configHash, isApplied, code))
        );
    }

    /// At present; UNKNOWN for a number that there is not.
    function certificateStatus(uint256 certificateId) public view returns (Status) {
        Certificate storage certificate = _certificates[certificateId];
        if (certificate.issuerId == 0) return Status.UNKNOWN;
        if (certificate.isRevoked) return Status.REVOKED;
        if (!_isActive(certificate.issuerId)) return Status.ISSUER_REVOKED;
        if (block.timestamp < certificate.notBefore) return Status.NOT_YET_VALID;
        if (block.timestamp > certificate.notAfter) return Status.EXPIRED;
        return Status.VALID;
    }

    /// Of the device's certificate, and of what the ledger says of the device.
    function deviceStatus(bytes32 deviceId) public view returns (Status status) {
        uint64 certificateId = _devices[deviceId].certificateId;
        status = certificateStatus(certificateId);
        Mirror storage mirrored = mirrorOf[deviceId];
        if (status != Status.VALID || mirrored.timeMs == 0) return status;
        if (mirrored.isRevoked) return Status.REVOKED_ON_LEDGER;
        if (mirrored.keyHash != _ledgerKeyHash(_certificates[certificateId])) return Status.OTHER_KEY_ON_LEDGER;
    }

    /// Whether an account may issue, and every issuer above it.
    function isIssuer(address account) public view returns (bool) {
        uint64 issuerId = issuerIdOf[account];
        return issuerId != 0 && _isActive(issuerId);
    }

    function issuerOf(uint256 issuerId) external view returns (Issuer memory) {
        return _issuers[issuerId];
    }

    function certificateOf(uint256 certificateId) external view returns (Certificate memory) {
        return _known(certificateId);
    }

    function deviceOf(bytes32 deviceId) external view returns (Device memory) {
        return _deviceOf(deviceId);
    }

    function configurationOf(bytes32 deviceId, uint256 version) external view returns (Configuration memory) {
        return _configurations[deviceId][version];
    }

    /// keccak256 of the meter's id on the ledger.
    function deviceIdOf(string calldata meterId) public pure returns (bytes32) {
        return keccak256(bytes(meterId));
    }

    function _issue(Kind kind, uint64 notBefore, uint64 notAfter) private returns (uint64 certificateId) {
        uint64 issuerId = _issuerOf(msg.sender);
        if (notAfter < notBefore || notAfter < block.timestamp || notAfter > block.timestamp + MAX_VALIDITY) {
            revert ValidityInvalid(notBefore, notAfter);
        }
        certificateId = ++lastCertificateId;
        Certificate storage made = _certificates[certificateId];
        made.kind = kind;
        made.issuerId = issuerId;
        made.notBefore = notBefore;
        made.notAfter = notAfter;
    }

    function _emitIssued(uint256 certificateId) private {
        Certificate storage made = _certificates[certificateId];
        emit Issued(certificateId, made.issuerId, made.deviceId, made.kind, made.account, made.notBefore, made.notAfter);
    }

    function _replace(uint256 certificateId, uint64 issuerId) private {
        Status status = certificateStatus(certificateId);
        if (status == Status.UNKNOWN || status == Status.REVOKED || status == Status.ISSUER_REVOKED) return;
        if (_certificates[certificateId].issuerId != issuerId) revert DeviceCertifiedElsewhere(certificateId);
        _revoke(certificateId);
    }

    function _revoke(uint256 certificateId) private {
        bytes32 deviceId = _certificates[certificateId].deviceId;
        _certificates[certificateId].isRevoked = true;
        emit CertificateRevoked(certificateId, deviceId);
        OUTBOX.emitEvent(keccak256("DeviceRegistry.CertificateRevoked"), abi.encode(certificateId, deviceId));
    }

    function _acknowledge(
        Configuration storage configuration,
        bytes32 deviceId,
        uint32 version,
        bool isApplied,
        uint32 code,
        bool isByLedger
    ) private {
        configuration.outcome = isApplied ? Outcome.APPLIED : Outcome.REJECTED;
        configuration.code = code;
        configuration.acknowledgedAt = uint64(block.timestamp);
        emit Acknowledged(deviceId, version, configuration.outcome, code, isByLedger);
    }

    function _checkDeviceSignature(Certificate storage certificate, bytes32 digest, bytes calldata signature)
        private
        view
    {
        KeyType keyType = certificate.keyType;
        if (keyType == KeyType.ED25519) revert KeyCannotSign(keyType);
        (bytes32 x, bytes32 y) = abi.decode(certificate.publicKey, (bytes32, bytes32));
        bool isRight;
        if (keyType == KeyType.P256) {
            // The precompile where there is one, its answer looked at; low s only.
            isRight =
                signature.length == 64 && P256.verify(digest, bytes32(signature[:32]), bytes32(signature[32:]), x, y);
        } else {
            (address signer, ECDSA.RecoverError fault,) = ECDSA.tryRecoverCalldata(digest, signature);
            isRight =
                fault == ECDSA.RecoverError.NoError && signer == address(uint160(uint256(keccak256(abi.encode(x, y)))));
        }
        if (!isRight) revert AcknowledgementInvalid();
    }

    function _checkAttestation(NewConfiguration calldata given, bytes32 schemaIdHash) private view {
        address checker = given.checker;
        if (checker == msg.sender || !hasRole(CHECKER_ROLE, checker)) revert CheckerInvalid(checker);
        bytes32 digest =
            attestationDigest(given.deviceId, given.version, given.configHash, schemaIdHash, given.schemaVersion);
        if (!SignatureChecker.isValidSignatureNowCalldata(checker, digest, given.attestation)) {
            revert AttestationInvalid(checker);
        }
    }

    function _checkKey(KeyType keyType, bytes calldata publicKey) private pure {
        if (publicKey.length != (keyType == KeyType.ED25519 ? 32 : 64)) revert KeyInvalid();
        if (keyType == KeyType.ED25519) return;
        (bytes32 x, bytes32 y) = (bytes32(publicKey[:32]), bytes32(publicKey[32:]));
        bool isPoint =
            keyType == KeyType.P256 ? P256.isValidPublicKey(x, y) : KeyBox.isPoint(KeyBox.Point(uint256(x), uint256(y)));
        if (!isPoint) revert KeyInvalid();
    }

    function _checkAdministrator(uint256 certificateId) private view {
        if (certificateStatus(certificateId) != Status.VALID || _certificates[certificateId].kind != Kind.ADMINISTRATOR)
        revert AdministratorInvalid(certificateId);
    }

    function _requireAdministrator(Device storage device, bytes32 deviceId) private view {
        uint64 certificateId = device.administratorId;
        if (msg.sender != _certificates[certificateId].account) revert NotAdministrator(deviceId, msg.sender);
        _checkAdministrator(certificateId);
    }

    function _requireValid(bytes32 deviceId) private view {
        Status status = deviceStatus(deviceId);
        if (status != Status.VALID) revert DeviceNotValid(deviceId, status);
    }

    /// As the ledger has the key: Ed25519 as it is, secp256k1 compressed. It has none on P-256.
    function _ledgerKeyHash(Certificate storage certificate) private view returns (bytes32) {
        if (certificate.keyType == KeyType.ED25519) {
            return keccak256(abi.encode(LedgerMeters.ED25519, certificate.publicKey));
        }
        if (certificate.keyType == KeyType.P256) return 0;
        (bytes32 x, bytes32 y) = abi.decode(certificate.publicKey, (bytes32, bytes32));
        bytes1 parity = uint256(y) & 1 == 0 ? bytes1(0x02) : bytes1(0x03);
        return keccak256(abi.encode(LedgerMeters.SECP256K1, abi.encodePacked(parity, x)));
    }

    function _issuerOf(address account) private view returns (uint64) {
        if (!isIssuer(account)) revert NotIssuer(account);
        return issuerIdOf[account];
    }

    function _isActive(uint64 issuerId) private view returns (bool) {
        while (issuerId != 0) {
            Issuer storage issuer = _issuers[issuerId];
            if (issuer.isRevoked) return false;
            issuerId = issuer.parentId;
        }
        return true;
    }

    function _isBelow(uint64 issuerId, uint64 aboveId) private view returns (bool) {
        while (issuerId != 0) {
            if (issuerId == aboveId) return true;
            issuerId = _issuers[issuerId].parentId;
        }
        return false;
    }

    function _depth(uint64 issuerId) private view returns (uint256 depth) {
        while (issuerId != 0) {
            depth++;
            issuerId = _issuers[issuerId].parentId;
        }
    }

    function _known(uint256 certificateId) private view returns (Certificate storage certificate) {
        certificate = _certificates[certificateId];
        if (certificate.issuerId == 0) revert CertificateUnknown(certificateId);
    }

    function _deviceOf(bytes32 deviceId) private view returns (Device storage device) {
        device = _devices[deviceId];
        if (device.certificateId == 0) revert DeviceUnknown(deviceId);
    }

    function _pending(bytes32 deviceId, uint32 version) private view returns (Configuration storage configuration) {
        configuration = _configurations[deviceId][version];
        if (configuration.configHash == 0) revert ConfigurationUnknown(deviceId, version);
        if (configuration.outcome != Outcome.PENDING) revert AlreadyAcknowledged(deviceId, version);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Anchor, BlockLeaf, BlockProof, IBridge, MessageProof, StateProof, TxProof} from "./interfaces/IBridge.sol";
import {Rfc6962} from "./lib/Rfc6962.sol";
import {StateTrie} from "./lib/StateTrie.sol";
import {Valset} from "./lib/Valset.sol";

/// What Ethereum knows of one energy ledger: anchors over ranges of its blocks, each signed by more than 2/3 of its validators' power, and
/// proofs under them. Anyone may submit; nobody but the validators decides. It holds no money, calls no other contract and cannot be replaced.
contract Bridge is IBridge, Ownable2Step {
    struct Head {
        uint48 seq;
        uint64 toHeight;
        uint64 time;
        uint40 valsetNonce;
        /// When validators last showed themselves here, seconds.
        uint40 heardAt;
    }

    struct Status {
        uint96 totalPower;
        uint64 effectiveHeight;
        uint40 rotatedAt;
        uint48 freezeNonce;
        bool frozen;
    }

    struct Recovery {
        bytes32 valsetHash;
        uint40 proposedAt;
    }

    event Anchored(
        uint64 indexed seq,
        uint64 indexed fromHeight,
        uint64 indexed toHeight,
        uint64 valsetNonce,
        uint64 time,
        bytes32 lastHeaderHash,
        bytes32 root
    );
    event ValsetUpdated(
        uint64 indexed nonce, uint64 effectiveHeight, uint128 totalPower, bytes32 valsetHash, bytes valset
    );
    event FreezeChanged(uint64 indexed nonce, bool on);
    event TxConsumed(address indexed consumer, bytes32 indexed txId, uint64 height);
    event RecoveryProposed(bytes32 valsetHash, uint256 executableAt);
    event RecoveryCancelled(bytes32 valsetHash);
    event Recovered(uint64 indexed valsetNonce, bytes32 valsetHash);

    error BridgeFrozen();
    error SequenceWrong(uint64 expected, uint64 given);
    error ValsetNonceWrong(uint64 expected, uint64 given);
    error FromHeightWrong(uint64 expected, uint64 given);
    error RangeWrong(uint64 fromHeight, uint64 toHeight);
    error TimeNotAfter(uint64 previous, uint64 given);
    error TimeInFuture(uint64 time);
    error RootZero();
    error ValsetUnknown(bytes32 valsetHash);
    error PowerTooLow(uint256 power, uint256 totalPower);
    error EffectiveHeightWrong(uint64 expected, uint64 given);
    error RotationTooEarly(uint256 allowedAt);
    error FreezeNonceWrong(uint64 expected, uint64 given);
    error FreezeUnchanged(bool on);
    error AnchorUnknown(uint64 seq);
    error HeightOutOfRange(uint64 height);
    error BlockNotInAnchor(uint64 height);
    error TxNotInBlock(bytes32 txId);
    error MessageNotInBlock(bytes32 txId, uint32 messageIndex);
    error AppHashMismatch();
    error StateNotInBlock();
    error TxAlreadyConsumed(address consumer, bytes32 txId);
    error LedgerIdZero();
    error InitialHeightZero();
    error RotationDelayTooLong(uint256 delay);
    error LedgerNotSilent(uint256 silentAt);
    error RecoveryUnknown(bytes32 valsetHash);
    error RecoveryTooEarly(uint256 executableAt);

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)");
    bytes32 private constant ANCHOR_TYPEHASH = keccak256(
        "Anchor(uint64 seq,uint64 valsetNonce,uint64 fromHeight,uint64 toHeight,uint64 time,bytes32 lastHeaderHash,bytes32 root)"
    );
    bytes32 private constant VALSET_UPDATE_TYPEHASH =
        keccak256("ValsetUpdate(uint64 nonce,uint64 effectiveHeight,uint128 totalPower,bytes32 valsetHash)");
    bytes32 private constant FREEZE_TYPEHASH = keccak256("Freeze(uint64 nonce,bool on)");

    /// Blocks of one anchor: paths of at most 20 hashes.
    uint64 public constant MAX_ANCHOR_BLOCKS = 2 ** 20;
    /// By how far the ledger's clock may run before Ethereum's.
    uint256 public constant MAX_AHEAD_MS = 1 hours * 1000;
    uint256 public constant MAX_ROTATION_DELAY = 7 days;
    uint256 public constant RECOVERY_SILENCE = 30 days;
    uint256 public constant RECOVERY_TIMELOCK = 7 days;

    /// SHA256 of the ledger's genesis: the salt of the EIP-712 domain.
    bytes32 public immutable LEDGER_ID;
    /// Seconds between two changes of the validator set.
    uint256 public immutable MIN_ROTATION_DELAY;
    uint256 private immutable DEPLOYED_CHAIN_ID;
    bytes32 private immutable DEPLOYED_DOMAIN;

    Head public head;
    Status public status;
    /// keccak256 of the validator set's bytes.
    bytes32 public valsetHash;
    Recovery public recovery;
    /// EIP-712 hash of the anchor of this sequence number; 0: there is none.
    mapping(uint64 seq => bytes32 structHash) public anchorHash;
    mapping(address consumer => mapping(bytes32 txId => bool)) private consumed;

    /// initialHeight: the first height that can be anchored. minRotationDelay: seconds. valset: see Valset.
    constructor(
        bytes32 ledgerId,
        uint64 initialHeight,
        uint256 minRotationDelay,
        bytes memory valset,
        address recoveryOwner
    ) Ownable(recoveryOwner) {
        if (ledgerId == 0) revert LedgerIdZero();
        if (initialHeight == 0) revert InitialHeightZero();
        if (minRotationDelay > MAX_ROTATION_DELAY) revert RotationDelayTooLong(minRotationDelay);
        LEDGER_ID = ledgerId;
        MIN_ROTATION_DELAY = minRotationDelay;
        DEPLOYED_CHAIN_ID = block.chainid;
        DEPLOYED_DOMAIN = domainOf(ledgerId);
        uint256 total = Valset.totalPower(valset);
        head.toHeight = initialHeight - 1;
        head.heardAt = SafeCast.toUint40(block.timestamp);
        setValset(0, initialHeight, total, valset);
    }

    // ---------------------------------------------------------------- anchors and the validator set

    /// Takes the next anchor. Checks in order: BridgeFrozen, SequenceWrong, ValsetNonceWrong, FromHeightWrong, RangeWrong, TimeNotAfter,
    /// TimeInFuture, RootZero, then the signatures (requirePower). signers, signatures: see Valset.powerOf.
    function submitAnchor(Anchor calldata anchor, bytes calldata valset, uint256 signers, bytes calldata signatures)
        external
    {
        Status memory now_ = status;
        Head memory last = head;
        if (now_.frozen) revert BridgeFrozen();
        if (anchor.seq != last.seq + 1) revert SequenceWrong(last.seq + 1, anchor.seq);
        if (anchor.valsetNonce != last.valsetNonce) revert ValsetNonceWrong(last.valsetNonce, anchor.valsetNonce);
        if (anchor.fromHeight != last.toHeight + 1) revert FromHeightWrong(last.toHeight + 1, anchor.fromHeight);
        if (anchor.toHeight < anchor.fromHeight || anchor.toHeight - anchor.fromHeight >= MAX_ANCHOR_BLOCKS) {
            revert RangeWrong(anchor.fromHeight, anchor.toHeight);
        }
        if (anchor.time <= last.time) revert TimeNotAfter(last.time, anchor.time);
        if (anchor.time > block.timestamp * 1000 + MAX_AHEAD_MS) revert TimeInFuture(anchor.time);
        if (anchor.root == 0 || anchor.lastHeaderHash == 0) revert RootZero();

        bytes32 structHash = hashOf(anchor);
        requirePower(structHash, valset, signers, signatures, now_.totalPower, 2);
        anchorHash[anchor.seq] = structHash;
        head = Head({
            seq: SafeCast.toUint48(anchor.seq),
            toHeight: anchor.toHeight,
            time: anchor.time,
            valsetNonce: last.valsetNonce,
            heardAt: SafeCast.toUint40(block.timestamp)
        });
        emit Anchored(
            anchor.seq,
            anchor.fromHeight,
            anchor.toHeight,
            anchor.valsetNonce,
            anchor.time,
            anchor.lastHeaderHash,
            anchor.root
        );
    }

    /// Hands over to another validator set, signed by more than 2/3 of the present one; allowed while frozen, because that is how a stolen key
    /// is removed. Every height below effectiveHeight must be anchored, so that no anchor's range has two sets.
    function updateValset(
        uint64 nonce,
        uint64 effectiveHeight,
        bytes calldata nextValset,
        bytes calldata valset,
        uint256 signers,
        bytes calldata signatures
    ) external {
        Head memory last = head;
        Status memory now_ = status;
        if (nonce != last.valsetNonce + 1) revert ValsetNonceWrong(last.valsetNonce + 1, nonce);
        if (effectiveHeight != last.toHeight + 1) revert EffectiveHeightWrong(last.toHeight + 1, effectiveHeight);
        uint256 allowedAt = now_.rotatedAt + MIN_ROTATION_DELAY;
        if (block.timestamp < allowedAt) revert RotationTooEarly(allowedAt);
        uint256 total = Valset.totalPower(nextValset);
        bytes32 structHash =
            keccak256(abi.encode(VALSET_UPDATE_TYPEHASH, nonce, effectiveHeight, total, keccak256(nextValset)));
        requirePower(structHash, valset, signers, signatures, now_.totalPower, 2);
        head.heardAt = SafeCast.toUint40(block.timestamp);
        setValset(nonce, effectiveHeight, total, nextValset);
    }

    /// Stops anchors and proofs: more than 1/3 of the power may stop them, more than 2/3 start them again.
    function setFrozen(uint64 nonce, bool on, bytes calldata valset, uint256 signers, bytes calldata signatures)
        external
    {
        Status memory now_ = status;
        if (nonce != now_.freezeNonce + 1) revert FreezeNonceWrong(now_.freezeNonce + 1, nonce);
        if (on == now_.frozen) revert FreezeUnchanged(on);
        bytes32 structHash = keccak256(abi.encode(FREEZE_TYPEHASH, nonce, on));
        requirePower(structHash, valset, signers, signatures, now_.totalPower, on ? 1 : 2);
        status.freezeNonce = SafeCast.toUint48(nonce);
        status.frozen = on;
        emit FreezeChanged(nonce, on);
    }

    // ---------------------------------------------------------------- proofs

    /// @inheritdoc IBridge
    function verifyTx(bytes32 txId, TxProof calldata proof) public view returns (uint64 height, uint64 time) {
        BlockLeaf calldata leaf = verifiedLeaf(proof.blockProof);
        bytes32 root = Rfc6962.rootOf(Rfc6962.leafHash(txId), proof.index, leaf.txCount, proof.path);
        if (root != leaf.txRoot) revert TxNotInBlock(txId);
        return (leaf.height, leaf.time);
    }

    /// @inheritdoc IBridge
    function consumeTx(bytes32 txId, TxProof calldata proof) external returns (uint64 height, uint64 time) {
        // Of each caller its own: otherwise anyone could use up what another contract is about to be paid for.
        if (consumed[msg.sender][txId]) revert TxAlreadyConsumed(msg.sender, txId);
        (height, time) = verifyTx(txId, proof);
        consumed[msg.sender][txId] = true;
        emit TxConsumed(msg.sender, txId, height);
    }

    /// @inheritdoc IBridge
    function verifyMessage(bytes calldata typeUrl, bytes calldata message, MessageProof calldata proof)
        external
        view
        returns (uint64 height, uint64 time)
    {
        BlockLeaf calldata leaf = verifiedLeaf(proof.blockProof);
        bytes32 leafHash = sha256(
            abi.encodePacked(bytes1(0x00), proof.txId, proof.messageIndex, sha256(typeUrl), sha256(message))
        );
        if (Rfc6962.rootOf(leafHash, proof.index, leaf.messageCount, proof.path) != leaf.messageRoot) {
            revert MessageNotInBlock(proof.txId, proof.messageIndex);
        }
        return (leaf.height, leaf.time);
    }

    /// @inheritdoc IBridge
    function verifyState(bytes calldata key, bytes calldata value, StateProof calldata proof)
        external
        view
        returns (uint64 height, uint64 time)
    {
        BlockLeaf calldata leaf = verifiedLeaf(proof.blockProof);
        if (StateTrie.appHash(proof.stateRoot, proof.mountainRoot, proof.ancestorCount) != leaf.appHash) {
            revert AppHashMismatch();
        }
        if (StateTrie.rootOf(key, value, proof.siblings) != proof.stateRoot) revert StateNotInBlock();
        return (leaf.height, leaf.time);
    }

    /// @inheritdoc IBridge
    function isConsumed(address consumer, bytes32 txId) external view returns (bool) {
        return consumed[consumer][txId];
    }

    // ---------------------------------------------------------------- recovery

    /// When validators with more than 1/3 of the power have lost their keys, nothing can be anchored any more. After 30 days of silence the
    /// owner may propose another set, which anyone can see for 7 days; a single word of the validators ends it.
    function proposeRecovery(bytes calldata valset) external onlyOwner {
        requireSilence();
        Valset.totalPower(valset);
        bytes32 proposed = keccak256(valset);
        recovery = Recovery({valsetHash: proposed, proposedAt: SafeCast.toUint40(block.timestamp)});
        emit RecoveryProposed(proposed, block.timestamp + RECOVERY_TIMELOCK);
    }

    function cancelRecovery() external onlyOwner {
        bytes32 proposed = recovery.valsetHash;
        if (proposed == 0) revert RecoveryUnknown(proposed);
        delete recovery;
        emit RecoveryCancelled(proposed);
    }

    function executeRecovery(bytes calldata valset) external onlyOwner {
        Recovery memory proposed = recovery;
        bytes32 given = keccak256(valset);
        if (proposed.valsetHash == 0 || proposed.valsetHash != given) revert RecoveryUnknown(given);
        requireSilence();
        // Of an earlier silence: validators have answered it, and nobody was given notice in this one.
        if (proposed.proposedAt <= head.heardAt) revert RecoveryUnknown(given);
        uint256 executableAt = proposed.proposedAt + RECOVERY_TIMELOCK;
        if (block.timestamp < executableAt) revert RecoveryTooEarly(executableAt);
        delete recovery;
        uint64 nonce = head.valsetNonce + 1;
        head.heardAt = SafeCast.toUint40(block.timestamp);
        status.frozen = false;
        setValset(nonce, head.toHeight + 1, Valset.totalPower(valset), valset);
        emit Recovered(nonce, given);
    }

    // ---------------------------------------------------------------- views

    /// What validators sign: EIP-712 with the name EnergyLedgerBridge, version 1, this chain, this contract, and the ledger as salt.
    function domainSeparator() public view returns (bytes32) {
        return block.chainid == DEPLOYED_CHAIN_ID ? DEPLOYED_DOMAIN : domainOf(LEDGER_ID);
    }

    /// EIP-5267.
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"1f", "EnergyLedgerBridge", "1", block.chainid, address(this), LEDGER_ID, new uint256[](0));
    }

    // ---------------------------------------------------------------- inner parts

    /// The leaf, once it is known to be under an accepted anchor, at the place of its height.
    function verifiedLeaf(BlockProof calldata proof) private view returns (BlockLeaf calldata leaf) {
        if (status.frozen) revert BridgeFrozen();
        Anchor calldata anchor = proof.anchor;
        if (anchorHash[anchor.seq] != hashOf(anchor)) revert AnchorUnknown(anchor.seq);
        leaf = proof.leaf;
        if (leaf.height < anchor.fromHeight || leaf.height > anchor.toHeight) revert HeightOutOfRange(leaf.height);
        bytes32 leafHash = sha256(
            abi.encodePacked(
                bytes1(0x00),
                leaf.height,
                leaf.time,
                leaf.txCount,
                leaf.messageCount,
                leaf.txRoot,
                leaf.messageRoot,
                leaf.appHash
            )
        );
        // Index and size are signed: a path has one place only.
        bytes32 root = Rfc6962.rootOf(
            leafHash, leaf.height - anchor.fromHeight, anchor.toHeight - anchor.fromHeight + 1, proof.path
        );
        if (root != anchor.root) revert BlockNotInAnchor(leaf.height);
    }

    /// That members of the present set with more than `thirds` thirds of the power have signed.
    function requirePower(
        bytes32 structHash,
        bytes calldata valset,
        uint256 signers,
        bytes calldata signatures,
        uint256 total,
        uint256 thirds
    ) private view {
        bytes32 given = keccak256(valset);
        if (given != valsetHash) revert ValsetUnknown(given);
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domainSeparator(), structHash));
        uint256 power = Valset.powerOf(valset, signers, signatures, digest);
        if (power * 3 <= total * thirds) revert PowerTooLow(power, total);
    }

    function requireSilence() private view {
        uint256 silentAt = head.heardAt + RECOVERY_SILENCE;
        if (block.timestamp < silentAt) revert LedgerNotSilent(silentAt);
    }

    function setValset(uint64 nonce, uint64 effectiveHeight, uint256 total, bytes memory valset) private {
        bytes32 hash = keccak256(valset);
        valsetHash = hash;
        head.valsetNonce = SafeCast.toUint40(nonce);
        Status storage now_ = status;
        now_.totalPower = SafeCast.toUint96(total);
        now_.effectiveHeight = effectiveHeight;
        now_.rotatedAt = SafeCast.toUint40(block.timestamp);
        emit ValsetUpdated(nonce, effectiveHeight, SafeCast.toUint128(total), hash, valset);
    }

    function hashOf(Anchor calldata anchor) private pure returns (bytes32) {
        return keccak256(abi.encode(ANCHOR_TYPEHASH, anchor));
    }

    function domainOf(bytes32 ledgerId) private view returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256("EnergyLedgerBridge"),
                keccak256("1"),
                block.chainid,
                address(this),
                ledgerId
            )
        );
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bridge} from "../src/Bridge.sol";
import {Anchor, BlockLeaf, BlockProof, TxProof} from "../src/interfaces/IBridge.sol";

interface Vm {
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function addr(uint256 privateKey) external pure returns (address);
    function warp(uint256 timestamp) external;
    function chainId(uint256 id) external;
}

/// Calls the bridge in every right and wrong way with random members of its sets signing, and keeps its own account of what must be so. A call
/// that the bridge should refuse and takes breaks an assertion here at once.
contract BridgeHandler {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bytes32 private constant ANCHOR_TYPEHASH = keccak256(
        "Anchor(uint64 seq,uint64 valsetNonce,uint64 fromHeight,uint64 toHeight,uint64 time,bytes32 lastHeaderHash,bytes32 root)"
    );
    uint256 private constant MEMBERS = 4;

    Bridge public immutable BRIDGE;

    /// What was accepted, by this contract's own account.
    uint64 public seq;
    uint64 public toHeight;
    uint64 public valsetNonce;
    bool public frozen;
    uint64 private freezeNonce;
    /// The one transaction under each anchor, and how often it was consumed.
    mapping(uint64 => bytes32) public structHashes;
    mapping(uint64 => uint256) public consumedTimes;
    mapping(uint64 => Anchor) private anchors;

    /// Sets come round again after these: making keys takes longer than everything else.
    uint64 private constant SETS = 8;
    mapping(uint64 set => uint256[MEMBERS]) private setKeys;
    mapping(uint64 set => bytes) private setBytes;

    constructor() {
        VM.warp(1_800_000_000);
        for (uint64 set = 0; set < SETS; set++) makeSet(set);
        BRIDGE = new Bridge(keccak256("ledger"), 1, 0, valsetOf(0), address(this));
    }

    /// An anchor with one block of one transaction; `twist` makes some of them wrong.
    function anchor(uint256 signers, uint256 twist, uint256 blocks) external {
        signers %= 1 << MEMBERS;
        Anchor memory a = nextAnchor(1 + blocks % 3);
        bool isRight = twist % 3 > 0 || !spoil(a, twist / 3);
        bool isExpected = isRight && !frozen && count(signers) * 3 > MEMBERS * 2;
        bytes memory signatures = signAll(digestOf(hashOf(a)), signers, valsetNonce);
        try BRIDGE.submitAnchor(a, valsetOf(valsetNonce), signers, signatures) {
            assert(isExpected);
            seq = a.seq;
            toHeight = a.toHeight;
            structHashes[seq] = hashOf(a);
            anchors[seq] = a;
        } catch {
            assert(!isExpected);
        }
    }

    /// Signatures of an older set, or of the same with a member's place taken by another's signature.
    function forgedAnchor(uint256 signers, uint256 set, uint256 place) external {
        signers %= 1 << MEMBERS;
        if (signers == 0) return;
        Anchor memory a = nextAnchor(1);
        uint64 other = set % 2 == 0 ? valsetNonce + 1 : (valsetNonce == 0 ? 7 : valsetNonce - 1);
        bytes memory signatures = signAll(digestOf(hashOf(a)), signers, other);
        if (place % 2 == 0) {
            // Mostly the true set's, with one of the other.
            bytes memory good = signAll(digestOf(hashOf(a)), signers, valsetNonce);
            for (uint256 i = 0; i < 64; i++) good[i] = signatures[i];
            signatures = good;
        }
        try BRIDGE.submitAnchor(a, valsetOf(valsetNonce), signers, signatures) {
            assert(false);
        } catch {}
    }

    function rotate(uint256 signers, uint256 twist) external {
        signers %= 1 << MEMBERS;
        uint64 nonce = valsetNonce + 1;
        uint64 height = toHeight + 1;
        if (twist % 4 == 1) nonce++;
        if (twist % 4 == 2) height++;
        bytes memory next = valsetOf(nonce);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("ValsetUpdate(uint64 nonce,uint64 effectiveHeight,uint128 totalPower,bytes32 valsetHash)"),
                nonce,
                height,
                MEMBERS,
                keccak256(next)
            )
        );
        bool isExpected = twist % 4 != 1 && twist % 4 != 2 && count(signers) * 3 > MEMBERS * 2;
        bytes memory signatures = signAll(digestOf(structHash), signers, valsetNonce);
        try BRIDGE.updateValset(nonce, height, next, valsetOf(valsetNonce), signers, signatures) {
            assert(isExpected);
            valsetNonce = nonce;
        } catch {
            assert(!isExpected);
        }
    }

    function freeze(uint256 signers, bool on) external {
        signers %= 1 << MEMBERS;
        bytes32 structHash = keccak256(abi.encode(keccak256("Freeze(uint64 nonce,bool on)"), freezeNonce + 1, on));
        bool isExpected = on != frozen && count(signers) * 3 > MEMBERS * (on ? 1 : 2);
        bytes memory signatures = signAll(digestOf(structHash), signers, valsetNonce);
        try BRIDGE.setFrozen(freezeNonce + 1, on, valsetOf(valsetNonce), signers, signatures) {
            assert(isExpected);
            freezeNonce++;
            frozen = on;
        } catch {
            assert(!isExpected);
        }
    }

    /// The transaction of an anchor, shown truly or under another size, index, height or id.
    function consume(uint64 which, uint256 twist) external {
        if (seq == 0) return;
        which = 1 + which % seq;
        Anchor memory a = anchors[which];
        bytes32 txId = keccak256(abi.encode("tx", which));
        TxProof memory proof = TxProof({
            blockProof: BlockProof({anchor: a, leaf: leafOf(a.fromHeight, txId), path: pathOf(a)}),
            index: 0,
            path: new bytes32[](0)
        });
        twist %= 12;
        if (twist == 1) proof.blockProof.leaf.txCount = 2;
        if (twist == 2) proof.index = 1;
        if (twist == 3) txId = keccak256("another");
        if (twist == 4) proof.blockProof.anchor.toHeight++;
        if (twist == 5) proof.blockProof.leaf.height++;
        if (twist == 6) proof.path = new bytes32[](1);
        bool isExpected = (twist == 0 || twist > 6) && !frozen && consumedTimes[which] == 0;
        try BRIDGE.consumeTx(txId, proof) {
            assert(isExpected);
            consumedTimes[which]++;
        } catch {
            assert(!isExpected);
        }
    }

    function wait_(uint256 seconds_) external {
        VM.warp(block.timestamp + seconds_ % 1 hours);
    }

    // ---------------------------------------------------------------- what is signed

    function nextAnchor(uint256 blocks) private view returns (Anchor memory a) {
        a.seq = seq + 1;
        a.valsetNonce = valsetNonce;
        a.fromHeight = toHeight + 1;
        a.toHeight = uint64(toHeight + blocks);
        a.time = 1_700_000_000_000 + a.seq;
        a.lastHeaderHash = keccak256(abi.encode("header", a.seq));
        a.root = rootOf(a);
    }

    /// Makes an anchor wrong; answers whether it did.
    function spoil(Anchor memory a, uint256 how) private view returns (bool) {
        how %= 7;
        if (how == 0) a.seq++;
        if (how == 1) a.fromHeight++;
        if (how == 2) a.valsetNonce++;
        if (how == 3) a.time = 0;
        if (how == 4) a.root = 0;
        if (how == 5) a.toHeight = a.fromHeight - 1;
        if (how == 6) a.time = uint64(block.timestamp * 1000 + 2 hours * 1000);
        return true;
    }

    /// A tree of one block with the transaction, and empty ones behind it.
    function rootOf(Anchor memory a) private pure returns (bytes32 root) {
        root = leafHash(leafOf(a.fromHeight, keccak256(abi.encode("tx", a.seq))));
        bytes32[] memory path = pathOf(a);
        for (uint256 i = 0; i < path.length; i++) root = sha256(abi.encodePacked(bytes1(0x01), root, path[i]));
    }

    function pathOf(Anchor memory a) private pure returns (bytes32[] memory path) {
        uint256 blocks = a.toHeight - a.fromHeight + 1;
        path = new bytes32[](blocks - 1);
        for (uint64 i = 1; i < blocks; i++) path[i - 1] = leafHash(leafOf(a.fromHeight + i, 0));
    }

    function leafOf(uint64 height, bytes32 txId) private pure returns (BlockLeaf memory leaf) {
        leaf.height = height;
        leaf.time = 1_700_000_000_000 + height;
        leaf.txCount = txId == 0 ? 0 : 1;
        leaf.txRoot = txId == 0 ? sha256("") : sha256(abi.encodePacked(bytes1(0x00), txId));
    }

    function leafHash(BlockLeaf memory leaf) private pure returns (bytes32) {
        return sha256(
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
    }

    function hashOf(Anchor memory a) private pure returns (bytes32) {
        return keccak256(abi.encode(ANCHOR_TYPEHASH, a));
    }

    function digestOf(bytes32 structHash) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", BRIDGE.domainSeparator(), structHash));
    }

    // ---------------------------------------------------------------- validators

    /// Four keys by ascending address.
    function makeSet(uint64 set) private {
        uint256[MEMBERS] memory keys;
        for (uint256 i = 0; i < MEMBERS; i++) keys[i] = uint256(keccak256(abi.encode("validator", set, i))) >> 1;
        for (uint256 i = 0; i < MEMBERS; i++) {
            for (uint256 j = i + 1; j < MEMBERS; j++) {
                if (VM.addr(keys[j]) < VM.addr(keys[i])) (keys[i], keys[j]) = (keys[j], keys[i]);
            }
        }
        setKeys[set] = keys;
        for (uint256 i = 0; i < MEMBERS; i++) {
            setBytes[set] = abi.encodePacked(setBytes[set], VM.addr(keys[i]), uint64(1));
        }
    }

    function valsetOf(uint64 nonce) private view returns (bytes memory) {
        return setBytes[nonce % SETS];
    }

    function signAll(bytes32 digest, uint256 signers, uint64 nonce) private view returns (bytes memory signatures) {
        uint256[MEMBERS] memory keys = setKeys[nonce % SETS];
        for (uint256 i = 0; i < MEMBERS; i++) {
            if ((signers >> i) & 1 == 0) continue;
            (uint8 v, bytes32 r, bytes32 s) = VM.sign(keys[i], digest);
            signatures = abi.encodePacked(signatures, r, uint256(s) | (uint256(v - 27) << 255));
        }
    }

    function count(uint256 signers) private pure returns (uint256 members) {
        for (; signers != 0; signers >>= 1) members += signers & 1;
    }
}

contract BridgeInvariants {
    BridgeHandler private handler;

    function setUp() public {
        handler = new BridgeHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// The bridge stands where more than two thirds have put it, and nowhere else; the latest anchors are as they were accepted, none is behind
    /// them, and no transaction is consumed twice.
    function invariant_bridgeIsWhatWasSigned() public view {
        Bridge bridge = handler.BRIDGE();
        (uint48 seq, uint64 toHeight,, uint40 valsetNonce,) = bridge.head();
        assert(seq == handler.seq() && toHeight == handler.toHeight() && valsetNonce == handler.valsetNonce());
        (,,,, bool frozen) = bridge.status();
        assert(frozen == handler.frozen());
        for (uint64 i = seq > 1 ? seq - 1 : 0; i <= seq + 1; i++) {
            assert(bridge.anchorHash(i) == (i == 0 || i > seq ? bytes32(0) : handler.structHashes(i)));
            assert(handler.consumedTimes(i) <= 1);
        }
    }

    /// Once in a run: every anchor there is.
    function afterInvariant() public view {
        Bridge bridge = handler.BRIDGE();
        for (uint64 i = 1; i <= handler.seq(); i++) {
            assert(bridge.anchorHash(i) == handler.structHashes(i));
            assert(handler.consumedTimes(i) <= 1);
        }
    }
}

/// When a chain splits, what was signed for one half does not count on the other.
contract BridgeChainId {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function testFuzz_domainFollowsTheChain(uint64 chainId, bytes32 ledgerId) external {
        if (ledgerId == 0 || chainId == 0 || chainId == block.chainid) return;
        Bridge bridge = new Bridge(ledgerId, 1, 0, abi.encodePacked(address(this), uint64(1)), address(this));
        bytes32 here = bridge.domainSeparator();
        uint256 deployedOn = block.chainid;
        VM.chainId(chainId);
        bytes32 there = bridge.domainSeparator();
        assert(there != here);
        bytes32 typeHash = keccak256(
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
        );
        bytes32 name = keccak256("EnergyLedgerBridge");
        assert(there == keccak256(abi.encode(typeHash, name, keccak256("1"), uint256(chainId), address(bridge), ledgerId)));
        VM.chainId(deployedOn);
        assert(bridge.domainSeparator() == here);
    }
}

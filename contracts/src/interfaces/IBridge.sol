// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What more than 2/3 of the validators' power has signed of the ledger's blocks fromHeight..toHeight.
struct Anchor {
    /// One more than the anchor's before.
    uint64 seq;
    /// The validator set that signed it.
    uint64 valsetNonce;
    uint64 fromHeight;
    uint64 toHeight;
    /// Of block toHeight, Unix ms.
    uint64 time;
    /// Hash of block toHeight.
    bytes32 lastHeaderHash;
    /// RFC 6962 root over one leaf a block, in the order of their heights.
    bytes32 root;
}

/// One block in an anchor's tree; its leaf's item is the seven fields one after another, integers big-endian, 128 bytes.
struct BlockLeaf {
    uint64 height;
    /// Unix ms.
    uint64 time;
    /// Transactions of the block that succeeded.
    uint64 txCount;
    /// Messages of those transactions.
    uint64 messageCount;
    /// RFC 6962 root over the ids, SHA256 of the signed bytes, of those transactions only: what failed is under no root.
    bytes32 txRoot;
    /// RFC 6962 root over those transactions' messages in their order, each as
    /// transaction id ‖ uint32 place in the transaction ‖ SHA256(type url) ‖ SHA256(message), 100 bytes.
    bytes32 messageRoot;
    /// The header's: the state after the block before.
    bytes32 appHash;
}

struct BlockProof {
    /// All fields of an accepted anchor; the contract keeps their hash only.
    Anchor anchor;
    BlockLeaf leaf;
    /// From the leaf up; index and size follow from heights that are signed.
    bytes32[] path;
}

struct TxProof {
    BlockProof blockProof;
    /// Among the block's successful transactions, from 0.
    uint64 index;
    bytes32[] path;
}

struct MessageProof {
    BlockProof blockProof;
    bytes32 txId;
    /// The message's place in its transaction, from 0.
    uint32 messageIndex;
    /// Its place among all messages of the block's successful transactions, from 0.
    uint64 index;
    bytes32[] path;
}

struct StateProof {
    BlockProof blockProof;
    bytes32 stateRoot;
    bytes32 mountainRoot;
    uint64 ancestorCount;
    /// From the root down; 32 zero bytes for an empty place.
    bytes32[] siblings;
}

/// What other contracts ask of the bridge. Every check that fails reverts; nothing is answered while the bridge is frozen.
interface IBridge {
    /// That this transaction is in an anchored block and succeeded. Answers the block's height and time, Unix ms.
    function verifyTx(bytes32 txId, TxProof calldata proof) external view returns (uint64 height, uint64 time);

    /// The same, once for each caller and transaction.
    function consumeTx(bytes32 txId, TxProof calldata proof) external returns (uint64 height, uint64 time);

    /// That this message is one of a transaction in an anchored block that succeeded. It is one of perhaps hundreds: a concentrator seals the
    /// intervals of all its meters in one transaction, and each can be shown without the others.
    function verifyMessage(bytes calldata typeUrl, bytes calldata message, MessageProof calldata proof)
        external
        view
        returns (uint64 height, uint64 time);

    /// That the ledger's state had this value under this key before block `height`.
    function verifyState(bytes calldata key, bytes calldata value, StateProof calldata proof)
        external
        view
        returns (uint64 height, uint64 time);

    /// Whether `consumer` has consumed this transaction.
    function isConsumed(address consumer, bytes32 txId) external view returns (bool);
}
